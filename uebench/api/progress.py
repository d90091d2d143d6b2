"""The progress of the work on a results folder, by all processes and machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from uebench.store.claims import Note
from uebench.store.record import Failure
from uebench.store.requests import RunRequest, is_since
from uebench.store.store import Store


@dataclass(frozen=True, slots=True)
class FolderProgress:
    """The progress of the work.

    Attributes:
        done: Number of finished cells and sets of the requests under way; if there are none, of all finished cells.
        working: The note of the process that works on each key, the earliest first.
        failures: The failures, without those of earlier runs that a request under way will try again.
        to_do: Number of cells and sets of the requests under way that no process has begun.
    """

    done: int
    working: dict[str, Note]
    failures: Sequence[Failure]
    to_do: int

    @property
    def is_over(self) -> bool:
        """Return whether nothing is left to do."""
        return not self.working and not self.to_do

    def __str__(self) -> str:
        """Return the counts in one line."""
        return f"{self.done} done, {len(self.working)} running, {len(self.failures)} failed, {self.to_do} to do"


def look(store: Store) -> FolderProgress:
    """Return the present progress of the work on a results folder."""
    working = dict(sorted(store.claims.working().items(), key=lambda item: item[1].since))
    under_way, cells = store.requests.unfinished(), store.cells.keys()
    stored = cells | store.protections.keys() if under_way else cells
    requested = {key for request in under_way for key in request.keys}
    finished = {
        key for request in under_way for key in stored.intersection(request.keys) if _is_new_enough(store, key, request)
    }
    start = max((request.since for request in under_way), default=0.0)
    failures = [
        failure
        for failure in store.failures()
        if failure.key not in working
        and not (failure.key in requested and not is_since(store.work.failure_path(failure.key), start))
    ]
    to_do = requested - finished - working.keys() - {failure.key for failure in failures}
    done = len(finished - working.keys() if under_way else cells)
    return FolderProgress(done, working, failures, len(to_do))


def _is_new_enough(store: Store, key: str, request: RunRequest) -> bool:
    """Return whether the record of a key serves a request; a forced request needs one written since its start."""
    if not request.force:
        return True
    return any(is_since(path, request.since) for path in (store.cells.path(key), store.protections.path(key)))
