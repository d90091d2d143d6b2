"""The page of detections: a table, and a sentence about each set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from uebench.analysis.detection import Detection, Detector
from uebench.analysis.labels import set_names
from uebench.report.formats import Block, Page
from uebench.report.text import p_value, with_interval

COLUMNS = (
    "data", "set", "verdict", "network", "sees", "published", "clean", "n", "photographs", "chance",
    "difference", "low", "high", "p",
)  # fmt: skip


def page(detections: Sequence[Detection]) -> Page:
    """Return the page of detections: a block for each data set with a line for each network, and notes about the sets.

    Args:
        detections: The detections, grouped by data set.
    """
    header = ("set", "network", "sees", "published % [95%]", "clean % [95%]", "difference [95%]", "p (Holm)")
    blocks = []
    names = set_names((one.data_key, "", one.data) for one in detections)
    detections = [replace(one, data=names[one.data_key, ""]) if one.data_key else one for one in detections]
    for _, group in groupby(detections, lambda detection: (detection.data, detection.data_key)):
        sets = list(group)
        lines = [(detection.name, *_line(detector)) for detection in sets for detector in detection.detectors]
        blocks.append(Block(_title(sets[0]), header, lines))
    rows = [_row(detection, detector) for detection in detections for detector in detection.detectors]
    return Page("What simple networks recognise", blocks, list(map(sentence, detections)), rows, COLUMNS)


def sentence(detection: Detection) -> str:
    """Return the verdict on a set in words, with the evidence."""
    strongest, subject = detection.strongest, f"{detection.name} on {detection.data}"
    low, high = (100 * bound for bound in (strongest.difference.low, strongest.difference.high))
    points = f"{100 * strongest.difference.value:.1f} points [{low:.1f}, {high:.1f}]"
    match detection.verdict:
        case "poisoned":
            return (
                f"{subject}: poisoned. A {strongest.network} network that sees the {strongest.view} recognises "
                f"{points} more than on clean photographs."
            )
        case "not detected":
            return (
                f"{subject}: not detected. No network clearly recognises more than on clean photographs; the clearest "
                f"difference is {points}."
            )
        case "cannot tell":
            least = min(detector.clean / detector.n for detector in detection.detectors)
            share = "all" if least == 1 else f"at least {100 * least:.1f}%"
            return (
                f"{subject}: cannot tell. The networks recognise {share} of the clean photographs, too, "
                "so no set could stand out."
            )


def _title(detection: Detection) -> str:
    people, images = detection.identities, detection.detectors[0].n
    of_photographs = f" of {detection.photographs} photographs" if detection.photographs < images else ""
    return f"{detection.data}: {images} images{of_photographs} of {people} people, chance {100 / people:.1f}%"


def _line(detector: Detector) -> tuple[str, ...]:
    counts = (
        (detector.published, detector.published_interval),
        (detector.clean, detector.clean_interval),
    )
    published, clean = (
        with_interval(100 * correct / detector.n, 100 * low, 100 * high) for correct, (low, high) in counts
    )
    low, high = (100 * bound for bound in (detector.difference.low, detector.difference.high))
    difference = with_interval(100 * detector.difference.value, low, high, "+")
    return detector.network, detector.view, published, clean, difference, p_value(detector.p)


def _row(detection: Detection, detector: Detector) -> dict[str, object]:
    difference = detector.difference
    values = (
        detection.data, detection.name, detection.verdict, detector.network, detector.view, detector.published,
        detector.clean, detector.n, detection.photographs, 1 / detection.identities, difference.value, difference.low,
        difference.high, detector.p,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))
