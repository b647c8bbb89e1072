"""Identities are stable, change with every change, and refuse what has no exact text."""

import hashlib
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mda.errors import UserError
from mda.store.atomic import to_bytes
from mda.store.identity import array_digest, canonical, file_digest, identity

LEAF = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
TREE = st.recursive(
    LEAF,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)
SPEC = st.dictionaries(st.text(max_size=3), TREE, max_size=3)


def test_identity_is_the_hash_of_sorted_compact_json():
    text = b'{"a":[1,2.5,null],"b":{"c":"x","d":true}}'
    spec = {"b": {"d": True, "c": "x"}, "a": (1, 2.5, None)}
    assert identity(spec) == hashlib.sha256(text).hexdigest()


@given(SPEC)
def test_identity_survives_disk_and_reordering(spec):
    shuffled = dict(reversed(spec.items()))
    assert identity(shuffled) == identity(spec)
    assert identity(json.loads(canonical(spec))) == identity(spec)


@given(SPEC)
def test_identity_survives_the_json_of_manifests(spec):
    assert identity(json.loads(to_bytes(spec))) == identity(spec)


@given(SPEC, SPEC)
def test_different_specifications_have_different_identities(one, other):
    same = canonical(one) == canonical(other)
    assert (identity(one) == identity(other)) == same


@pytest.mark.parametrize(
    "change",
    [
        {"damping": 0.1 + 0.2},
        {"head": "L1H4"},
        {"rows": [0, 101]},
        {"rows": [100, 0]},
        {"seed": 0},
        {"head": 1.0},
    ],
)
def test_identity_changes_with_every_value(change):
    spec = {"head": "L1H3", "rows": [0, 100], "damping": 0.3}
    assert identity({**spec, **change}) != identity(spec)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_non_finite_numbers_are_refused_by_name(number):
    with pytest.raises(UserError, match=r"spec\.a\[1\]\.b is"):
        identity({"a": [1, {"b": number}]})


def test_keys_that_would_collide_and_foreign_values_are_refused():
    with pytest.raises(TypeError, match="keys"):
        identity({1: "a"})
    with pytest.raises(TypeError):
        identity({"a": object()})


def test_file_digest(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 100_000)
    assert file_digest(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()
    with pytest.raises(UserError, match="cannot read"):
        file_digest(tmp_path / "none")


def test_array_digest_depends_on_values_type_and_shape_only(monkeypatch):
    array = np.arange(60, dtype=np.int32).reshape(12, 5)
    digest = array_digest(array)
    assert array_digest(np.asfortranarray(array)) == digest
    assert array_digest(array.astype(">i4")) == digest
    monkeypatch.setattr("mda.store.identity._CHUNK_BYTES", 50)  # several blocks
    assert array_digest(array) == digest
    others = [array.reshape(5, 12), array.astype(np.int64), array + 1, array[::-1], array[:0], array[0, 0]]
    assert len({array_digest(np.asarray(other)) for other in others} | {digest}) == len(others) + 1
    with pytest.raises(TypeError):
        array_digest(np.array([object()]))
