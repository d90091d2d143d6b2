"""Protected sets made by other code. They take part in a run like methods."""

from __future__ import annotations

import contextlib
import io
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from uebench.data.foreign.method import ProtectedConfig, checked
from uebench.data.foreign.reading import CleanSet
from uebench.errors import UsageError
from uebench.hashing import array_digest
from uebench.lazy import torch
from uebench.planning.cell import ProtectionSpec
from uebench.planning.tasks import Task
from uebench.plugins.spec import Spec
from uebench.store.atomic import write

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from uebench.api.workspace import Workspace

    PathOrArray = str | Path | NDArray[Any] | torch.Tensor
    ProtectedSets = Mapping[str, PathOrArray]


def parse_protected(texts: Iterable[str]) -> dict[str, str]:
    """Parse protected sets in the form ``NAME=PATH``.

    Returns:
        Name -> path.

    Raises:
        UsageError: If a text does not have this form, or two sets have the same name.
    """
    paths: dict[str, str] = {}
    for text in texts:
        name, sign, path = text.partition("=")
        if not (name and sign and path):
            raise UsageError(f"protected {text!r}: write NAME=PATH")
        if name in paths:
            raise UsageError(f"protected {name!r}: two sets have this name; give each set its own name")
        paths[name] = path
    return paths


def method_texts(protected: ProtectedSets | None, workspace: Workspace) -> tuple[str, ...]:
    """Return protected sets as texts of methods.

    Args:
        protected: Name -> a folder, a file, or an array, which is first written into the results folder.
        workspace: The workspace.

    Raises:
        UsageError: If ``protected`` is not a mapping.
        StoreError: If an array cannot be written.
    """
    if protected is not None and not isinstance(protected, Mapping):
        raise UsageError(f"protected: {type(protected).__name__} given; write {{'ours': images}}, a name and its set")
    return tuple(
        str(Spec("protected", {"file": str(_file(name, source, workspace)), "name": name}))
        for name, source in (protected or {}).items()
    )


def examine(tasks: Iterable[Task], workspace: Workspace) -> list[str]:
    """Examine the protected sets made by other code that tasks need, before any work.

    Args:
        tasks: The tasks.
        workspace: The workspace.

    Returns:
        Remarks about these sets for the user.

    Raises:
        DataError: If a set cannot be read or does not fit its photographs; the message names the remedy.
        UsageError: If it is unclear what the values of a set mean.
    """
    remarks = []
    for spec in (task.spec for task in tasks):
        if isinstance(spec, ProtectionSpec) and isinstance(config := spec.method.config, ProtectedConfig):
            protected = checked(config, CleanSet.of(spec.data.load(workspace.cache)))
            remarks += [f"protected {config.name!r}: {remark}" for remark in protected.remarks]
    return remarks


def _file(name: str, source: PathOrArray, workspace: Workspace) -> str | Path:
    if isinstance(source, str) and not source.strip():
        raise UsageError(f"protected {name!r} {source!r}: names nothing; give a path")
    if isinstance(source, str | Path):
        return source
    what = type(source).__name__
    if "torch" in sys.modules and isinstance(source, torch.Tensor):
        with contextlib.suppress(TypeError, RuntimeError):  # a sparse tensor remains, and is refused
            source = (source.float() if source.dtype == torch.bfloat16 else source).detach().cpu().numpy()
    if not isinstance(source, np.ndarray) or source.dtype.hasobject or isinstance(source, np.ma.MaskedArray):
        if isinstance(source, np.ndarray):
            what = "a masked array" if isinstance(source, np.ma.MaskedArray) else "an array of objects"
        raise UsageError(f"protected {name!r}: is {what}; give a path, or numbers as a NumPy array or a tensor")
    array = np.asarray(source)
    content = io.BytesIO()
    np.save(content, array, allow_pickle=False)
    file = workspace.store.work.arrays / f"{array_digest(array)}.npy"
    write(file, content.getvalue())
    return file
