"""``uebench protect`` again: what an earlier call left is continued, or left alone."""

from __future__ import annotations

import json
import os
import shutil
from functools import partial
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import ROOT, Command, Photos, copies
from uebench.api.chosen_method import ChosenMethod
from uebench.api.protect_folder import protect_folder
from uebench.data.images import read_image
from uebench.errors import StoreError


def test_an_interrupted_call_goes_on_to_the_same_bytes(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 70, "b": 3}), tmp_path / "out"
    assert protect(source, out).code == 0
    whole, manifest = copies(out), (out / "protected.json").read_bytes()
    kept = out / "a" / "1.png"
    before = kept.stat().st_mtime_ns
    shutil.rmtree(out / "b")
    assert protect(source, out).code == 0
    assert (copies(out), (out / "protected.json").read_bytes()) == (whole, manifest)
    assert kept.stat().st_mtime_ns == before


@pytest.mark.usefixtures("small_networks")
def test_a_finished_call_trains_no_method_again(
    photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    protect = partial(
        protect_folder, photos({"a": 5, "b": 3}), tmp_path / "out", "ue(rounds=1)",
        preset="smoke", results=tmp_path / "results",
    )  # fmt: skip
    first = protect()
    monkeypatch.delattr(ChosenMethod, "fit")
    assert protect() == first
    (tmp_path / "out" / "a" / "1.png").unlink()
    with pytest.raises(AttributeError):
        protect()


def test_what_another_request_made_is_left_alone(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    assert protect(source, out).code == 0
    before = copies(out)
    answer = protect(source, out, "--method", "random(eps=4/255)")
    assert "holds no images of these photographs with these options and code; choose" in answer.refusal(2)
    assert copies(out) == before


def test_a_call_that_failed_before_its_first_copy_leaves_a_folder_that_can_be_used(
    protect: Command, photos: Photos, tmp_path: Path
) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    (source / "b" / "1.png").write_bytes(b"damaged")
    assert protect(source, out).code == 3
    assert [file.name for file in out.rglob("*")] == ["protected.json"]
    (source / "b" / "1.png").unlink()
    answer = protect(source, out)
    assert answer.code == 0, answer.err
    assert len(copies(out)) == 3


def test_a_photograph_that_changed_since_is_another_request(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    assert protect(source, out).code == 0
    Image.new("RGB", (40, 40), "red").save(source / "a" / "0.png")
    assert "holds no images of these photographs with these options and code" in protect(source, out).complaint


@pytest.mark.parametrize("instead", ["black", "clean", "photograph"])
def test_a_copy_that_is_no_protection_of_todays_photograph_is_named(
    protect: Command, photos: Photos, tmp_path: Path, instead: str
) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    assert protect(source, out).code == 0
    whole, copy, photograph = copies(out), out / "a" / "1.png", source / "a" / "1.png"
    match instead:
        case "black":
            Image.new("RGB", (32, 32)).save(copy)
        case "clean":
            Image.fromarray(read_image(photograph, 32).transpose(1, 2, 0)).save(copy)
        case "photograph":
            before = photograph.stat()
            other = bytearray(photograph.read_bytes() + b"\0")
            photograph.write_bytes(other[: before.st_size - 1] + b"\1")
            os.utime(photograph, ns=(before.st_atime_ns, before.st_mtime_ns))
            assert photograph.stat().st_size == before.st_size
    answer = protect(source, out)
    assert answer.code == 3
    changed = f"{copy}: this copy or its photograph {photograph} has changed; delete the copy and run again"
    assert changed in answer.err.splitlines()[-1]
    copy.unlink()
    assert protect(source, out).code == 0
    assert copies(out) == whole


def test_a_copy_that_the_manifest_does_not_know_is_made_anew(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    assert protect(source, out).code == 0
    whole, manifest = copies(out), json.loads((out / "protected.json").read_text())
    del manifest["copies"]["a/1.png"]
    (out / "protected.json").write_text(json.dumps(manifest))
    Image.new("RGB", (32, 32)).save(out / "a" / "1.png")
    assert protect(source, out).code == 0
    assert copies(out) == whole


def test_copies_by_other_code_of_the_same_method_are_left_alone(
    protect: Command, photos: Photos, tmp_path: Path
) -> None:
    source, out, plugin = photos({"a": 2, "b": 2}), tmp_path / "out", tmp_path / "stripes.py"
    shutil.copy(ROOT / "docs" / "example_plugin.py", plugin)
    assert protect(source, out, "--plugin", plugin, "--method", "stripes").code == 0
    before = copies(out)
    (out / "b" / "1.png").unlink()
    plugin.write_text(plugin.read_text().replace("return ", "return -", 1))
    answer = protect(source, out, "--plugin", plugin, "--method", "stripes")
    assert "with these options and code; choose a new folder" in answer.refusal(2)
    assert copies(out) == {name: pixels for name, pixels in before.items() if name != "b/1.png"}


def test_a_folder_that_another_call_took_over_is_not_described_by_this_one(photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 70, "b": 3}), tmp_path / "out"

    def take_over(*_: object) -> None:
        (out / "protected.json").write_text("of another call")

    with pytest.raises(StoreError, match="another uebench command has begun to write there; choose a new folder"):
        protect_folder(source, out, "random", results=tmp_path / "results", preset="smoke", progress=take_over)
    assert (out / "protected.json").read_text() == "of another call"


def test_the_same_call_at_the_same_time_disturbs_nothing(photos: Photos, tmp_path: Path) -> None:
    source, out, begun = photos({"a": 70, "b": 3}), tmp_path / "out", tmp_path / "begun"
    protect = partial(protect_folder, source, out, "random", results=tmp_path / "results", preset="smoke")

    def begin_again(*_: object) -> None:
        if not begun.exists():
            begun.touch()
            protect()

    assert len(protect(progress=begin_again)["copies"]) == 73


def test_the_manifest_of_another_version_is_resumed(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    assert protect(source, out).code == 0
    whole, file = (out / "protected.json").read_bytes(), out / "protected.json"
    manifest = json.loads(whole)
    known = {name: manifest[name] for name in ("request", "copies", "identities")}
    file.write_text(json.dumps(known | {"a_later_name": 1}))
    before = (out / "a" / "1.png").stat().st_mtime_ns
    assert protect(source, out).code == 0
    assert (file.read_bytes(), (out / "a" / "1.png").stat().st_mtime_ns) == (whole, before)


def test_an_interrupted_call_says_which_copies_are_whole(photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 70, "b": 3}), tmp_path / "out"

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    protect = partial(protect_folder, source, out, "random", results=tmp_path / "results", preset="smoke")
    with pytest.raises(KeyboardInterrupt):
        protect(progress=interrupt)
    made = copies(out)
    assert set(json.loads((out / "protected.json").read_text())["copies"]) == set(made)
    (first, *_) = made
    before = (out / first).stat().st_mtime_ns
    assert len(protect()["copies"]) == 73
    assert (out / first).stat().st_mtime_ns == before


def test_a_killed_call_goes_on_from_the_copies_that_it_had_made(photos: Photos, tmp_path: Path) -> None:
    source, out, killed = photos({"a": 70, "b": 3}), tmp_path / "out", tmp_path / "killed"
    protect = partial(protect_folder, source, method="random", results=tmp_path, preset="smoke")

    def kill(*_: object) -> None:
        if not killed.exists():
            unfinished = shutil.ignore_patterns(".new-*")  # they come and go while other threads write
            shutil.copytree(out, killed, ignore=unfinished)  # what is there now is what a kill would leave

    protect(out, progress=kill)
    left = json.loads((killed / "protected.json").read_text())
    assert left["copies"]
    (first, *_) = left["copies"]
    before = (killed / first).stat().st_mtime_ns
    assert len(protect(killed)["copies"]) == 73
    assert (killed / first).stat().st_mtime_ns == before
    assert (killed / "protected.json").read_bytes() == (out / "protected.json").read_bytes()
