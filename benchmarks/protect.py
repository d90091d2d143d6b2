"""``uebench protect``: files in and out side by side with a trained generator, against one after the other; its memory.

The generator has random weights: only time and memory are measured here.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from PIL import Image

from benchmarks.generator import generator
from benchmarks.processes import fresh, in_mib, more_memory
from benchmarks.sets import training_set
from benchmarks.timing import Comparison, compare
from uebench.api.protect_folder import protect_folder
from uebench.data.images import read_image
from uebench.plugins import presets
from uebench.pretrained import weights

PRESET = "paper"
SIZE = presets.get(PRESET).size
BATCH = 16
"""Images a batch of the Segue authors' program."""


def measure(quick: bool) -> list[Comparison]:
    """Compare the two ways; then the memory of the first, also for a folder that is large."""
    counts, pairs = ((4, 8, 16), 1) if quick else ((256, 1024, 100_000), 5)
    with case(counts[0]) as root:
        line = compare(
            f"{counts[0]} photographs, JPEG to PNG of {SIZE} px, segue: uebench protect against one after the other",
            lambda: side_by_side(root),
            lambda: one_after_the_other(root),
            pairs=pairs,
        )
    rates = f"{counts[0] / line.ours:.0f} and {counts[0] / line.theirs:.0f} images a second"
    few, many, large = (in_mib(fresh(peak, *which)) for which in ((counts[0],), (counts[1],), (counts[2], "desk")))
    memory = f"peak memory beyond the imports, MiB: {few}, for {counts[1]:,} photographs {many}"
    return [replace(line, remark=f"{rates}; {memory}, for {counts[2]:,} of {presets.get('desk').size} px {large}")]


@contextmanager
def case(count: int, size: int = SIZE) -> Iterator[Path]:
    """Make a folder with ``count`` larger ORL faces as JPEG in ``in``, and the weights of a generator for ``size``."""
    faces = training_set("orl(identities=2)", size + size // 8)
    method = generator()
    with TemporaryDirectory() as place:
        root = Path(place)
        for label in (0, 1):
            home = root / "in" / str(label)
            home.mkdir(parents=True)
            mine = faces.images[faces.labels == label].permute(0, 2, 3, 1).numpy()
            for number in range(count // 2):
                if number < len(mine):
                    Image.fromarray(mine[number]).save(home / f"{number}.jpg", quality=95)
                else:
                    os.link(home / f"{number % len(mine)}.jpg", home / f"{number}.jpg")
        meta = {"method": "segue", "config": method.config.published(), "size": size}
        weights.save(root / "generator.safetensors", method.state(), meta)
        yield root


def side_by_side(root: Path, preset: str = PRESET) -> Path:
    """Protect the folder as the command does; return where the copies are."""
    shutil.rmtree(root / "ours", ignore_errors=True)
    method = f"segue(norm=batch, weights='{root / 'generator.safetensors'}')"
    protect_folder(root / "in", root / "ours", method, preset=preset, device="cpu", results=root / "store")
    return root / "ours"


@torch.no_grad()
def one_after_the_other(root: Path) -> Path:
    """Protect the folder batch by batch: decode, perturb, encode; return where the copies are."""
    method, eps = generator(), generator().config.eps
    network = method._generator.eval()
    files = [(file, int(file.parent.name)) for file in sorted((root / "in").rglob("*.jpg"))]
    for first in range(0, len(files), BATCH):
        chosen = files[first : first + BATCH]
        images = torch.from_numpy(np.stack([read_image(file, SIZE) for file, _ in chosen])).float() / 255
        delta = network(images, torch.tensor([label for _, label in chosen])).clamp(-eps, eps)
        pixels = ((images + delta).clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        for (file, label), image in zip(chosen, pixels, strict=True):
            out = root / "theirs" / str(label) / f"{file.stem}.png"
            out.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(out)
    return root / "theirs"


def peak(count: int, preset: str = PRESET) -> float | None:
    """Return the peak memory in MiB beyond the imports of protecting ``count`` photographs."""
    with case(count, presets.get(preset).size) as root, more_memory() as more:
        side_by_side(root, preset)
        return more()
