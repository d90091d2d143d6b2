"""What protection costs: fit seconds, seconds per 1,000 images, image gradients, peak memory, for each method.

Every method runs in a process of its own, one after the other, on the same set; nothing else should run meanwhile.
"""

from __future__ import annotations

import importlib
import time
from typing import Any

from benchmarks.processes import fresh, in_mib, more_memory

IMPORTS = ("sklearn.datasets", "torch.fx.experimental.optimization", "torchvision.transforms.v2")
"""What methods import on first use, which is no cost of theirs."""

METHODS = ("lsp", "tue", "ue", "rue", "segue(weights=none)", "segue")


def measure(quick: bool) -> list[dict[str, Any]]:
    """Measure each method on ORL."""
    data, preset = ("synthetic", "smoke") if quick else ("orl", "desk")
    return [fresh(protect, method, data, preset) for method in METHODS]


def protect(method: str, data: str, preset: str, size: int = 0) -> dict[str, Any]:
    """Fit ``method`` on ``data`` and protect it, on one thread; count what that took.

    Args:
        method: A method, as ``name(option=value)``.
        data: A data set.
        preset: Where options come from, and the size.
        size: Of the images in pixels; 0: the preset's.
    """
    for name in IMPORTS:
        importlib.import_module(name)
    import torch

    from uebench.data.dataset import load
    from uebench.evaluation import referee
    from uebench.evaluation.context import RunContext, seed_everything
    from uebench.networks import FaceClassifier
    from uebench.plugins import presets
    from uebench.plugins.registry import Registry
    from uebench.plugins.spec import parse

    torch.set_num_threads(1)
    gradients = 0

    def count(module: torch.nn.Module, _: Any, logits: torch.Tensor) -> None:  # noqa: ANN401
        nonlocal gradients
        if isinstance(module, FaceClassifier) and logits.requires_grad:
            gradients += len(logits)

    registry, device = Registry(), torch.device("cpu")
    plugin: Any = registry.build("method", parse(method), preset)
    ctx = RunContext(device, 0)
    seed_everything(ctx)
    with torch.nn.modules.module.register_module_forward_hook(count), more_memory() as more:
        dataset = load(data, size or presets.get(preset).size, registry)
        clean = referee.image_set(dataset.train, dataset.num_classes, device)
        started = time.perf_counter()
        plugin.fit(clean, ctx)
        fitted = time.perf_counter()
        referee.protect(plugin, clean, plugin.budget(dataset.size), ctx)
        ended = time.perf_counter()
        peak = more()
    return {
        "method": method,
        "data": dataset.name,
        "images": len(clean),
        "size": dataset.size,
        "fit_seconds": fitted - started,
        "protect_seconds": ended - fitted,
        "image_gradients": gradients,
        "peak_mib": peak,
        "identities": dataset.num_classes,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the measurements as Markdown, with the ratio that the Segue paper claims."""
    first = rows[0]
    lines = [
        f"{first['images']} images of {first['size']} pixels ({first['data']}), one CPU thread.",
        "",
        "| method | fit, s | protect 1,000 images, s | fit and protect 1,000, s | image gradients | memory, MiB |",
        "|---|---|---|---|---|---|",
    ]
    whole = {}
    for row in rows:
        thousand = 1000 / row["images"]
        whole[row["method"]] = (row["fit_seconds"] + row["protect_seconds"]) * thousand
        lines.append(
            f"| `{row['method']}` | {row['fit_seconds']:.2f} | {row['protect_seconds'] * thousand:.2f} | "
            f"{whole[row['method']]:.2f} | {row['image_gradients']:,} | {in_mib(row['peak_mib'])} |"
        )
    if {"ue", "segue"} <= whole.keys():
        ratio = whole["ue"] / whole["segue"]
        lines += ["", f"Once trained, Segue protects {ratio:.0f} times as fast as UE (the paper says 1,000 times)."]
    return "\n".join(lines) + "\n"
