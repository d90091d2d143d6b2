"""Measure what the perturbation of a method really is, without an attack."""

from __future__ import annotations

from collections.abc import Iterable

from uebench.api.compute import Compute, protect_sets
from uebench.api.result import ProtectionResult
from uebench.api.workspace import Workspace
from uebench.hashing import file_digest
from uebench.planning.cell import ProtectionSpec
from uebench.progress import ProgressFor, silent
from uebench.store.record import ProtectionRecord
from uebench.store.store import DamagedError, Store


def audit(
    specs: Iterable[ProtectionSpec], workspace: Workspace, how: Compute | None = None, progress: ProgressFor = silent
) -> list[ProtectionResult]:
    """Return the records of protected sets; sets that are damaged, or of which nothing is known, are made first.

    Args:
        specs: The sets.
        workspace: Where their records lie.
        how: How to make those that are missing; with ``lpips_trunk``, LPIPS is measured too.
        progress: Where the progress goes.

    Raises:
        UsageError: If ``how`` is wrong.
        DataError: If LPIPS' weights cannot be read.
        StoreError: If the results folder cannot be used.
    """
    how, specs = how or Compute(), list(specs)
    trunk = file_digest(how.lpips_trunk) if how.lpips_trunk else None
    known = {spec.key: _known(workspace.store, spec, trunk) for spec in specs if not spec.obstacle}
    missing = [spec for spec in specs if not known.get(spec.key)]
    made = protect_sets(missing, workspace, how, progress, asked=len(known))
    results = {one.spec.key: one for one in made}
    return [results.get(spec.key) or ProtectionResult(spec, "done", known[spec.key]) for spec in specs]


def _known(store: Store, spec: ProtectionSpec, trunk: str | None) -> ProtectionRecord | None:
    try:
        record = store.read_protection(spec.key)
        store.read_protected(spec.key)
    except DamagedError:
        return None
    if record is None or (trunk and record.quality.trunk != trunk):
        return None
    sources = record.provenance.sources if record.provenance else {}
    digest = spec.method.entry.source_digest
    return record if sources.get(spec.method.name, digest) == digest else None
