"""Make leaderboard entries from studies, and check them against the records of a results folder."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence

from uebench import __version__
from uebench.analysis.runs import runs_of
from uebench.analysis.statistics import interval
from uebench.analysis.study import MeasuredPlace
from uebench.errors import UsageError, nearest
from uebench.hashing import file_digest
from uebench.planning.identity import AttackerIdentity
from uebench.planning.study import StudySpec
from uebench.plugins.validation import validate
from uebench.store.entry import Accuracy, EntryResult, LeaderboardEntry, RecordDigest
from uebench.store.record import Record
from uebench.store.store import Store


def make(
    spec: StudySpec,
    places: Iterable[MeasuredPlace],
    store: Store,
    *,
    method: str,
    by: str,
    about: str,
    url: str = "",
    date: datetime.date | None = None,
    claims: Mapping[str, float] | None = None,
) -> LeaderboardEntry:
    """Return the entry of one method of a study.

    Args:
        spec: The study.
        places: Its measured places.
        store: The store with its records.
        method: The method's name in the study; may be empty if there is only one.
        by: Who submits the entry.
        about: One line about the method.
        url: A page with more about it, https.
        date: The date of the entry; today if None.
        claims: The claimed accuracy in percent, by the name of an attacker, or of a data set and an attacker:
            ``ORL / JPEG``.

    Raises:
        UsageError: If a name is unknown or a value is refused, or if a number is not measured yet.
    """
    name = _method(spec, method)
    own = [one for one in places if one.place.method.name == name]
    _complete(own)
    claimed = _claimed(own, claims or {})
    first = own[0].records[0]
    side = first.side_information
    values = {
        "uebench": __version__, "by": by, "about": about, "url": url, "date": date or datetime.date.today(),
        "name": name, "method": first.method, "labels": side.labels if side else "true", "weights": first.assets,
        "source": first.provenance.sources.get(first.method.name), "preset": first.preset,
        "results": [_result(one, claim, store) for one, claim in zip(own, claimed, strict=True)],
    }  # fmt: skip
    return validate(LeaderboardEntry, values, "entry")


def check(entry: LeaderboardEntry, result: EntryResult, store: Store, clean: Iterable[Record]) -> str:
    """Return whether the records behind a number are in a results folder, in words.

    Args:
        entry: The entry.
        result: One of its numbers.
        store: The results folder.
        clean: The records of clean references in the results folder.

    Returns:
        ``3 of 3 here``, or ``differs`` if a record has other content, or if the records give another entry. The words
        ``clean unchecked`` follow if the records of the clean reference are not here.
    """
    present = [one for one in result.records if store.cells.path(one.key).is_file()]
    if any(file_digest(store.cells.path(one.key)) != one.sha256 for one in present):
        return "differs"
    named = [(one, record) for one in present if (record := store.cells.read_or_none(one.key))]
    first = store.cells.read_or_none(entry.results[0].records[0].key)
    if (first and not _begins_with(entry, first)) or not all(_belongs(entry, result, *pair) for pair in named):
        return "differs"
    said, records = f"{len(named)} of {len(result.records)} here", [record for _, record in named]
    if len(records) < len(result.records):
        return said
    runs = runs_of(records)
    if len(runs.shares) < len(records) or (_accuracy(records), runs.seeds) != (result.measured, result.seeds):
        return "differs"
    if result.clean is None:
        return said
    seeds, attackers = {one.seed for one in records}, {AttackerIdentity.of(one).text for one in records}
    same = [one for one in clean if one.data_key == result.data_key and AttackerIdentity.of(one).text in attackers]
    references = [one for one in same if one.seed in seeds]
    if {one.seed for one in references} < seeds:
        return f"{said}, clean unchecked"
    return said if _accuracy(references) == result.clean else "differs"


def _begins_with(entry: LeaderboardEntry, first: Record) -> bool:
    """Return whether an entry says what its first record says and the others need not: a key holds neither of them."""
    return (entry.preset, entry.source) == (first.preset, first.provenance.sources.get(first.method.name))


def _belongs(entry: LeaderboardEntry, result: EntryResult, named: RecordDigest, record: Record) -> bool:
    """Return whether a record is one of this method, attacker and data set; the name of the set is the study's."""
    side, unnamed = record.side_information, {"name": ""}
    said = (
        entry.method, entry.labels, [one.sha256 for one in entry.weights], result.data.model_copy(update=unnamed),
        result.data_key, result.attacker, result.n, named.protect_key, named.protected_digest,
    )  # fmt: skip
    return said == (
        record.method, side.labels if side else "true", [one.sha256 for one in record.assets],
        record.data.model_copy(update=unnamed), record.data_key, record.attacker, record.counts.n, record.protect_key,
        record.protected_digest,
    )  # fmt: skip


def _method(spec: StudySpec, method: str) -> str:
    names = [one.name for one in spec.methods]
    if not method and len(names) == 1:
        return names[0]
    if method not in names:
        what = f"method {method!r}: not one of this study" if method else "method: this study has several; name one"
        raise UsageError(f"{what}; {nearest(method, names)}")
    return method


def _complete(places: Sequence[MeasuredPlace]) -> None:
    for one in places:
        if one.gaps or not one.records:
            reason = next(iter(one.gaps), "no cell")
            raise UsageError(f"{one.place.title}: {reason}; an entry needs all numbers of its method")
        if not one.clean:
            raise UsageError(f"{one.place.title}: no clean reference yet: uebench study run computes it")


def _claimed(places: Sequence[MeasuredPlace], claims: Mapping[str, float]) -> list[float | None]:
    """Return the accuracy claimed for each place, or None."""
    accuracies, known = [], set[str]()
    for one in places:
        attacker = one.place.attacker.name
        names = (f"{one.place.data.name} / {attacker}", attacker)
        accuracies.append(next((claims[name] for name in names if name in claims), None))
        known |= set(names)
    for name in claims:
        if name not in known:
            raise UsageError(f"claim {name!r}: no attacker of this study; {nearest(name, known)}")
    return accuracies


def _result(one: MeasuredPlace, claimed: float | None, store: Store) -> EntryResult:
    record, runs = one.records[0], runs_of(one.records)
    values = {
        "data": record.data, "data_key": record.data_key, "name": one.place.attacker.name, "attacker": record.attacker,
        "claimed": claimed, "measured": _accuracy(one.records), "clean": _accuracy(one.clean), "n": runs.n,
        "seeds": runs.seeds,
        "records": [
            RecordDigest(
                key=record.key, sha256=file_digest(store.cells.path(record.key)), protect_key=record.protect_key,
                protected_digest=record.protected_digest,
            )
            for record in one.records
        ],
    }  # fmt: skip
    return validate(EntryResult, values, one.place.title)


def _accuracy(records: Sequence[Record]) -> Accuracy:
    """Return the mean accuracy of some runs and its 95% interval, in percent with two decimals."""
    runs = runs_of(records)
    mean, low, high = (round(100 * share, 2) for share in (runs.mean, *interval(runs)))
    return Accuracy(mean=mean, low=low, high=high)
