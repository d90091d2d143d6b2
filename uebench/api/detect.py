"""``uebench.detect``: can simple networks tell that a set is poisoned?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from uebench.analysis.detection import Detection, detection
from uebench.api.compute import Compute, protect_sets_in
from uebench.api.protected_sets import examine, method_texts
from uebench.api.stored_set import stored_set
from uebench.api.workspace import RESULTS, Workspace, several
from uebench.data.dataset import Dataset
from uebench.data.images import perturbed
from uebench.errors import CellError, StoreError, UsageError
from uebench.metrics.detection import recognised
from uebench.planning.tasks import protect_tasks
from uebench.plugins import presets
from uebench.progress import ProgressFor, silent

if TYPE_CHECKING:
    from uebench.api.protected_sets import Protected
    from uebench.api.workspace import Texts


@dataclass(frozen=True, slots=True)
class DetectRequest:
    """The sets to examine: one by its key, or those of methods and those made by other code.

    Attributes:
        key: The first digits of the key of a cell or of a protected set.
        method: Methods, each as ``name(option=value)``.
        protected: Sets made by other code, by name.
        data: The photographs that they protect; with ``key``, the folder with them.
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
        """Check that the request names sets in one way only.

        Raises:
            UsageError: If it names none, or names others beside that of a key.
        """
        if self.key and (self.method or self.protected or len(self.data) > 1):
            raise UsageError(f"key {self.key!r}: names the set; leave out method, protected and a second data")
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
    request = DetectRequest(key, several(method), protected, several(data), method_seed, preset)
    how = Compute(device=device, jobs=jobs, executor=executor)
    return detect_in(Workspace.of(results, plugins), request, how, progress)


def detect_in(
    workspace: Workspace, request: DetectRequest, how: Compute | None = None, progress: ProgressFor = silent
) -> list[Detection]:
    """Do what ``detect`` does, for a request in a workspace."""
    request.check()
    detections, clean = [], {}
    for name, dataset, images in _sets(workspace, request, how, progress):
        train, copies = dataset.train, dataset.info.record.train_images_of_each
        if dataset.key not in clean:
            clean[dataset.key] = recognised(train.images, train.labels, copies, progress(f"{dataset.name}: clean"))
        published = recognised(images, train.labels, copies, progress(f"{dataset.name}: {name}"))
        answers = (_flat(published), _flat(clean[dataset.key]))
        of_each = next(iter(published.values())).shape[1]
        detections.append(detection(name, dataset.name, dataset.num_classes, *answers, of_each=of_each))
    return detections


def _flat(answers: Mapping[tuple[str, str], NDArray[np.bool_]]) -> dict[tuple[str, str], list[bool]]:
    return {view: correct.ravel().tolist() for view, correct in answers.items()}


def _sets(
    workspace: Workspace, request: DetectRequest, how: Compute | None, progress: ProgressFor
) -> Iterator[tuple[str, Dataset, NDArray[np.uint8]]]:
    """Yield the name, the data set and the protected images (N, 3, S, S) of each set."""
    if request.key:
        stored = stored_set(workspace, request.key, "".join(request.data))
        images = perturbed(stored.dataset.train.images, stored.protected.delta)
        yield stored.record.written["method"], stored.dataset, images
        return
    methods = (*request.method, *method_texts(request.protected, workspace))
    specs = workspace.planner.protections(methods, request.data, request.preset, request.method_seed)
    examine(protect_tasks(specs), workspace)
    for result in protect_sets_in(workspace, specs, how, progress):
        if result.record is None:
            raise CellError(f"{result.spec.title}: {result.reason}")
    for spec in specs:
        protected = workspace.store.read_protected(spec.key)
        if protected is None:
            raise StoreError(f"{spec.title}: its protected set was deleted; run the command again")
        dataset = spec.data.load(workspace.cache)
        yield spec.method.written, dataset, perturbed(dataset.train.images, protected.delta)
