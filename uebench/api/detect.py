"""``uebench.detect``: can simple networks tell that a set is poisoned?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uebench.analysis.detection import Detection, detection
from uebench.api.compute import Compute, protect_sets_in, warn_caller
from uebench.api.foreign_sets import examine, method_texts
from uebench.api.stored_set import stored_set
from uebench.api.workspace import RESULTS, Texts, Workspace, several
from uebench.data.dataset import Dataset
from uebench.data.images import perturbed
from uebench.errors import CellError, StoreError, UsageError
from uebench.metrics.detection import recognised
from uebench.planning.tasks import protect_tasks
from uebench.plugins import presets
from uebench.progress import ProgressFor, silent

if TYPE_CHECKING:
    from uebench.api.foreign_sets import ProtectedSets
    from uebench.planning.cell import ProtectionSpec


def detect(
    method: Texts = (),
    *,
    key: str = "",
    protected: ProtectedSets | None = None,
    data: Texts = (),
    method_seed: int = 0,
    preset: str = presets.DEFAULT,
    results: str | Path = RESULTS,
    plugins: Texts = (),
    device: str = "auto",
    jobs: int = 0,
    executor: str = "processes",
    progress: ProgressFor = silent,
) -> list[Detection]:
    """Test whether simple networks can tell that a set is poisoned. No attacker is trained.

    A linear and a two-layer network train on one half of the set and are tested on the other half. They see the images,
    or only their high spatial frequencies. If they recognise more test images than the same networks do in the clean
    set, the set is poisoned. Sets that the results folder lacks are made first.

    Args:
        method: One method or several, each as ``name(option=value)``.
        key: Instead of methods, the first digits of the key of a cell or of a protected set in the results folder.
        protected: Protected sets made by other code; see ``run``.
        data: The photographs; see ``run``. With ``key``, the folder with them, because records keep no path.
        method_seed: The methods' seed.
        preset: ``smoke``, ``desk``, ``desk64``, ``paper`` or ``official``. It has no effect on the set of ``key``.
        results: The results folder.
        plugins: Python files with your own plugins.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:1``: where sets are made.
        jobs: The number of sets to make at once; 0: one per core on a CPU, as many as fit on a GPU.
        executor: How sets are made; see ``run``.
        progress: Called with the title of each piece of work; returns a function of (done, total, text).

    Returns:
        The ``verdict`` and the ``detectors`` of each set.

    Raises:
        UsageError: If an argument is wrong.
        DataError: If photographs cannot be read, or a set made by other code does not belong to them.
        CellError: If a set cannot be made.
        StoreError: If the results folder cannot be used, or no longer holds the set.

    Example:
        >>> import uebench
        >>> (detection,) = uebench.detect("lsp", data="orl_varied(identities=4, copies=4)", preset="smoke")
        >>> detection.verdict, len(detection.detectors)
        ('poisoned', 4)
    """
    how = Compute(device=device, jobs=jobs, executor=executor)
    return detect_in(
        Workspace.of(results, plugins), how, progress, warn_caller,
        method=several(method, "method"), key=key, protected=protected, data=several(data, "data"),
        method_seed=method_seed, preset=preset,
    )  # fmt: skip


def detect_in(
    workspace: Workspace,
    how: Compute,
    progress: ProgressFor,
    remark: Callable[[str], None],
    *,
    method: Sequence[str],
    key: str,
    protected: ProtectedSets | None,
    data: Sequence[str],
    method_seed: int,
    preset: str,
) -> list[Detection]:
    """Do what ``detect`` does in a workspace; ``remark`` is called with each remark about sets made by other code."""
    if key and (method or protected or len(data) > 1):
        raise UsageError(f"key {key!r}: names the set; leave out method, protected and a second data")
    if not (key or method or protected):
        raise UsageError("no set named; give the key of a cell or of a protected set, a method, or protected")
    if key:
        sets = _stored(workspace, key, "".join(data))
    else:
        methods = (*method, *method_texts(protected, workspace))
        specs = workspace.planner.protections(methods, data, preset, method_seed)
        for text in examine(protect_tasks(specs), workspace):
            remark(text)
        sets = _made(workspace, specs, how, progress)
    detections, clean = [], {}
    for name, dataset, images in sets:
        train, copies = dataset.train, dataset.info.record.train_images_of_each
        if dataset.key not in clean:
            clean[dataset.key] = recognised(train.images, train.labels, copies, progress(f"{dataset.name}: clean"))
        published = recognised(images, train.labels, copies, progress(f"{dataset.name}: {name}"))
        answers = (_flat(published), _flat(clean[dataset.key]))
        of_each = next(iter(published.values())).shape[1]
        found = detection(
            name, dataset.name, dataset.num_classes, *answers, of_each=of_each, data_key=dataset.key
        )  # fmt: skip
        detections.append(found)
    return detections


def _flat(answers: Mapping[tuple[str, str], NDArray[np.bool_]]) -> dict[tuple[str, str], list[bool]]:
    return {view: correct.ravel().tolist() for view, correct in answers.items()}


def _stored(workspace: Workspace, key: str, data: str) -> Iterator[tuple[str, Dataset, NDArray[np.uint8]]]:
    """Yield the name, the data set and the protected images (N, 3, S, S) of a stored set."""
    stored = stored_set(workspace, key, data)
    images = perturbed(stored.dataset.train.images, stored.protected.delta)
    yield stored.record.written["method"], stored.dataset, images


def _made(
    workspace: Workspace, specs: Sequence[ProtectionSpec], how: Compute, progress: ProgressFor
) -> Iterator[tuple[str, Dataset, NDArray[np.uint8]]]:
    """Make the sets that are missing, then yield what ``_stored`` yields for each."""
    for result in protect_sets_in(workspace, specs, how, progress):
        if result.record is None:
            raise CellError(f"{result.spec.title}: {result.reason}")
    for spec in specs:
        protected = workspace.store.sets.read(spec.key)
        if protected is None:
            raise StoreError(f"{spec.title}: its protected set was deleted; run the command again")
        dataset = spec.data.load(workspace.cache)
        yield spec.method.written, dataset, perturbed(dataset.train.images, protected.delta)
