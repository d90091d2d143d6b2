"""Is a set poisoned? What simple networks make of it, beside what they make of the clean photographs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from uebench.analysis.statistics import Difference, Runs, difference, holm, interval

Verdict = Literal["poisoned", "not detected", "cannot tell"]
LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Detector:
    """A simple network that is trained on one half of a set and asked about the other half, and the reverse.

    Attributes:
        network: ``linear`` or ``two-layer``.
        view: What it sees: the ``image``, or its ``residue``, the high spatial frequencies.
        published: Images of the set that it recognised.
        clean: The same of the clean photographs, after training on those.
        n: Of how many.
        published_interval: The 95% interval of the first accuracy; photographs count, and not the images of each.
        clean_interval: The same of the second.
        difference: Of the two accuracies; photographs are paired.
        p: Its p value, corrected for the number of detectors (Holm).
        has_room: Whether the set would stand out from the clean photographs if all its images were recognised.
    """

    network: str
    view: str
    published: int
    clean: int
    n: int
    published_interval: tuple[float, float]
    clean_interval: tuple[float, float]
    difference: Difference
    p: float
    has_room: bool

    @property
    def alarms(self) -> bool:
        """Return whether the set stands out: it is told apart better than the clean photographs."""
        return self.difference.value > 0 and self.p < LEVEL


@dataclass(frozen=True, slots=True)
class Detection:
    """What simple networks say of a set.

    Attributes:
        name: What the caller calls the set.
        data: The name of the data set.
        identities: How many people it shows.
        photographs: How many photographs its images are made of.
        detectors: What each network says.
    """

    name: str
    data: str
    identities: int
    photographs: int
    detectors: tuple[Detector, ...]

    @property
    def strongest(self) -> Detector:
        """Return the detector whose difference is surely the largest."""
        return max(self.detectors, key=lambda one: one.difference.low)

    @property
    def verdict(self) -> Verdict:
        """Return whether the set is poisoned.

        ``cannot tell``: the networks recognise so many people on clean photographs that no set could stand out.
        """
        if any(one.alarms for one in self.detectors):
            return "poisoned"
        return "not detected" if any(one.has_room for one in self.detectors) else "cannot tell"


def detection(
    name: str,
    data: str,
    identities: int,
    published: Mapping[tuple[str, str], Sequence[bool]],
    clean: Mapping[tuple[str, str], Sequence[bool]],
    *,
    of_each: int = 1,
) -> Detection:
    """Compare what networks make of a set with what they make of the clean photographs.

    Args:
        name: What the caller calls the set.
        data: The name of the data set.
        identities: K.
        published: For each network and view, which images of the set it recognised.
        clean: The same of the clean photographs, in the same order.
        of_each: How many of the images are made of each photograph; they lie side by side.
    """
    seen = {one: (_runs(published[one], of_each), _runs(clean[one], of_each)) for one in published}
    apart = [difference(*runs) for runs in seen.values()]
    best = [difference(_runs([True] * runs.n, of_each), runs) for _, runs in seen.values()]
    detectors = (
        Detector(
            *one, sum(published[one]), sum(clean[one]), runs[0].n, interval(runs[0]), interval(runs[1]),
            found, p, has_room=most < LEVEL,
        )
        for (one, runs), found, p, most in zip(
            seen.items(), apart, holm([one.p for one in apart]), holm([one.p for one in best]), strict=True
        )
    )  # fmt: skip
    photographs = next(iter(seen.values()))[0].photographs
    return Detection(name, data, identities, photographs, tuple(detectors))


def _runs(answers: Sequence[bool], of_each: int) -> Runs:
    return Runs({(0, 0): sum(answers) / len(answers)}, len(answers), {(0, 0): answers}, of_each)
