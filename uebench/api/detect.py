"""``uebench.detect``: does a protected set stand out to whoever looks for poison?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uebench.analysis.detection import Detection, detection
from uebench.api.compute import Compute, protect_sets
from uebench.api.protected_sets import examine, method_texts
from uebench.api.stored_set import stored_set
from uebench.api.workspace import RESULTS, Workspace
from uebench.data.dataset import Dataset
from uebench.data.images import perturbed
from uebench.errors import CellError, StoreError, UsageError
from uebench.metrics.detection import recognised
from uebench.planning.tasks import protect_tasks
from uebench.plugins import presets
from uebench.progress import ProgressFor, silent

if TYPE_CHECKING:
    from uebench.api.protected_sets import Protected
    from uebench.api.run import Texts


@dataclass(frozen=True, slots=True)
class Request:
    """Which sets are looked at: one by its key, or those of methods and of others.

    Attributes:
        key: The first digits of the key of a cell or of a protected set.
        method: Methods, each as ``name(option=value)``.
        protected: Sets that others made, by name.
        data: The photographs that they protect; of a key, the folder with them.
        method_seed: The methods' seed.
        preset: ``smoke``, ``desk``, ``desk64``, ``paper`` or ``official``.
    """

    key: str = ""
    method: tuple[str, ...] = ()
    protected: Protected | None = None
    data: tuple[str, ...] = ()
    method_seed: int = 0
    preset: str = presets.DEFAULT

    def check(self) -> None:
        """Refuse a request of nothing, or of a key and more.

        Raises:
            UsageError: Naming the remedy.
        """
        if self.key and (self.method or self.protected or len(self.data) > 1):
            raise UsageError(f"key {self.key!r}: names a set, so it takes at most one data, no method, no protected")
        if not (self.key or self.method or self.protected):
            raise UsageError("no set named; give the key of a cell or of a protected set, a method, or protected")


def detect(
    method: Texts = (),
    *,
    key: str = "",
    protected: Protected | None = None,
    data: Texts = (),
    method_seed: int = 0,
    preset: str = presets.DEFAULT,
    results: str | Path = RESULTS,
    plugins: Iterable[str | Path] = (),
    device: str = "auto",
    jobs: int = 0,
    executor: str = "processes",
    progress: ProgressFor = silent,
) -> list[Detection]:
    """Say whether simple networks notice that a set is poisoned; no attacker is trained.

    A linear and a two-layer network are trained on one half of the set and asked about the other half. They see the
    images, or only their high spatial frequencies. If they recognise more people than the same networks do on the clean
    photographs, the set is poisoned. Sets that the results folder lacks are made first.

    Args:
        method: One method or several, each as ``name(option=value)``.
        key: Instead, the first digits of the key of a cell or of a protected set in the results folder.
        protected: Protected sets that others made, as ``run`` takes them.
        data: The photographs, as ``run`` takes them. With ``key``, the folder with them, which records do not name.
        method_seed: The methods' seed.
        preset: ``smoke``, ``desk``, ``desk64``, ``paper`` or ``official``; with ``key`` without effect.
        results: The results folder.
        plugins: Python files with plugins of your own.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``: where sets are made.
        jobs: How many sets are made at once; 0: one per core on a CPU, as many as fit on a GPU.
        executor: How sets are made, as ``run`` takes it.
        progress: Called with the title of each piece of work; returns a function of (done, total, what).

    Returns:
        What was found of each set: ``verdict`` and ``detectors``.

    Raises:
        UsageError: If an argument is wrong.
        DataError: If photographs cannot be read, or a set of others does not belong to them.
        CellError: If a set cannot be made.
        StoreError: If the results folder cannot be used, or no longer holds the set.

    Example:
        >>> import uebench
        >>> (found,) = uebench.detect("lsp", data="orl_varied(identities=4, copies=4)", preset="smoke")
        >>> found.verdict, len(found.detectors)
        ('poisoned', 4)
    """
    method, data = ((texts,) if isinstance(texts, str) else tuple(texts) for texts in (method, data))
    request = Request(key, method, protected, data, method_seed, preset)
    how = Compute(device=device, jobs=jobs, executor=executor)
    return detect_in(Workspace.of(results, plugins), request, how, progress)


def detect_in(
    workspace: Workspace, request: Request, how: Compute | None = None, progress: ProgressFor = silent
) -> list[Detection]:
    """Look at sets in a workspace; otherwise as ``detect``."""
    request.check()
    found, known = [], {}
    for name, dataset, images in _sets(workspace, request, how, progress):
        train, copies = dataset.train, dataset.info.record.train_images_of_each
        if dataset.key not in known:
            known[dataset.key] = recognised(train.images, train.labels, copies, progress(f"{dataset.name}: clean"))
        answers = recognised(images, train.labels, copies, progress(f"{dataset.name}: {name}"))
        rows = ({one: right.ravel().tolist() for one, right in seen.items()} for seen in (answers, known[dataset.key]))
        of_each = next(iter(answers.values())).shape[1]
        found.append(detection(name, dataset.name, dataset.num_classes, *rows, of_each=of_each))
    return found


def _sets(
    workspace: Workspace, request: Request, how: Compute | None, progress: ProgressFor
) -> Iterator[tuple[str, Dataset, NDArray[np.uint8]]]:
    """Yield name, photographs and images of each set."""
    if request.key:
        stored = stored_set(workspace, request.key, "".join(request.data))
        images = perturbed(stored.dataset.train.images, stored.protected.delta)
        yield stored.record.written["method"], stored.dataset, images
        return
    methods = (*request.method, *method_texts(request.protected, workspace))
    specs = workspace.planner.protections(methods, request.data, request.preset, (request.method_seed,))
    examine(protect_tasks(specs), workspace)
    for one in protect_sets(specs, workspace, how, progress):
        if one.record is None:
            raise CellError(f"{one.spec.title}: {one.reason}")
    for spec in specs:
        protected = workspace.store.read_protected(spec.protect_key)
        if protected is None:
            raise StoreError(f"{spec.title}: the set is gone; run again")
        dataset = spec.data.load(workspace.cache)
        yield spec.method.written, dataset, perturbed(dataset.train.images, protected.delta)
