"""Protect a folder of photographs: decode, perturb and encode at the same time.

With a method that need not see the whole set (``Method.streams``), memory does not grow with the folder.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from uebench.api.chosen_method import ChosenMethod
from uebench.api.workspace import RESULTS, Texts, Workspace, as_path
from uebench.data.bounded_map import bounded_map
from uebench.data.images import quiet
from uebench.data.photographs import Chunk, Photograph, check_can_be_copied, decode, left_out, photographs_in, stamps
from uebench.data.protected_folder import ProtectedFolder
from uebench.data.protected_manifest import FolderAudit, Manifest
from uebench.errors import CellError
from uebench.evaluation import referee
from uebench.evaluation.hardware import available_cores
from uebench.evaluation.isolation import process_restored
from uebench.hashing import cached_file_digest
from uebench.metrics import audit as measured
from uebench.plugins import presets, questions
from uebench.plugins.base import Batch, Shape, Split
from uebench.plugins.part import source_digests
from uebench.progress import Progress, no_progress
from uebench.store.record_parts import PluginRecord, SideInformationRecord
from uebench.store.store import Store

AHEAD = 2
"""The most batches per core that wait between decoding and perturbing, or between perturbing and encoding."""


def protect_folder(
    source: str | Path,
    target: str | Path,
    method: str = "segue",
    *,
    seed: int = 0,
    preset: str = presets.DEFAULT,
    device: str = "auto",
    plugins: Texts = (),
    results: str | Path = RESULTS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Write a protected copy of every photograph to ``target``, as PNG, and a manifest beside them.

    Args:
        source: One folder per identity, or the photographs of one person.
        target: A folder that is new or empty, or that an interrupted call for the same request began.
        method: ``name`` or ``name(option=value)``. A method that comes with trained weights uses them where they fit
            the size of the copies; otherwise it trains on the photographs.
        seed: The method's seed.
        preset: Sets the size of the copies, and the options that ``method`` leaves out.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``.
        plugins: Python files with your own methods.
        results: The results folder for the checkpoints of a method that trains, so that a killed call can resume.
        progress: Called with (done, total, text).

    Returns:
        The manifest: method, weights, identities with their numbers, side information, audit, and the files that were
        left out because they are not photographs.

    Raises:
        DataError: If a photograph cannot be read or is a link, or if an existing copy, or its photograph, has changed
            since the copy was made.
        StoreError: If a copy cannot be written.
        UsageError: If the method cannot serve this folder, or ``target`` holds something else.
        CellError: If the method exceeds its budget, does not return images, or changes no photograph.

    Example:
        >>> from pathlib import Path
        >>> import numpy as np
        >>> import uebench
        >>> from PIL import Image
        >>> for name in ("ann", "bob"):
        ...     Path("photos", name).mkdir(parents=True)
        ...     Image.fromarray(np.zeros((40, 40, 3), np.uint8)).save(f"photos/{name}/1.png")
        >>> uebench.protect_folder("photos", "protected", "lsp")["images"]
        2
    """
    source, target = as_path(source), as_path(target)
    workspace = Workspace.of(results, plugins)
    store = workspace.store
    size = presets.get(preset).size
    people = photographs_in(source)
    check_can_be_copied(source, people)
    shape = Shape(size, tuple(map(len, people.values())))
    chosen = ChosenMethod.named(method, shape, preset, seed, device, workspace.registry)
    photographs = list(chain.from_iterable(people.values()))
    manifest = Manifest(
        method=PluginRecord(**chosen.part.published()),
        written=chosen.part.written,
        sources=source_digests([chosen.part]),
        weights={file.name: cached_file_digest(file) for file in chosen.assets},
        seed=chosen.seed,
        size=size,
        side_information=chosen.side.published(),
        identities={name: label for label, name in enumerate(people)},
        images=len(photographs),
        left_out=[path.relative_to(source).as_posix() for path in left_out(source)],
    )
    request = manifest.request_digest(stamps(photographs), chosen.part.entry.first_digest)
    folder = ProtectedFolder(target, manifest.model_copy(update={"request": request}))
    folder.begin(source)
    try:
        with process_restored(chosen.device), quiet(), ThreadPoolExecutor(available_cores()) as pool:
            audit, side = _Copying(chosen, shape, photographs, folder, pool).run(store, progress or no_progress)
        folder.finish(audit, side)
    except CellError:  # no copy of a method that broke the rules is kept as finished
        folder.discard()
        raise
    finally:  # the manifest of an interrupted call says which copies are complete
        folder.write_manifest()
    store.work.forget(request)
    chosen.check_changed(audit.changed > 0, f"; delete {target}, whose copies are not protected")
    return folder.manifest.stored()


class _Copying:
    """The work of one call: photographs -> pixels -> perturbation -> copies."""

    def __init__(
        self,
        chosen: ChosenMethod,
        shape: Shape,
        photographs: list[Photograph],
        folder: ProtectedFolder,
        pool: ThreadPoolExecutor,
    ) -> None:
        self.chosen, self.shape, self.photographs, self.folder = chosen, shape, photographs, folder
        self.pool, self.limit = pool, AHEAD * available_cores()
        self.labels = np.array([photograph.label for photograph in photographs], np.int64)

    def run(self, store: Store, progress: Progress) -> tuple[FolderAudit, SideInformationRecord | None]:
        """Fit the method, then write all copies.

        Returns:
            The measured change; the record of the labels that the method saw, if they were not the true ones.
        """
        chunks, side = self._decoded(), None
        streams = questions.streams(self.chosen.plugin, self.shape.size) and self.chosen.side.true
        decoded = [next(chunks)] if streams else list(chunks)
        images = np.concatenate([chunk.images for chunk in decoded])
        if not streams:
            split = Split(images, self.labels)
            self.labels, side = self.chosen.side.make(split, self.shape.num_classes, self.chosen.seed)
        if streams or not all(self.folder.holds(chunk) for chunk in decoded):
            train = Split(images, self.labels[: len(images)])
            self.chosen.fit(
                train, self.shape.num_classes, store=store, key=self.folder.manifest.request, progress=progress
            )
            del train
        del images
        audits = []
        for chunk, delta in bounded_map(self.pool, self._copied, self._perturbed(chain(decoded, chunks)), self.limit):
            audits.append(measured(delta))
            self.folder.keep()
            progress(chunk.first + len(chunk.photographs), len(self.photographs), "protecting")
        return FolderAudit.of(audits), side

    def _decoded(self) -> Iterator[Chunk]:
        size, batch = self.shape.size, referee.batch_size(self.shape.size, self.chosen.device)
        rows = range(0, len(self.photographs), batch)

        def read(first: int) -> Chunk:
            return decode(self.photographs[first : first + batch], first, size)

        return bounded_map(self.pool, read, rows, self.limit)

    def _perturbed(self, chunks: Iterator[Chunk]) -> Iterator[tuple[Chunk, NDArray[np.int16] | None]]:
        """Yield each chunk with protected minus clean in grey levels, or with None if its copies exist already."""
        plugin, ctx = self.chosen.plugin, self.chosen.context(no_progress)
        budget = questions.budget(plugin, self.shape.size)
        for chunk in chunks:
            if self.folder.holds(chunk):
                yield chunk, None
                continue
            rows = torch.arange(chunk.first, chunk.first + len(chunk.photographs))
            clean = torch.from_numpy(chunk.images).to(ctx.device)
            labels = torch.from_numpy(self.labels)[rows].to(ctx.device)
            batch = Batch(clean.float() / 255, labels, rows.to(ctx.device))
            yield chunk, referee.protect_batch(plugin, batch, clean, budget, ctx).numpy()

    def _copied(self, perturbed: tuple[Chunk, NDArray[np.int16] | None]) -> tuple[Chunk, NDArray[np.int16]]:
        """Write the copies of a chunk, or read the existing ones; return protected minus clean in grey levels."""
        chunk, delta = perturbed
        if delta is None:
            return chunk, self.folder.read_delta(chunk)
        self.folder.save(chunk, delta)
        return chunk, delta
