from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT
from tests.plugin_files import plugin_file
from uebench.data.dataset import load
from uebench.data.files import split_files
from uebench.data.folders import natural_names
from uebench.data.photographs import photographs_in
from uebench.errors import DataError, UsageError
from uebench.plugins.registry import Registry

Photos = Callable[..., Path]


def test_orl_is_forty_people_seven_train_three_test(registry: Registry) -> None:
    orl = load("orl", 32, registry)
    assert orl.train.images.shape == (280, 3, 32, 32)
    assert orl.test.images.shape == (120, 3, 32, 32)
    assert np.bincount(orl.train.labels).tolist() == [7] * 40
    assert orl.info.record.chance == 1 / 40
    assert (orl.train.images[:, 0] == orl.train.images[:, 2]).all()


def test_orl_split_depends_on_its_seed_and_never_overlaps(registry: Registry) -> None:
    one, two = (load(f"orl(identities=3, seed={seed})", 16, registry) for seed in (0, 1))
    assert one.key != two.key
    train = {image.tobytes() for image in one.train.images}
    assert not train & {image.tobytes() for image in one.test.images}
    assert load("orl(identities=3)", 16, registry).key == one.key


def test_orl_identities_can_be_selected(registry: Registry) -> None:
    late = load("orl(identities=2, first=39)", 16, registry)
    assert set(late.train.labels.tolist()) == {0, 1}
    with pytest.raises(DataError, match="you asked for identities 39 to 41, and there are 40"):
        load("orl(identities=3, first=39)", 16, registry)


@pytest.mark.parametrize(("train", "test"), [("train", "test"), ("train_clean", "test_clean")])
def test_a_folder_with_a_split(photos: Photos, registry: Registry, train: str, test: str) -> None:
    root = photos({f"{train}/2": 3, f"{train}/10": 4, f"{test}/2": 1, f"{test}/10": 2})
    data = load(str(root), 16, registry)
    assert data.name == "faces"
    assert data.train.labels.tolist() == [0] * 3 + [1] * 4  # 2 before 10
    assert data.test.labels.tolist() == [0, 1, 1]


def test_a_folder_of_identities_is_split_by_seed(photos: Photos, registry: Registry) -> None:
    root = photos({"ann": 10, "bob": 10, "eve": 2})
    data = load(str(root), 16, registry)
    assert np.bincount(data.train.labels).tolist() == [7, 7, 1]
    assert np.bincount(data.test.labels).tolist() == [3, 3, 1]


def test_names_sort_the_same_in_whatever_order_they_come() -> None:
    assert natural_names(["a²", "a1", "a³"]) == ["a1", "a²", "a³"]
    assert natural_names(["10", "2", "02"]) == natural_names(["2", "02", "10"]) == ["02", "2", "10"]


def test_the_first_identities_of_a_folder(photos: Photos, registry: Registry) -> None:
    root = photos({f"{part}/{i}": 2 for part in ("train", "test") for i in range(12)})
    data = load(f"folder(path='{root}', identities=3)", 16, registry)
    assert data.num_classes == 3
    assert len(data.test.labels) == 6
    with pytest.raises(DataError, match="you asked for 20 identities, and there are 12"):
        load(f"folder(path='{root}', identities=20)", 16, registry)


@pytest.mark.parametrize(
    ("layout", "complaint"),
    [
        ({"train/a": 2, "train/b": 2}, "has train/ but no test/"),
        ({"train/a": 2, "train/b": 2, "test/a": 1}, "no test photograph of identity 'b'"),
        ({"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 0}, "no test photograph of identity 'b'"),
        ({"train/a": 2, "train/b": 2, "test/a": 1, "test/b": 1, "test/c": 1}, "identity 'c' has no training"),
        ({"train/a": 2, "test/a": 1}, "1 identity folder; recognition needs at least 2"),
        ({"a": 3}, "1 identity folder"),
        ({"a": 3, "b": 1}, "1 photograph; an identity needs 2"),
        ({"a": 3, "b": 0}, "no image in it"),
        ({"": 3}, "0 identity folders"),
        ({"a": 3, "b": 3, "b/more": 2}, "b.more: lies in the folder of one identity; move its photographs to .*b, or"),
        (
            {"Train/a": 3, "Train/b": 3, "Test/a": 1},
            "Train: holds folders, not photographs; .* pass .*Train instead of",
        ),
        ({"train/a": 2, "train/b": 2, "test/a": 1, "test/b/x": 1}, "test.b: holds folders, not photographs"),
    ],
)
def test_what_is_wrong_with_a_folder_is_said(
    photos: Photos, registry: Registry, layout: dict[str, int], complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        load(str(photos(layout)), 16, registry)


def test_photographs_of_kinds_that_are_not_read_are_named(photos: Photos, registry: Registry) -> None:
    root = photos({"a": 3, "b": 0})
    for name in ("1.HEIC", "2.heic", "3.avif", "note.txt"):
        (root / "b" / name).touch()
    remedy = r"b: contains no supported image: 3 files of other kinds \(\.avif, \.heic\); convert them to PNG or JPEG$"
    with pytest.raises(DataError, match=remedy):
        load(str(root), 16, registry)
    with pytest.raises(DataError, match=remedy):
        photographs_in(root / "b")
    with pytest.raises(DataError, match=remedy):
        photographs_in(root)


def test_a_missing_folder_is_said(registry: Registry, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such folder"):
        load(str(tmp_path / "absent"), 16, registry)
    with pytest.raises(UsageError, match="unknown folder or source 'orll'; did you mean 'orl'"):
        load("orll", 16, registry)


def test_a_bad_photograph_is_named(photos: Photos, registry: Registry) -> None:
    root = photos({"a": 3, "b": 3})
    (root / "b" / "1.png").write_text("no")
    with pytest.raises(DataError, match=r"b.1\.png: not a supported image"):
        load(str(root), 16, registry)


def test_mixed_sizes_and_modes_work_together(photos: Photos, registry: Registry) -> None:
    root = photos({"a": 2, "b": 2})
    Image.new("L", (30, 70), 9).save(root / "a" / "grey.png")
    Image.new("CMYK", (70, 30)).save(root / "b" / "cmyk.jpg")
    (root / "b" / "notes.txt").write_text("not a photograph, not read")
    (root / ".hidden").mkdir()
    assert len(load(str(root), 16, registry).train.labels) == 4


def test_the_key_is_the_content_not_the_place(photos: Photos, registry: Registry, tmp_path: Path) -> None:
    root = photos({"a": 3, "b": 3})
    first = load(str(root), 16, registry)
    moved = root.rename(tmp_path / "moved")
    again = load(str(moved), 16, registry)
    assert (first.key, first.info.record.options) == (again.key, again.info.record.options)
    assert str(tmp_path) not in str(again.info.record)
    Image.new("RGB", (40, 32)).save(moved / "a" / "0.png")
    assert load(str(moved), 16, registry).key != first.key


def test_an_unchanged_set_is_decoded_once(
    photos: Photos, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, cache = photos({"a": 3, "b": 3}), tmp_path / "cache"
    first = load(str(root), 16, registry, cache)
    calls: list[Path] = []
    real = __import__("uebench.data.files", fromlist=["read_image"]).read_image

    def spy(file: Path, size: int) -> object:
        calls.append(file)
        return real(file, size)

    monkeypatch.setattr("uebench.data.files.read_image", spy)
    assert load(str(root), 16, registry, cache).key == first.key
    assert not calls
    kept = next(cache.glob("*.safetensors"))
    content = bytearray(kept.read_bytes())
    content[-1] ^= 255
    kept.write_bytes(content)
    assert load(str(root), 16, registry, cache).key == first.key
    assert len(calls) == 6  # the damaged copy was not believed
    monkeypatch.setattr("uebench.data.dataset.__version__", "0")
    assert load(str(root), 16, registry, cache).key == first.key
    assert len(calls) == 12  # another version of uebench may decode otherwise


def test_synthetic_is_the_same_every_time(registry: Registry) -> None:
    one, two = (load("synthetic(identities=3)", 32, registry) for _ in range(2))
    assert one.key == two.key
    assert np.bincount(one.train.labels).tolist() == [8, 8, 8]


@pytest.mark.parametrize(
    ("before", "after", "complaint"),
    [
        ("Split(images[0],", "Split(images[0] / 255,", r"train images are \(6, 3, 16, 16\) float64; return uint8"),
        ("Split(images[1],", "Split(images[1].tolist(),", "test images are a list; return uint8"),
        ("Split(images[1],", "Split(images[1][:, :1],", r"test images are \(6, 1, 16, 16\) uint8; return uint8"),
        (", labels), Split", ", labels.astype(float)), Split", r"train labels are \(6,\) float64; return \(N,\) int64"),
        ("np.arange(3).repeat(2)", "np.arange(1).repeat(2)", "at least two people"),
        ("np.arange(3).repeat(2)", "np.arange(-1, 2).repeat(2)", r"labels must be 0\.\.K-1"),
        ("np.arange(3).repeat(2)", "np.arange(3).repeat(0)", "at least two people"),
        (
            "Split(images[1], labels)",
            "Split(images[1][:0], labels[:0])",
            "each of them in both splits; add photographs",
        ),
    ],
)
@pytest.mark.parametrize("lists", ["", "listing"])
def test_what_a_source_returns_is_checked(tmp_path: Path, before: str, after: str, complaint: str, lists: str) -> None:
    text = (ROOT / "tests" / "testing" / "good" / "source.py").read_text()
    assert before in text
    listing = (
        "    def listing(self):\n        from uebench.plugins.base import Listing\n        return Listing((), ())\n\n"
    )
    text = text.replace("    def read(", f"{listing if lists else ''}    def read(").replace(before, after)
    (tmp_path / "mine.py").write_text(text)
    with pytest.raises(DataError, match=f"data 'mine': the .*{complaint}"):
        load("mine", 16, Registry([tmp_path / "mine.py"]), tmp_path / "cache")


def test_two_folders_of_one_relative_name_are_two_sets(
    photos: Photos, registry: Registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = []
    for name, level in (("one", 0), ("two", 255)):
        faces = photos({"a": 3, "b": 3}, name=f"{name}/faces")
        for file in faces.glob("*/*"):
            file = file.rename(file.with_suffix(".bmp"))
            Image.new("L", (20, 20), level).save(file)
            os.utime(file, (0, 0))
        monkeypatch.chdir(tmp_path / name)
        keys.append(load("./faces", 16, registry, tmp_path / "cache").key)
    assert keys[0] != keys[1]


def test_a_photograph_that_is_replaced_by_one_of_the_same_size_and_time_is_read_again(
    photos: Photos, registry: Registry, tmp_path: Path
) -> None:
    faces, keys = photos({"a": 3, "b": 3}), []
    for level in (0, 255):
        Image.new("L", (20, 20), level).save(faces / "a" / "new.bmp")
        os.utime(faces / "a" / "new.bmp", (0, 0))
        keys.append(load(str(faces), 16, registry, tmp_path / "cache").key)
    assert keys[0] != keys[1]


def test_a_folder_is_an_identity_whatever_its_name_ends_in(photos: Photos, registry: Registry) -> None:
    assert load(str(photos({"ann": 3, "j.png": 3})), 16, registry).num_classes == 2


ARRAYS = """
def label(self): return "mine"
def read(self, size):
    train, test = np.random.default_rng(0).integers(0, 256, (2, 6, 3, size, size), np.uint8)
    test[:{shared}] = train[-{shared}:]
    return tuple(Split(images, np.arange(3).repeat(2)) for images in (train, test))
"""


@pytest.mark.parametrize(
    ("shared", "message"),
    [(1, "1 of the 6 test images is also a training image; leave it out"), (2, "2 of the 6 test images are also")],
)
def test_a_source_without_files_may_not_test_on_training_images(tmp_path: Path, shared: int, message: str) -> None:
    file = plugin_file(tmp_path / "mine.py", ARRAYS.format(shared=shared), "Source", before="import numpy as np")
    with pytest.raises(DataError, match=message):
        load("mine", 16, Registry([file]))


@pytest.mark.parametrize(("share", "files", "train"), [(0.99, 3, 2), (0.01, 5, 1), (0.5, 4, 2), (0.7, 10, 7)])
def test_a_share_leaves_each_identity_a_photograph_in_both_splits(share: float, files: int, train: int) -> None:
    listing = split_files({"ann": [Path(f"{number}.png") for number in range(files)]}, share, 0)
    assert (len(listing.train), len(listing.test)) == (train, files - train)
