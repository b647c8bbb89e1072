"""The form that adds a study: a model of the hub, or text of this machine. Names only: no path is typed here."""

from __future__ import annotations

import re

import streamlit as st

from mda.errors import UserError
from mda.hub import pythia
from mda.hub.names import PYTHIA_OWNER
from mda.jobs.files import ACTIVE, Job, list_jobs
from mda.store.paths import read_only
from mda.studies.study import list_studies
from mda.ui.frame.checkpoints import why_no_download
from mda.ui.frame.jobs_panel import job_area, start_job
from mda.ui.frame.links import STORY, page_link
from mda.ui.home.local_text import local_text_form
from mda.ui.words.plain import plain
from mda.workflows.add_study import AddStudyRequest, check_request
from mda.workflows.demo import DemoRequest
from mda.workflows.registry import checked

_SOURCES = {
    "pythia": "A Pythia",
    "hub": "Another model of the hub",
    "text": "Text of this machine",
    "demo": "The built-in demo",
}
_ORDERED, _DATASET = "Its own, in order", "Other text"
_LONGEST = 200  # letters of a name


def add_section(alone: bool) -> None:
    """The form and the job that it starts; folded unless there is nothing else on the page (`alone`)."""
    if read_only():
        return
    job = _newest()
    active = job is not None and job.state in ACTIVE
    with st.expander("Add a study", icon=":material/add:", expanded=alone or active, key="add-study"):
        if job is not None:
            job_area(job)
            _tell_done(job)
        sources = [source for source in _SOURCES if source != "demo" or DemoRequest().study not in list_studies()]
        source = st.segmented_control(
            "From where", sources, default="pythia", format_func=_SOURCES.__getitem__, required=True,
            key="add-source", label_visibility="collapsed",
        )  # fmt: skip
        if source == "text":
            local_text_form()
        elif source == "demo":
            _demo_form()
        elif (why := why_no_download()) is not None:
            st.info(f"A study of the hub cannot be added now: {why}.")
        else:
            _hub_form(known=source == "pythia")


def _demo_form() -> None:
    demo = DemoRequest()
    st.markdown("A small GPT-NeoX is trained on generated text in some minutes, and its rows are scored.")
    st.button(
        "Build the demo", icon=":material/play_arrow:", on_click=start_job,
        args=("demo", demo.model_dump(mode="json"), demo.study),
    )  # fmt: skip


def _hub_form(known: bool) -> None:
    """Model, rows, name and how much is kept; then what adding it takes, and the button."""
    left, right = st.columns(2)
    with left:
        repo = _known_model() if known else _typed_model()
    model = pythia.describe(repo)
    with right:
        dataset, column = _rows(model)
    with left:
        name = st.text_input(
            "Name of the study", _name_for(repo), key=f"add-name-{repo}", max_chars=64,
            help="Small letters, digits, dot, dash and underscore.",
        ).strip()  # fmt: skip
    with right:
        keep = st.number_input(
            "Checkpoints kept on disk (0: all)", 0, 10_000, 0, key="add-keep",
            help="Downloaded checkpoints that were not used for longest are deleted when there are more; they can "
            "be downloaded again.",
        )  # fmt: skip
    if not repo or (dataset == "" and model is None):
        st.caption("Give a model's name and its rows, as in EleutherAI/pythia-14m.")
        return
    asked = {
        "study": name,
        "repo": repo,
        "dataset": dataset or None,
        "column": column or None,
        "keep": int(keep),
    }
    try:
        request = checked(AddStudyRequest, asked)
        check_request(request)
    except UserError as error:
        st.error(plain(str(error)))
        return
    if name in list_studies():
        st.warning(
            f"There is a study '{plain(name)}' already; the same one again costs nothing, another is refused."
        )
    st.markdown(_cost(dataset))
    st.button(
        "Add", icon=":material/add:", on_click=start_job, args=("add-study", request.model_dump(mode="json"), name)
    )


def _known_model() -> str:
    """A model of the suite, with what is known of it."""
    names = pythia.known_models()
    repo = st.selectbox(
        "Model", names, names.index(f"{PYTHIA_OWNER}/pythia-14m"), key="add-known",
        format_func=lambda name: name.removeprefix(f"{PYTHIA_OWNER}/"),
    )  # fmt: skip
    model = pythia.describe(repo or names[0])
    assert model is not None
    size = model.size
    st.caption(
        f"{size.layers} layers of {size.heads} heads, d_model {size.d_model:,}; {len(pythia.STEPS)} checkpoints "
        f"up to step {pythia.LAST_STEP:,}, {pythia.BATCH_SIZE:,} rows of {pythia.SEQ_LEN:,} tokens a step."
    )
    return model.repo


def _typed_model() -> str:
    repo = st.text_input(
        "Model", key="add-repo", placeholder="OWNER/REPO", max_chars=_LONGEST,
        help="A GPT-NeoX model on the hub; its revisions named step0, step1000, … become its checkpoints.",
    )  # fmt: skip
    return repo.strip()


def _rows(model: pythia.PythiaModel | None) -> tuple[str, str]:
    """The data set of text and its column; empty for the rows that a Pythia was trained on."""
    which = _DATASET
    if model is not None:
        which = st.segmented_control("Rows", [_ORDERED, _DATASET], default=_ORDERED, required=True, key="add-rows")
    if which == _ORDERED and model is not None:
        st.caption(f"Rows of {plain(model.rows)}, fetched as they are needed. {_order_words(model)}")
        return "", ""
    dataset = st.text_input(
        "Rows: a data set of the hub", key="add-dataset", placeholder="OWNER/DATASET", max_chars=_LONGEST,
        help="Its text is cut into tokens and packed into rows. Such rows have no training order, so there are no "
        "steps and no retrains.",
    )  # fmt: skip
    column = st.text_input("Column that holds the text", key="add-column", placeholder="text", max_chars=_LONGEST)
    return dataset.strip(), column.strip()


def _order_words(model: pythia.PythiaModel) -> str:
    if model.own_order:
        return (
            "This model saw them in an order of its own, which is not published as rows: they have no step here."
        )
    if model.order_in_doubt:
        return "Sources disagree on whether it saw these; the story page offers a check."
    return "Row r was trained on at step r / 1,024."


def _cost(dataset: str) -> str:
    rows = "the data set is downloaded and packed now" if dataset else "rows come later, one by one"
    return (
        f"Adding lists the repository's revisions and fetches its configuration and tokenizer, some MB; {rows}, "
        "and checkpoints when you ask for them."
    )


def _name_for(repo: str) -> str:
    """A study's name made from a repository's."""
    name = re.sub(r"[^a-z0-9._-]+", "-", repo.rpartition("/")[2].lower())
    return re.sub(r"^[^a-z0-9]+", "", name)[:64]


def _newest() -> Job | None:
    """The job that added a study last."""
    return next((job for job in list_jobs() if job.spec.command == "add-study"), None)


def _tell_done(job: Job) -> None:
    """Where to go once a study was added."""
    status = job.status
    if status.state != "done" or job.spec.study not in list_studies():
        return
    with st.container(horizontal=True, vertical_alignment="center"):
        st.caption(f"Added last: {plain(job.spec.study)}.", width="content")
        page_link(STORY, "Open it", ":material/arrow_forward:", study=job.spec.study)
