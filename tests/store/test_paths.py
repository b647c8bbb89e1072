"""Study names cannot leave the cache."""

from pathlib import Path

import pytest

import mda
from mda.errors import UserError
from mda.store.paths import cache_root, check_name, study_folder


def test_cache_is_in_the_checkout_unless_the_environment_says_otherwise(monkeypatch, tmp_path):
    monkeypatch.delenv("MDA_CACHE", raising=False)
    assert cache_root() == Path(mda.__file__).resolve().parents[1] / "cache"
    monkeypatch.setenv("MDA_CACHE", str(tmp_path / "elsewhere"))
    assert study_folder("pythia-14m_v1.0") == tmp_path / "elsewhere" / "pythia-14m_v1.0"


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "a\\b",
        "/abs",
        "A",
        "-x",
        "a b",
        "a\n",
        "é",
        "x" * 65,
        "jobs",
        "a.partial",
        "a.lock",
    ],
)
def test_names_that_are_no_plain_folder_are_refused(name):
    with pytest.raises(UserError, match="cannot be a study's name"):
        check_name(name)
