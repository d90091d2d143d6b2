"""Train a method on one data set and keep its weights for others: once trained, many times used."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from uebench.data.dataset import load
from uebench.errors import UsageError
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.evaluation.hardware import choose_device
from uebench.evaluation.seeding import seed_everything
from uebench.hashing import key
from uebench.plugins import presets
from uebench.plugins.base import Method
from uebench.plugins.registry import Registry
from uebench.plugins.spec import Spec, parse
from uebench.pretrained import weights
from uebench.progress import Progress
from uebench.store.store import Store


def fit_once(
    method: str,
    data: str | None,
    preset: str,
    seed: int,
    out: Path,
    *,
    registry: Registry,
    store: Store,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Fit ``method`` and write its weights to ``out``; a killed run goes on where it was.

    Returns:
        The metadata written into the file.

    Raises:
        UsageError: If the method learns nothing, or cannot serve the set.
    """
    store.check_writable()
    stage = presets.get(preset)
    spec = parse(method)
    spec = Spec(spec.name, {"weights": None} | dict(spec.options)) if _has_weights(registry, spec) else spec
    plugin: Method[Any] = registry.build("method", spec, preset)  # type: ignore[assignment]
    dataset = load(data or stage.data, stage.size, registry, store.work / "data")
    if reason := plugin.obstacle(dataset.shape):
        raise UsageError(f"{method}: {reason}")
    entry = registry.entry("method", spec.name)
    config = plugin.config.published()
    address = key(fit=spec.name, version=entry.version, config=config, data=dataset.key, seed=seed)
    where = choose_device(device)
    with store.claim(address):
        ctx = RunContext(where, seed, store=store, key=address, stage="fit", progress=progress)
        seed_everything(ctx)
        plugin.fit(referee.image_set(dataset.train, dataset.num_classes, where), ctx)
        state = plugin.state()
        if not state:
            raise UsageError(f"{method}: learns nothing, so there are no weights to keep")
        meta = {
            "method": spec.name,
            "version": entry.version,
            "config": config,
            "data": dataset.name,
            "size": dataset.size,
            "num_classes": dataset.num_classes,
            "counts": dataset.shape.counts,
            "seed": seed,
            "seconds": ctx.seconds,
            "command": f"uebench fit '{spec}' --data {dataset.name} --preset {preset} --method-seed {seed}",
        }
        weights.save(out, state, meta)
        store.forget_work(address)
    return meta


def _has_weights(registry: Registry, spec: Spec) -> bool:
    return "weights" in registry.entry("method", spec.name).plugin.Config.model_fields
