from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Command, Photos, copies
from tests.plugin_files import BUDGET, plugin_file
from uebench.data.images import read_image
from uebench.hashing import file_digest
from uebench.store.store import Store


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("method", ["random", "ue(rounds=1)", "segue(weights=none, epochs=1, lr_g=0.1)"])
def test_copies_are_the_protected_set_of_a_run(
    protect: Command, uebench: Command, photos: Photos, tmp_path: Path, method: str
) -> None:
    """The referee's own set, of the same photographs, is what an attacker would be trained on."""
    source = photos({"train/a": 5, "train/b": 4, "test/a": 1, "test/b": 1})
    answer = protect(source / "train", tmp_path / "out", "--method", method, "--json")
    assert answer.code == 0, answer.err
    (record,) = uebench("audit", "--data", source, "--method", method, "--preset", "smoke", "--json").json
    kept = Store(tmp_path / "results").sets.read(record["protect_key"])
    assert kept is not None
    files = [Path(who, f"{n}.png") for who, count in (("a", 5), ("b", 4)) for n in range(count)]
    for file, delta in zip(files, kept.delta, strict=True):
        clean = read_image(source / "train" / file, 32).astype(np.int16)
        assert np.array_equal(read_image(tmp_path / "out" / file, 32) - clean, delta)
    assert answer.json == json.loads((tmp_path / "out" / "protected.json").read_text())
    assert answer.json["audit"] == {name: record["audit"][name] for name in answer.json["audit"]}
    assert answer.json["identities"] == {"a": 0, "b": 1}


def test_copies_that_are_not_protected_are_an_error(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source = photos({"a": 3, "b": 3})
    answer = protect(source, tmp_path / "out", "--method", "random(eps=0.1/255)")
    assert answer.code == 1
    assert "changed no image under preset 'smoke', so none is protected" in answer.err.splitlines()[-1]
    assert answer.err.endswith(f"; delete {tmp_path / 'out'}, whose copies are not protected\n")
    assert protect(source, tmp_path / "clean", "--method", "clean").code == 0


def test_photographs_that_are_not_changed_are_counted(protect: Command, photos: Photos, tmp_path: Path) -> None:
    body = """
def perturb(self, batch, ctx):
    first = (batch.index == 0).float()[:, None, None, None]
    return (batch.images + torch.where(batch.images < 0.5, 4, -4) / 255 * first).clamp(0, 1)
"""
    plugin = plugin_file(tmp_path / "mine.py", BUDGET + body)
    answer = protect(photos({"a": 2, "b": 2}), tmp_path / "out", "--method", "mine", "--plugin", plugin)
    assert answer.code == 0, answer.err
    assert answer.err.endswith("; 3 of 4 are unchanged, so not protected\n")
    whole = protect(tmp_path / "faces", tmp_path / "whole")
    assert "unchanged" not in whole.err


def test_photographs_of_one_person_need_no_folder_of_their_own(
    protect: Command, photos: Photos, tmp_path: Path
) -> None:
    answer = protect(photos({"me": 2}) / "me", tmp_path / "out")
    assert answer.code == 0, answer.err
    assert answer.err.splitlines()[-1].startswith(f"uebench: {tmp_path / 'out'}: 2 photographs of 1 identity, 32 px")
    assert list(copies(tmp_path / "out")) == ["0.png", "1.png"]


@pytest.mark.parametrize("train", ["train", "train_clean"])
def test_of_a_folder_with_a_split_the_training_photographs_are_the_folder_to_pass(
    protect: Command, photos: Photos, tmp_path: Path, train: str
) -> None:
    test = train.replace("train", "test")
    source, out = photos({f"{train}/a": 2, f"{train}/b": 2, f"{test}/a": 1, f"{test}/b": 1}), tmp_path / "out"
    answer = protect(source, out)
    assert f"pass {source / train} instead of {source}" in answer.refusal(3)
    assert "remove" not in answer.complaint
    assert protect(source / train, out).code == 0
    assert len(copies(out)) == 4


def test_a_folder_inside_the_folder_of_an_identity_is_named_and_not_left_out(
    protect: Command, photos: Photos, tmp_path: Path
) -> None:
    source = photos({"a": 2, "a/holiday": 3, "b": 2})
    answer = protect(source, tmp_path / "out")
    assert f"{source / 'a' / 'holiday'}: lies in the folder of one identity" in answer.refusal(3)
    assert "remove" not in answer.complaint


def test_a_request_that_cannot_be_served_says_why_in_one_line(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2, "d": 2}), tmp_path / "out"

    def refused(code: int, complaint: str, *args: object, folder: Path = source, target: Path = out) -> None:
        answer = protect(folder, target, *args)
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
    answer = protect(source, out)
    assert answer.code == 3
    assert "1.png: not a supported image" in answer.err


def test_copies_have_none_of_the_metadata_of_their_photographs(
    protect: Command, photos: Photos, tmp_path: Path
) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    exif = Image.Exif()
    exif[0x010F] = "Maker of the camera"
    Image.new("RGB", (40, 40), "red").save(source / "a" / "0.png", exif=exif)
    assert protect(source, out).code == 0
    assert b"Maker of the camera" in (source / "a" / "0.png").read_bytes()
    with Image.open(out / "a" / "0.png") as copy:
        assert not copy.getexif()
        assert copy.info == {}


def test_the_manifest_tells_nobody_the_digest_of_a_photograph(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    protect(source, out)
    text = (out / "protected.json").read_text()
    assert not any(file_digest(file) in text for file in source.rglob("*.png"))


def test_what_is_left_out_is_counted_and_the_first_is_named(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source = photos({"a": 2, "b": 2})
    (source / "a" / "note.txt").write_text("mine")
    (source / "a" / ".hidden").write_text("mine")
    (source / "b" / "x.gif").write_text("mine")
    (source / "_later").mkdir()
    answer = protect(source, tmp_path / "out")
    assert "uebench: left out: 3 items with another suffix or a leading underscore, such as _later" in answer.err
    (source / "_later").rmdir()
    (source / "b" / "x.gif").unlink()
    answer = protect(source, tmp_path / "out2", "--json")
    assert answer.json["left_out"] == ["a/note.txt"]
    assert "left out: 1 item with another suffix or a leading underscore, such as a/note.txt" in answer.err


@pytest.mark.parametrize("place", ["photograph", "identity"])
def test_links_lead_no_photograph_into_the_copies(protect: Command, photos: Photos, tmp_path: Path, place: str) -> None:
    source, other = photos({"a": 2, "b": 2}), photos({"c": 2}, name="elsewhere")
    link = source / "a" / "9.png" if place == "photograph" else source / "c"
    link.symlink_to(other / "c" / "0.png" if place == "photograph" else other / "c")
    answer = protect(source, tmp_path / "out")
    assert f"{link}: is a link, and protect does not follow links" in answer.refusal(3)
    assert not (tmp_path / "out").exists()


def test_no_copy_is_written_through_a_link(protect: Command, photos: Photos, tmp_path: Path) -> None:
    source, out, other = photos({"a": 2, "b": 2}), tmp_path / "out", tmp_path / "elsewhere"
    assert protect(source, out).code == 0
    shutil.rmtree(out / "a")
    other.mkdir()
    (out / "a").symlink_to(other)
    answer = protect(source, out)
    assert f"{out / 'a'}: is a link, which uebench does not write through" in answer.refusal(2)
    assert not list(other.iterdir())


def test_an_identity_cannot_have_the_name_of_the_manifest(protect: Command, photos: Photos, tmp_path: Path) -> None:
    answer = protect(photos({"protected.json": 2, "b": 2}), tmp_path / "out")
    assert "protected.json: has the name of the file that describes the copies; rename the folder" in answer.refusal(3)


@pytest.mark.timeout(60)
def test_a_pipe_among_the_photographs_or_in_the_place_of_the_manifest_is_named(
    protect: Command, photos: Photos, tmp_path: Path
) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    out.mkdir()
    os.mkfifo(out / "protected.json")
    answer = protect(source, out)
    assert "out: cannot be used (a named pipe, not a file)" in answer.refusal(4)
    (source / "a" / "0.png").unlink()
    os.mkfifo(source / "a" / "0.png")
    answer = protect(source, tmp_path / "other")
    assert answer.code == 3
    assert f"{source / 'a' / '0.png'}: cannot be read (a named pipe, not a file)" in answer.err


@pytest.mark.parametrize("content", ["[" * 100_000, '{"request": 1}', "[]", "", "\0"])
def test_a_manifest_that_is_none_is_one_line(protect: Command, photos: Photos, tmp_path: Path, content: str) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    out.mkdir()
    (out / "protected.json").write_text(content)
    answer = protect(source, out)
    assert "choose a new folder" in answer.refusal(2)


def test_a_target_that_cannot_be_created_is_not_called_full(protect: Command, photos: Photos) -> None:
    answer = protect(photos({"a": 2, "b": 2}), "/proc/x")
    assert "/proc/x: cannot be used (" in answer.refusal(4)


def test_a_target_that_is_a_link_to_itself_is_one_line(protect: Command, photos: Photos, tmp_path: Path) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "out")
    answer = protect(photos({"a": 2, "b": 2}), tmp_path / "out")
    assert answer.code in (2, 4)
    assert f"{tmp_path / 'out'}: cannot be used" in answer.complaint
