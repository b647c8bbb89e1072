"""Opening pages in AppTest, and the words on them."""

from __future__ import annotations

import time
from pathlib import Path

from streamlit.testing.v1 import AppTest

from mda.jobs.files import Job, JobStatus, new_job

APP = Path(__file__).parents[2] / "app.py"


def home(**query: str) -> AppTest:
    """The first page, opened with these parameters."""
    page = AppTest.from_file(str(APP), default_timeout=60)
    for key, value in query.items():
        page.query_params[key] = value
    return page.run()


def go(page: str, **query: str) -> AppTest:
    """A page, opened with these parameters."""
    at = home()
    for key, value in query.items():
        at.query_params[key] = value
    return at.switch_page(page).run()


def words(at: AppTest) -> str:
    """All text of headings, Markdown, captions and boxes."""
    kinds = (at.header, at.subheader, at.markdown, at.caption, at.info, at.warning, at.error)
    return " ".join(str(element.value) for elements in kinds for element in elements)


def stopped_job(command: str, state: str, message: str = "", study: str = "demo") -> Job:
    """A job that ended in this state."""
    job = new_job(command, {"study": study}, study)
    job.write_status(JobStatus(state=state, fraction=0.4, heartbeat=time.time(), message=message))
    return job
