"""``uebench.inspect_protected``: examine protected sets made by other code before anything is trained on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uebench.analysis.statistics import wilson
from uebench.api.foreign_sets import method_texts
from uebench.api.workspace import RESULTS, Texts, Workspace
from uebench.data.dataset import Dataset, load
from uebench.data.foreign.alignment import order_in_words
from uebench.data.foreign.method import ProtectedConfig, alignment_of, objection
from uebench.data.foreign.reading import CleanSet
from uebench.errors import DataError, UsageError
from uebench.metrics import separability
from uebench.planning.parts import method_part
from uebench.plugins import presets
from uebench.plugins.spec import format_value, parse

if TYPE_CHECKING:
    from uebench.api.foreign_sets import ProtectedSets

EPS = 8 / 255
"""The budget of most papers."""


@dataclass(frozen=True, slots=True)
class Inspection:
    """The findings about a protected set.

    Attributes:
        name: The caller's name of the set.
        data: The data set: its name, number of identities and size.
        content: ``images`` or ``perturbations``.
        scale: The range of its values.
        classwise: Whether all photographs of an identity share one perturbation.
        images: N, the number of photographs that it protects.
        size: Their height and width in pixels.
        remarks: How its files were matched with the photographs, and what else is worth knowing about them.
        objection: Why ``run`` refuses the set, with the remedy; empty if it does not.
        not_finite: Number of images with NaN or infinite values.
        black: Number of images that are all black.
        constant: Number of images of a single colour, black ones included.
        unchanged: Number of images that equal the clean photograph.
        one_sided: Number of changed images in which no pixel is darker, or none is brighter.
        linf: Largest change of an image in grey levels: the maximum over images, and the median.
        l2: Euclidean norm of the change of an image in grey levels: the maximum over images, and the median.
        eps: The L-inf budget on the [0, 1] pixel scale.
        over_budget: Number of images whose change exceeds the budget.
        misplaced: Number of images that show a photograph other than the one at their position; None for perturbations.
        of_test: How many of these show a photograph of the test set; None for perturbations.
        order: (N,) the position of the photograph that each image shows, if some are misplaced: move image i to
            position ``order[i]``. Positions from N are photographs of the test set.
        order_in_words: The order in words.
        wrong_labels: Number of images whose label in the files is not that of the data set; None without labels.
        separable: Number of held-out perturbations from which a linear classifier tells the identity, and of all; None
            if there is nothing to learn from.
        chance: The accuracy of guessing.
        unused_labels: The shape and type of labels in the file that cannot be used; else empty.
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
    unused_labels: str = ""

    @property
    def document(self) -> dict[str, Any]:
        """Return the findings as JSON values."""
        return asdict(self)

    @property
    def lines(self) -> dict[str, str]:
        """Return the findings for readers: the subject of each line and its text."""
        kind = f"class-wise {self.content}" if self.classwise else self.content
        return {
            "protected": f"{self.name}: {kind} of the scale {self.scale}, for {self.images} images of {self.size} px",
            "data": self.data,
            "order": self._order(),
            "labels": self._labels(),
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

    def _labels(self) -> str:
        if self.wrong_labels is not None:
            return f"{self.wrong_labels} of {self.images} are wrong"
        if self.unused_labels:
            return f"not used ({self.unused_labels}); give one whole number for each image"
        return "none"

    def _order(self) -> str:
        if self.misplaced is None:
            return "not checked: a perturbation does not show which photograph it belongs to"
        if not self.misplaced:
            return "each image shows the photograph at its position"
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
    protected: ProtectedSets,
    data: str = "",
    *,
    preset: str = presets.DEFAULT,
    eps: float = EPS,
    results: str | Path = RESULTS,
    plugins: Texts = (),
) -> list[Inspection]:
    """Examine protected sets made by other code: size, order, labels, and the size of the perturbation.

    No set is refused because of a large perturbation. ``objection`` says why ``run`` would refuse a set.

    Args:
        protected: The sets; see ``run``.
        data: The photographs that they protect: one data set, as for ``run``.
        preset: Sets the size of the images, and the data set if ``data`` is empty.
        eps: The L-inf budget on the [0, 1] pixel scale; images that exceed it are counted.
        results: The results folder, which keeps copies of arrays.
        plugins: Python files with your own sources.

    Raises:
        DataError: If a set cannot be read, or has another size or number of images than the photographs.
        UsageError: If an argument is wrong, or if it is unclear what the values of a set mean.

    Example:
        >>> import numpy as np
        >>> import uebench
        >>> noise = np.full((4, 3, 32, 32), [[[[-0.01]]], [[[0.0]]], [[[0.01]]], [[[0.02]]]], np.float32)
        >>> (inspection,) = uebench.inspect_protected({"grey": noise}, "synthetic", preset="smoke")
        >>> inspection.classwise, inspection.linf[0], inspection.over_budget
        (True, 5, 0)
    """
    return inspect_in(Workspace.of(results, plugins), protected, data, preset, eps)


def inspect_in(workspace: Workspace, protected: ProtectedSets, data: str, preset: str, eps: float) -> list[Inspection]:
    """Do what ``inspect_protected`` does, in a workspace."""
    if not 0 <= eps <= 1:
        raise UsageError(f"eps {eps:g}: give a radius on the [0, 1] pixel scale, such as 8/255")
    chosen = presets.get(preset)
    configs = [
        method_part(workspace.registry, parse(text), preset)[0].config for text in method_texts(protected, workspace)
    ]
    dataset = load(data or chosen.data, chosen.size, workspace.registry, workspace.cache)
    return [_inspect(config, dataset, eps) for config in configs if isinstance(config, ProtectedConfig)]


def raise_if_refused(inspections: Iterable[Inspection]) -> None:
    """Raise an error if ``run`` would refuse one of the sets.

    Raises:
        DataError: For the first such set, with the remedy.
    """
    if refused := next((inspection for inspection in inspections if inspection.objection), None):
        raise DataError(f"protected {refused.name!r}: {refused.objection}")


def _inspect(config: ProtectedConfig, dataset: Dataset, eps: float) -> Inspection:
    clean = CleanSet.of(dataset)
    protected = config.read(clean)
    alignment = alignment_of(protected, clean, dataset.test.images)
    images = (clean.images + protected.delta).reshape(len(clean), -1)
    change = protected.delta.reshape(len(clean), -1)
    linf, l2 = np.abs(change).max(1), np.sqrt(np.square(change, dtype=np.int64).sum(1))
    highest, lowest = images.max(1), images.min(1)
    changed = change.any(1)
    is_reordered = alignment is not None and bool(alignment.misplaced.any())
    separable = separability(protected.delta, clean.labels)
    return Inspection(
        name=config.name,
        data=f"{dataset.name}, {clean.num_classes} identities, {clean.size} px",
        content=protected.content,
        scale=protected.scale,
        classwise=protected.classwise,
        images=len(clean),
        size=clean.size,
        remarks=protected.remarks,
        objection=objection(protected, alignment, clean),
        not_finite=int((~protected.finite).sum()),
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
        order=tuple(alignment.order.tolist()) if alignment and is_reordered else None,
        order_in_words=order_in_words(alignment.order, clean.labels, clean.names) if alignment and is_reordered else "",
        wrong_labels=None if protected.labels is None else int((protected.labels != clean.labels).sum()),
        separable=(separable.correct, separable.n) if separable else None,
        chance=dataset.info.record.chance,
        unused_labels=protected.unused_labels,
    )
