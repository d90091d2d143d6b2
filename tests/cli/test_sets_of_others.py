"""A protected set that others made takes part in a run, is looked at by an audit, and leaves as files."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import uebench as library
from tests.conftest import TINY, Answer, Command
from uebench.data.dataset import load
from uebench.errors import UsageError
from uebench.plugins.registry import Registry
from uebench.store.record import Record

pytestmark = pytest.mark.usefixtures("small_networks")

ATTACK = ("--attacker", "timm(model=test_resnet, epochs=2, batch=8)")
CLEAN = load(TINY, 32, Registry()).train
COUNT = len(CLEAN.labels)
NOISE = np.random.default_rng(0).integers(-16, 17, CLEAN.images.shape, dtype=np.int8)
IMAGES = (CLEAN.images + NOISE.astype(np.int16)).clip(0, 250).astype(np.uint8)
IMAGES[3, 0, 0, 0] = 251  # one pixel that is brighter than all others


@pytest.fixture
def audit(uebench: Command) -> Command:
    """Look at a file of images as the set ``ours``."""

    def call(file: Path, *args: object) -> Answer:
        return uebench("audit", "--preset", "smoke", "--data", TINY, "--protected", f"ours={file}", *args)

    return call


def written(folder: Path, images: NDArray[Any] = IMAGES) -> Path:
    np.save(folder / "set.npy", images)
    return folder / "set.npy"


def test_a_set_that_is_exported_and_fed_back_gives_the_methods_own_cell(
    uebench: Command, tiny_run: Command, tmp_path: Path
) -> None:
    (cell,) = tiny_run("--method", "random(eps=32/255)", *ATTACK, "--json").json
    own = Record.model_validate(cell["record"])
    assert uebench("export", own.key[:12], "--to", tmp_path / "set.npz").code == 0
    for target in ("set.safetensors", "folder"):
        assert uebench("export", own.protect_key[:12], "--to", tmp_path / target).code == 0
    with np.load(tmp_path / "set.npz") as made:
        np.save(tmp_path / "images.npy", made["images"].transpose(0, 2, 3, 1) / 255)
        torch.save(torch.tensor(made["perturbations"]) / 255, tmp_path / "noise.pt")
    files = {"a": "set.npz", "b": "images.npy", "c": "noise.pt", "d": "set.safetensors", "e": "folder"}
    sets = [part for name, file in files.items() for part in ("--protected", f"{name}={tmp_path / file}")]
    answer = tiny_run(*sets, "--method-seed", 0, "--method-seed", 1, *ATTACK, "--json")
    assert answer.code == 0, answer.err
    records = [Record.model_validate(cell["record"]) for cell in answer.json]
    assert [record.written["method"] for record in records] == list(files)
    for record in records:
        assert (record.counts, record.answers, record.curve) == (own.counts, own.answers, own.curve)
        assert record.audit.model_dump(exclude={"norm", "eps"}) == own.audit.model_dump(exclude={"norm", "eps"})
        assert record.audit.norm == "none"
        assert str(tmp_path) not in record.model_dump_json()
    remarks = [line for line in answer.err.splitlines() if "protected '" in line]
    assert [line.split(": ")[1] for line in remarks] == ["protected 'c'", "protected 'e'"]
    assert files.keys() <= set(uebench("compare").out.split())


def test_what_protect_wrote_is_matched_by_name_with_the_photographs_that_train(
    uebench: Command, photos: Callable[..., Path], tmp_path: Path
) -> None:
    faces = photos({"ann": 6, "bob": 6}, (32, 32))
    assert uebench("protect", faces, tmp_path / "copies", "--method", "lsp", "--preset", "smoke").code == 0
    run = ("run", "--preset", "smoke", "--data", faces, "--protected", f"ours={tmp_path / 'copies'}", *ATTACK, "--json")
    answer = uebench(*run)
    assert answer.code == 0, answer.err
    assert "4 of its 12 images are not training photographs and are left out" in answer.err
    assert answer.json[0]["record"]["audit"]["max_levels"] < 20


def test_the_key_follows_the_content_of_a_file_or_folder_and_not_its_name(tiny_run: Command, tmp_path: Path) -> None:
    def key(file: Path) -> str:
        (cell,) = tiny_run("--protected", f"ours={file}", *ATTACK, "--dry-run", "--json").json
        return str(cell["key"])

    first = written(tmp_path)
    other = first.rename(tmp_path / "other.npy")
    assert key(written(tmp_path)) == key(other)
    assert key(written(tmp_path, IMAGES ^ 1)) != key(other)
    for name in ("one", "two"):
        for row, image in enumerate(IMAGES):
            file = tmp_path / name / f"{row}.png"
            file.parent.mkdir(exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(file)
    (tmp_path / "two" / ".hidden").touch()
    assert key(tmp_path / "one") == key(tmp_path / "two")
    (tmp_path / "two" / "9.png").write_bytes((tmp_path / "two" / "8.png").read_bytes())
    assert "1 of 18 images show" in tiny_run("--protected", f"ours={tmp_path / 'two'}", *ATTACK).complaint


BREAK: dict[str, Callable[[NDArray[np.uint8]], NDArray[Any]]] = {
    "18 of 18 images show the photograph of another place: they are in reverse order": lambda images: images[::-1],
    "2 of 18 images show the photograph of another place": lambda images: images[[0, 1, 2, 3, 4, 17, *range(6, 17), 5]],
    "1 of 18 images have NaN or infinite values": lambda images: np.where(images == images.max(), np.nan, images / 255),
    "17 images; give 18 rows, one for each training photograph": lambda images: images[1:],
    "64 x 64 pixels; this preset has photographs of 32 x 32": lambda images: images.repeat(2, axis=2).repeat(2, axis=3),
    "values in [-0.5, 300] are not images": lambda images: np.where(images == images.max(), 300, images - 0.5),
    "its images have red and blue swapped; correct this and write them again": lambda images: images[:, ::-1],
    "its images have rows and columns swapped": lambda images: images.transpose(0, 1, 3, 2),
    "its images do not show the training photographs": lambda images: np.random.default_rng(0).permuted(images, axis=3),
}


@pytest.mark.parametrize("complaint", BREAK)
def test_a_set_that_does_not_belong_to_the_photographs_is_refused_before_any_work(
    tiny_run: Command, tmp_path: Path, complaint: str
) -> None:
    file = written(tmp_path, BREAK[complaint](IMAGES))
    answer = tiny_run("--protected", f"ours={file}", "--method", "lsp", *ATTACK)
    assert answer.code in (2, 3)
    assert complaint in answer.complaint
    assert not list((tmp_path / "results").glob("blobs/*"))


@pytest.mark.parametrize(
    ("protected", "complaint"),
    [
        ("ours", "protected 'ours': write NAME=PATH"),
        ("ours=absent.npy", 'file="absent.npy" is not there; give a folder of images or a file'),
        ("ours=set.pkl", "is a pickle, which may run any code, so it is not opened; where you trust it, convert it: "),
        ("ours=set.mat", "is of no known kind; give a folder of images or a file .npy, .npz, .safetensors, .pt, .pth"),
        ("segue=set.npy", "protected 'segue': a method has this name; choose another, such as segue_authors"),
        ("my set=set.npy", "is not a valid name; use letters, digits, dots, dashes and underscores"),
    ],
)
def test_a_wrong_name_or_path_is_refused_in_one_line(
    tiny_run: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, protected: str, complaint: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("set.pkl", "set.mat", "set.npy"):
        Path(name).touch()
    answer = tiny_run("--protected", protected, *ATTACK)
    assert answer.code == 2
    assert complaint in answer.complaint


def test_an_audit_says_in_numbers_and_in_words_what_a_set_is(audit: Command, tmp_path: Path) -> None:
    odd = IMAGES.copy()
    odd[0], odd[1], odd[2] = 0, 77, CLEAN.images[2]
    odd[5] = np.maximum(odd[5], CLEAN.images[5])
    np.savez(tmp_path / "odd.npz", images=odd, labels=np.roll(CLEAN.labels, 1))
    answer = audit(tmp_path / "odd.npz", "--eps", "16/255")
    assert answer.code == 0
    told = {line[:18].strip(): line[19:] for line in answer.out.splitlines()}
    (document,) = audit(tmp_path / "odd.npz", "--eps", "16/255", "--json").json
    assert document["wrong_labels"] == 3
    change = abs(odd.astype(int) - CLEAN.images).reshape(COUNT, -1)
    assert document["linf"] == [change.max(), np.median(change.max(1))]
    assert document["l2"] == pytest.approx([(change**2).sum(1).max() ** 0.5, np.median((change**2).sum(1)) ** 0.5])
    assert [document[name] for name in ("black", "constant", "unchanged", "one_sided", "over_budget")] == [
        1, 2, 1, 2, (change.max(1) > 16).sum(),
    ]  # fmt: skip
    assert told["one colour"] == "2 of 18 images, 1 of them black"
    assert told["order"] == "each image shows the photograph at its position"
    assert told["labels"] == "3 of 18 are wrong"
    assert "identity by the perturbation in" in told["separable"]


def test_a_set_of_other_photographs_than_the_built_in_ones_is_told_to_name_them(
    uebench: Command, photos: Callable[..., Path], tmp_path: Path
) -> None:
    folder, file = photos({"a": 6, "b": 6}, size=(32, 32)), written(tmp_path, IMAGES)
    for path, count in ((folder, 12), (file, 18)):
        answer = uebench("audit", "--protected", f"x={path}", "--preset", "smoke")
        assert answer.code == 3
        assert f"{path}: {count} images; give " in answer.complaint
        assert re.search(
            r"; these are of orl\S+: if the set was made from others, name them with --data", answer.complaint
        )


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.roll(CLEAN.labels, 1).astype(np.float32), "3 of 18 are wrong"),
        (CLEAN.labels + 0.5, "not used (shape (18,), float64); give one whole number for each image"),
        (np.where(CLEAN.labels, np.nan, 0), "not used (shape (18,), float64); give one whole number for each image"),
        (
            np.eye(3, dtype=np.float32)[CLEAN.labels],
            "not used (shape (18, 3), float32); give one whole number for each",
        ),
        (CLEAN.labels.astype(str), "not used (shape (18,), <U21); give one whole number for each image"),
    ],
)
def test_labels_of_a_set_are_used_or_it_is_said_why_not(
    audit: Command, tmp_path: Path, labels: NDArray[Any], told: str
) -> None:
    np.savez(tmp_path / "set.npz", images=IMAGES, labels=labels)
    answer = audit(tmp_path / "set.npz")
    (line,) = (line[19:] for line in answer.out.splitlines() if line.startswith("labels "))
    assert line.startswith(told)


def test_an_audit_of_a_set_in_another_order_gives_the_order_that_run_accepts(
    audit: Command, tiny_run: Command, tmp_path: Path
) -> None:
    shuffled = IMAGES[np.random.default_rng(0).permutation(COUNT)]
    answer = audit(written(tmp_path, shuffled), "--json")
    (document,) = answer.json
    assert answer.code == 3
    assert "they are shuffled; put them into the order of the data" in answer.complaint
    ordered = np.empty_like(shuffled)
    ordered[document["order"]] = shuffled
    assert (ordered == IMAGES).all()
    assert tiny_run("--protected", f"ours={written(tmp_path, ordered)}", *ATTACK, "--dry-run").code == 0


def test_an_audit_tells_test_photographs_and_values_that_are_no_numbers(audit: Command, tmp_path: Path) -> None:
    images = IMAGES / 255
    images[0] = load(TINY, 32, Registry()).test.images[5] / 255
    images[4, 0, 0, 0] = np.nan
    answer = audit(written(tmp_path, images), "--json")
    (document,) = answer.json
    assert [document[name] for name in ("misplaced", "of_test", "not_finite")] == [1, 1, 1]
    assert answer.complaint == "uebench: protected 'ours': 1 of 18 images have NaN or infinite values; make them again"


def test_an_audit_of_perturbations_says_what_it_cannot_see(audit: Command, tmp_path: Path) -> None:
    answer = audit(written(tmp_path, NOISE[[0, 6, 12]] / 255))
    assert answer.code == 0
    assert "class-wise perturbations of the scale 0..1" in answer.out
    assert "not checked: a perturbation does not show which photograph it belongs to" in answer.out


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        (("--method", "lsp"), "takes one --data and no --method"),
        (("--data", TINY), "takes one --data and no --method"),
        (("--method-seed", "1"), "--method-seed: applies to methods only; leave it out with --protected"),
        (("--lpips-trunk", "absent.pth"), "--lpips-trunk: applies to methods only"),
        (("--eps", ""), "eps : give a radius on the [0, 1] pixel scale, such as 8/255"),
        (("--eps", "8/0"), "eps 8/0: give a radius on the [0, 1] pixel scale, such as 8/255"),
        (("--eps", "true"), "eps true: give a radius on the [0, 1] pixel scale, such as 8/255"),
        (("--eps", "8"), "eps 8: give a radius on the [0, 1] pixel scale, such as 8/255"),
    ],
)
def test_what_an_audit_of_a_set_does_not_take_is_refused(
    audit: Command, tmp_path: Path, args: tuple[str, ...], complaint: str
) -> None:
    answer = audit(written(tmp_path), *args)
    assert answer.code == 2
    assert complaint in answer.complaint


def test_arrays_take_part_in_a_run_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    sets: dict[str, NDArray[Any] | torch.Tensor] = {"ours": IMAGES, "noise": torch.tensor(NOISE) / 255}
    with pytest.warns(UserWarning, match="protected 'noise': the order of perturbations cannot be checked") as caught:
        result = library.run(
            attacker=ATTACK[1], protected=sets, data=TINY, preset="smoke", executor="serial", with_clean=True
        )
    assert {one.filename for one in caught} == {__file__}
    assert list(result.matrix().index) == ["clean", "ours", "noise"]
    again = library.plan(attacker=ATTACK[1], protected=sets, data=TINY, preset="smoke")
    assert [cell.status for cell in again.cells] == ["done", "done"]


def test_a_protected_set_without_a_name_is_refused_in_python() -> None:
    with pytest.raises(UsageError, match=r"^protected: ndarray given; write \{'ours': images\}, a name and its set$"):
        library.plan(attacker=ATTACK[1], protected=IMAGES, data=TINY, preset="smoke")  # type: ignore[arg-type]


def test_the_key_follows_the_content_behind_a_link(tiny_run: Command, tmp_path: Path) -> None:
    keys = []
    for level, name in enumerate(("one", "two")):
        for row, image in enumerate(IMAGES ^ level):
            file = tmp_path / name / f"{row}.png"
            file.parent.mkdir(exist_ok=True)
            Image.fromarray(image.transpose(1, 2, 0)).save(file)
        link = tmp_path / "set" / "train"
        link.parent.mkdir(exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(tmp_path / name)
        (cell,) = tiny_run("--protected", f"ours={tmp_path / 'set'}", *ATTACK, "--dry-run", "--json").json
        keys.append(cell["key"])
    assert keys[0] != keys[1]


@pytest.mark.parametrize("given", [[1, 2], None, np.array([None])])
def test_what_is_no_array_is_refused_in_python(given: Any) -> None:  # noqa: ANN401
    with pytest.raises(UsageError, match=r"protected 'ours': is .*; give a path, or numbers as"):
        library.plan(attacker=ATTACK[1], protected={"ours": given}, data=TINY, preset="smoke")


def test_a_tensor_of_half_precision_is_a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    noise = (torch.tensor(NOISE) / 255).bfloat16()
    (inspection,) = library.inspect_protected({"ours": noise}, TINY, preset="smoke")
    assert inspection.content == "perturbations"


@pytest.mark.parametrize("eps", [8, -1, float("nan")])
def test_a_radius_in_grey_levels_is_refused_in_python(eps: float) -> None:
    with pytest.raises(UsageError, match=r"give a radius on the \[0, 1\] pixel scale"):
        library.inspect_protected({"ours": IMAGES}, TINY, preset="smoke", eps=eps)
