"""What simple networks say of protected sets as a page: a table, and a sentence for each set."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from uebench.analysis.detection import Detection, Detector
from uebench.report.tables import Block, Page
from uebench.report.text import p_value

COLUMNS = (
    "data", "set", "verdict", "network", "sees", "published", "clean", "n", "photographs", "chance",
    "difference", "low", "high", "p",
)  # fmt: skip


def page(found: Sequence[Detection]) -> Page:
    """Arrange what was found of sets: a block for each data set, with a line for each network; a sentence for each set.

    Args:
        found: What was found; sets of the same data are neighbours.
    """
    header = ("set", "network", "sees", "published % [95%]", "clean % [95%]", "difference [95%]", "p (Holm)")
    blocks = []
    for _, group in groupby(found, lambda one: one.data):
        sets = list(group)
        lines = [(one.name, *_line(detector)) for one in sets for detector in one.detectors]
        blocks.append(Block(_title(sets[0]), header, lines))
    rows = [_row(one, detector) for one in found for detector in one.detectors]
    return Page("What simple networks recognise", blocks, [sentence(one) for one in found], rows, COLUMNS)


def sentence(found: Detection) -> str:
    """Say in words whether a set is poisoned, and how sure that is."""
    one = found.strongest
    by = f"{100 * one.difference.value:.1f} points [{100 * one.difference.low:.1f}, {100 * one.difference.high:.1f}]"
    match found.verdict:
        case "poisoned":
            return (
                f"{found.name} on {found.data}: poisoned. A {one.network} network that sees the {one.view} recognises "
                f"{by} more than on clean photographs."
            )
        case "not detected":
            return (
                f"{found.name} on {found.data}: not detected. No network recognises surely more than on clean "
                f"photographs; the clearest difference is {by}."
            )
        case "cannot tell":
            least = min(detector.clean / detector.n for detector in found.detectors)
            return (
                f"{found.name} on {found.data}: cannot tell. The networks recognise {100 * least:.1f}% or more even on "
                "clean photographs, so no set could stand out."
            )


def _title(found: Detection) -> str:
    people, images = found.identities, found.detectors[0].n
    of_photographs = f" of {found.photographs} photographs" if found.photographs < images else ""
    return f"{found.data}: {images} images{of_photographs} of {people} people, chance {100 / people:.1f}%"


def _line(one: Detector) -> tuple[str, ...]:
    both = ((one.published, one.published_interval), (one.clean, one.clean_interval))
    published, clean = (
        f"{100 * correct / one.n:.1f} [{100 * low:.1f}, {100 * high:.1f}]" for correct, (low, high) in both
    )
    low, high = (100 * bound for bound in (one.difference.low, one.difference.high))
    apart = f"{100 * one.difference.value:+.1f} [{low:+.1f}, {high:+.1f}]"
    return one.network, one.view, published, clean, apart, p_value(one.p)


def _row(found: Detection, one: Detector) -> dict[str, object]:
    values = (
        found.data, found.name, found.verdict, one.network, one.view, one.published, one.clean, one.n,
        found.photographs, 1 / found.identities, one.difference.value, one.difference.low, one.difference.high, one.p,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))
