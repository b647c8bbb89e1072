"""Tables appear whole; JSON lines can be followed while written and survive a killed writer."""

import errno
import os

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mda.errors import UserError
from mda.store.atomic import write_json
from mda.store.tables import append_jsonl, read_jsonl, read_parquet, write_parquet


def full(*_, **__):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_parquet_round_trip_and_columns(tmp_path):
    frame = pd.DataFrame({"row": [0, 1, 2], "score": [0.5, np.nan, -1.0], "text": ["a", "é", ""]})
    path = tmp_path / "new" / "scores.parquet"
    write_parquet(frame, path)
    pd.testing.assert_frame_equal(read_parquet(path), frame)
    assert list(read_parquet(path, ["score"]).columns) == ["score"]
    assert [entry.name for entry in path.parent.iterdir()] == ["scores.parquet"]


def test_missing_and_broken_tables_are_one_sentence(tmp_path):
    path = tmp_path / "t.parquet"
    with pytest.raises(UserError, match="there is no table"):
        read_parquet(path)
    write_parquet(pd.DataFrame({"a": range(1000)}), path)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="cannot be read"):
        read_parquet(path)


@pytest.mark.parametrize("where", ["os.replace", "os.fsync"])
def test_full_disk_keeps_the_old_file_and_says_what_to_do(tmp_path, monkeypatch, where):
    table, text = tmp_path / "t.parquet", tmp_path / "x.json"
    write_parquet(pd.DataFrame({"a": [1]}), table)
    write_json(text, {"a": 1})
    with monkeypatch.context() as patch:
        patch.setattr(where, full)
        for write in (
            lambda: write_parquet(pd.DataFrame({"a": [2]}), table),
            lambda: write_json(text, {"a": 2}),
        ):
            with pytest.raises(UserError, match=r"disk is full.*run the same command again"):
                write()
    assert read_parquet(table)["a"].tolist() == [1]
    assert text.read_text() == '{\n "a": 1\n}\n'
    assert len(list(tmp_path.iterdir())) == 2  # no temporary files left


def test_no_permission_is_one_sentence(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), "there")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(UserError, match="MDA_CACHE"):
        write_json(tmp_path / "x.json", {})


def test_json_lines_are_read_incrementally(tmp_path):
    path = tmp_path / "metrics.jsonl"
    assert read_jsonl(path) == ([], 0)
    append_jsonl(path, {"step": 1, "loss": np.float32(0.5)})
    records, offset = read_jsonl(path)
    assert records == [{"step": 1, "loss": 0.5}]
    assert read_jsonl(path, offset) == ([], offset)
    append_jsonl(path, {"step": 2, "loss": float("nan"), "text": "é\n"})
    records, offset = read_jsonl(path, offset)
    assert records == [{"step": 2, "loss": None, "text": "é\n"}]
    assert offset == path.stat().st_size
    assert len(read_jsonl(path, offset + 100)[0]) == 2  # begun anew: from the start


@given(
    st.lists(st.dictionaries(st.text(max_size=3), st.integers() | st.text()), min_size=1, max_size=5),
    st.data(),
)
def test_torn_last_line_is_ignored_then_cut_off(tmp_path_factory, records, data):
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    for record in records:
        append_jsonl(path, record)
    content = path.read_bytes()
    last = len(content[:-1]) - content[:-1].rfind(b"\n")  # bytes of the last line with its end
    path.write_bytes(content[: -data.draw(st.integers(1, last))])
    assert read_jsonl(path)[0] == records[:-1]
    append_jsonl(path, {"a": 1})
    assert read_jsonl(path)[0] == [*records[:-1], {"a": 1}]


def test_torn_line_longer_than_a_block(tmp_path):
    path = tmp_path / "a.jsonl"
    append_jsonl(path, {"a": 1})
    with open(path, "ab") as file:
        file.write(b'{"b": "' + b"x" * 10_000)
    append_jsonl(path, {"c": 1})
    assert read_jsonl(path)[0] == [{"a": 1}, {"c": 1}]


@pytest.mark.parametrize("line", ["{broken}", "3"])
def test_a_whole_but_broken_line_is_an_error(tmp_path, line):
    path = tmp_path / "a.jsonl"
    path.write_text(f"{line}\n")
    with pytest.raises(UserError, match="delete that line"):
        read_jsonl(path)


def test_full_disk_while_appending(tmp_path, monkeypatch):
    path = tmp_path / "a.jsonl"
    append_jsonl(path, {"a": 1})
    with monkeypatch.context() as patch:
        patch.setattr("os.write", full)
        with pytest.raises(UserError, match="disk is full"):
            append_jsonl(path, {"a": 2})
    assert read_jsonl(path)[0] == [{"a": 1}]
