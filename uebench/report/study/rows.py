"""The numbers of a study for programs: a row for each place of its table."""

from __future__ import annotations

from collections.abc import Iterable

from uebench.analysis.study import MeasuredPlace
from uebench.planning.study import Reported
from uebench.report.study.metrics import METRICS

COLUMNS = {
    "data": "the study's name of the data set",
    "method_group": "the group of the method",
    "method": "the study's name of the method",
    "attacker_group": "the group of the attacker",
    "attacker": "the study's name of the attacker",
    "accuracy": "mean clean test accuracy in percent; missing where nothing was measured",
    "low": "lower end of its 95% interval",
    "high": "upper end of its 95% interval",
    "seeds": "method seeds x attacker seeds",
    "runs": "number of runs behind the mean",
    "n": "number of clean test images",
    "clean": "mean of the clean reference in percent",
    "chance": "accuracy of guessing in percent",
    "relative_unlearnability": "share of what lies between chance and the clean reference that the attacker does not "
    "learn, in percent",
    "peak": "mean accuracy of the best epochs in percent: an oracle that no attacker has",
    "peak_epochs": "the best epoch of each run, in the order of keys",
    "worst_identity": "number of the identity that the attacker recognises best",
    "worst_identity_accuracy": "accuracy on it in percent",
    "robust": "mean accuracy in percent under PGD-20 within the radius of adversarial training",
    "unprotected": "mean accuracy in percent on people none of whose images is protected",
    "psnr": "mean PSNR of the changed images in dB; missing where nothing changed",
    "ssim": "mean SSIM of the protected images",
    "lpips": "mean LPIPS of the protected images; missing where it was not measured",
    "seconds": "seconds to train or load the method and to protect, for each 1,000 images of the training set",
    "memory": "the most memory in MiB that the method needed for a set; missing where it was not measured",
    "rank_first": "best place that the method may have against this attacker",
    "rank_last": "worst place that it may have",
    "difference": "accuracy minus that of the baseline, in points",
    "difference_low": "lower end of its 95% interval",
    "difference_high": "upper end of its 95% interval",
    "p": "two-sided p value of there being no difference",
    "p_holm": "the same, corrected for all tests of the study (Holm)",
    "reported": "accuracy that others report, in percent",
    "source": "where they do",
    "reason": "why runs are missing",
    "keys": "keys of the records",
}
"""Column -> its meaning."""


def rows(measured: Iterable[MeasuredPlace], reported: Iterable[Reported]) -> list[dict[str, object]]:
    """Return the rows of a study, with the columns ``COLUMNS``.

    Args:
        measured: The places; see ``analysis.study.measure``.
        reported: Accuracies that others report.
    """
    by_place = {(report.data, report.method, report.attacker): report for report in reported}
    return [
        _row(one, by_place.get((one.place.data.name, one.place.method.name, one.place.attacker.name)))
        for one in measured
    ]


def _row(one: MeasuredPlace, reported: Reported | None) -> dict[str, object]:
    place, pairing, gap = one.place, one.pairing, one.test and one.test.difference
    data = place.cells[0].spec.data.record
    low, high = pairing.interval if pairing else (None, None)
    values: dict[str, object] = {
        "data": place.data.name, "method_group": place.method.group, "method": place.method.name,
        "attacker_group": place.attacker.group, "attacker": place.attacker.name,
        "accuracy": pairing.accuracy if pairing else None, "low": low, "high": high,
        "seeds": pairing.runs.seeds if pairing else "", "runs": len(one.records), "n": data.test_images,
        "clean": pairing.reference if pairing else None, "chance": 100 * data.chance,
        "peak_epochs": [record.peak.epoch for record in one.records],
        "rank_first": one.rank.first if one.rank else None, "rank_last": one.rank.last if one.rank else None,
        "difference": 100 * gap.value if gap else None, "difference_low": 100 * gap.low if gap else None,
        "difference_high": 100 * gap.high if gap else None, "p": one.test and one.test.p,
        "p_holm": one.test and one.test.p_holm,
        "reported": reported.accuracy if reported else None, "source": reported.source if reported else "",
        "reason": "; ".join(map(str, one.gaps)), "keys": [record.key for record in one.records],
    }  # fmt: skip
    values |= {name: metric.measure(one) for name, metric in METRICS.items()}
    values["worst_identity_accuracy"] = values["worst_identity"]
    values["worst_identity"] = pairing.worst.number if pairing else None
    return {name: values[name] for name in COLUMNS}
