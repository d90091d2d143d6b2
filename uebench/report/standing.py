"""How far the work on a results folder is, as all processes and machines that work on it write there."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from uebench.store.claims import Note
from uebench.store.record import Failure
from uebench.store.requests import Request, requests
from uebench.store.store import Store


@dataclass(frozen=True, slots=True)
class Standing:
    """How far the work is.

    Attributes:
        done: How many cells of the runs under way are there; of all runs, if none is under way.
        working: What each process says of the key that it works on, the longest at work first.
        failures: What could not be computed, but for what is to be tried again.
        to_do: How many cells of the runs under way nobody has begun.
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
        """Return it in one line."""
        return f"{self.done} done, {len(self.working)} running, {len(self.failures)} failed, {self.to_do} to do"


class Watch:
    """Looks at a results folder again and again."""

    def __init__(self, store: Store) -> None:
        """Name the folder."""
        self._store = store

    def look(self) -> Standing:
        """Read how far the work is."""
        store = self._store
        working = dict(sorted(store.claims.working().items(), key=lambda item: item[1].since))
        asked, there = requests(store), store.keys("cells")
        made = there | store.keys("protected") if asked else there
        wanted = {key for request in asked for key in request.keys}
        finished = {key for request in asked for key in made.intersection(request.keys) if self._counts(key, request)}
        begun = max((request.since for request in asked), default=0.0)
        failures = [
            failure
            for failure in store.failures()
            if failure.key not in working and not (failure.key in wanted and self._failed(failure.key) < begun)
        ]
        to_do = wanted - finished - working.keys() - {failure.key for failure in failures}
        count = len(finished - working.keys() if asked else there)
        return Standing(count, working, failures, len(to_do))

    def _counts(self, key: str, request: Request) -> bool:
        """Return whether a record is what a request asked for: a forced one wants it made since it began."""
        if not request.force:
            return True
        paths = (self._store.cell_path(key), self._store.protection_path(key))
        return max(map(_changed, paths)) >= request.since

    def _failed(self, key: str) -> float:
        """Return when it was noted that a cell failed."""
        return _changed(self._store.failure_path(key))


def _changed(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0
