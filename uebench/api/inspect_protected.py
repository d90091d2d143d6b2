"""``uebench.inspect_protected``: what a protected set that others made really is, before anything is trained on it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uebench.analysis.statistics import wilson
from uebench.api.protected_sets import method_texts, photographs
from uebench.api.workspace import RESULTS, Workspace
from uebench.data.alignment import order_in_words
from uebench.data.dataset import Dataset, load
from uebench.data.protected_set import ProtectedConfig, alignment_of, objection
from uebench.errors import DataError
from uebench.metrics import separability
from uebench.planning.parts import method_part
from uebench.plugins import presets
from uebench.plugins.spec import format_value, parse

if TYPE_CHECKING:
    from uebench.api.protected_sets import Protected

EPS = 8 / 255
"""The budget that most papers use."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found of a protected set.

    Attributes:
        name: What the caller calls it.
        data: The name of the data set.
        content: ``images`` or ``perturbations``.
        scale: The range of its pixels.
        classwise: Whether one perturbation serves all photographs of an identity.
        images: N, the number of photographs that it protects.
        size: Their height and width in pixels.
        remarks: How its files were matched with the photographs, and what is to be known of them.
        objection: Why ``run`` refuses it, with the remedy; empty if it does not.
        not_finite: Images with NaN or infinite values.
        black: Images that are all black.
        constant: Images that are all one colour, black ones included.
        unchanged: Images that are the clean photograph.
        one_sided: Changed images of which no pixel was lowered, or none was raised.
        linf: Largest change of an image in grey levels: the maximum over images, and the median.
        l2: Euclidean length of the change of an image in grey levels, likewise.
        eps: A budget on the [0, 1] pixel scale.
        over_budget: Images with a larger L-inf change than this.
        misplaced: Images that show another photograph than the one at their place; None for perturbations.
        of_test: How many of these show a photograph of the test set; None for perturbations.
        order: (N,) the place of the photograph that each image shows, if some are misplaced: put image i at place
            ``order[i]``. From N on, the photographs of the test set.
        order_in_words: The same in words.
        wrong_labels: Images that the files give another label than the data does; None if they give none.
        separable: Held-out perturbations of which a linear classifier tells the identity: correct, and of how many;
            None if there is nothing to learn from.
        chance: The accuracy of guessing.
    """

    name: str
    data: str
    content: str
    scale: str
    classwise: bool
    images: int
    size: int
    remarks: tuple[str, ...]
    objection: str
    not_finite: int
    black: int
    constant: int
    unchanged: int
    one_sided: int
    linf: tuple[int, float]
    l2: tuple[float, float]
    eps: float
    over_budget: int
    misplaced: int | None
    of_test: int | None
    order: tuple[int, ...] | None
    order_in_words: str
    wrong_labels: int | None
    separable: tuple[int, int] | None
    chance: float

    @property
    def document(self) -> dict[str, Any]:
        """Return this as JSON values."""
        return asdict(self)

    @property
    def lines(self) -> dict[str, str]:
        """Return what people read: what a line is about, and what it says."""
        kind = f"class-wise {self.content}" if self.classwise else self.content
        return {
            "protected": f"{self.name}: {kind} of the scale {self.scale}, for {self.images} images of {self.size} px",
            "data": self.data,
            "order": self._order(),
            "labels": "none" if self.wrong_labels is None else f"{self.wrong_labels} of {self.images} are wrong",
            "L-inf": f"at most {self.linf[0]} grey levels, median {self.linf[1]:g}",
            "L2": f"at most {self.l2[0]:.1f} grey levels, median {self.l2[1]:.1f}",
            "budget": f"{self._of(self.over_budget)} exceed {format_value(self.eps)}",
            "NaN or infinite": self._of(self.not_finite),
            "one colour": f"{self._of(self.constant)}, {self.black} of them black",
            "unchanged": self._of(self.unchanged),
            "one-sided": f"{self._of(self.one_sided)} only raise pixels, or only lower them",
            "separable": self._separable(),
            **{f"note {number}": remark for number, remark in enumerate(self.remarks, 1)},
            **({"refused by run": self.objection} if self.objection else {}),
        }

    def _of(self, count: int) -> str:
        return f"{count} of {self.images} images"

    def _order(self) -> str:
        if self.misplaced is None:
            return "not checked: perturbations do not show whom they belong to"
        if not self.misplaced:
            return "each image shows the photograph at its place"
        return (
            f"{self._of(self.misplaced)} show another photograph, {self.of_test} of them one of the test set: they are "
            f"{self.order_in_words}"
        )

    def _separable(self) -> str:
        if self.separable is None:
            return "not measured: there is nothing to learn from"
        right, count = self.separable
        low, high = wilson(right, count)
        share = f"{100 * right / count:.1f}% [{100 * low:.1f}, {100 * high:.1f}]"
        return f"a linear classifier tells the identity by the perturbation in {share}; chance {100 * self.chance:.1f}%"


def inspect_protected(
    protected: Protected,
    data: str = "",
    *,
    preset: str = presets.DEFAULT,
    eps: float = EPS,
    results: str | Path = RESULTS,
    plugins: Iterable[str | Path] = (),
) -> list[Inspection]:
    """Look at protected sets that others made: size, order, labels, and how large the perturbation is.

    Nothing is refused for the size of its perturbation. ``objection`` says what ``run`` would refuse.

    Args:
        protected: As ``run`` takes it.
        data: The photographs that they protect: one data set, as ``run`` takes it.
        preset: Where the data set comes from if none is named, and the size of the images.
        eps: The L-inf budget that images are counted against, on the [0, 1] pixel scale.
        results: The results folder, where arrays are kept.
        plugins: Python files with sources of your own.

    Raises:
        DataError: If a set cannot be read, or has another size or number of images than the photographs.
        UsageError: If an argument is wrong, or the values of a set leave open what they are.

    Example:
        >>> import numpy as np
        >>> import uebench
        >>> noise = np.full((4, 3, 32, 32), [[[[-0.01]]], [[[0.0]]], [[[0.01]]], [[[0.02]]]], np.float32)
        >>> (found,) = uebench.inspect_protected({"grey": noise}, "synthetic", preset="smoke")
        >>> found.classwise, found.linf[0], found.over_budget
        (True, 5, 0)
    """
    return inspect_in(Workspace.of(results, plugins), protected, data, preset, eps)


def inspect_in(workspace: Workspace, protected: Protected, data: str, preset: str, eps: float) -> list[Inspection]:
    """Look at protected sets in a workspace; otherwise as ``inspect_protected``."""
    chosen = presets.get(preset)
    configs = [
        method_part(workspace.registry, parse(text), preset)[0].config for text in method_texts(protected, workspace)
    ]
    dataset = load(data or chosen.data, chosen.size, workspace.registry, workspace.cache)
    return [_inspected(config, dataset, eps) for config in configs if isinstance(config, ProtectedConfig)]


def complain(found: Iterable[Inspection]) -> None:
    """Raise a DataError with the remedy if ``run`` would refuse one of the sets."""
    if refused := next((one for one in found if one.objection), None):
        raise DataError(f"protected {refused.name!r}: {refused.objection}")


def _inspected(config: ProtectedConfig, dataset: Dataset, eps: float) -> Inspection:
    clean = photographs(dataset)
    found = config.read(clean)
    alignment = alignment_of(found, clean, dataset.test.images)
    images = (clean.images + found.delta).reshape(len(clean), -1)
    change = found.delta.reshape(len(clean), -1)
    linf, l2 = np.abs(change).max(1), np.sqrt(np.square(change, dtype=np.int64).sum(1))
    highest, lowest = images.max(1), images.min(1)
    changed = change.any(1)
    is_wrong = alignment is not None and bool(alignment.misplaced.any())
    apart = separability(found.delta, clean.labels)
    return Inspection(
        name=config.name,
        data=f"{dataset.name}, {clean.num_classes} identities, {clean.size} px",
        content=found.content,
        scale=found.scale,
        classwise=found.classwise,
        images=len(clean),
        size=clean.size,
        remarks=found.remarks,
        objection=objection(found, alignment, clean),
        not_finite=int((~found.finite).sum()),
        black=int((highest == 0).sum()),
        constant=int((highest == lowest).sum()),
        unchanged=int((~changed).sum()),
        one_sided=int((changed & ((change.min(1) >= 0) | (change.max(1) <= 0))).sum()),
        linf=(int(linf.max()), float(np.median(linf))),
        l2=(float(l2.max()), float(np.median(l2))),
        eps=eps,
        over_budget=int((linf > eps * 255 + 1e-6).sum()),
        misplaced=int(alignment.misplaced.sum()) if alignment else None,
        of_test=int(alignment.of_test.sum()) if alignment else None,
        order=tuple(alignment.order.tolist()) if alignment and is_wrong else None,
        order_in_words=order_in_words(alignment.order, clean.labels, clean.names) if alignment and is_wrong else "",
        wrong_labels=None if found.labels is None else int((found.labels != clean.labels).sum()),
        separable=(apart["correct"], apart["n"]) if apart else None,
        chance=dataset.info.chance,
    )
