"""Protect a folder of photographs: decode, perturb and encode side by side.

Where a method needs to know nothing of the set (``Method.streams``), memory does not grow with the folder.
"""

from __future__ import annotations

import io
import json
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from uebench.data.folders import natural, natural_names
from uebench.data.images import SUFFIXES, read_image
from uebench.errors import DataError, StoreError, UsageError, in_words
from uebench.evaluation import referee
from uebench.evaluation.context import RunContext
from uebench.evaluation.hardware import available_cores, choose_device
from uebench.evaluation.seeding import seed_everything
from uebench.hashing import digest, file_digest
from uebench.metrics import audit
from uebench.planning.parts import method_part
from uebench.plugins import presets
from uebench.plugins.base import Batch, Method, Shape, Split
from uebench.plugins.registry import Registry
from uebench.plugins.spec import parse
from uebench.progress import Progress
from uebench.store.atomic import publish
from uebench.store.store import Store

MANIFEST = "protected.json"
AHEAD = 2
"""Batches a core that may be decoded and not yet perturbed, or perturbed and not yet encoded."""

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Photo:
    """A photograph: its file, its identity's number, and where in the target its copy goes."""

    file: Path
    label: int
    copy: Path


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some photographs, the row of the first, and their pixels (B, 3, S, S) uint8."""

    photos: Sequence[Photo]
    first: int
    images: NDArray[np.uint8]


def protect_folder(
    method: str,
    source: Path,
    target: Path,
    *,
    registry: Registry,
    store: Store,
    preset: str = presets.DEFAULT,
    seed: int = 0,
    device: str = "auto",
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a protected copy of every photograph to ``target``, as PNG, and a manifest beside them.

    Args:
        method: ``name(option=value)``.
        source: One folder an identity, or the photographs of one.
        target: A folder that is new or empty, or that an interrupted call for the same began.
        registry: Where methods are named.
        store: For the checkpoints of a method that searches.
        preset: Where options come from, and the size of the copies.
        seed: The method's.
        device: As ``choose_device`` takes it.
        progress: Where the progress goes.

    Returns:
        What the manifest says: method, weights, identities with their numbers, side information, audit.

    Raises:
        DataError: If a photograph cannot be read.
        StoreError: If a copy cannot be written.
        UsageError: If the method cannot serve this folder, or ``target`` holds something else.
        CellError: If the method misbehaves.
    """
    size, where = presets.get(preset).size, choose_device(device)
    part, side = method_part(registry, parse(method), preset)
    plugin: Method[Any] = part.plugin
    people = listing(source)
    photos = [photo for mine in people.values() for photo in mine]
    labels = np.array([photo.label for photo in photos], np.int64)
    if reason := side.obstacle() or plugin.obstacle(Shape(size, tuple(map(len, people.values())))):
        raise UsageError(f"{method}: {reason}")
    manifest: dict[str, Any] = {
        "method": part.published(),
        "written": part.written,
        "weights": {file.name: file_digest(file) for file in (*plugin.assets(size), *side.assets())},
        "seed": seed,
        "size": size,
        "side_information": side.published(),
        "identities": {name: label for label, name in enumerate(people)},
        "images": len(photos),
    }
    request = digest([manifest, [[str(photo.copy), *_stamp(photo.file)] for photo in photos]])
    _begin(source, target, manifest | {"request": request})
    summary = _Summary()
    with ThreadPoolExecutor(available_cores()) as pool:
        depth = AHEAD * available_cores()
        batch = referee.batch_size(size, where)
        parts = [(first, photos[first : first + batch]) for first in range(0, len(photos), batch)]
        chunks = _side_by_side(pool, lambda part: _decode(*part, size), parts, depth)
        whole = not (plugin.streams(size) and side.true)
        known = list(chunks) if whole else [next(chunks)]
        images = np.concatenate([chunk.images for chunk in known])
        if whole:
            labels, facts = side.make(Split(images, labels), len(people), seed)
            manifest["side_information"] = facts or side.published()
        ctx = RunContext(where, seed, store=store, key=request, stage="fit", progress=progress)
        seed_everything(ctx)
        plugin.fit(referee.image_set(Split(images, labels[: len(images)]), len(people), where), ctx)
        ctx = RunContext(where, seed)
        seed_everything(ctx)
        made = ((chunk, _delta(plugin, chunk, labels, target, ctx)) for chunk in chain(known, chunks))
        for chunk, delta in _side_by_side(pool, lambda one: _encode(*one, target), made, depth):
            summary.add(delta)
            if progress:
                progress(chunk.first + len(chunk.photos), len(photos), "protecting")
    manifest |= {"request": request, "audit": summary.facts()}
    _write(target / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")
    store.forget_work(request)
    return manifest


def listing(source: Path) -> dict[str, list[Photo]]:
    """Return the photographs of each identity, named by its folder, in natural order.

    Raises:
        DataError: If there are none, or it is unclear whose one is.
    """
    if not source.is_dir():
        raise DataError(f"{source}: no such folder")
    folders = {entry.name: entry for entry in _inside(source) if entry.is_dir() and entry.name[0] != "_"}
    loose = _photographs(source)
    if folders and loose:
        raise DataError(f"{loose[0]}: lies beside the folders of identities; move it into one of them")
    people = {}
    for label, name in enumerate(natural_names(folders) or [source.resolve().name]):
        files = _photographs(folders[name]) if folders else loose
        if not files:
            raise DataError(f"{folders.get(name, source)}: no image in it; remove the folder or add photographs")
        copies = [Path(name if folders else "", f"{file.stem}.png") for file in files]
        if twice := next((copy for copy, times in Counter(copies).items() if times > 1), None):
            raise DataError(f"{source / twice.parent}: two photographs are named {twice.stem!r}; rename one")
        people[name] = [Photo(file, label, copy) for file, copy in zip(files, copies, strict=True)]
    return people


def _photographs(folder: Path) -> list[Path]:
    return natural(file for file in _inside(folder) if file.suffix.lower() in SUFFIXES)


def _inside(folder: Path) -> list[Path]:
    try:
        return [entry for entry in folder.iterdir() if entry.name[0] != "."]
    except OSError as error:
        raise DataError(f"{folder}: cannot be read ({in_words(error)})") from None


def _stamp(file: Path) -> tuple[int, int]:
    """Return what changes when a photograph does: its size in bytes, and when it was written."""
    try:
        stat = file.stat()
    except OSError as error:
        raise DataError(f"{file}: cannot be read ({in_words(error)})") from None
    return stat.st_size, stat.st_mtime_ns


def _begin(source: Path, target: Path, manifest: dict[str, Any]) -> None:
    """Make the target folder, unless it holds what this request did not put there."""
    if target.resolve().is_relative_to(source.resolve()):
        raise UsageError(f"{target}: lies in {source}, whose photographs are protected; choose a folder elsewhere")
    try:
        target.mkdir(parents=True, exist_ok=True)
        if any(target.iterdir()):
            known = json.loads((target / MANIFEST).read_text())["request"]
            if known != manifest["request"]:
                raise ValueError
            return
    except OSError as error:
        if not isinstance(error, FileNotFoundError):
            raise StoreError(f"{target}: cannot be used ({in_words(error)})") from None
        raise UsageError(f"{target}: is not empty; choose a new folder") from None
    except (ValueError, KeyError, TypeError):
        raise UsageError(f"{target}: holds what another request made; choose a new folder") from None
    _write(target / MANIFEST, json.dumps(manifest, indent=1, sort_keys=True).encode() + b"\n")


def _side_by_side(pool: ThreadPoolExecutor, work: Callable[[A], B], items: Iterable[A], depth: int) -> Iterator[B]:
    """Map in the pool and in order, with at most ``depth`` items under way or waiting to be taken."""
    pending: deque[Future[B]] = deque()
    for item in items:
        pending.append(pool.submit(work, item))
        if len(pending) >= depth:
            yield pending.popleft().result()
    while pending:
        yield pending.popleft().result()


def _decode(first: int, photos: Sequence[Photo], size: int) -> Chunk:
    return Chunk(photos, first, np.stack([read_image(photo.file, size) for photo in photos]))


def _delta(
    method: Method[Any], chunk: Chunk, labels: NDArray[np.int64], target: Path, ctx: RunContext
) -> NDArray[np.int16] | None:
    """Return protected minus clean in grey levels (B, 3, S, S); None where all copies are there already."""
    if all((target / photo.copy).is_file() for photo in chunk.photos):
        return None
    rows = torch.arange(chunk.first, chunk.first + len(chunk.photos))
    clean = torch.from_numpy(chunk.images).to(ctx.device)
    batch = Batch(clean.float() / 255, torch.from_numpy(labels)[rows].to(ctx.device), rows.to(ctx.device))
    delta: NDArray[np.int16] = referee.protect_batch(method, batch, clean, ctx).numpy()
    return delta


def _encode(chunk: Chunk, delta: NDArray[np.int16] | None, target: Path) -> tuple[Chunk, NDArray[np.int16]]:
    """Write the copies of a chunk, or read those that are there; return what was changed in grey levels."""
    if delta is None:
        copies = [read_image(target / photo.copy, chunk.images.shape[-1]) for photo in chunk.photos]
        return chunk, np.stack(copies).astype(np.int16) - chunk.images
    for photo, pixels in zip(chunk.photos, (chunk.images + delta).astype(np.uint8), strict=True):
        content = io.BytesIO()
        Image.fromarray(pixels.transpose(1, 2, 0)).save(content, "PNG", compress_level=1)
        _write(target / photo.copy, content.getvalue())
    return chunk, delta


def _write(file: Path, content: bytes) -> None:
    try:
        publish(file, content, to_disk=False)
    except OSError as error:
        raise StoreError(f"{file}: cannot be written ({in_words(error)})") from None


class _Summary:
    """An audit that is put together batch by batch."""

    def __init__(self) -> None:
        self._parts: list[dict[str, Any]] = []

    def add(self, delta: NDArray[np.int16]) -> None:
        """Take a batch's perturbation (B, 3, S, S) in grey levels."""
        self._parts.append(audit(delta))

    def facts(self) -> dict[str, Any]:
        """Return the largest change in grey levels, the mean PSNR in dB and the number of images that changed."""
        changed = sum(part["changed"] for part in self._parts)
        decibels = sum(part["changed"] * part["psnr_mean"] for part in self._parts if part["changed"])
        return {
            "max_levels": max(part["max_levels"] for part in self._parts),
            "psnr_mean": decibels / changed if changed else None,
            "changed": changed,
        }
