"""A record or a failure in words, line by line."""

from __future__ import annotations

from uebench.analysis.records import least_recognised, most_recognised
from uebench.plugins.spec import format_value
from uebench.report import text
from uebench.store.record import Failure, ProtectionRecord, Record
from uebench.store.record_parts import Audit, Fit, Provenance, Robustness

Lines = dict[str, str]
"""What a line is about -> what it says."""


def lines(found: Record | ProtectionRecord | Failure) -> Lines:
    """Return what ``uebench show`` prints of a key."""
    if isinstance(found, Failure):
        return _failure(found)
    return _cell(found) if isinstance(found, Record) else _protection(found)


def _failure(failure: Failure) -> Lines:
    shown = {"key": failure.key, "failed": failure.title, failure.kind: failure.message}
    return shown | ({"traceback": f"\n{failure.traceback.rstrip()}"} if failure.traceback else {})


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
        "identities %": f"{100 * least.share:.1f} (no. {least.number}) to {100 * most.share:.1f} (no. {most.number})",
        "peak %": f"{100 * peak.correct / peak.n:.1f} in epoch {peak.epoch}",
        **_robust(record.robust),
        "training": f"{training.epochs} epochs, {training.steps} steps, stopped: {training.stopped}",
        "audit": _audit(record.audit),
        "seconds": f"fit {timings.fit_seconds:.1f}, protect {timings.protect_seconds:.2f}, "
        f"train {timings.train_seconds:.1f} ({timings.train_images_per_second:.0f} images/s)",
        "made by": _maker(record.provenance),
    }


def _robust(found: Robustness | None) -> Lines:
    if found is None:
        return {}
    share = text.percent(found.counts) if found.counts else f"not measured: {found.reason}"
    return {f"PGD-{found.steps} acc. %": f"{share}, within {format_value(found.rho)} of the clean test photographs"}


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
        "made by": _maker(record.provenance),
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
        name: next((value for one in reversed(fit.curve) if (value := getattr(one, name)) is not None), None)
        for name in ("surrogate", "objective")
    }
    losses = "".join(f", {name} loss {value:.3g}" for name, value in last.items() if value is not None)
    return f"{fit.rounds} rounds, stopped: {fit.stopped}{losses}"


def _audit(audit: Audit) -> str:
    found = audit.separable
    separable = f", linearly separable, %: {text.percent(found)}" if found else ""
    return f"max {audit.max_levels} grey levels, mean L2 {audit.l2_mean:.3f}, budget {audit.budget}{separable}"


def _maker(made: Provenance | None) -> str:
    if made is None:
        return "an earlier version"
    return (
        f"uebench {made.versions['uebench']} ({made.commit}), torch {made.versions['torch']}, "
        f"{made.device}, {made.threads} threads, {made.finished}"
    )
