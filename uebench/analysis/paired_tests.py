"""Paired tests of methods, corrected for their number. Importable without numpy.

A method with fewer than three method seeds is not tested. One or two protected sets hardly tell how much others would
differ, and other methods do not tell either: on the ORL faces, the standard deviation over nine runs is 24 points for
one method and 1 for another. The clean reference needs three runs.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from uebench.analysis.statistics import Difference, Runs, difference, holm

ALPHA = 0.05
"""The largest acceptable probability of any false finding among the tests that are corrected together."""


class PairedTest(NamedTuple):
    """A comparison of two methods.

    Attributes:
        difference: The difference of their accuracies.
        p: Its p value, or None if either method has fewer than three method seeds.
        p_holm: The same, corrected for all tests that were made together.
    """

    difference: Difference
    p: float | None
    p_holm: float | None

    @property
    def sign(self) -> int:
        """Return -1 or 1 if the first method is proven to leave less or more than the second, else 0."""
        if self.p_holm is None or self.p_holm >= ALPHA:
            return 0
        return -1 if self.difference.value < 0 else 1


def paired_tests(pairs: Iterable[tuple[Runs, Runs]]) -> list[PairedTest]:
    """Compare pairs of methods, each on the same photographs and against the same attacker.

    Args:
        pairs: The pairs; p values are corrected (Holm) for those of them that can be tested.
    """
    compared = [(difference(one, other), one.can_be_tested and other.can_be_tested) for one, other in pairs]
    corrected = iter(holm([gap.p for gap, can_be_tested in compared if can_be_tested]))
    return [
        PairedTest(gap, gap.p, next(corrected)) if can_be_tested else PairedTest(gap, None, None)
        for gap, can_be_tested in compared
    ]
