"""The metrics that a study's table can show beside the accuracy, from records."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean

from uebench.analysis.runs import seconds as seconds_of
from uebench.analysis.selection import one_of_each_set
from uebench.analysis.statistics import Runs
from uebench.analysis.study import MeasuredPlace
from uebench.store.record import Record
from uebench.store.record_parts import Counts


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
    return _mean(record.audit.psnr_mean for record in one_of_each_set(one.records))


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


def _percent(counts: Iterable[tuple[Record, Counts | None]]) -> float | None:
    """Return the mean accuracy in percent; every method seed counts the same, as in ``Runs.mean``."""
    shares = {(record.method_seed, record.seed): one.share for record, one in counts if one}
    return 100 * Runs(shares, n=1).mean if shares else None


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
