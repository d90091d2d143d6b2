from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from uebench.data import cache, dataset
from uebench.errors import DataError
from uebench.hashing import digest
from uebench.plugins.base import Split
from uebench.plugins.registry import Registry
from uebench.store.atomic import replacing
from uebench.tensor_files import write_arrays

ONE, OTHER = "1" * 64, "2" * 64


class Photographs:
    """A set that counts how often it is decoded."""

    def __init__(self) -> None:
        rng = np.random.default_rng(0)
        self.splits = [
            Split(rng.integers(0, 256, (count, 3, 4, 4), dtype=np.uint8), np.arange(count, dtype=np.int64))
            for count in (5, 3)
        ]
        self.times = 0

    def load(self, folder: Path, fingerprint: str) -> tuple[Split, Split]:
        """Return the splits as a data set does: from the cache, or decoded and kept there."""
        if cached := cache.fetch(folder, fingerprint):
            assert cached[0] == self.description
            return cached[1:]
        self.times += 1
        train, test = self.splits
        cache.keep(folder, fingerprint, self.description, train, test)
        return train, test

    @property
    def description(self) -> cache.Description:
        return cache.Description.of(*self.splits)

    def are(self, found: tuple[Split, Split]) -> bool:
        pairs = [
            (a, b)
            for x, y in zip(self.splits, found, strict=True)
            for a, b in ((x.images, y.images), (x.labels, y.labels))
        ]
        return all(a.dtype == b.dtype and np.array_equal(a, b) for a, b in pairs)


@pytest.fixture
def photographs() -> Photographs:
    return Photographs()


def test_a_set_is_decoded_once(tmp_path: Path, photographs: Photographs) -> None:
    for _ in range(2):
        assert photographs.are(photographs.load(tmp_path / "cache", ONE))
    assert photographs.times == 1
    photographs.load(tmp_path / "cache", OTHER)
    assert photographs.times == 2


@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", ["pipe", "folder", "loop"])
def test_what_is_no_file_counts_as_missing_and_is_never_waited_for(
    tmp_path: Path, photographs: Photographs, kind: str
) -> None:
    file = tmp_path / f"{ONE}.safetensors"
    match kind:
        case "pipe":
            os.mkfifo(file)
        case "folder":
            file.mkdir()
        case "loop":
            file.symlink_to(file.name)
    assert cache.fetch_description(tmp_path, ONE) is None
    for _ in range(2):
        assert photographs.are(photographs.load(tmp_path, ONE))
    assert photographs.times == (2 if kind == "folder" else 1)  # what is no folder is replaced


def test_a_cache_of_a_user_that_there_is_not_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UEBENCH_CACHE", "~nobody-here/cache")
    with pytest.raises(DataError, match="there is no user 'nobody-here'"):
        cache.default_cache()


def test_no_flipped_byte_is_believed(tmp_path: Path, photographs: Photographs) -> None:
    photographs.load(tmp_path, ONE)
    file = tmp_path / f"{ONE}.safetensors"
    whole = file.read_bytes()
    for place in range(0, len(whole), 5):
        damaged = bytearray(whole)
        damaged[place] ^= 255
        file.write_bytes(damaged)
        assert photographs.are(photographs.load(tmp_path, ONE))
    file.write_bytes(whole[:-1])
    assert photographs.are(photographs.load(tmp_path, ONE))
    assert photographs.times == 2 + len(range(0, len(whole), 5))


def test_a_description_is_read_without_pixels_and_a_damaged_one_is_not_believed(
    tmp_path: Path, photographs: Photographs
) -> None:
    assert cache.fetch_description(tmp_path, ONE) is None
    photographs.load(tmp_path, ONE)
    assert cache.fetch_description(tmp_path, ONE) == photographs.description
    file, text = tmp_path / f"{ONE}.safetensors", photographs.description.model_dump_json()
    sealed = digest(text)
    for content, seal in (
        (text.replace("[1,1,1]", "[1,1,2]"), sealed),
        *((content, digest(content)) for content in ("", "7", "[]", "{}", "[" * 100_000)),
    ):
        write_arrays(file, {"train_images": np.zeros(1)}, {"description": content, "digest": seal})
        assert cache.fetch_description(tmp_path, ONE) is None
        assert cache.fetch(tmp_path, ONE) is None
    write_arrays(file, {"train_images": np.zeros(1)}, {"description": text, "digest": sealed})
    assert cache.fetch(tmp_path, ONE) is None


def test_nobody_else_can_read_the_photographs(tmp_path: Path, photographs: Photographs) -> None:
    folder = tmp_path / "user" / "uebench"
    photographs.load(folder, ONE)
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert len(list(folder.iterdir())) == 1


def test_a_cache_that_cannot_be_written_or_read_is_no_error(tmp_path: Path, photographs: Photographs) -> None:
    (tmp_path / "file").write_text("not a folder")
    for folder in (tmp_path / "file", tmp_path / "file" / "deeper"):
        assert photographs.are(photographs.load(folder, ONE))
        assert cache.fetch_description(folder, ONE) is None
    (tmp_path / f"{ONE}.safetensors").mkdir()
    assert photographs.are(photographs.load(tmp_path, ONE))
    assert cache.fetch_description(tmp_path, ONE) is None


def test_the_folder_is_the_users_own_cache_unless_the_environment_names_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("UEBENCH_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    expected = {"linux": ".cache", "darwin": "Library/Caches", "win32": "AppData/Local"}
    for platform, folder in expected.items():
        monkeypatch.setattr(sys, "platform", platform)
        assert cache.default_cache() == tmp_path / folder / "uebench"
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert cache.default_cache() == tmp_path / "local" / "uebench"
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache.default_cache() == tmp_path / "xdg" / "uebench"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")  # to be ignored, says the specification
    assert cache.default_cache() == tmp_path / ".cache" / "uebench"
    monkeypatch.setenv("UEBENCH_CACHE", "~/mine")
    assert cache.default_cache() == tmp_path / "mine"
    for value in ("", "none", "NONE"):
        monkeypatch.setenv("UEBENCH_CACHE", value)
        assert cache.default_cache() is None


def test_clearing_deletes_the_cache_and_nothing_else(tmp_path: Path, photographs: Photographs) -> None:
    own, shared = tmp_path / "own", tmp_path / "shared"
    shared.mkdir()
    (shared / "model.safetensors").write_text("someone else's")
    for folder in (own, shared):
        photographs.load(folder, ONE)
        (folder / f".new-{ONE}-left-by-a-killed-run-of-an-early-version").write_text("half")
        with replacing(folder / f"{ONE}.safetensors") as temporary:
            left = temporary.name  # by a run that was killed now
        (folder / left).write_text("half")
        assert cache.usage(folder)[0] == 1
        cache.clear(folder)
        assert cache.usage(folder) == (0, 0)
    assert not own.exists()
    assert [file.name for file in shared.iterdir()] == ["model.safetensors"]


SOURCE = """
import numpy as np
from uebench.data.files import Files
from uebench.data.sources import Folder, FolderConfig
from uebench.plugins.base import Config, Info, Split

class Options(FolderConfig):
    mirrored: bool = False

class Mine(Folder):
    name = "mine"
    version = 1
    info = Info(title="photographs, mirrored on demand")
    Config = Options
    def read(self, size):
        splits = super().read(size)
        step = -1 if self.config.mirrored else 1
        return tuple(Split(np.ascontiguousarray({images}[..., ::step]), split.labels) for split in splits)
"""


def test_the_cache_tells_options_and_edited_code_of_a_source_apart(tmp_path: Path, photos: Callable[..., Path]) -> None:
    folder, plugin = photos({"ann": 4, "bob": 4}), tmp_path / "mine.py"
    texts = [f'mine(path="{folder}")', f'mine(path="{folder}", mirrored=true)']
    keys = set()
    for images in ("split.images", "(255 - split.images)"):
        plugin.write_text(SOURCE.format(images=images))
        registry = Registry([plugin])
        for text in texts:
            cached = dataset.load(text, 8, registry, tmp_path / "cache")
            assert np.array_equal(cached.train.images, dataset.load(text, 8, registry).train.images)
            assert dataset.describe(text, 8, registry, tmp_path / "cache").key == cached.key
            keys.add(cached.key)
    assert len(keys) == 4
