from __future__ import annotations

import csv
import errno
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import ROOT
from uebench.data.builders import BUILDERS, Manifest, build, verify
from uebench.data.builders.draw import shuffled
from uebench.data.dataset import load
from uebench.errors import DataError, StoreError, UsageError
from uebench.plugins.registry import Registry

Photos = Callable[..., Path]
SMALL = {name: replace(builder, identities=2, train=2, test=1) for name, builder in BUILDERS.items()}
WEBFACE = SMALL["webface10"]


def quiet(done: int, total: int, text: str) -> None:
    return


make = partial(build, seed=0, progress=quiet)


@pytest.fixture
def faces(photos: Photos) -> Path:
    """Six people with three photographs or more, one with two."""
    return photos({**{f"{n:07}": 3 + n % 2 for n in range(6)}, "0000099": 2}, size=(12, 10))


def digests(manifest: Manifest) -> list[str]:
    return [entry.sha256 for entry in manifest.files]


def people(manifest: Manifest) -> set[str]:
    return {Path(entry.source).parent.name for entry in manifest.files}


def test_sizes_are_those_of_the_papers_table_2() -> None:
    places = (ROOT / "uebench" / "paper" / "reported.csv", ROOT.parent / "shared" / "paper" / "tables.csv")
    file = next((place for place in places if place.is_file()), None)
    if file is None:
        pytest.skip("the paper's tables are not here")
    rows = [row for row in csv.DictReader(file.read_text().splitlines()) if row["table"] == "2"]
    reported = {(row["row"].lower(), row["column"]): int(row["value"]) for row in rows}
    assert len(reported) == 15
    for (name, column), value in reported.items():
        builder = BUILDERS[name]
        each = {"identities": 1, "train_images": builder.train, "test_images": builder.test}[column]
        assert builder.identities * each == value, (name, column)


def test_a_whole_set_of_the_papers_size(photos: Photos, tmp_path: Path, registry: Registry) -> None:
    raw = photos({str(n): 150 for n in range(11)}, size=(4, 4))
    manifest = make(BUILDERS["webface10"], raw, tmp_path / "webface10")
    assert manifest.counts == {"identities": 10, "train": 1300, "test": 200}
    data = load(str(tmp_path / "webface10"), 16, registry)
    assert data.info.train_counts == (130,) * 10
    assert np.bincount(data.test.labels).tolist() == [20] * 10


def test_images_are_copied_byte_for_byte_and_the_manifest_says_from_where(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    make(WEBFACE, faces, out)
    manifest = json.loads((out / "manifest.json").read_text())
    assert (manifest["builder"], manifest["version"], manifest["seed"]) == ("webface10", 1, 0)
    assert manifest["counts"] == {"identities": 2, "train": 4, "test": 2}
    for entry in manifest["files"]:
        content = (out / entry["path"]).read_bytes()
        assert content == (faces / entry["source"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == entry["sha256"]
        assert entry["path"].startswith(f"{entry['split']}/{entry['identity']}/")
    for name in ("manifest.json", "CARD.md"):
        assert str(tmp_path) not in (out / name).read_text()
    card = (out / "CARD.md").read_text()
    for text in ("CASIA-WebFace", WEBFACE.collection.page, WEBFACE.collection.terms, "seed 0", "research only"):
        assert text in card


def test_the_choice_depends_on_the_seed_and_not_on_the_file_system(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = make(WEBFACE, faces, tmp_path / "a")
    listed = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda self: iter(sorted(listed(self), reverse=True)))
    assert make(WEBFACE, faces, tmp_path / "b") == first
    assert make(WEBFACE, faces, tmp_path / "c", seed=1) != first
    assert shuffled(["2", "10", "b"], 0) == [name for name in shuffled(["2", "10", "a", "b"], 0) if name != "a"]


def test_the_dagger_set_shares_nobody_with_its_sibling(faces: Path, tmp_path: Path) -> None:
    dagger = replace(SMALL["webface10_dagger"], skip=WEBFACE.identities)
    one, other = make(WEBFACE, faces, tmp_path / "a"), make(dagger, faces, tmp_path / "b")
    assert len(people(one)) == len(people(other)) == 2
    assert not people(one) & people(other)


def test_identities_with_too_few_images_are_never_drawn(faces: Path, tmp_path: Path) -> None:
    manifest = make(replace(WEBFACE, identities=6), faces, tmp_path / "set")
    assert people(manifest) == {f"{n:07}" for n in range(6)}


def test_the_same_photograph_is_never_taken_twice(faces: Path, tmp_path: Path) -> None:
    for number in range(6):
        (faces / f"{number:07}" / "again.png").write_bytes((faces / f"{number:07}" / "0.png").read_bytes())
    manifest = make(replace(WEBFACE, identities=6), faces, tmp_path / "set")
    assert len(set(digests(manifest))) == len(digests(manifest)) == 18
    with pytest.raises(DataError, match="3 of 7 identities have 4 different images, webface10 needs 6"):
        make(replace(WEBFACE, identities=6, test=2), faces, tmp_path / "more")


def test_a_finished_build_is_verified_and_not_built_again(faces: Path, tmp_path: Path) -> None:
    out, told = tmp_path / "set", []
    first = make(WEBFACE, faces, out)
    again = make(WEBFACE, tmp_path / "gone", out, progress=lambda *call: told.append(call))
    assert again == first
    assert told == [(6, 6, "already built, verified")]
    (out / "test" / "1" / "0000.png").write_bytes(b"")
    with pytest.raises(DataError, match=r"test.1.0000\.png: differs from the manifest"):
        make(WEBFACE, faces, out)


def test_a_folder_that_holds_something_else_is_left_alone(faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "set"
    make(WEBFACE, faces, out)
    with pytest.raises(UsageError, match=r"holds webface10 \(version 1, seed 0\); choose another"):
        make(WEBFACE, faces, out, seed=1)
    with pytest.raises(UsageError, match="is not empty; choose another folder"):
        make(WEBFACE, faces, faces)
    with pytest.raises(UsageError, match="is a file"):
        make(WEBFACE, faces, out / "CARD.md")
    (tmp_path / "empty").mkdir()
    assert make(WEBFACE, faces, tmp_path / "empty").files


@pytest.mark.parametrize(
    ("harm", "complaint"),
    [
        (lambda file: file.unlink(), r"train.0.0001\.png: cannot be read \(no such file"),
        (lambda file: file.write_bytes(b"x"), r"train.0.0001\.png: differs from the manifest"),
        (lambda file: file.with_name("9.png").write_bytes(b"x"), r"train.0.9\.png: is not in the manifest; remove"),
        (lambda file: (file.parents[2] / "manifest.json").write_text("{}"), r"manifest\.json: damaged"),
        (lambda file: (file.parents[2] / "manifest.json").unlink(), r"no manifest\.json; name a folder that"),
    ],
)
def test_verify_names_the_first_file_that_differs(
    faces: Path, tmp_path: Path, harm: Callable[[Path], object], complaint: str
) -> None:
    make(WEBFACE, faces, tmp_path / "set")
    harm(tmp_path / "set" / "train" / "0" / "0001.png")
    with pytest.raises(DataError, match=complaint):
        verify(tmp_path / "set")


def test_a_changed_manifest_is_noticed(faces: Path, tmp_path: Path) -> None:
    make(WEBFACE, faces, tmp_path / "set")
    file = tmp_path / "set" / "manifest.json"
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    with pytest.raises(DataError, match="content and digest differ"):
        verify(tmp_path / "set")


@pytest.mark.parametrize(
    ("stop", "seen"), [(KeyboardInterrupt(), KeyboardInterrupt), (OSError(errno.ENOSPC, "No space left"), StoreError)]
)
def test_a_build_that_stops_midway_leaves_nothing(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException, seen: type[BaseException]
) -> None:
    written = Path.write_bytes

    def fail(self: Path, content: bytes) -> int:
        if self.name == "0001.png":
            raise stop
        return written(self, content)

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(seen) as caught:
        make(WEBFACE, faces, tmp_path / "sets" / "set")
    assert not list((tmp_path / "sets").iterdir())
    if seen is StoreError:
        assert "cannot be used (no space left); free space and run again" in str(caught.value)


def test_a_broken_photograph_is_named_and_no_set_is_left(faces: Path, tmp_path: Path) -> None:
    for file in faces.rglob("*.png"):
        file.write_bytes(file.read_bytes()[:60] + file.name.encode() + file.parent.name.encode())
    with pytest.raises(DataError, match=r"faces/\d{7}/\d\.png: cannot be decoded"):
        make(WEBFACE, faces, tmp_path / "sets" / "set")
    assert not list((tmp_path / "sets").iterdir())


def test_a_missing_collection_is_said_with_its_page(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"raw: no such folder, expected RAW/<identity>.*; download CASIA-WebFace from"):
        make(WEBFACE, tmp_path / "raw", tmp_path / "set")


def test_too_few_identities_are_counted(faces: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="6 of 7 identities have 3 different images, webface10 needs 8"):
        make(replace(WEBFACE, identities=8), faces, tmp_path / "set")


def test_the_current_folder_is_not_replaced(faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    with pytest.raises(UsageError, match="is the current folder, which the set would replace; name a new one"):
        make(WEBFACE, faces, Path())
    assert Path.cwd() == tmp_path / "empty"
