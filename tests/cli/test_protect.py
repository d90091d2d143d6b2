from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import ROOT, Command
from uebench.api.chosen_method import ChosenMethod
from uebench.api.protect_folder import protect_folder
from uebench.data.images import read_image
from uebench.errors import StoreError
from uebench.hashing import content_digest
from uebench.store.store import Store

Photos = Callable[..., Path]
SMOKE = ("--preset", "smoke")


def copies(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.png"))}


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("method", ["random", "ue(rounds=1)", "segue(weights=none, epochs=1, lr_g=0.1)"])
def test_copies_are_the_protected_set_of_a_run(uebench: Command, photos: Photos, tmp_path: Path, method: str) -> None:
    """The referee's own set, of the same photographs, is what an attacker would be trained on."""
    source = photos({"train/a": 5, "train/b": 4, "test/a": 1, "test/b": 1})
    answer = uebench("protect", source / "train", tmp_path / "out", "--method", method, *SMOKE, "--json")
    assert answer.code == 0, answer.err
    (record,) = uebench("audit", "--data", source, "--method", method, *SMOKE, "--json").json
    kept = Store(tmp_path / "results").sets.read(record["protect_key"])
    assert kept is not None
    files = [Path(who, f"{n}.png") for who, count in (("a", 5), ("b", 4)) for n in range(count)]
    for file, delta in zip(files, kept.delta, strict=True):
        clean = read_image(source / "train" / file, 32).astype(np.int16)
        assert np.array_equal(read_image(tmp_path / "out" / file, 32) - clean, delta)
    assert answer.json == json.loads((tmp_path / "out" / "protected.json").read_text())
    assert answer.json["audit"] == {name: record["audit"][name] for name in answer.json["audit"]}
    assert answer.json["identities"] == {"a": 0, "b": 1}


def test_an_interrupted_call_goes_on_to_the_same_bytes(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 70, "b": 3}), tmp_path / "out"
    command = ("protect", source, out, "--method", "random", *SMOKE)
    assert uebench(*command).code == 0
    whole, manifest = copies(out), (out / "protected.json").read_bytes()
    kept = out / "a" / "1.png"
    before = kept.stat().st_mtime_ns
    shutil.rmtree(out / "b")
    assert uebench(*command).code == 0
    assert (copies(out), (out / "protected.json").read_bytes()) == (whole, manifest)
    assert kept.stat().st_mtime_ns == before


def test_copies_that_are_not_protected_are_an_error(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source = photos({"a": 3, "b": 3})
    answer = uebench("protect", source, tmp_path / "out", "--method", "random(eps=0.1/255)", *SMOKE)
    assert answer.code == 1
    assert "changed no image under preset 'smoke', so none is protected" in answer.err.splitlines()[-1]
    assert answer.err.endswith(f"; delete {tmp_path / 'out'}, whose copies are not protected\n")
    assert uebench("protect", source, tmp_path / "clean", "--method", "clean", *SMOKE).code == 0


def test_photographs_that_are_not_changed_are_counted(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "import torch\n"
        "from uebench.plugins.base import Budget, Config, Info, Method\n\n\n"
        "class Mine(Method[Config]):\n"
        '    name = "mine"\n    version = 1\n    info = Info(title="Changes the first photograph")\n'
        "    Config = Config\n\n"
        "    def budget(self, size):\n        return Budget('linf', 8 / 255)\n\n"
        "    def fit(self, train, ctx):\n        pass\n\n"
        "    def perturb(self, batch, ctx):\n"
        "        first = (batch.index == 0).float()[:, None, None, None]\n"
        "        return (batch.images + torch.where(batch.images < 0.5, 4, -4) / 255 * first).clamp(0, 1)\n"
    )
    command = ("protect", photos({"a": 2, "b": 2}), tmp_path / "out", "--method", "mine", *SMOKE)
    answer = uebench(*command, "--plugin", tmp_path / "mine.py")
    assert answer.code == 0, answer.err
    assert answer.err.endswith("; 3 of 4 are unchanged, so not protected\n")
    whole = uebench("protect", tmp_path / "faces", tmp_path / "whole", "--method", "random", *SMOKE)
    assert "unchanged" not in whole.err


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


def test_photographs_of_one_person_need_no_folder_of_their_own(
    uebench: Command, photos: Photos, tmp_path: Path
) -> None:
    answer = uebench("protect", photos({"me": 2}) / "me", tmp_path / "out", "--method", "random", *SMOKE)
    assert answer.code == 0, answer.err
    assert answer.err.splitlines()[-1].startswith(f"uebench: {tmp_path / 'out'}: 2 photographs of 1 identity, 32 px")
    assert list(copies(tmp_path / "out")) == ["0.png", "1.png"]


@pytest.mark.parametrize("train", ["train", "train_clean"])
def test_of_a_folder_with_a_split_the_training_photographs_are_the_folder_to_pass(
    uebench: Command, photos: Photos, tmp_path: Path, train: str
) -> None:
    test = train.replace("train", "test")
    source, out = photos({f"{train}/a": 2, f"{train}/b": 2, f"{test}/a": 1, f"{test}/b": 1}), tmp_path / "out"
    answer = uebench("protect", source, out, "--method", "random", *SMOKE)
    assert answer.code == 3
    assert f"pass {source / train} instead of {source}" in answer.complaint
    assert "remove" not in answer.complaint
    assert uebench("protect", source / train, out, "--method", "random", *SMOKE).code == 0
    assert len(copies(out)) == 4


def test_a_folder_inside_the_folder_of_an_identity_is_named_and_not_left_out(
    uebench: Command, photos: Photos, tmp_path: Path
) -> None:
    source = photos({"a": 2, "a/holiday": 3, "b": 2})
    answer = uebench("protect", source, tmp_path / "out", "--method", "random", *SMOKE)
    assert answer.code == 3
    assert f"{source / 'a' / 'holiday'}: lies in the folder of one identity" in answer.complaint
    assert "remove" not in answer.complaint


def test_a_request_that_cannot_be_served_says_why_in_one_line(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2, "d": 2}), tmp_path / "out"

    def refused(code: int, complaint: str, *args: object, folder: Path = source, target: Path = out) -> None:
        answer = uebench("protect", folder, target, *SMOKE, *(args or ("--method", "random")))
        assert (answer.code, complaint in answer.complaint) == (code, True), answer.err
        assert not copies(out)

    refused(3, "absent: no such folder", folder=tmp_path / "absent")
    refused(3, "empty: no image in it; pass a folder of photographs", folder=photos({"": 0}, name="empty"))
    refused(2, "lies in", target=source / "out")
    refused(2, "3 identities; a code of 1 bits", "--method", "segue(code_bits=1)")
    refused(2, "unknown method 'seque'", "--method", "seque")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "letter.txt").write_text("mine")
    refused(2, "full: is not empty; choose a new folder", target=tmp_path / "full")
    refused(4, "letter.txt: cannot be used", target=tmp_path / "full" / "letter.txt")
    Image.new("RGB", (40, 40)).save(source / "a" / "0.jpg")
    refused(3, "two photographs are named '0'; rename one")
    (source / "a" / "0.jpg").rename(source / "lost.jpg")
    refused(3, "lost.jpg: lies beside the folders of identities")
    (source / "lost.jpg").unlink()
    (source / "c").mkdir()
    refused(3, "c: no image in it")
    (source / "c").rmdir()
    (source / "b" / "1.png").unlink()
    (source / "b" / "1.png").symlink_to(tmp_path / "absent.png")
    refused(3, "1.png: is a link, and protect does not follow links")
    (source / "b" / "1.png").unlink()
    (source / "b" / "1.png").write_text("a letter")
    answer = uebench("protect", source, out, "--method", "random", *SMOKE)
    assert answer.code == 3
    assert "1.png: not a supported image" in answer.err


def test_what_another_request_made_is_left_alone(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    assert uebench("protect", source, out, "--method", "random", *SMOKE).code == 0
    before = copies(out)
    answer = uebench("protect", source, out, "--method", "random(eps=4/255)", *SMOKE)
    assert answer.code == 2
    assert "holds no images of these photographs with these options and code; choose" in answer.complaint
    assert copies(out) == before


def test_a_call_that_failed_before_its_first_copy_leaves_a_folder_that_can_be_used(
    uebench: Command, photos: Photos, tmp_path: Path
) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    (source / "b" / "1.png").write_bytes(b"damaged")
    command = ("protect", source, out, "--method", "random", *SMOKE)
    assert uebench(*command).code == 3
    assert [file.name for file in out.rglob("*")] == ["protected.json"]
    (source / "b" / "1.png").unlink()
    answer = uebench(*command)
    assert answer.code == 0, answer.err
    assert len(copies(out)) == 3


def test_copies_have_none_of_the_metadata_of_their_photographs(
    uebench: Command, photos: Photos, tmp_path: Path
) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    exif = Image.Exif()
    exif[0x010F] = "Maker of the camera"
    Image.new("RGB", (40, 40), "red").save(source / "a" / "0.png", exif=exif)
    assert uebench("protect", source, out, "--method", "random", *SMOKE).code == 0
    assert b"Maker of the camera" in (source / "a" / "0.png").read_bytes()
    with Image.open(out / "a" / "0.png") as copy:
        assert not copy.getexif()
        assert copy.info == {}


def test_a_photograph_that_changed_since_is_another_request(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    command = ("protect", source, out, "--method", "random", *SMOKE)
    assert uebench(*command).code == 0
    Image.new("RGB", (40, 40), "red").save(source / "a" / "0.png")
    assert "holds no images of these photographs with these options and code" in uebench(*command).complaint


@pytest.mark.parametrize("instead", ["black", "clean", "photograph"])
def test_a_copy_that_is_no_protection_of_todays_photograph_is_named(
    uebench: Command, photos: Photos, tmp_path: Path, instead: str
) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    command = ("protect", source, out, "--method", "random", *SMOKE)
    assert uebench(*command).code == 0
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
    answer = uebench(*command)
    assert answer.code == 3
    changed = f"{copy}: this copy or its photograph {photograph} has changed; delete the copy and run again"
    assert changed in answer.err.splitlines()[-1]
    copy.unlink()
    assert uebench(*command).code == 0
    assert copies(out) == whole


def test_a_copy_that_the_manifest_does_not_know_is_made_anew(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    command = ("protect", source, out, "--method", "random", *SMOKE)
    assert uebench(*command).code == 0
    whole, manifest = copies(out), json.loads((out / "protected.json").read_text())
    del manifest["copies"]["a/1.png"]
    (out / "protected.json").write_text(json.dumps(manifest))
    Image.new("RGB", (32, 32)).save(out / "a" / "1.png")
    assert uebench(*command).code == 0
    assert copies(out) == whole


def test_copies_by_other_code_of_the_same_method_are_left_alone(
    uebench: Command, photos: Photos, tmp_path: Path
) -> None:
    source, out, plugin = photos({"a": 2, "b": 2}), tmp_path / "out", tmp_path / "stripes.py"
    shutil.copy(ROOT / "docs" / "example_plugin.py", plugin)
    command = ("protect", source, out, "--plugin", plugin, "--method", "stripes", *SMOKE)
    assert uebench(*command).code == 0
    before = copies(out)
    (out / "b" / "1.png").unlink()
    plugin.write_text(plugin.read_text().replace("return ", "return -", 1))
    answer = uebench(*command)
    assert (answer.code, "with these options and code; choose a new folder" in answer.complaint) == (2, True)
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


def test_the_manifest_of_another_version_is_resumed(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    command = ("protect", source, out, "--method", "random", *SMOKE)
    assert uebench(*command).code == 0
    whole, file = (out / "protected.json").read_bytes(), out / "protected.json"
    manifest = json.loads(whole)
    known = {name: manifest[name] for name in ("request", "copies", "identities")}
    file.write_text(json.dumps(known | {"a_later_name": 1}))
    before = (out / "a" / "1.png").stat().st_mtime_ns
    assert uebench(*command).code == 0
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


def test_the_manifest_tells_nobody_the_digest_of_a_photograph(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    uebench("protect", source, out, "--method", "random", *SMOKE)
    text = (out / "protected.json").read_text()
    assert not any(content_digest(file) in text for file in source.rglob("*.png"))


def test_what_is_left_out_is_counted_and_the_first_is_named(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source = photos({"a": 2, "b": 2})
    (source / "a" / "note.txt").write_text("mine")
    (source / "a" / ".hidden").write_text("mine")
    (source / "b" / "x.gif").write_text("mine")
    (source / "_later").mkdir()
    answer = uebench("protect", source, tmp_path / "out", "--method", "random", *SMOKE)
    assert "uebench: left out: 3 items with another suffix or a leading underscore, such as _later" in answer.err
    (source / "_later").rmdir()
    (source / "b" / "x.gif").unlink()
    answer = uebench("protect", source, tmp_path / "out2", "--method", "random", *SMOKE, "--json")
    assert answer.json["left_out"] == ["a/note.txt"]
    assert "left out: 1 item with another suffix or a leading underscore, such as a/note.txt" in answer.err


@pytest.mark.parametrize("place", ["photograph", "identity"])
def test_links_lead_no_photograph_into_the_copies(uebench: Command, photos: Photos, tmp_path: Path, place: str) -> None:
    source, other = photos({"a": 2, "b": 2}), photos({"c": 2}, name="elsewhere")
    link = source / "a" / "9.png" if place == "photograph" else source / "c"
    link.symlink_to(other / "c" / "0.png" if place == "photograph" else other / "c")
    answer = uebench("protect", source, tmp_path / "out", "--method", "random", *SMOKE)
    assert (answer.code, f"{link}: is a link, and protect does not follow links" in answer.complaint) == (3, True)
    assert not (tmp_path / "out").exists()


def test_no_copy_is_written_through_a_link(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out, other = photos({"a": 2, "b": 2}), tmp_path / "out", tmp_path / "elsewhere"
    command = ("protect", source, out, "--method", "random", *SMOKE)
    assert uebench(*command).code == 0
    shutil.rmtree(out / "a")
    other.mkdir()
    (out / "a").symlink_to(other)
    answer = uebench(*command)
    assert (answer.code, f"{out / 'a'}: is a link, which uebench does not write through" in answer.complaint) == (
        2,
        True,
    )
    assert not list(other.iterdir())


def test_an_identity_cannot_have_the_name_of_the_manifest(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    answer = uebench("protect", photos({"protected.json": 2, "b": 2}), tmp_path / "out", "--method", "random", *SMOKE)
    assert answer.code == 3
    assert "protected.json: has the name of the file that describes the copies; rename the folder" in answer.complaint


@pytest.mark.timeout(60)
def test_a_pipe_among_the_photographs_or_in_the_place_of_the_manifest_is_named(
    uebench: Command, photos: Photos, tmp_path: Path
) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "protected.json")
    answer = uebench("protect", source, out, "--method", "random", *SMOKE)
    assert (answer.code, "out: cannot be used (a named pipe, not a file)" in answer.complaint) == (4, True)
    (source / "a" / "0.png").unlink()
    os.mkfifo(source / "a" / "0.png")
    answer = uebench("protect", source, tmp_path / "other", "--method", "random", *SMOKE)
    assert answer.code == 3
    assert f"{source / 'a' / '0.png'}: cannot be read (a named pipe, not a file)" in answer.err


@pytest.mark.parametrize("content", ["[" * 100_000, '{"request": 1}', "[]", "", "\0"])
def test_a_manifest_that_is_none_is_one_line(uebench: Command, photos: Photos, tmp_path: Path, content: str) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    out.mkdir()
    (out / "protected.json").write_text(content)
    answer = uebench("protect", source, out, "--method", "random", *SMOKE)
    assert (answer.code, "choose a new folder" in answer.complaint) == (2, True)


def test_a_target_that_cannot_be_created_is_not_called_full(uebench: Command, photos: Photos) -> None:
    answer = uebench("protect", photos({"a": 2, "b": 2}), "/proc/x", "--method", "random", *SMOKE)
    assert (answer.code, "/proc/x: cannot be used (" in answer.complaint) == (4, True)


def test_a_target_that_is_a_link_to_itself_is_one_line(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "out")
    answer = uebench("protect", photos({"a": 2, "b": 2}), tmp_path / "out", "--method", "random", *SMOKE)
    assert answer.code in (2, 4)
    assert f"{tmp_path / 'out'}: cannot be used" in answer.complaint
