from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

import uebench
from tests.conftest import ROOT
from tests.plugin_files import BUDGET, UNCHANGED, plugin_file
from uebench.api.protect import protect
from uebench.api.protect_folder import protect_folder
from uebench.errors import CellError, UsageError
from uebench.evaluation.context import RunContext, seed_everything
from uebench.plugins.base import ImageSet
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse

SIZE = 32
LABELS = np.array([0, 0, 0, 1, 1, 2, 2, 2])
IMAGES = np.random.default_rng(0).integers(0, 256, (len(LABELS), 3, SIZE, SIZE), dtype=np.uint8)
KINDS: dict[str, Callable[[NDArray[np.uint8]], Any]] = {
    "numpy, uint8": lambda images: images.copy(),
    "numpy, float32": lambda images: (images / 255).astype(np.float32),
    "numpy, float64": lambda images: images / 255,
    "numpy, float16": lambda images: (images / 255).astype(np.float16),
    "numpy, channels last": lambda images: images.transpose(0, 2, 3, 1).copy(),
    "numpy, not contiguous": lambda images: images.repeat(2, axis=3)[..., ::2],
    "torch, uint8": torch.tensor,
    "torch, float32": lambda images: torch.tensor(images) / 255,
    "torch, bfloat16": lambda images: (torch.tensor(images) / 255).bfloat16(),
    "torch, channels last": lambda images: (torch.tensor(images) / 255).permute(0, 2, 3, 1).contiguous(),
    "torch, with gradient": lambda images: (torch.tensor(images) / 255).requires_grad_(),
}


def levels(images: NDArray[Any] | torch.Tensor) -> NDArray[np.int64]:
    """Return images of any kind as grey levels (N, 3, S, S)."""
    tensor = torch.as_tensor(images).detach()
    tensor = tensor if tensor.shape[1] == 3 else tensor.permute(0, 3, 1, 2)
    rounded: NDArray[np.int64] = (tensor.float() * 255 if tensor.is_floating_point() else tensor).round().long().numpy()
    return rounded


def by_hand(method: str) -> NDArray[np.int64]:
    """Protect the images as a reader of the contracts would."""
    plugin: Any = Registry().build("method", parse(method), "smoke")
    train = ImageSet(torch.tensor(IMAGES), torch.tensor(LABELS), 3)
    ctx = RunContext(torch.device("cpu"), seed=0)
    seed_everything(ctx)
    plugin.fit(train, ctx)
    seed_everything(ctx)
    with torch.no_grad():
        return levels(plugin.perturb(train.batch(torch.arange(len(LABELS))), ctx))


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_array_is_protected_alike_and_comes_back_as_it_was(kind: str) -> None:
    given = KINDS[kind](IMAGES)
    before = levels(given)
    protected = protect(given, LABELS, "random", preset="smoke")
    assert np.array_equal(levels(protected), levels(protect(IMAGES, LABELS, "random", preset="smoke")))
    assert (type(protected), protected.dtype, protected.shape) == (type(given), given.dtype, given.shape)
    assert np.array_equal(levels(given), before)


@pytest.mark.usefixtures("small_networks")
@pytest.mark.parametrize("method", ["random", "lsp", "segue(weights=none, epochs=2, lr_g=0.02)"])
def test_it_is_what_fit_and_perturb_return_by_hand(method: str) -> None:
    protected = protect(IMAGES, LABELS, method, preset="smoke")
    assert np.array_equal(levels(protected), by_hand(method))
    assert not np.array_equal(protected, IMAGES)


def test_protected_float_images_are_whole_grey_levels() -> None:
    images = np.random.default_rng(1).random((8, 3, SIZE, SIZE), np.float32)
    protected = protect(images, LABELS, "random", preset="smoke")
    assert np.array_equal(protected, (np.arange(256) / 255).astype(np.float32)[levels(protected)])
    assert np.array_equal(protected, protect(torch.tensor(images), LABELS, "random", preset="smoke").numpy())
    assert np.abs(levels(protected) - levels(images)).max() <= 8


def test_the_budget_is_kept() -> None:
    assert np.abs(levels(protect(IMAGES, LABELS, "random(eps=4/255)")) - IMAGES).max() == 4
    delta = (levels(protect(IMAGES, LABELS, "lsp", preset="smoke")) - IMAGES) / 255
    rounding = math.sqrt(3 * SIZE * SIZE) * 0.5 / 255
    assert np.linalg.norm(delta.reshape(len(delta), -1), axis=1).max() <= 6 / 255 * math.sqrt(3 * SIZE**2) + rounding


def test_a_method_that_breaks_its_budget_is_refused(tmp_path: Path) -> None:
    file = plugin_file(tmp_path / "mine.py", "def perturb(self, batch, ctx): return 1 - batch.images")
    with pytest.raises(CellError, match="method 'mine': exceeds its budget"):
        protect(IMAGES, LABELS, "mine", plugins=[file])


def test_a_method_that_changes_nothing_is_refused(tmp_path: Path) -> None:
    file = plugin_file(tmp_path / "mine.py", UNCHANGED)
    with pytest.raises(CellError, match="method 'mine': changed no image under preset 'desk', so none is protected"):
        protect(IMAGES, LABELS, "mine", plugins=[file])
    assert np.array_equal(protect(IMAGES, LABELS, "clean"), IMAGES)


def test_a_method_that_spoils_what_it_is_given_spoils_nothing_of_the_callers(tmp_path: Path) -> None:
    body = """
def fit(self, train, ctx):
    train.images.fill_(0)
    train.labels.fill_(0)

def perturb(self, batch, ctx):
    return (batch.images + 1 / 255).clamp(0, 1)
"""
    file = plugin_file(tmp_path / "mine.py", BUDGET + body)
    images, labels = IMAGES.copy(), LABELS.copy()
    assert np.array_equal(protect(images, labels, "mine", plugins=[file]), np.minimum(IMAGES, 254) + 1)
    assert np.array_equal(images, IMAGES)
    assert np.array_equal(labels, LABELS)


def test_labels_may_be_names_or_numbers_and_are_taken_in_sorted_order() -> None:
    classwise = "random(noise=classwise)"
    expected = protect(IMAGES, LABELS, classwise)
    names = np.array(["ann", "bob", "eve"])[LABELS]
    lists: tuple[Any, ...] = (names, names.tolist(), names.astype(object), LABELS * 5 - 7, torch.tensor(LABELS))
    for labels in lists:
        assert np.array_equal(protect(IMAGES, labels, classwise), expected)
    assert not np.array_equal(protect(IMAGES, 2 - LABELS, classwise), expected)


def test_the_same_seed_gives_the_same_images() -> None:
    one = protect(IMAGES, LABELS, "random", seed=1)
    assert np.array_equal(one, protect(IMAGES, LABELS, "random", seed=1))
    assert not np.array_equal(one, protect(IMAGES, LABELS, "random", seed=2))


def test_copies_of_a_folder_hold_the_same_pixels(photos: Callable[..., Path], tmp_path: Path) -> None:
    source = photos({"0": 3, "1": 2, "2": 3}, size=(SIZE, SIZE))
    files = sorted(source.rglob("*.png"))
    images = np.stack([np.asarray(Image.open(file)) for file in files])
    for method in ("lsp", "random(labels=0.8)"):
        out = tmp_path / method
        protect_folder(source, out, method, results=tmp_path / "results", preset="smoke")
        copies = np.stack([np.asarray(Image.open(out / file.relative_to(source))) for file in files])
        assert np.array_equal(copies, protect(images, [file.parent.name for file in files], method, preset="smoke"))


def test_a_killed_call_resumes_where_results_are_kept(tmp_path: Path) -> None:
    fit = """
        def fit(self, train, ctx):
            if not ctx.restore():
                ctx.save({'weights': torch.zeros(1)}, 1)
                raise RuntimeError('killed')

        def perturb(self, batch, ctx):
            return (batch.images + 1 / 255).clamp(0, 1)
    """
    file = plugin_file(tmp_path / "mine.py", dedent(fit) + BUDGET)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="killed"):
            protect(IMAGES, LABELS, "mine", plugins=[file])
    with pytest.raises(RuntimeError, match="killed"):
        protect(IMAGES, LABELS, "mine", plugins=[file], results=tmp_path / "results")
    done = protect(IMAGES, LABELS, "mine", plugins=[str(file)], results=tmp_path / "results")
    assert np.array_equal(done, np.minimum(IMAGES, 254) + 1)
    assert not list((tmp_path / "results").rglob("*.safetensors"))


FLOAT = IMAGES / 255


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"images": IMAGES.tolist()}, "images: list; give a NumPy array or a torch tensor"),
        ({"images": IMAGES[0]}, r"images: shape \(3, 32, 32\); give \(N, 3, S, S\)"),
        ({"images": IMAGES[:0], "labels": []}, r"images: shape \(0, 3, 32, 32\); give"),
        ({"images": IMAGES[:, :1]}, "images: .* there must be 3 channels .* in the second or the last place"),
        ({"images": IMAGES[:, :, :30]}, "images: 30 x 32 pixels; they must be square"),
        ({"images": IMAGES.astype(np.int64)}, "images: int64; give uint8"),
        ({"images": torch.tensor(IMAGES).int()}, "images: torch.int32; give uint8"),
        ({"images": IMAGES.astype(np.float32)}, r"images: values in \[0, 255\]; float images must lie in \[0, 1\]"),
        ({"images": FLOAT - 0.1}, r"images: values in \[-0.1, 0.9\]"),
        ({"images": np.where(FLOAT > 0.5, np.nan, FLOAT)}, "images: NaN or infinity"),
        ({"images": np.where(FLOAT > 0.5, np.inf, FLOAT)}, "images: NaN or infinity"),
        ({"labels": LABELS[1:]}, r"labels: shape \(7,\) for 8 images; give one label per image"),
        ({"labels": LABELS[:, None]}, r"labels: shape \(8, 1\) for 8 images"),
        ({"labels": LABELS * 0.5}, "labels: float64; give whole numbers or names"),
        ({"labels": [None] * 8}, "labels: object; give whole numbers or names"),
        ({"images": torch.tensor(FLOAT).to_sparse()}, r"images: this tensor \(float64, sparse_coo, on cpu\) cannot"),
        ({"images": torch.empty(IMAGES.shape, device="meta")}, "images: this tensor .* on meta"),
        ({"images": np.ma.masked_less(FLOAT, 0.5)}, "images: a masked array, whose mask would be lost; give a plain"),
        ({"labels": np.ma.masked_equal(LABELS, 0)}, "labels: a masked array, whose mask would be lost; give a plain"),
        ({"labels": [[0], [0, 1]] * 4}, "labels: not one value for each image; give a list of whole numbers"),
        ({"labels": torch.tensor(LABELS).bfloat16()}, "labels: float32; give whole numbers or names"),
        ({"labels": torch.tensor(LABELS).to_sparse()}, r"labels: this tensor \(int64, sparse_coo, on cpu\) cannot be"),
        ({"labels": ["1", 1] * 4}, "labels: names and other values are mixed; give all as names, or all as whole"),
        ({"labels": ["ann", math.nan] * 4}, "labels: names and other values are mixed; give all as names"),
        ({"labels": ["ann", None] * 4}, "labels: names and other values are mixed; give all as names"),
        ({"labels": [0, math.nan] * 4}, "labels: float64; give whole numbers or names"),
        ({"plugins": None}, "plugins: None given; give the path of a Python file, or a list of several"),
        ({"plugins": [None]}, "plugins: None given; give a path"),
        ({"labels": ["ann"] * 8}, "labels: all are ann; give at least 2 identities"),
        ({"method": "seque"}, "unknown method 'seque'; did you mean 'segue'"),
        ({"method": "segue(code_bits=1)"}, "method 'segue.code_bits=1.': 3 identities; a code of 1 bits"),
        ({"images": IMAGES[..., :30, :30], "method": "segue"}, "method 'segue': images of 30 pixels; the gen"),
        ({"preset": "dusk"}, "unknown preset 'dusk'"),
        ({"preset": None}, "preset: None given; give a text"),
        ({"method": ["lsp"]}, r"method: \['lsp'\] given; give a text"),
        ({"device": "gpu"}, "device"),
        ({"device": 3}, "device: 3 given; give a text"),
    ],
)  # fmt: skip
def test_a_wrong_argument_is_named_in_one_line(change: dict[str, Any], complaint: str) -> None:
    arguments: dict[str, Any] = {"images": IMAGES, "labels": LABELS, "method": "random"} | change
    with pytest.raises(UsageError, match=complaint) as caught:
        protect(**arguments)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"method": None}, "method: None given; give a text, or a list of several"),
        ({"method": b"lsp"}, "method: b'lsp' given; give a text, or a list of several"),
        ({"attacker": 5}, "attacker: 5 given; give a text, or a list of several"),
        ({"data": None}, "data: None given; give a text, or a list of several"),
        ({"plugins": None}, "plugins: None given; give the path of a Python file, or a list of several"),
        ({"results": None}, "results: None given; give a path"),
        ({"results": np.zeros(3)}, "results: array.* given; give a path"),
        ({"results": ""}, "results '': names nothing; give a path"),
        ({"protected": {"x": ""}}, "protected 'x' '': names nothing; give a path"),
        ({"protected": {"x": torch.tensor(IMAGES).to_sparse()}}, "protected 'x': is Tensor; give a path, or numbers"),
        ({"protected": {"x": np.ma.masked_less(IMAGES, 9)}}, "protected 'x': is a masked array; give a path, or numb"),
    ],
)
def test_a_wrong_argument_of_a_run_is_named_in_one_line(
    change: dict[str, Any], complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    arguments: dict[str, Any] = {"method": "lsp", "attacker": "knn", "preset": "smoke"} | change
    for function in (uebench.run, uebench.plan):
        with pytest.raises(UsageError, match=complaint) as caught:
            function(**arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"device": None}, "device: None given; give a text"),
        ({"executor": 3}, "executor: 3 given; give a text"),
        ({"jobs": "2"}, "jobs '2': give a whole number"),
        ({"jobs": 1.5}, "jobs 1.5: give a whole number"),
        ({"force": "no"}, "force 'no': give True or False"),
        ({"keep_models": 1}, "keep_models 1: give True or False"),
    ],
)
def test_a_wrong_way_of_computing_is_named_in_one_line(change: dict[str, Any], complaint: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=complaint):
        uebench.run("lsp", "knn", preset="smoke", results=tmp_path, **change)


def test_images_of_three_by_three_pixels_have_their_channels_first() -> None:
    small = IMAGES[:, :, :3, :3]
    first = protect(small, LABELS, "random(noise=classwise)").astype(int) - small
    last = protect(small.transpose(0, 2, 3, 1), LABELS, "random(noise=classwise)").astype(int)
    assert abs(first).max() <= 8
    assert last.shape == (8, 3, 3, 3)


def test_one_plugin_file_need_not_stand_in_a_list() -> None:
    file = str(ROOT / "docs" / "example_plugin.py")
    assert protect(IMAGES, LABELS, "stripes", plugins=file).shape == IMAGES.shape
