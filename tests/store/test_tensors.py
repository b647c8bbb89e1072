"""Tensors survive the disk; broken files are refused; a mapped array equals the one that was written."""

import json

import numpy as np
import pytest
import torch
from safetensors import SafetensorError, safe_open

from mda.errors import UserError
from mda.store.tensors import map_array, read_tensors, write_tensors


def test_round_trip_with_views_ties_and_odd_types(tmp_path):
    path = tmp_path / "new" / "t.safetensors"
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    tensors = {
        "view": base[1],
        "transposed": base.T,
        "tied": base,
        "tied_again": base,
        "half": base.bfloat16(),
        "empty": torch.zeros(0, 3),
        "scalar": torch.tensor(2.5, requires_grad=True),
    }
    write_tensors(path, tensors, {"step": "3"})
    back = read_tensors(path)
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert back[name].dtype == tensor.dtype
        assert torch.equal(back[name], tensor.detach())
    with safe_open(path, "pt") as file:
        assert file.metadata() == {"step": "3"}
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert path.stat().st_mode & 0o777 == path.parent.stat().st_mode & 0o666


@pytest.mark.parametrize(
    "dtype", [torch.int32, torch.int64, torch.uint16, torch.bool, torch.float16, torch.float32]
)
@pytest.mark.parametrize("shape", [(7, 5), (3,), (), (0, 4)])
def test_mapped_array_equals_the_tensor_and_is_read_only(tmp_path, dtype, shape):
    path = tmp_path / "t.safetensors"
    tensor = torch.randint(0, 100, shape, generator=torch.Generator().manual_seed(0)).to(dtype)
    write_tensors(
        path, {"before": torch.ones(3, dtype=torch.uint8), "rows": tensor, "z": torch.ones(2)}, {"a": "b"}
    )
    array = map_array(path, "rows")
    assert array.shape == shape
    assert np.array_equal(array, tensor.numpy())
    assert array.dtype == tensor.numpy().dtype
    assert not array.flags.writeable


def test_mapping_reads_lazily(tmp_path):
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"rows": torch.zeros(1000, 10, dtype=torch.int32)})
    assert isinstance(map_array(path, "rows"), np.memmap)


def test_every_truncation_is_refused(tmp_path):
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"a": torch.arange(4), "b": torch.arange(6)})
    content = path.read_bytes()
    for length in [*range(0, len(content) - 80, 7), *range(len(content) - 80, len(content), 9)]:
        path.write_bytes(content[:length])
        with pytest.raises(UserError, match="truncated or broken"):
            map_array(path, "a")
        with pytest.raises(UserError, match="truncated or broken"):
            read_tensors(path)


@pytest.mark.parametrize(
    "header",
    [
        [],
        {"a": 1},
        {"a": {"dtype": "I64", "shape": [4]}},
        {"a": {"dtype": "I64", "shape": [4], "data_offsets": [-8, 24]}},
        {"a": {"dtype": "I64", "shape": [4], "data_offsets": [0, 24]}},
        {"a": {"dtype": "I64", "shape": [-4], "data_offsets": [0, 32]}},
        {"a": {"dtype": "I64", "shape": [4], "data_offsets": [8, 40]}},
        {"a": {"dtype": "I64", "shape": [4], "data_offsets": [0, 1e300]}},
    ],
)
def test_headers_that_lie_are_refused(tmp_path, header):
    path = tmp_path / "t.safetensors"
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + bytes(32))
    with pytest.raises(UserError, match="truncated or broken"):
        map_array(path, "a")


def test_missing_files_names_and_types(tmp_path):
    path = tmp_path / "t.safetensors"
    for read in (read_tensors, lambda p: map_array(p, "a")):
        with pytest.raises(UserError, match="there is no file"):
            read(path)
    write_tensors(path, {"a": torch.zeros(2, dtype=torch.bfloat16)})
    with pytest.raises(UserError, match="no tensor 'b'; it holds a"):
        map_array(path, "b")
    with pytest.raises(TypeError, match="BF16"):
        map_array(path, "a")


def test_full_disk_as_the_library_reports_it(tmp_path, monkeypatch):
    path = tmp_path / "t.safetensors"
    write_tensors(path, {"a": torch.zeros(2)})

    def full(*_, **__):
        raise SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")

    monkeypatch.setattr("mda.store.tensors.save_file", full)
    with pytest.raises(UserError, match="disk is full"):
        write_tensors(path, {"a": torch.ones(2)})
    assert torch.equal(read_tensors(path)["a"], torch.zeros(2))
