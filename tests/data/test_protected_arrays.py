from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from uebench import regular_files
from uebench.data.foreign.reading import CleanSet, read_foreign_set
from uebench.data.foreign.values import Content, Scale, read_array
from uebench.errors import DataError, UsageError
from uebench.evaluation.memory import peak_memory
from uebench.hashing import file_digest
from uebench.metrics.quality import Lpips
from uebench.networks.timm_weights import read_checkpoint

SHAPE = (4, 3, 8, 8)
LEVELS = np.random.default_rng(0).integers(0, 256, SHAPE, dtype=np.uint8)
CHANGE = np.random.default_rng(0).integers(-8, 9, SHAPE, dtype=np.int8)


def written(folder: Path, array: NDArray[Any]) -> Path:
    np.save(folder / "set.npy", array)
    return folder / "set.npy"


@pytest.mark.parametrize(
    ("array", "content", "scale"),
    [
        (LEVELS, "images", "0..255"),
        (LEVELS.astype(np.int64), "images", "0..255"),
        (LEVELS.astype(np.float32), "images", "0..255"),
        (LEVELS / 255, "images", "0..1"),
        ((LEVELS / 255).astype(np.float16), "images", "0..1"),
        (LEVELS / 127.5 - 1, "images", "-1..1"),
        (LEVELS / 255 - 1e-7, "images", "0..1"),
        (CHANGE, "perturbations", "0..255"),
        (CHANGE.astype(np.float32), "perturbations", "0..255"),
        (CHANGE / 255, "perturbations", "0..1"),
        (CHANGE.astype(np.float32) * 4 / 255, "perturbations", "0..1"),
    ],
)
def test_what_an_array_holds_is_seen_from_its_values(
    tmp_path: Path, array: NDArray[Any], content: Content, scale: Scale
) -> None:
    found = read_array(written(tmp_path, array))
    assert (found.content, found.scale) == (content, scale)
    expected = LEVELS if content == "images" else CHANGE * (4 if abs(array).max() > 0.1 and scale == "0..1" else 1)
    shown = np.stack([found.grey_levels(row) for row in range(4)])
    assert np.abs(shown - expected).max() < 0.1


@pytest.mark.parametrize(
    ("array", "complaint"),
    [
        (abs(CHANGE) / 255, "values in [0, 0.0314] may be images or perturbations; say content="),
        (np.zeros(SHAPE), "may be images or perturbations"),
        (abs(CHANGE).astype(np.int16), "values in [0, 8] may be images or perturbations; say content="),
        (abs(CHANGE).astype(np.uint8), "values in [0, 8] may be images or perturbations; say content="),
        (CHANGE / 16, "values in [-0.5, 0.5] may be images or perturbations"),
        (LEVELS * 2.0, "values in [0, 510] are not images on a scale of -1..1, 0..1 or 0..255; clip or rescale them"),
        (LEVELS / 255 * 1.2, "values in [0, 1.2] are not images on a scale of -1..1, 0..1 or 0..255"),
        (LEVELS.astype(np.int32) + 9, "values in [9, 264] are not images on the scale 0..255"),
    ],
)
def test_values_that_leave_open_what_they_are_are_refused(tmp_path: Path, array: NDArray[Any], complaint: str) -> None:
    with pytest.raises(UsageError) as refusal:
        read_array(written(tmp_path, array))
    assert complaint in str(refusal.value)


def test_what_is_said_of_an_array_counts_more_than_its_values(tmp_path: Path) -> None:
    dark = written(tmp_path, abs(CHANGE) / 255)
    assert read_array(dark, "images").grey_levels(0).max() == pytest.approx(8)
    doubled = read_array(written(tmp_path, CHANGE / 127.5), "perturbations", "-1..1")
    assert np.abs(doubled.grey_levels(1) - CHANGE[1]).max() < 1e-6
    with pytest.raises(UsageError, match=r"are not images on the scale 0\.\.1"):
        read_array(written(tmp_path, LEVELS / 127.5 - 1), "images", "0..1")


def test_arrays_with_the_channels_last_are_turned(tmp_path: Path) -> None:
    assert (read_array(written(tmp_path, LEVELS.transpose(0, 2, 3, 1))).array == LEVELS).all()


def test_of_several_arrays_the_names_tell_which_is_which(tmp_path: Path) -> None:
    file = tmp_path / "set.npz"
    np.savez(file, images=LEVELS, perturbations=CHANGE, labels=np.arange(4))
    images, change = read_array(file), read_array(file, "perturbations")
    assert (images.array == LEVELS).all()
    assert (change.array == CHANGE).all()
    assert images.labels is not None and images.labels.tolist() == [0, 1, 2, 3]
    np.savez(file, a=LEVELS, b=CHANGE)
    with pytest.raises(DataError, match=r"holds 'a' \(4, 3, 8, 8\), 'b' .*; name the array to use 'images' or"):
        read_array(file)


def test_torch_files_are_read_without_running_code(tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return Path.touch, (tmp_path / "harm",)

    torch.save(Harm(), tmp_path / "set.pt")
    with pytest.raises(DataError, match=r"set.pt: damaged, or it holds other things than arrays; save it as .npy"):
        read_array(tmp_path / "set.pt")
    assert not (tmp_path / "harm").exists()
    torch.save({"noise": torch.tensor(CHANGE / 255).bfloat16()}, tmp_path / "set.pt")
    assert read_array(tmp_path / "set.pt").content == "perturbations"


@pytest.mark.parametrize("name", ["set.npy", "set.npz", "set.safetensors", "set.pt"])
def test_a_damaged_file_is_refused_in_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"something else")
    with pytest.raises(DataError, match=f"{name}: damaged"):
        read_array(tmp_path / name)


def test_an_array_of_objects_or_of_grey_images_is_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "set.npy", np.array([{}], dtype=object), allow_pickle=True)
    with pytest.raises(DataError, match="damaged, or it holds other things"):
        read_array(tmp_path / "set.npy")
    with pytest.raises(UsageError, match=r"shape \(4, 8, 8\); give \(N, 3, S, S\)"):
        read_array(written(tmp_path, LEVELS[:, 0]))


@pytest.mark.timeout(30)
@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("suffix", [".npy", ".npz", ".safetensors", ".pt"])
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path, suffix: str) -> None:
    os.mkfifo(tmp_path / f"set{suffix}")
    with pytest.raises(DataError, match=r"cannot be read \(a named pipe, not a file\)"):
        read_array(tmp_path / f"set{suffix}")


HUGE = (10**9, 3, 8, 8)
"""The shape of 192 GB of bytes."""


def _head(shape: tuple[int, ...], dtype: str = "|u1") -> bytes:
    head = io.BytesIO()
    np.lib.format.write_array_header_1_0(head, {"descr": dtype, "fortran_order": False, "shape": shape})
    return head.getvalue()


def _as_npy(file: Path) -> None:
    file.write_bytes(_head(HUGE))


def _as_npz(file: Path) -> None:
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("images.npy", _head(HUGE) + bytes(2**20))


def _as_safetensors(file: Path) -> None:
    size = HUGE[0] * 192
    head = json.dumps({"images": {"dtype": "U8", "shape": HUGE, "data_offsets": [0, size]}}).encode()
    file.write_bytes(len(head).to_bytes(8, "little") + head)
    os.truncate(file, 8 + len(head) + size)


def _as_torch(file: Path) -> None:
    torch.save({"images": torch.zeros(1, 1, 1, 1, dtype=torch.bfloat16).expand(HUGE)}, file)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    ("name", "write"), [("x.npy", _as_npy), ("x.npz", _as_npz), ("x.safetensors", _as_safetensors), ("x.pt", _as_torch)]
)
def test_a_small_file_that_stands_for_a_huge_array_is_refused_by_its_shape(
    tmp_path: Path, name: str, write: Callable[[Path], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regular_files, "usable_memory", lambda: None)  # so that no file is too large by itself
    write(tmp_path / name)
    clean = CleanSet(LEVELS, np.arange(4), 4)
    with peak_memory(torch.device("cpu")) as peak:
        before = peak()
        with pytest.raises(DataError, match=rf"{name}: 1000000000 rows; give 4 rows, one for each training photograph"):
            read_foreign_set(tmp_path / name, clean)
        after = peak()
    assert before is not None and after is not None and after - before < 256


def test_labels_of_another_number_than_the_images_are_not_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "x.npz", "w") as archive:
        images = io.BytesIO()
        np.save(images, LEVELS)
        archive.writestr("images.npy", images.getvalue())
        archive.writestr("labels.npy", _head((10**12,)))
    assert read_array(tmp_path / "x.npz").labels is None


def test_a_compressed_file_of_torch_and_one_that_exceeds_the_memory_are_refused(tmp_path: Path) -> None:
    torch.save({"images": torch.zeros(1000, 3, 8, 8)}, tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "x.pt", "w", zipfile.ZIP_DEFLATED) as archive,
    ):
        for name in plain.namelist():
            archive.writestr(name, plain.read(name))
    refusal = r"x\.pt: cannot be read \(a compressed archive, which torch\.save does not write\)"
    readers: list[Callable[[Path], object]] = [read_array, read_checkpoint]
    for read in readers:
        with pytest.raises(DataError, match=refusal):
            read(tmp_path / "x.pt")
    with pytest.raises(DataError, match=f"LPIPS trunk .*{refusal}"):
        Lpips.load(tmp_path / "x.pt", torch.device("cpu"))
    os.truncate(tmp_path / "x.pt", 2**42)
    for read in (*readers, file_digest):
        with pytest.raises(DataError, match=r"x\.pt: .*cannot be read \(larger than the memory of this process\)"):
            read(tmp_path / "x.pt")


def test_small_floats_are_perturbations_whose_scale_is_told(tmp_path: Path) -> None:
    halved = read_array(written(tmp_path, CHANGE / 127.5))
    assert halved.remark == (
        'its values are taken as 0..1, at most 16 grey levels (if they are of -1..1, say values="...")'
    )
    beyond = read_array(written(tmp_path, CHANGE / 5.0), "perturbations")
    assert beyond.remark == (
        'its values are taken as 0..255, at most 1.6 grey levels (if they are of 0..1 or -1..1, say values="...")'
    )
    assert not read_array(written(tmp_path, CHANGE / 127.5), "perturbations", "-1..1").remark
    assert not read_array(written(tmp_path, CHANGE)).remark
    clean = CleanSet(LEVELS, np.arange(4), 4)
    (remark,) = read_foreign_set(written(tmp_path, CHANGE / 127.5), clean).remarks
    assert remark.startswith("the order of perturbations cannot be checked")
    assert remark.endswith(f"; {halved.remark}")


def test_floats_of_one_grey_level_are_not_taken_for_steps_from_black_to_white(tmp_path: Path) -> None:
    np.savez(tmp_path / "set.npz", perturbations=np.sign(CHANGE).astype(np.float32))
    with pytest.raises(
        UsageError, match=r'whole numbers, may be grey levels .* say values="0\.\.255" or values="0\.\.1"'
    ):
        read_array(tmp_path / "set.npz")
    assert read_array(tmp_path / "set.npz", scale="0..255").grey_levels(0).max() == 1
