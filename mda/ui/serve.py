"""Streamlit's server for the explorer: loads what the pages need while the browser still opens.

`python -m mda.ui.serve app.py --server.port 8501 …` takes what `streamlit run` takes. Streamlit itself runs a
script for the first time when a browser connects, and would import torch only then.
"""

from __future__ import annotations

import sys
import threading
import time


def main() -> None:
    """Start the server with the arguments of this process; does not return."""
    threading.Thread(target=_load, name="loading of libraries", daemon=True).start()
    from streamlit.web import cli

    sys.argv = ["streamlit", "run", *sys.argv[1:]]
    cli.main()


def _load() -> None:
    """Import what the first page needs, in the order in which it takes longest; then what the others do."""
    import torch  # noqa: F401
    from streamlit.runtime import Runtime

    while not Runtime.exists():  # the pages' modules want a server to be there
        time.sleep(0.01)
    import mda.ui.home.page
    import mda.ui.shell.page  # noqa: F401


if __name__ == "__main__":
    main()
