"""The text of a record or a failure, line by line."""

from __future__ import annotations

from uebench.analysis.runs import images_of_each, least_recognised, most_recognised
from uebench.plugins.spec import format_value
from uebench.report import text
from uebench.store.record import Failure, ProtectionRecord, Record
from uebench.store.record_parts import Audit, Fit, Provenance

Lines = dict[str, str]
"""The subject of a line -> its text."""


def lines(record: Record | ProtectionRecord | Failure) -> Lines:
    """Return the lines that ``uebench show`` prints for a key."""
    if isinstance(record, Failure):
        return _failure(record)
    return _cell(record) if isinstance(record, Record) else _protection(record)


def _failure(failure: Failure) -> Lines:
    message = {"key": failure.key, "failed": failure.title, failure.kind: failure.message}
    return message | ({"traceback": f"\n{failure.traceback.rstrip()}"} if failure.traceback else {})


def _cell(record: Record) -> Lines:
    peak, timings, training = record.peak, record.timings, record.training
    most, least = most_recognised([record]), least_recognised([record])
    return {
        "key": record.key,
        **_subject(record),
        "attacker": record.written["attacker"],
        "  options": text.options(record.attacker[0].config),
        "  model": text.options(training.model),
        "seed": f"{record.seed} (method {record.method_seed}), preset {record.preset}",
        "clean test acc. %": f"{text.accuracy(record)}, chance {100 * record.data.chance:.1f}",
        "identities %": " to ".join(text.person(100 * one.share, one.number) for one in (least, most)),
        "peak %": f"{100 * peak.share:.1f} in epoch {peak.epoch}",
        **_robust(record),
        "training": f"{training.epochs} epochs, {training.steps} steps, stopped: {training.stopped}",
        "audit": _audit(record.audit),
        "seconds": f"fit {timings.fit_seconds:.1f}, protect {timings.protect_seconds:.2f}, "
        f"train {timings.train_seconds:.1f} ({timings.train_images_per_second:.0f} images/s)",
        "made by": _provenance(record.provenance),
    }


def _robust(record: Record) -> Lines:
    robust = record.robust
    if robust is None:
        return {}
    share = f"not measured: {robust.reason}"
    if robust.counts:
        share = text.percent(robust.counts, images_of_each(record, robust.counts.n))
    return {f"PGD-{robust.steps} acc. %": f"{share}, within {format_value(robust.rho)} of the clean test images"}


def _protection(record: ProtectionRecord) -> Lines:
    quality, timings = record.quality, record.timings
    psnr, ssim, lpips = text.quality(quality)
    reason = f" ({quality.lpips_reason})" if quality.lpips_reason else ""
    return {
        "key": record.protect_key,
        **_subject(record),
        "seed": f"method {record.method_seed}, preset {record.preset}",
        **({"fit": _fit(record.fit)} if record.fit else {}),
        "audit": _audit(record.audit),
        "quality": f"PSNR {psnr} dB, SSIM {ssim}, LPIPS {lpips}{reason}",
        "seconds": f"fit {timings.fit_seconds:.1f}, protect {timings.protect_seconds:.2f}",
        "made by": _provenance(record.provenance),
    }


def _subject(record: Record | ProtectionRecord) -> Lines:
    data = record.data
    return {
        "data": f"{data.name}, {data.num_classes} identities, {data.train_images} train + "
        f"{data.test_images} test images, {data.size} px",
        "method": f"{record.written['method']}: {text.options(record.method.config)}",
    }


def _fit(fit: Fit) -> str:
    last = {
        name: next((value for entry in reversed(fit.curve) if (value := getattr(entry, name)) is not None), None)
        for name in ("surrogate", "objective")
    }
    losses = "".join(f", {name} loss {value:.3g}" for name, value in last.items() if value is not None)
    return f"{fit.rounds} rounds, stopped: {fit.stopped}{losses}"


def _audit(audit: Audit) -> str:
    separable = f", linearly separable, %: {text.percent(audit.separable)}" if audit.separable else ""
    return f"max {audit.max_levels} grey levels, mean L2 {audit.l2_mean:.3f}, budget {audit.budget}{separable}"


def _provenance(provenance: Provenance | None) -> str:
    if provenance is None:
        return "an earlier version"
    return (
        f"uebench {provenance.versions['uebench']} ({provenance.commit}), torch {provenance.versions['torch']}, "
        f"{provenance.device}, {provenance.threads} threads, {provenance.finished}"
    )
