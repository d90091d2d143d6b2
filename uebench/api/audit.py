"""Measure perturbations, without an attack."""

from __future__ import annotations

from collections.abc import Iterable

from uebench.api.compute import Compute, protect_sets_in
from uebench.api.result import ProtectionResult
from uebench.api.workspace import Workspace
from uebench.hashing import cached_file_digest
from uebench.planning.cell import ProtectionSpec
from uebench.planning.staleness import staleness
from uebench.progress import ProgressFor, silent
from uebench.store.record import ProtectionRecord
from uebench.store.store import DamagedError, Store


def audit_in(
    workspace: Workspace, specs: Iterable[ProtectionSpec], how: Compute, progress: ProgressFor = silent
) -> list[ProtectionResult]:
    """Return the results of protected sets. Sets without a valid record are made first.

    Args:
        workspace: The workspace with their records.
        specs: The sets.
        how: How to make missing sets; with ``lpips_trunk``, LPIPS is measured too.
        progress: Called with the title of each set; returns the callback for its progress.

    Raises:
        UsageError: If ``how`` is wrong.
        DataError: If the weights for LPIPS cannot be read.
        StoreError: If the results folder cannot be used.
    """
    specs = list(specs)
    trunk = cached_file_digest(how.lpips_trunk) if how.lpips_trunk else None
    records = {spec.key: _valid_record(workspace.store, spec, trunk) for spec in specs if not spec.obstacle}
    missing = [spec for spec in specs if not records.get(spec.key)]
    made = protect_sets_in(workspace, missing, how, progress, asked=len(records))
    results = {result.spec.key: result for result in made}
    return [results.get(spec.key) or ProtectionResult(spec, "done", records[spec.key]) for spec in specs]


def _valid_record(store: Store, spec: ProtectionSpec, trunk: str | None) -> ProtectionRecord | None:
    """Return the record of a set, if nothing speaks against using it.

    It must be undamaged, as must the set if the store still has it; today's method must make the same set; and with
    ``trunk``, the sha256 of the weights for LPIPS, it must hold LPIPS by these weights.
    """
    try:
        record = store.protections.read(spec.key)
        store.sets.read(spec.key)
    except DamagedError:
        return None
    if record is None or staleness(spec, store) or (trunk and record.quality.trunk != trunk):
        return None
    return record
