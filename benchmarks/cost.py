"""What protection costs: fit seconds, seconds per 1,000 images, image gradients, peak memory, for each method.

    python benchmarks/cost.py --data orl --threads 1 --out benchmarks/cost.md

Every method runs in a process of its own, one after the other, on the same set; nothing else should run meanwhile.
"""

from __future__ import annotations

import argparse
import importlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

IMPORTS = ("sklearn.datasets", "torch.fx.experimental.optimization", "torchvision.transforms.v2")
"""What methods import on first use, which is no cost of theirs."""

METHODS = ("lsp", "tue", "ue", "rue", "segue(weights=none)", "segue")


def measure(method: str, data: str, preset: str, threads: int) -> dict[str, Any]:
    """Fit ``method`` on ``data`` and protect it; count what that took."""
    for name in IMPORTS:
        importlib.import_module(name)
    import torch

    from uebench import presets, referee
    from uebench.context import RunContext
    from uebench.data import load
    from uebench.nn import FaceClassifier
    from uebench.registry import Registry
    from uebench.runner import seed_everything
    from uebench.spec import parse

    torch.set_num_threads(threads)
    gradients = 0

    def count(module: torch.nn.Module, _: Any, logits: torch.Tensor) -> None:  # noqa: ANN401
        nonlocal gradients
        if isinstance(module, FaceClassifier) and logits.requires_grad:
            gradients += len(logits)

    torch.nn.modules.module.register_module_forward_hook(count)
    registry, device = Registry(), torch.device("cpu")
    dataset = load(data, presets.get(preset).size, registry)
    plugin: Any = registry.build("method", parse(method), preset)
    clean = referee.image_set(dataset.train, dataset.num_classes, device)
    ctx = RunContext(device, 0)
    seed_everything(ctx)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    started = time.perf_counter()
    plugin.fit(clean, ctx)
    fitted = time.perf_counter()
    referee.protect(plugin, clean, ctx)
    ended = time.perf_counter()
    return {
        "method": method,
        "data": dataset.name,
        "images": len(clean),
        "size": dataset.size,
        "fit_seconds": fitted - started,
        "protect_seconds": ended - fitted,
        "image_gradients": gradients,
        "peak_mib": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024,
        "threads": threads,
        "torch": torch.__version__,
    }


def table(rows: list[dict[str, Any]]) -> str:
    """Return the measurements as Markdown, with the ratio that the Segue paper claims."""
    first = rows[0]
    lines = [
        f"{first['images']} images of {first['size']} pixels ({first['data']}), {first['threads']} CPU thread(s), "
        f"torch {first['torch']}, one process after the other.",
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
            f"{whole[row['method']]:.2f} | {row['image_gradients']:,} | {row['peak_mib']:.0f} |"
        )
    if {"ue", "segue"} <= whole.keys():
        ratio = whole["ue"] / whole["segue"]
        lines += ["", f"Once trained, Segue protects {ratio:.0f} times as fast as UE (the paper says 1,000 times)."]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure each method in a fresh process and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default="orl")
    parser.add_argument("--preset", default="desk")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--method", action="append", help="repeatable; the five of the paper if left out")
    parser.add_argument("--out", type=Path, help="also write the table to this file")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    given = parser.parse_args()
    common = ["--data", given.data, "--preset", given.preset, "--threads", str(given.threads)]
    if given.one:
        print(json.dumps(measure(given.one, given.data, given.preset, given.threads)))  # noqa: T201
        return
    rows = []
    for method in given.method or METHODS:
        command = [sys.executable, __file__, "--one", method, *common]
        rows.append(json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout))
        print(f"{method}: {rows[-1]['fit_seconds']:.1f} s", file=sys.stderr)  # noqa: T201
    text = table(rows)
    print(text)  # noqa: T201
    if given.out:
        given.out.write_text(text)


if __name__ == "__main__":
    main()
