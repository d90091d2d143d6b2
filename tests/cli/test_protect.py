from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Command
from uebench.data.images import read_image
from uebench.store.store import Store

Photos = Callable[..., Path]
SMOKE = ("--preset", "smoke")


def copies(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.png"))}


@pytest.mark.parametrize("method", ["random", "ue(rounds=1)", "segue(weights=none, epochs=1)"])
def test_copies_are_the_protected_set_of_a_run(uebench: Command, photos: Photos, tmp_path: Path, method: str) -> None:
    """The referee's own set, of the same photographs, is what an attacker would be trained on."""
    source = photos({"train/a": 5, "train/b": 4, "test/a": 1, "test/b": 1})
    answer = uebench("protect", source / "train", tmp_path / "out", "--method", method, *SMOKE, "--json")
    assert answer.code == 0, answer.err
    (record,) = uebench("audit", "--data", source, "--method", method, *SMOKE, "--json").json
    kept = Store(tmp_path / "results").read_protected(record["protect_key"])
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
    refused(3, "1.png: is a link, which protect does not follow")
    (source / "b" / "1.png").unlink()
    (source / "b" / "1.png").write_text("a letter")
    answer = uebench("protect", source, out, "--method", "random", *SMOKE)
    assert answer.code == 3
    assert "1.png: not an image" in answer.err


def test_what_another_request_made_is_left_alone(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    assert uebench("protect", source, out, "--method", "random", *SMOKE).code == 0
    before = copies(out)
    answer = uebench("protect", source, out, "--method", "random(eps=4/255)", *SMOKE)
    assert answer.code == 2
    assert "holds the result of a different request; choose a new folder" in answer.complaint
    assert copies(out) == before


def test_a_photograph_that_changed_since_is_another_request(uebench: Command, photos: Photos, tmp_path: Path) -> None:
    source, out = photos({"a": 2, "b": 2}), tmp_path / "out"
    command = ("protect", source, out, "--method", "random", *SMOKE)
    assert uebench(*command).code == 0
    Image.new("RGB", (40, 40), "red").save(source / "a" / "0.png")
    assert "holds the result of a different request" in uebench(*command).complaint
