"""A session of the explorer without a browser: Streamlit's own messages over its web socket, timed at this end."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlencode

import psutil
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from websockets.sync.client import connect
from websockets.typing import Origin, Subprotocol

CHECKOUT = Path(__file__).parents[1]
_LIMIT = 200 << 20  # bytes of one message
_PATIENCE = 120  # seconds


class Session:
    """One open tab. Each `run` is a full run of a page's script, as after a click."""

    def __init__(self, address: str) -> None:
        url = f"{address.replace('http', 'ws', 1)}/_stcore/stream"
        self._socket = connect(
            url, origin=Origin(address), max_size=_LIMIT, subprotocols=[Subprotocol("streamlit")]
        )

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def run(self, page: str, **query: str) -> Run:
        """Run a page (`Heads`; "" is the first) with these parameters; returns when its script has finished."""
        message = BackMsg()
        message.rerun_script.query_string = urlencode(query)
        message.rerun_script.page_name = page
        begun = time.perf_counter()
        self._socket.send(message.SerializeToString())
        found = Run()
        while True:
            data = self._socket.recv(timeout=_PATIENCE)
            assert isinstance(data, bytes)
            answer = ForwardMsg.FromString(data)
            found.size += len(data)
            if answer.WhichOneof("type") == "delta":
                found.deltas.append(answer)
            if answer.WhichOneof("type") == "script_finished":
                found.seconds = time.perf_counter() - begun
                return found


class Run:
    """One script run as the browser sees it: seconds until it finished, bytes, and what was drawn."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.size = 0
        self.deltas: list[ForwardMsg] = []

    @property
    def failed(self) -> bool:
        """Whether the page shows an exception."""
        return any(one.delta.new_element.WhichOneof("type") == "exception" for one in self.deltas)

    @property
    def text(self) -> str:
        """All headings and Markdown on the page."""
        elements = [one.delta.new_element for one in self.deltas]
        return " ".join(f"{element.heading.body} {element.markdown.body}" for element in elements)


@contextmanager
def server(cache: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The explorer over a cache on a free port: its address and its process."""
    with closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        port = int(found.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "mda.ui.serve", "app.py", "--server.port", str(port)],
        cwd=CHECKOUT,
        env={**os.environ, "MDA_CACHE": str(cache)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    address = f"http://localhost:{port}"
    try:
        for _ in range(600):
            try:
                urllib.request.urlopen(f"{address}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.1)
        yield address, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait(20)
