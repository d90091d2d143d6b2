"""Each fault, planted alone into a good plugin, is named by the check that is about it, with the line where it is."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from uebench.api.check import check
from uebench.testing import Outcome

GOOD = Path(__file__).parent / "good"


class Fault(NamedTuple):
    """One change of a good plugin, and what comes of it."""

    before: str
    after: str
    check: str
    reason: str
    at: str = ""
    """What the line holds that is named; by default it is the line of the change."""


METHOD = {
    "over budget": Fault(
        "return images.clamp(0, 1)", "return (images + 1 / 255).clamp(0, 1)",
        "budget", "exceeds its budget: linf 9/255, allowed 8/255; project",
    ),
    "wrong dtype": Fault(
        "return images.clamp(0, 1)", "return (images.clamp(0, 1) * 255).to(torch.uint8)",
        "form", "perturb returned torch.uint8; return float images",
    ),
    "wrong shape": Fault(
        "return images.clamp(0, 1)", "return images.clamp(0, 1)[..., 1:]",
        "form", "perturb returned (7, 3, 32, 31), not images of shape (7, 3, 32, 32)",
    ),
    "NaN": Fault("return images.clamp(0, 1)", "return images.clamp(0, 1) / 0 * 0", "range", "NaN or infinity"),
    "out of range": Fault("return images.clamp(0, 1)", "return images", "range", "clamp them to [0, 1]"),
    "changes images": Fault(
        "images = batch.images +", "images = batch.images.mul_(0.999) +",
        "inputs", "changes batch.images; work on a copy",
    ),
    "changes labels": Fault(
        "self._pattern = pattern / pattern.max()", "train.labels.zero_(); self._pattern = pattern / pattern.max()",
        "inputs", "changes train.labels",
    ),
    "global generator": Fault(
        "images = batch.images +", "images = batch.images - torch.rand(batch.images.shape) / 255 +",
        "again", "perturb draws from a global generator",
    ),
    "remembers its calls": Fault(
        "return images.clamp(0, 1)", "self._pattern = self._pattern / 2; return images.clamp(0, 1)",
        "again", "perturb gives other images when it is called again", "def perturb",
    ),
    "draws for a batch": Fault(
        "self._pattern[batch.labels]",
        'self._pattern[batch.labels] * torch.rand(len(batch.labels), 1, 1, 1, generator=ctx.rng("batch"))',
        "batches", "in batches of 7 and of 4; draw random numbers in fit for every image", "def perturb",
    ),
    "mixes a batch": Fault(
        "self._pattern[batch.labels]", "self._pattern[batch.labels] * (batch.images > batch.images.mean(0))",
        "batches", "let no image of a batch change another", "def perturb",
    ),
    "not deterministic": Fault(
        'generator=ctx.rng("epoch", epoch))', "generator=torch.Generator().manual_seed(torch.seed() % 2**60))",
        "repeats", "two runs with the same seed differ", "def fit",
    ),
    "ignores the seed": Fault(
        'generator=ctx.rng("epoch", epoch))', "generator=torch.Generator().manual_seed(epoch))",
        "seed", "seeds 0 and 1 give the same bytes", "def fit",
    ),
    "state misses a tensor": Fault(
        'self._pattern = state["pattern"]', 'self._patterns = state["pattern"]',
        "state", "that loaded the state fails: AttributeError: 'Mine' object has no attribute '_pattern'",
        "self._pattern[batch",
    ),
    "state is another one": Fault(
        'return {"pattern": self._pattern}', 'return {"pattern": self._pattern * 0.5}',
        "state", "gives other images; state must return everything that fit learned", "def state",
    ),
    "resume loses an epoch": Fault(
        "saved.step\n", "saved.step + 1\n", "resume",
        "after checkpoint 1 of 3 and resumes ends with other bytes", "def fit",
    ),
    "resume begins anew": Fault(
        'saved.state["pattern"], saved.step', "pattern, saved.step",
        "resume", "save everything that the next epoch depends on", "def fit",
    ),
    "opens a socket": Fault(
        "        pattern, done = torch.zeros",
        "        try:\n"
        '            __import__("socket").create_connection(("example.org", 80))\n'
        "        except OSError:\n"
        "            pass\n"
        "        pattern, done = torch.zeros",
        "network", "opens a connection to the network", 'create_connection',
    ),
    "undocumented option": Fault(
        "    epochs: int = Field(3, ge=1)\n", "    epochs: int = Field(3, ge=1)\n    depth: int = 3\n",
        "options", "option 'depth' is not documented; add a line 'depth: ...' under 'Attributes:'",
    ),
    "no title": Fault('title="Patterns"', 'title=""', "metadata", "info.title is empty"),
    "no docstring": Fault(
        '    """Adds a pattern for each identity."""\n', "", "metadata", "the class has no docstring", "class Mine("
    ),
    "no reason for a preset": Fault(
        "    Config = MineConfig\n", '    Config = MineConfig\n    presets = {"desk": {"epochs": 2}}\n',
        "metadata", "why lacks preset 'desk'",
    ),
    "obstacle lies": Fault(
        "    pattern, done = torch.zeros", "    assert train.size != 64; pattern, done = torch.zeros",
        "size_64", "if it cannot serve 64 pixels, obstacle must say so",
    ),
    "torch's settings": Fault(
        "    pattern, done = torch.zeros",
        '    torch.set_float32_matmul_precision("medium"); pattern, done = torch.zeros',
        "settings", "changes torch's matmul precision",
    ),
    "NumPy's settings": Fault(
        "    pattern, done = torch.zeros",
        '    __import__("numpy").seterr(all="ignore"); pattern, done = torch.zeros',
        "settings", "changes NumPy's error handling",
    ),
    "the environment": Fault(
        "    pattern, done = torch.zeros",
        '    __import__("os").environ["MINE"] = "1"; pattern, done = torch.zeros',
        "settings", "changes environment variables",
    ),
    "expects sorted labels": Fault(
        "    pattern, done = torch.zeros",
        "    assert bool((train.labels.diff() >= 0).all()); pattern, done = torch.zeros",
        "labels", "AssertionError",
    ),
    "raises": Fault(
        "return images.clamp(0, 1)", "raise ValueError('no such pattern')", "runs", "ValueError: no such pattern"
    ),
    "ends the process": Fault("return images.clamp(0, 1)", "raise SystemExit(3)", "runs", "ends the process"),
    "cannot be imported": Fault(
        "import torch\n", "import torch, no_such_module\n", "import", "ModuleNotFoundError: No module named"
    ),
}  # fmt: skip
ATTACKER = {
    "NaN": Fault("return -torch.cdist(", "return torch.nan * torch.cdist(", "logits", "NaN or infinity", "def fit"),
    "too few people": Fault(
        "@ projection, means)", "@ projection, means)[:, :2]",
        "logits", "returns (18, 2) torch.float32 for 18 images of 3 people", "def fit",
    ),
    "no count": Fault(
        ", **ctx.examine(classifier)})", "})",
        "curve", "epoch 1 of its curve has no result of the referee; add what ctx.examine returns", "return Trained",
    ),
    "no epoch": Fault("tuple(curve)", "()", "curve", "no epoch in its curve"),
    "counts epochs from 0": Fault(
        '"epoch": epoch + 1', '"epoch": epoch', "curve", "epoch 1 of its curve has the number 0; number epochs from 1",
        "return Trained",
    ),
    "chooses an epoch that was not": Fault(
        "tuple(curve)", "tuple(curve), chosen=99", "curve", "chosen is 99; return None or an epoch from 1 to"
    ),
    "another classifier": Fault(
        "return Trained(classifier,", "return Trained(lambda images: -classifier(images),",
        "curve", "the classifier is not the one that ctx.examine saw last",
    ),
    "trains on fewer images": Fault("images=seen", "images=3", "images", "it trained on 3 images, and the set has 18"),
    "looks at the test set": Fault(
        "images.flatten(1) @ projection, means)",
        "images.flatten(1) @ projection.mul_(1 + (len(images) == 12) * images.mean()), means)",
        "unseen", "what it learns depends on the clean test set", "def fit",
    ),
    "ignores the seed": Fault(
        'generator=ctx.rng("projection", epoch))', "generator=torch.Generator().manual_seed(epoch))",
        "seed", "seeds 0 and 1 learn the same", "def fit",
    ),
    "not deterministic": Fault(
        'generator=ctx.rng("projection", epoch))', "generator=torch.Generator().manual_seed(torch.seed() % 2**60))",
        "repeats", "two runs with the same seed differ", "def fit",
    ),
    "resume loses an epoch": Fault(
        'list(saved.values["curve"])', 'list(saved.values["curve"])[:-1]',
        "resume", "resumes learns something else", "def fit",
    ),
    "names a place in vain": Fault(
        'places = ("batch",)', 'places = ("batch", "step")', "places", "'step', and fit does not call on_step"
    ),
    "names a place of the core's": Fault('("batch",)', '("set",)', "places", "places names 'set'; it may name batch"),
    "changes the set": Fault(
        "    images, targets = train.images.float()",
        "    train.images.zero_(); images, targets = train.images.float()",
        "inputs", "changes train.images",
    ),
    "expects equal counts": Fault(
        "    images, targets = train.images.float()",
        "    assert len(set(train.labels.bincount().tolist())) == 1; images, targets = train.images.float()",
        "labels", "AssertionError",
    ),
}  # fmt: skip
COUNTERMEASURE = {
    "another place": Fault(
        "    def on_batch(", "    def on_set(self, train, rng):\n        return train.images\n\n    def on_batch(",
        "place", "its place is 'batch', and it overrides on_set",
    ),
    "no place": Fault('place = "batch"', 'place = "everywhere"', "place", "place 'everywhere' is unknown"),
    "no hook": Fault("def on_batch", "def on_batches", "place", "does not override on_batch", "place ="),
    "too bright": Fault("factor = 1 -", "factor = 1.5 +", "range", "clamp them to [0, 1]", "return images * factor"),
    "heavy targets": Fault(
        "return images * factor, targets", "return images * factor, 2 * targets", "range", "do not sum to one"
    ),
    "wrong dtype": Fault(
        "return images * factor, targets", "return (images * factor).double(), targets",
        "form", "on_batch returned (18, 3, 32, 32) torch.float64; return torch.float32 (18, 3, 32, 32)",
    ),
    "no targets": Fault(
        "return images * factor, targets", "return images * factor",
        "form", "on_batch returned 1 value; return images and targets",
    ),
    "global generator": Fault(", generator=rng)", ")", "repeats", "draw all random numbers from rng"),
    "keeps count": Fault(
        "factor = 1 -", 'factor = vars(self).setdefault("_calls", []).append(1) or len(self._calls) ** -0.5 -',
        "resume", "keep nothing from call to call", "def on_batch",
    ),
    "changes its input": Fault(
        "return images * factor", "return images.mul_(factor)", "inputs", "changes images; work on a copy"
    ),
}  # fmt: skip
STEP = {
    "leaves the model in eval mode": Fault(
        "        model.train()\n", "", "model", "on_step changes the model: its weights, gradients", "def on_step"
    ),
    "leaves gradients": Fault(
        "(gradient,) = torch.autograd.grad(loss, point)", "loss.backward(); gradient = point.grad",
        "model", "on_step changes the model: its weights, gradients", "def on_step",
    ),
}  # fmt: skip
GRADIENT = {
    "a loss with a history": Fault(
        "return loss.detach()", "return loss", "form", "must return the mean loss and the logits, detached",
        "def gradient",
    ),
    "a weight without a gradient": Fault(
        "strict=True):", "strict=True):\n            if weight is weights[0]: continue",
        "form", "gradient leaves a weight without a finite gradient", "def gradient",
    ),
    "global generator": Fault(", generator=rng)", ")", "repeats", "draw all random numbers from rng"),
}  # fmt: skip
SET = {
    "float set": Fault(".to(torch.uint8)", "", "form", "return torch.uint8 (18, 3, 32, 32)"),
}  # fmt: skip
SOURCE = {
    "shows a training image in the test": Fault(
        "return Split(images[0], labels)", "images[1, 2] = images[0, 3]; return Split(images[0], labels)",
        "splits", "1 of the 6 test images is also a training image",
    ),
    "labels from 1": Fault("np.arange(3)", "np.arange(1, 4)", "form", "the labels must be 0..K-1", "return Split"),
    "float images": Fault(
        "Split(images[0],", "Split(images[0] / 255,", "form", "the train images are (6, 3, 32, 32) float64; return"
    ),
    "one size": Fault(
        "3, size, size)", "3, size, size // (size != 64))", "size_64", "if it cannot serve 64 pixels, obstacle"
    ),
    "global generator": Fault(
        "np.random.default_rng(self.config.seed)",
        "np.random.default_rng(np.random.randint(9999))", "repeats", "two calls of read differ",
    ),
    "names a folder": Fault('return "noise"', 'return "/home/me/noise"', "label", "is empty or an absolute path"),
    "lists other files": Fault(
        "    def read(",
        "    def listing(self):\n        from pathlib import Path\n        from uebench.plugins.base import Listing\n"
        '        return Listing(((Path("a"), 0), (Path("b"), 1), (Path("c"), 2)), ((Path("a"), 0), (Path("d"), 1), '
        '(Path("e"), 2)))\n\n    def read(',
        "listing", "a is in both splits; a test photograph must be new", "return Listing",
    ),
}  # fmt: skip
PLANTED = {
    "method": METHOD, "attacker": ATTACKER, "countermeasure": COUNTERMEASURE, "step": STEP,
    "gradient": GRADIENT, "set": SET, "source": SOURCE,
}  # fmt: skip
FAULTS = [(kind, name) for kind, faults in PLANTED.items() for name in faults]


def failed(file: Path) -> list[Outcome]:
    return [one for one in check([str(file)]) if one.status == "failed"]


@pytest.mark.parametrize("kind", PLANTED)
def test_a_plugin_without_a_fault_passes(kind: str) -> None:
    assert failed(GOOD / f"{kind}.py") == []


@pytest.mark.enable_socket  # the suite has a guard of its own
@pytest.mark.parametrize(("kind", "name"), FAULTS, ids=lambda text: text)
def test_a_fault_is_named_by_one_check_with_its_line(kind: str, name: str, tmp_path: Path) -> None:
    fault = PLANTED[kind][name]
    good = (GOOD / f"{kind}.py").read_text()
    assert good.count(fault.before) == 1
    planted = good.replace(fault.before, fault.after)
    (tmp_path / "mine.py").write_text(planted)
    (found,) = failed(tmp_path / "mine.py")
    assert found.check == fault.check
    assert fault.reason in found.reason
    assert "\n" not in found.reason
    changed = next(place for place, signs in enumerate(zip(good, planted, strict=False)) if len(set(signs)) > 1)
    place = planted.index(fault.at) if fault.at else changed
    assert found.line == f"mine.py:{planted[:place].count(chr(10)) + 1}"


def test_an_attacker_that_serves_the_step_and_takes_no_gradient_of_a_countermeasure_fails(tmp_path: Path) -> None:
    good, line = (GOOD / "attacker.py").read_text(), 'targets, ctx.rng("batch"))'
    assert good.count(line) == 1
    planted = good.replace('places = ("batch",)', 'places = ("batch", "step")')
    planted = planted.replace(line, f"{line}\n            images = measure.on_step(images, targets, None, None)")
    (tmp_path / "mine.py").write_text(planted)
    (found,) = failed(tmp_path / "mine.py")
    assert found.check == "places"
    assert "fit does not take the gradient of a countermeasure that replaces it" in found.reason
