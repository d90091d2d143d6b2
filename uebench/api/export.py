"""``uebench.export``: write a protected set as files for other programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import uebench
from uebench.api.stored_set import stored_set
from uebench.api.workspace import RESULTS, Texts, Workspace, as_path
from uebench.data.dataset import Dataset
from uebench.data.protected_export import check_target, write_protected
from uebench.data.protected_manifest import ExportedBudget, ExportManifest
from uebench.store.record import ProtectionRecord, Record


def export(
    key: str,
    to: str | Path,
    *,
    data: str = "",
    results: str | Path = RESULTS,
    plugins: Texts = (),
) -> Mapping[str, Any]:
    """Write a protected set as images: the photographs with the perturbation from the results folder.

    Args:
        key: The first digits of the key of a cell or of a protected set.
        to: A new folder (a PNG file per image, ``perturbations.npy``, ``labels.npy`` and ``protected.json``), or a file
            that ends with ``.npz`` or ``.safetensors`` (``images`` (N, 3, S, S) uint8; ``perturbations`` in grey
            levels; ``labels`` (N,); and the manifest).
        data: The folder with the photographs, or a data set as for ``run``. A folder must be given, because records
            keep no path; other sources are known from the record.
        results: The results folder.
        plugins: Python files with your own sources.

    Returns:
        The manifest: how the set was made, and from which photographs.

    Raises:
        UsageError: If there is no such key, or ``to`` or ``data`` is wrong.
        DataError: If the photographs are not those from which the set was made.
        StoreError: If the set is no longer in the results folder, or the files cannot be written.

    Example:
        >>> import uebench
        >>> result = uebench.run("lsp", "resnet18", data="synthetic", preset="smoke")
        >>> uebench.export(result.cells[0].spec.key, "lsp.npz")["written"]
        'lsp'
    """
    return export_in(Workspace.of(results, plugins), key, as_path(to), data)


def export_in(workspace: Workspace, key: str, to: Path, data: str) -> Mapping[str, Any]:
    """Do what ``export`` does, in a workspace."""
    check_target(to)
    stored = stored_set(workspace, key, data)
    protected, dataset = stored.protected, stored.dataset
    names = dataset.info.train_names()
    if len(set(names)) < len(dataset.train.labels):
        names = tuple(f"{label}/{row}" for row, label in enumerate(dataset.train.labels.tolist()))
    manifest = _manifest(stored.record, protected.digest, names, dataset)
    write_protected(to, dataset.train, protected.delta, names, manifest)
    return manifest.stored()


def _manifest(record: Record | ProtectionRecord, digest: str, names: Iterable[str], dataset: Dataset) -> ExportManifest:
    side = record.side_information
    people = {Path(name).parent.name: label for name, label in zip(names, dataset.train.labels.tolist(), strict=True)}
    return ExportManifest(
        uebench=uebench.__version__,
        key=record.key if isinstance(record, Record) else None,
        protect_key=record.protect_key,
        request=digest,
        method=record.method,
        written=record.written["method"],
        weights={asset.file: asset.sha256 for asset in record.assets},
        seed=record.method_seed,
        preset=record.preset,
        data=record.data,
        data_key=record.data_key,
        size=record.data.size,
        images=record.data.train_images,
        identities=people,
        side_information=side.model_dump(mode="json") if side else None,
        budget=ExportedBudget(norm=record.audit.norm, eps=record.audit.eps),
        audit=record.audit,
        digest=digest,
        photographs=f"made of photographs of {record.data.name} (source {record.data.source}); the terms of that set "
        "hold for these copies too, and many such sets are for research only and may not be passed on",
    )
