from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import uebench as library
from tests.conftest import TINY, Command
from tests.metrics.test_detection import FACES, LABELS
from uebench.data.dataset import load
from uebench.plugins.registry import Registry

CLASSWISE = "random(noise=classwise)"


@pytest.fixture
def faces(tmp_path: Path) -> Path:
    """Write photographs of four made-up people."""
    for number, image in enumerate(FACES):
        file = tmp_path / "faces" / "abcd"[LABELS[number]] / f"{number}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image.transpose(1, 2, 0)).save(file)
    return tmp_path / "faces"


@pytest.fixture
def detect(uebench: Command, faces: Path) -> Command:
    """Look at sets of these photographs."""
    return lambda *args: uebench("detect", "--preset", "smoke", "--data", faces, *args)


def test_methods_are_told_apart_in_a_table_and_a_sentence_each(detect: Command, tmp_path: Path) -> None:
    answer = detect("--method", CLASSWISE, "--method", "clean")
    assert answer.code == 0, answer.err
    assert "faces: 56 images of 4 people, chance 25.0%" in answer.out
    assert "100.0 [93.6, 100.0]" in answer.out
    poisoned, clean = answer.out.strip().splitlines()[-2:]
    assert poisoned.startswith(f"{CLASSWISE} on faces: poisoned. ")
    assert clean.startswith("clean on faces: not detected. ")
    assert not list((tmp_path / "results").glob("cells/*/*"))


def test_a_set_is_found_by_the_key_of_a_cell_or_by_its_own(uebench: Command, detect: Command, faces: Path) -> None:
    run = ("run", "--preset", "smoke", "--data", faces, "--method", CLASSWISE, "--attacker")
    (cell,) = uebench(*run, "timm(model=test_resnet, epochs=1)", "--json").json
    rows = detect("--method", CLASSWISE, "--json").json["rows"]
    assert {row["verdict"] for row in rows} == {"poisoned"}
    for key in ("key", "protect_key"):
        assert uebench("detect", cell["record"][key][:12], "--data", faces, "--json").json["rows"] == rows
    answer = uebench("detect", cell["record"]["key"][:12])
    assert answer.code == 2
    assert "records keep no path; name the folder with the photographs of 'faces'" in answer.complaint


def test_a_set_of_others_is_looked_at_beside_methods(detect: Command, faces: Path, tmp_path: Path) -> None:
    clean = load(str(faces), 32, Registry()).train
    noise = np.random.default_rng(0).integers(-8, 9, (4, *clean.images.shape[1:]))
    np.save(tmp_path / "ours.npy", (clean.images + noise[clean.labels]).clip(0, 255).astype(np.uint8))
    rows = detect("--protected", f"ours={tmp_path / 'ours.npy'}", "--method", "random", "--json").json["rows"]
    assert {row["set"]: row["verdict"] for row in rows} == {"ours": "poisoned", "random": "not detected"}
    np.save(tmp_path / "wrong.npy", clean.images[::-1])
    answer = detect("--protected", f"ours={tmp_path / 'wrong.npy'}")
    assert answer.code == 3
    assert "they are in reverse order" in answer.complaint


def test_remarks_about_a_set_of_others_are_notes_and_in_python_warnings(
    detect: Command, faces: Path, tmp_path: Path
) -> None:
    clean = load(str(faces), 32, Registry()).train.images
    noise = np.random.default_rng(0).integers(-8, 9, clean.shape).astype(np.int16)
    np.save(tmp_path / "noise.npy", noise)
    remark = "protected 'noise': the order of perturbations cannot be checked"
    answer = detect("--protected", f"noise={tmp_path / 'noise.npy'}", "--json")
    assert answer.code == 0, answer.err
    assert f"uebench: {remark}" in answer.err
    with pytest.warns(UserWarning, match=remark) as caught:
        library.detect(protected={"noise": noise}, data=faces, preset="smoke", results=tmp_path / "results")
    assert {one.filename for one in caught} == {__file__}


def test_patterns_that_everybody_can_tell_apart_leave_nothing_to_detect(uebench: Command) -> None:
    answer = uebench("detect", "--preset", "smoke", "--data", TINY, "--method", "lsp")
    assert answer.code == 0, answer.err
    assert "lsp on synthetic3: cannot tell. The networks recognise all of the clean photographs, too" in answer.out


def test_images_of_one_photograph_are_counted_together(uebench: Command) -> None:
    data = "orl_varied(identities=3, copies=4, test_copies=1)"
    answer = uebench("detect", "--preset", "smoke", "--data", data, "--method", CLASSWISE)
    assert answer.code == 0, answer.err
    assert "orl_varied3: 84 images of 21 photographs of 3 people, chance 33.3%" in answer.out


@pytest.mark.parametrize(
    ("args", "code", "complaint"),
    [
        ((), 2, "no set named; give the key of a cell or of a protected set, a method, or protected"),
        (("abcd", "--method", "lsp"), 2, "key 'abcd': names the set; leave out method, protected and a second data"),
        (("abcd",), 2, "'abcd': no record in "),
        (("--method", "seque"), 2, "unknown method 'seque'; did you mean 'segue'?"),
        (("--protected", "ours"), 2, "protected 'ours': write NAME=PATH"),
        (("--method", "lsp", "--format", "pdf"), 2, "pdf"),
        (("--method", "segue(code_bits=1)", "--data", TINY), 1, "3 identities; a code of 1 bits names 2"),
        (("--method", "lsp", "--data", "./absent"), 3, "absent: no such folder"),
    ],
)
def test_what_cannot_be_looked_at_is_one_line(
    uebench: Command, args: tuple[str, ...], code: int, complaint: str
) -> None:
    answer = uebench("detect", "--preset", "smoke", *args)
    assert answer.code == code
    assert complaint in answer.complaint
    assert not answer.out


def test_a_file_is_no_key(uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ours.npy").write_bytes(b"")
    answer = uebench("detect", "ours.npy")
    assert (answer.code, answer.out) == (2, "")
    assert (
        "ours.npy: is a file, not a key; give a set made by other code as --protected NAME=ours.npy" in answer.complaint
    )
