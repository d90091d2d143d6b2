"""Decide whether a set is poisoned: do simple networks recognise it better than the clean photographs?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from uebench.analysis.paired_tests import ALPHA
from uebench.analysis.statistics import Difference, Runs, difference, holm, interval

Verdict = Literal["poisoned", "not detected", "cannot tell"]


@dataclass(frozen=True, slots=True)
class Detector:
    """A simple network that is trained on each half of a set and tested on the other.

    Attributes:
        network: ``linear`` or ``two-layer``.
        view: What it sees: the ``image``, or its ``residue``, the high spatial frequencies.
        published: How many images of the set it recognised.
        clean: How many clean photographs it recognised, after training on those.
        n: The number of images.
        published_interval: The 95% interval of the accuracy on the set; it counts photographs, not the images of each.
        clean_interval: The same for the clean photographs.
        difference: The difference of the two accuracies; photographs are paired.
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
        """Return whether the set stands out: the network recognises it better than the clean photographs."""
        return self.difference.value > 0 and self.p < ALPHA


@dataclass(frozen=True, slots=True)
class Detection:
    """The findings of all simple networks on a set.

    Attributes:
        name: The caller's name for the set.
        data: The name of the data set.
        identities: How many people it shows.
        photographs: How many photographs its images are made of.
        detectors: The findings of each network.
        data_key: The key of the data set; empty if the caller has none.
    """

    name: str
    data: str
    identities: int
    photographs: int
    detectors: tuple[Detector, ...]
    data_key: str = ""

    @property
    def strongest(self) -> Detector:
        """Return the detector whose difference has the highest lower bound."""
        return max(self.detectors, key=lambda one: one.difference.low)

    @property
    def verdict(self) -> Verdict:
        """Return whether the set is poisoned.

        ``cannot tell``: the networks recognise so many of the clean photographs that no set could stand out.
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
    data_key: str = "",
) -> Detection:
    """Compare how well networks recognise a set with how well they recognise the clean photographs.

    Args:
        name: The caller's name for the set.
        data: The name of the data set.
        identities: K.
        published: For each network and view, which images of the set it recognised.
        clean: The same for the clean photographs, in the same order.
        of_each: How many of the images are made of each photograph; these are adjacent.
        data_key: The key of the data set.
    """
    runs = {view: (_runs(published[view], of_each), _runs(clean[view], of_each)) for view in published}
    gaps = [difference(*pair) for pair in runs.values()]
    most = [(_runs([True] * on_clean.n, of_each), on_clean) for _, on_clean in runs.values()]
    corrected, least = (holm([_p(*pair) for pair in pairs]) for pairs in (list(runs.values()), most))
    detectors = []
    for (view, (on_set, on_clean)), gap, p, least_p in zip(runs.items(), gaps, corrected, least, strict=True):
        counts, intervals = (sum(published[view]), sum(clean[view]), on_set.n), (interval(on_set), interval(on_clean))
        detectors.append(Detector(*view, *counts, *intervals, gap, p, has_room=least_p < ALPHA))
    return Detection(name, data, identities, on_set.photographs, tuple(detectors), data_key)


def _runs(answers: Sequence[bool], of_each: int) -> Runs:
    return Runs({(0, 0): sum(answers) / len(answers)}, len(answers), {(0, 0): answers}, of_each)


def _p(on_set: Runs, on_clean: Runs) -> float:
    """Return the p value of a difference, not below that of the sign test, which is exact also for few photographs.

    With one image of each photograph, the sign test is McNemar's exact test.
    """
    import numpy as np
    from scipy.stats import binomtest

    both = [one.answers for one in (on_set, on_clean) if one.answers]
    recognised = [np.reshape(answers[0, 0], (-1, on_set.of_each)).sum(1) for answers in both]
    gaps = recognised[0] - recognised[1]
    more, less = int((gaps > 0).sum()), int((gaps < 0).sum())
    exact = float(binomtest(more, more + less).pvalue) if more + less else 1.0
    return max(exact, difference(on_set, on_clean).p)
