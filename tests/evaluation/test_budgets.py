"""Budgets other than L-inf and L2, from the method to the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import Command
from tests.plugin_files import plugin_file
from uebench.store.record_parts import Audit

pytestmark = pytest.mark.usefixtures("small_networks")

PIXEL = """
    def budget(self, size):
        return Budget("l0", 1)

    def perturb(self, batch, ctx):
        images = batch.images.clone()
        for number, label in enumerate(batch.labels.tolist()):
            images[number, :, {where}, 3] = 1 - images[number, :, {where}, 3].round()
        return images
"""
BLUR = """
    def budget(self, size):
        return Budget("none", 0)

    def perturb(self, batch, ctx):
        return torch.nn.functional.avg_pool2d(batch.images, 5, 1, 2, count_include_pad=False)
"""


def run(tiny_run: Command, file: Path) -> Audit:
    answer = tiny_run("--plugin", file, "--method", file.stem, "--attacker", "resnet18", "--json")
    assert answer.code == 0, answer.err
    return Audit.model_validate(answer.json[0]["record"]["audit"])


def test_a_method_may_change_one_pixel_by_any_amount(tiny_run: Command, uebench: Command, tmp_path: Path) -> None:
    file = plugin_file(tmp_path / "pixel.py", PIXEL.format(where="label"))
    audit = run(tiny_run, file)
    assert (audit.norm, audit.eps, audit.pixels_max, audit.changed) == ("l0", 1, 1, 18)
    assert audit.max_levels > 127
    shown = uebench("audit", "--plugin", file, "--method", "pixel", "--preset", "smoke", "--data", "synthetic")
    assert "l0 1 pixel " in shown.out


def test_a_second_pixel_is_refused(tiny_run: Command, tmp_path: Path) -> None:
    file = plugin_file(tmp_path / "pixel.py", PIXEL.format(where="label:label+2"))
    answer = tiny_run("--plugin", file, "--method", "pixel", "--attacker", "resnet18")
    assert answer.code == 1
    assert "method 'pixel': exceeds its budget: l0 2 pixels, allowed 1 pixel; project in perturb" in answer.err


def test_a_blur_without_a_bound_is_measured(tiny_run: Command, tmp_path: Path) -> None:
    audit = run(tiny_run, plugin_file(tmp_path / "blur.py", BLUR))
    assert (audit.norm, audit.budget, audit.pixels_max) == ("none", "none", None)
    assert audit.max_levels > 8
    assert audit.changed == 18


def test_a_record_of_more_pixels_than_its_budget_is_refused() -> None:
    measured = {"max_levels": 255, "l2_mean": 1.0, "l2_max": 1.0, "psnr_mean": 30.0, "changed": 1, "norm": "l0"}
    assert Audit.model_validate(measured | {"eps": 2, "pixels_max": 2}).pixels_max == 2
    for pixels in (3, None):
        with pytest.raises(ValueError, match="exceeds its budget"):
            Audit.model_validate(measured | {"eps": 2, "pixels_max": pixels})
