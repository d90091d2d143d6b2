"""The metrics in a study's table besides the accuracy: their blocks and notes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from uebench.analysis.study import MeasuredPlace, columns
from uebench.analysis.study_metrics import MEASURES
from uebench.planning.study import METRICS, StudySpec
from uebench.report.caveats import COST, WORST_IDENTITY
from uebench.report.study_blocks import Column, DataBlock, Number, Row, sections, seeds_of

NOTES: Mapping[str, str] = MappingProxyType(
    {
        "relative_unlearnability": "relative unlearnability: the share of what lies between chance and the clean "
        "reference that the attacker does not learn; 100: it is left at chance; a dash where it learns nothing from "
        "clean photographs",
        "peak": "peak accuracy: that of the epoch that is best on the test photographs, an oracle that no attacker has",
        "worst_identity": WORST_IDENTITY,
        "robust": "accuracy under PGD-20: of an attacker that trained adversarially, on test photographs attacked "
        "within the same radius",
        "unprotected": "unprotected people: those none of whose images is protected, under the countermeasure partial",
        "psnr": "PSNR: over the images that the method changed",
        "lpips": "LPIPS: a dash where no weights for it were given: uebench audit --lpips-trunk",
        "seconds": f"seconds: {COST}, on the machine of each record; compare ratios",
        "memory": "peak memory: of the process, with Python and PyTorch, or on a GPU of its tensors; of the whole set, "
        "since it hardly grows with the number of images; a dash where it was not measured",
    }
)
"""Metric -> note."""


def blocks(spec: StudySpec, sets: Sequence[Sequence[MeasuredPlace]]) -> list[DataBlock]:
    """Return a block per data set for each metric that depends on the attacker, then one per data set for the others.

    Args:
        spec: The study with its metrics.
        sets: The places of each data set.
    """
    metrics = dict.fromkeys(spec.metrics)
    of_sets = [name for name in metrics if METRICS[name].of_sets]
    attack_blocks = [_of_attacks(spec, name, places) for name in metrics if name not in of_sets for places in sets]
    return attack_blocks + [_of_sets(spec, of_sets, places) for places in sets if of_sets]


def notes(spec: StudySpec) -> list[str]:
    """Return the notes on the metrics of a study."""
    return [NOTES[name] for name in dict.fromkeys(spec.metrics) if name in NOTES]


def _of_attacks(spec: StudySpec, name: str, places: Sequence[MeasuredPlace]) -> DataBlock:
    lines = {
        line[0].place.method.name: Row(line[0].place.method.name, [_number(name, one) for one in line], seeds_of(line))
        for line in zip(*columns(places), strict=True)
    }
    header = [Column(attacker.group, attacker.name) for attacker in spec.attackers]
    return DataBlock(places[0].place.data.name, header, sections(spec, lines), METRICS[name].heading, name)


def _of_sets(spec: StudySpec, names: Sequence[str], places: Sequence[MeasuredPlace]) -> DataBlock:
    lines = {
        line[0].place.method.name: Row(line[0].place.method.name, [_set_number(name, line) for name in names])
        for line in zip(*columns(places), strict=True)
    }
    header = [Column("", METRICS[name].heading) for name in names]
    data = places[0].place.data.name
    return DataBlock(data, header, sections(spec, lines), "protected sets", "sets", has_seeds=False)


def _set_number(name: str, line: Sequence[MeasuredPlace]) -> Number:
    """Return a metric of a method's protected sets, from the place with the most records."""
    return _number(name, max(line, key=lambda one: len(one.records)))


def _number(name: str, one: MeasuredPlace) -> Number:
    value = MEASURES[name](one)
    if value is None:
        return Number()
    remark = ""
    if name == "peak":
        epochs = [record.peak.epoch for record in one.records]
        first, last = min(epochs), max(epochs)
        remark = f"(epoch {first})" if first == last else f"(epochs {first}-{last})"
    elif name == "worst_identity" and one.pairing:
        remark = f"(no. {one.pairing.worst.number})"
    return Number(f"{value:.{METRICS[name].decimals}f}", remark=remark)
