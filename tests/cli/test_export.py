"""A protected set as files: what they hold, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open

from tests.conftest import TINY, Command
from uebench.data.dataset import load
from uebench.plugins.registry import Registry
from uebench.store.store import Store


@pytest.fixture
def key(uebench: Command, tmp_path: Path) -> str:
    """Make a protected set and return the first digits of its key."""
    assert uebench("audit", "--preset", "smoke", "--data", TINY, "--method", "lsp").code == 0
    ((path, _),) = Store(tmp_path / "results").protections
    return path.stem[:10]


def test_a_file_holds_images_perturbations_labels_and_a_manifest(uebench: Command, key: str, tmp_path: Path) -> None:
    clean = load(TINY, 32, Registry()).train
    (_, record), *_ = Store(tmp_path / "results").protections
    assert record is not None
    told = uebench("export", key, "--to", tmp_path / "set.npz", "--json").json
    with np.load(tmp_path / "set.npz") as npz:
        assert (npz["images"] == clean.images + npz["perturbations"].astype(np.int16)).all()
        assert abs(npz["perturbations"]).max() == record.audit.max_levels
        assert npz["labels"].tolist() == clean.labels.tolist()
        assert json.loads(str(npz["manifest"])) == told
    assert told["protect_key"] == record.protect_key
    assert told["digest"] == record.protected_digest
    assert told["method"]["config"]["eps"] == 6 / 255
    assert told["data"]["name"] == "synthetic3"
    assert told["budget"]["norm"] == "l2"
    assert "research only" in told["photographs"]
    assert str(tmp_path) not in json.dumps(told)
    assert uebench("export", key, "--to", tmp_path / "set.safetensors").code == 0
    with safe_open(tmp_path / "set.safetensors", framework="np") as file:
        assert json.loads(file.metadata()["manifest"]) == told
        assert set(file.keys()) == {"images", "perturbations", "labels"}


def test_a_folder_holds_a_png_file_for_each_image(uebench: Command, key: str, tmp_path: Path) -> None:
    target = tmp_path / "set"
    assert "synthetic3" in uebench("export", key, "--to", target).err
    manifest = json.loads((target / "protected.json").read_text())
    assert manifest["identities"] == {"0": 0, "1": 1, "2": 2}
    images = np.stack([np.asarray(Image.open(target / str(row // 6) / f"{row}.png")) for row in range(18)])
    clean = load(TINY, 32, Registry()).train
    delta = np.load(target / "perturbations.npy").astype(np.int16)
    assert (images.transpose(0, 3, 1, 2) == clean.images + delta).all()
    assert np.load(target / "labels.npy").tolist() == clean.labels.tolist()
    other = tmp_path / "taken"
    other.mkdir()
    (other / "letter.txt").touch()
    assert "is not empty; choose a new folder" in uebench("export", key, "--to", other).complaint


def test_photographs_of_a_folder_are_needed_and_must_be_the_same(
    uebench: Command, photos: Callable[..., Path], tmp_path: Path
) -> None:
    faces = photos({"ann": 4, "bob": 4}, (32, 32))
    audit = ("audit", "--preset", "smoke", "--method", "lsp", "--data", f'folder(path="{faces}", train=0.5)')
    assert uebench(*audit).code == 0
    ((path, _),) = Store(tmp_path / "results").protections
    export = ("export", path.stem[:10], "--to", tmp_path / "set")
    assert "records keep no path; name the folder with the photographs of 'faces'" in uebench(*export).complaint
    others = photos({"ann": 4, "bob": 5}, (32, 32), "others")
    answer = uebench(*export, "--data", others)
    assert answer.code == 3
    assert "not the photographs of 'faces' from which the set was made" in answer.complaint
    faces = faces.rename(tmp_path / "faces (1)")
    assert uebench(*export, "--data", faces).code == 0
    names = sorted(file.relative_to(tmp_path / "set").as_posix() for file in (tmp_path / "set").glob("*/*.png"))
    assert len(names) == 4
    assert {name.split("/")[0] for name in names} == {"ann", "bob"}
    run = (
        "run",
        "--preset",
        "smoke",
        "--data",
        audit[-1].replace("faces", "faces (1)"),
        "--protected",
        f"ours={tmp_path / 'set'}",
        "--dry-run",
    )
    assert "natural order" not in uebench(*run, "--attacker", "resnet18").err


def test_what_is_not_there_or_cannot_be_written_is_said_in_one_line(uebench: Command, key: str, tmp_path: Path) -> None:
    assert "give a new folder, or a file that ends with .npz" in uebench("export", key, "--to", "set.mat").complaint
    assert "no record in" in uebench("export", "abcd1234", "--to", tmp_path / "set").complaint
    (tmp_path / "file").touch()
    answer = uebench("export", key, "--to", tmp_path / "file" / "set.npz")
    assert answer.code == 4
    assert "cannot be written" in answer.complaint
    for blob in (tmp_path / "results" / "blobs").rglob("*.safetensors"):
        blob.unlink()
    answer = uebench("export", key, "--to", tmp_path / "set.npz")
    assert answer.code == 4
    assert "only its record; compute it again" in answer.complaint


def test_a_cell_that_attacked_another_draw_of_its_set_is_refused(
    uebench: Command, tiny_run: Command, small_networks: None, tmp_path: Path
) -> None:
    assert tiny_run("--method", "lsp", "--attacker", "resnet18").code == 0
    store = Store(tmp_path / "results")
    ((_, cell),) = store.cells
    assert cell is not None
    assert uebench("export", cell.key[:10], "--to", tmp_path / "set.npz").code == 0
    made = store.sets.read(cell.protect_key)
    assert made is not None
    slower = replace(made, meta=made.meta.model_copy(update={"protect_seconds": 99.0}))
    store.sets.write(slower)
    assert uebench("export", cell.key[:10], "--to", tmp_path / "slower.npz").code == 0
    audit = made.meta.audit.model_copy(update={"l2_mean": made.meta.audit.l2_mean + 0.1})
    store.sets.write(replace(made, meta=made.meta.model_copy(update={"audit": audit})))
    for command in (("export", cell.key[:10], "--to", tmp_path / "again.npz"), ("detect", cell.key[:10])):
        answer = uebench(*command)
        assert answer.code == 4
        assert f"{cell.key[:10]!r}: its cell attacked a set that was made again since" in answer.complaint
        assert f"name the present set, {cell.protect_key[:12]}, or make the cell again" in answer.complaint
    assert uebench("export", cell.protect_key[:10], "--to", tmp_path / "again.npz").code == 0
