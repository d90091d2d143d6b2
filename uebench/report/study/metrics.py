"""The metrics in a study's table besides the accuracy: how they are measured, their blocks and notes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from statistics import fmean
from types import MappingProxyType
from typing import NamedTuple

from uebench.analysis.runs import psnr as psnr_of
from uebench.analysis.runs import seconds as seconds_of
from uebench.analysis.statistics import Runs
from uebench.analysis.study import MeasuredPlace, columns
from uebench.planning.study import StudySpec
from uebench.report.caveats import COST, WORST_IDENTITY
from uebench.report.study.blocks import Column, DataBlock, Number, Row, sections, seeds_of
from uebench.store.record import Record
from uebench.store.record_parts import Counts


class Metric(NamedTuple):
    """A metric that a table can show beside the accuracy.

    Attributes:
        heading: Its name and unit in tables.
        measure: The function that measures it.
        note: The note below a table that shows it; empty for none.
        of_sets: Whether it describes the protected sets, and is therefore the same for every attacker.
        decimals: The number of decimals in tables.
        remark: The function that returns the text after a number; None for no text.
    """

    heading: str
    measure: Callable[[MeasuredPlace], float | None]
    note: str = ""
    of_sets: bool = False
    decimals: int = 1
    remark: Callable[[MeasuredPlace], str] | None = None


def _epochs(one: MeasuredPlace) -> str:
    epochs = [record.peak.epoch for record in one.records]
    first, last = min(epochs), max(epochs)
    return f"(epoch {first})" if first == last else f"(epochs {first}-{last})"


def _worst(one: MeasuredPlace) -> str:
    return f"(no. {one.pairing.worst.number})" if one.pairing else ""


def relative_unlearnability(one: MeasuredPlace) -> float | None:
    """Return ``Pairing.relative_unlearnability``; None if there are no records."""
    return one.pairing.relative_unlearnability if one.pairing else None


def peak(one: MeasuredPlace) -> float | None:
    """Return the mean accuracy of the best epochs in percent; no attacker has the oracle that chooses them."""
    return _percent((record, record.peak) for record in one.records)


def worst_identity(one: MeasuredPlace) -> float | None:
    """Return the accuracy in percent on the identity that the attacker recognises best over all runs."""
    return 100 * one.pairing.worst.share if one.pairing else None


def robust(one: MeasuredPlace) -> float | None:
    """Return the mean accuracy in percent under attack; None if the attacker did not train adversarially."""
    return _percent((record, record.robust.counts) for record in one.records if record.robust)


def unprotected(one: MeasuredPlace) -> float | None:
    """Return the mean accuracy in percent on people none of whose images is protected; None if there are none."""
    return _percent((record, record.scope.unprotected) for record in one.records if record.scope)


def psnr(one: MeasuredPlace) -> float | None:
    """Return the mean PSNR of the changed images in dB; None if nothing changed."""
    return psnr_of(one.records)


def ssim(one: MeasuredPlace) -> float | None:
    """Return the mean SSIM of the protected sets; None if there is no record of them."""
    return _mean(protection.quality.ssim for protection in one.protections)


def lpips(one: MeasuredPlace) -> float | None:
    """Return the mean LPIPS of the protected sets; None if it was not measured."""
    return _mean(protection.quality.lpips for protection in one.protections)


def seconds(one: MeasuredPlace) -> float | None:
    """Return the seconds to train or load the method and to protect, per 1,000 training images; None if unknown."""
    cost = seconds_of(one.records) if one.records else None
    return None if cost is None else 1000 * cost / one.records[0].data.train_images


def memory(one: MeasuredPlace) -> float | None:
    """Return the most memory in MiB that the method needed for a set; None where it was not measured."""
    peaks = (protection.peak_memory_mib for protection in one.protections)
    return max((mib for mib in peaks if mib), default=None)


METRICS: Mapping[str, Metric] = MappingProxyType(
    {
        "relative_unlearnability": Metric(
            "relative unlearnability, %",
            relative_unlearnability,
            "relative unlearnability: the share of what lies between chance and the clean reference that the attacker "
            "does not learn; 100: it is left at chance; a dash where it learns nothing from clean photographs",
        ),
        "peak": Metric(
            "peak accuracy, % (epoch)",
            peak,
            "peak accuracy: that of the epoch that is best on the test photographs, an oracle that no attacker has",
            remark=_epochs,
        ),
        "worst_identity": Metric("worst identity, % (number)", worst_identity, WORST_IDENTITY, remark=_worst),
        "robust": Metric(
            "accuracy under PGD-20, %",
            robust,
            "accuracy under PGD-20: of an attacker that trained adversarially, on test photographs attacked within "
            "the same radius",
        ),
        "unprotected": Metric(
            "accuracy of unprotected people, %",
            unprotected,
            "unprotected people: those none of whose images is protected, under the countermeasure partial",
        ),
        "psnr": Metric("PSNR, dB", psnr, "PSNR: over the images that the method changed", of_sets=True, decimals=2),
        "ssim": Metric("SSIM", ssim, of_sets=True, decimals=3),
        "lpips": Metric(
            "LPIPS",
            lpips,
            "LPIPS: a dash where no weights for it were given: uebench audit --lpips-trunk",
            of_sets=True,
            decimals=3,
        ),
        "seconds": Metric(
            "seconds per 1,000 images",
            seconds,
            f"seconds: {COST}, on the machine of each record; compare ratios",
            of_sets=True,
        ),
        "memory": Metric(
            "peak memory, MiB",
            memory,
            "peak memory: of the process, with Python and PyTorch, or on a GPU of its tensors; of the whole set, since "
            "it hardly grows with the number of images; a dash where it was not measured",
            of_sets=True,
            decimals=0,
        ),
    }
)
"""The metrics by name, with those of ``planning.study.METRICS``."""


def blocks(spec: StudySpec, sets: Sequence[Sequence[MeasuredPlace]]) -> list[DataBlock]:
    """Return a block per data set for each metric that depends on the attacker, then one per data set for the others.

    Args:
        spec: The study with its metrics.
        sets: The places of each data set.
    """
    names = dict.fromkeys(spec.metrics)
    of_sets = [METRICS[name] for name in names if METRICS[name].of_sets]
    of_attacks = [name for name in names if not METRICS[name].of_sets]
    attack_blocks = [_of_attacks(spec, name, places) for name in of_attacks for places in sets]
    return attack_blocks + [_of_sets(spec, of_sets, places) for places in sets if of_sets]


def notes(spec: StudySpec) -> list[str]:
    """Return the notes on the metrics of a study."""
    return [METRICS[name].note for name in dict.fromkeys(spec.metrics) if METRICS[name].note]


def _of_attacks(spec: StudySpec, name: str, places: Sequence[MeasuredPlace]) -> DataBlock:
    metric = METRICS[name]
    lines = {}
    for line in zip(*columns(places), strict=True):
        method = line[0].place.method.name
        lines[method] = Row(method, [_number(metric, one) for one in line], seeds_of(line))
    header = [Column(attacker.group, attacker.name) for attacker in spec.attackers]
    return DataBlock(places[0].place.data.name, header, sections(spec, lines), metric.heading, name)


def _of_sets(spec: StudySpec, metrics: Sequence[Metric], places: Sequence[MeasuredPlace]) -> DataBlock:
    lines = {}
    for line in zip(*columns(places), strict=True):
        method, fullest = line[0].place.method.name, max(line, key=lambda one: len(one.records))
        lines[method] = Row(method, [_number(metric, fullest) for metric in metrics])
    header = [Column("", metric.heading) for metric in metrics]
    data = places[0].place.data.name
    return DataBlock(data, header, sections(spec, lines), "protected sets", "sets", has_seeds=False)


def _number(metric: Metric, one: MeasuredPlace) -> Number:
    value = metric.measure(one)
    if value is None:
        return Number()
    return Number(f"{value:.{metric.decimals}f}", remark=metric.remark(one) if metric.remark else "")


def _percent(counts: Iterable[tuple[Record, Counts | None]]) -> float | None:
    """Return the mean accuracy in percent; every method seed counts the same, as in ``Runs.mean``."""
    shares = {(record.method_seed, record.seed): one.share for record, one in counts if one}
    return 100 * Runs(shares, n=1).mean if shares else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
