"""Protected sets that others made, as a caller names them: they take part in a run like methods."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uebench.data.dataset import Dataset
from uebench.data.protected_files import Photographs
from uebench.data.protected_set import ProtectedConfig, checked
from uebench.errors import StoreError, UsageError, in_words
from uebench.hashing import array_digest
from uebench.planning.cell import ProtectionSpec
from uebench.planning.tasks import Task
from uebench.plugins.spec import Spec
from uebench.store.atomic import publish

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from uebench.api.workspace import Workspace

    Source = str | Path | NDArray[Any] | torch.Tensor
    Protected = Mapping[str, Source]


def named(texts: Iterable[str]) -> dict[str, str]:
    """Return protected sets by name, each from ``NAME=PATH``.

    Raises:
        UsageError: If a text is not of this form, or a name comes twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        if not (name and sign and path):
            raise UsageError(f"protected {text!r}: write NAME=PATH")
        if name in found:
            raise UsageError(f"protected {name!r}: is named twice; give each set its own name")
        found[name] = path
    return found


def method_texts(protected: Protected | None, workspace: Workspace) -> tuple[str, ...]:
    """Return protected sets as methods.

    Args:
        protected: Name -> a folder, a file, or an array, which is first written into the results folder.
        workspace: Where the results folder is.

    Raises:
        StoreError: If an array cannot be written.
    """
    return tuple(
        str(Spec("protected", {"file": str(_file(source, workspace)), "name": name}))
        for name, source in (protected or {}).items()
    )


def examine(tasks: Iterable[Task], workspace: Workspace) -> list[str]:
    """Look at the sets of others that are to be attacked, before any work.

    Args:
        tasks: What is to be done.
        workspace: Where decoded photographs are kept.

    Returns:
        What is to be said of them.

    Raises:
        DataError: If one cannot be read or does not fit its photographs; the message names the remedy.
        UsageError: If the values of one leave open what they are.
    """
    remarks = []
    for spec in (task.spec for task in tasks):
        if isinstance(spec, ProtectionSpec) and isinstance(config := spec.method.config, ProtectedConfig):
            found = checked(config, photographs(spec.data.load(workspace.cache)))
            remarks += [f"protected {config.name!r}: {remark}" for remark in found.remarks]
    return remarks


def photographs(dataset: Dataset) -> Photographs:
    """Return the training photographs of a data set, as protected sets are compared with them."""
    train = dataset.train
    return Photographs(train.images, train.labels, dataset.num_classes, dataset.info.train_names())


def _file(source: Source, workspace: Workspace) -> str | Path:
    if isinstance(source, str | Path):
        return source
    array = np.asarray(source if isinstance(source, np.ndarray) else source.detach().cpu().numpy())
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    file = workspace.store.work / "arrays" / f"{array_digest(array)}.npy"
    try:
        publish(file, content.getvalue())
    except OSError as error:
        raise StoreError(f"{file}: cannot be written ({in_words(error)})") from None
    return file
