from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import Command
from uebench.data import cache
from uebench.plugins.base import Split


@pytest.fixture
def lfw(photos: Callable[..., Path]) -> Path:
    return photos({f"lfw/{name}": 40 for name in "abcdefghijk"}, size=(4, 4))


def test_list_says_sizes_layout_terms_and_page(uebench: Command) -> None:
    out = uebench("data", "list").out
    for text in ("webface50", "6500 train and 1300 test images", "RAW/img_align_celeba/*.jpg", "image-net.org"):
        assert text in out
    rows = {row["name"]: row for row in uebench("data", "list", "--json").json["sets"]}
    assert (rows["celeba10"]["train_images"], rows["celeba10"]["test_images"]) == (200, 100)
    assert [name for name, row in rows.items() if row["download"]] == ["cifar10", "lfw"]


def test_what_was_built_is_verified_and_run(uebench: Command, lfw: Path, tmp_path: Path) -> None:
    out = tmp_path / "mine"
    answer = uebench("data", "build", "lfw", "--from", lfw, "--out", out)
    assert answer.code == 0
    assert answer.out == f"{out}: lfw, seed 0, 10 identities, 300 train and 100 test images\n"
    assert uebench("data", "verify", out).out == answer.out + (
        "mine: 0 of 100 test photographs repeat a training photograph; 0 of 300 training photographs repeat another\n"
    )
    assert "already built, verified" in uebench("data", "build", "lfw", "--from", lfw, "--out", out).err
    run = uebench("run", "--preset", "smoke", "--data", out, "--method", "lsp", "--attacker", "resnet18", "--dry-run")
    assert run.code == 0
    (out / "train" / "3" / "0007.png").unlink()
    answer = uebench("data", "verify", out)
    assert answer.code == 3
    assert "0007.png: cannot be read" in answer.complaint


@pytest.mark.parametrize(
    ("args", "code", "complaint"),
    [
        (("celeba", "--from", "."), 2, "unknown set 'celeba'; did you mean 'celeba10'?"),
        (("webface10", "--from", "absent"), 3, "absent: no such folder, expected RAW/<identity>/*.jpg; download CASIA"),
        (("celeba10", "--from", "."), 3, "expected RAW/img_align_celeba/*.jpg and RAW/identity_CelebA.txt"),
        (("cifar10", "--from", "."), 3, "or set allow_download"),
        (("vggface10", "--from", ".", "--allow-download"), 2, "request VGGFace2 from its authors: https://www.robots"),
    ],
)
def test_a_build_that_cannot_be_done_says_why_in_one_line(
    uebench: Command, tmp_path: Path, args: tuple[str, ...], code: int, complaint: str
) -> None:
    answer = uebench("data", "build", *args, "--out", tmp_path / "out")
    assert answer.code == code
    assert complaint in answer.complaint
    assert not (tmp_path / "out").exists()


def test_an_unwritable_place_is_said(uebench: Command, lfw: Path) -> None:
    answer = uebench("data", "build", "lfw", "--from", lfw, "--out", "/dev/null/set")
    assert answer.code == 4
    assert "out /dev/null/set: cannot be used" in answer.complaint


def test_the_cache_is_shown_and_deleted(uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "cache"
    monkeypatch.setenv("UEBENCH_CACHE", str(folder))
    assert uebench("data", "cache").out == f"{folder}: 0 decoded data sets, 0.0 MB\n"
    split = Split(np.zeros((100, 3, 32, 32), np.uint8), np.zeros(100, np.int64))
    cache.keep(folder, "0" * 64, cache.Description.of(split, split), split, split)
    assert uebench("data", "cache").out == f"{folder}: 1 decoded data set, 0.6 MB\n"
    assert uebench("data", "cache", "--json").json["sets"] == 1
    assert uebench("data", "cache", "--clear").out == f"{folder}: 0 decoded data sets, 0.0 MB\n"
    assert not folder.exists()
    monkeypatch.setenv("UEBENCH_CACHE", "none")
    assert uebench("data", "cache").out.startswith("no cache")
    monkeypatch.setenv("UEBENCH_CACHE", "/dev/null")
    answer = uebench("data", "cache")
    assert (answer.code, "cache /dev/null: cannot be read" in answer.complaint) == (4, True)


@pytest.mark.timeout(60)
def test_a_pipe_in_the_place_of_a_photograph_is_named_and_never_waited_for(
    uebench: Command, lfw: Path, photos: Callable[..., Path], tmp_path: Path
) -> None:
    out = tmp_path / "mine"
    assert uebench("data", "build", "lfw", "--from", lfw, "--out", out).code == 0
    plain = photos({"a": 3, "b": 3}, name="plain")
    for file in (out / "train" / "3" / "0007.png", plain / "a" / "0.png", *(lfw / "lfw").rglob("7.png")):
        file.unlink()
        os.mkfifo(file)
    for command in (
        ("data", "verify", out),
        ("data", "verify", plain),
        ("data", "build", "lfw", "--from", lfw, "--out", tmp_path / "other"),
        ("run", "--preset", "smoke", "--data", plain, "--method", "lsp", "--attacker", "resnet18", "--dry-run"),
    ):
        answer = uebench(*command)
        assert (answer.code, "cannot be read (a named pipe, not a file)" in answer.complaint) == (3, True)


def test_a_manifest_of_brackets_is_damaged(uebench: Command, photos: Callable[..., Path]) -> None:
    root = photos({"a": 3, "b": 3})
    (root / "manifest.json").write_text("[" * 100_000)
    answer = uebench("data", "verify", root)
    assert (answer.code, "manifest.json: damaged" in answer.complaint) == (3, True)


@pytest.mark.parametrize("content", ['{"name": "My photographs", "version": 3}', "[1, 2]"])
def test_a_manifest_of_another_program_is_left_alone(
    uebench: Command, photos: Callable[..., Path], content: str
) -> None:
    root = photos({"a": 3, "b": 3})
    (root / "manifest.json").write_text(content)
    answer = uebench("data", "verify", root)
    assert answer.code == 0, answer.err
    assert "0 of 2 test photographs repeat" in answer.out


def test_nobody_is_told_to_delete_a_folder_with_a_damaged_manifest(
    uebench: Command, photos: Callable[..., Path]
) -> None:
    root = photos({"a": 3, "b": 3})
    (root / "manifest.json").write_text('{"builder": "lfw", "files": []}')
    answer = uebench("data", "verify", root)
    assert answer.code == 3
    assert answer.complaint.endswith("damaged (content and digest differ); build the set again in another folder")


def test_a_set_is_not_built_at_a_link_to_itself(uebench: Command, lfw: Path, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    answer = uebench("data", "build", "lfw", "--from", lfw, "--out", tmp_path / "loop")
    assert (answer.code, "choose another folder" in answer.complaint) == (4, True)
