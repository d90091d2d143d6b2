"""A table with what the store holds in its places."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from uebench.analysis.statistics import student, wilson
from uebench.paper.match import Plugins, Records, Roles, found, reference
from uebench.paper.reported import reported
from uebench.paper.tables import Place, Table


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A place with its measurement, or with the reason why there is none.

    Attributes:
        place: The place.
        data: Name of the data set that it was measured on.
        value: In %, dB, seconds, or as it is; the mean over seeds.
        low: Lower end of the 95 % interval of an accuracy: Wilson's for one seed, Student's t for several.
        high: Its upper end.
        seeds: How many attacker seeds there are.
        chance: Accuracy of guessing, in %.
        clean: What the attacker reaches without protection, in %; the mean over seeds.
        reported: What the paper reports.
        keys: Of the records behind the value.
        reason: Why there is no value.
    """

    place: Place
    data: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    seeds: int = 0
    chance: float | None = None
    clean: float | None = None
    reported: float | None = None
    keys: tuple[str, ...] = ()
    reason: str = ""

    @property
    def difference(self) -> float | None:
        """Return measured minus reported."""
        return None if self.value is None or self.reported is None else self.value - self.reported

    @property
    def interval(self) -> tuple[float, float] | None:
        """Return the interval; of a value without one, the value itself twice."""
        if self.value is None:
            return None
        return (self.value, self.value) if self.low is None or self.high is None else (self.low, self.high)


@dataclass(frozen=True, slots=True)
class Filled:
    """A table, the sets that fill its roles, and an entry for each place."""

    table: Table
    roles: Roles
    entries: tuple[Entry, ...]


def fill(
    table: Table,
    roles: Roles,
    records: Records,
    plugins: Plugins,
    reasons: Mapping[tuple[str, str], str] | None = None,
) -> Filled:
    """Fill a table.

    Args:
        table: The table.
        roles: The data set of each role; the places of other roles are gaps.
        records: What has been measured.
        plugins: What records are compared with.
        reasons: Why cells could not be computed, by data set and plugins, as ``match.address`` names them.
    """
    entries = []
    for place in table.places:
        facts = _measured(place, roles, records, plugins, reasons or {})
        if "value" not in facts:
            facts["reason"] = facts.get("reason") or f"not measured yet: {table.command}"
        entries.append(Entry(place=place, reported=reported().get(table.address(place)), **facts))
    return Filled(table, roles, tuple(entries))


def _measured(
    place: Place, roles: Roles, records: Records, plugins: Plugins, reasons: Mapping[tuple[str, str], str]
) -> dict[str, Any]:
    if place.skip:
        return {"reason": place.skip}
    for role in (place.role, place.trained_on):
        if role and role not in roles:
            return {"reason": f"no set given for role {role}: --data {role}=FOLDER"}
    data = roles[place.role]
    behind = found(place, roles, records, plugins)
    if not behind:
        wanted = plugins.wanted(plugins.method(place, roles), place.attacker)
        return {"data": data.name, "reason": reasons.get((data.key, wanted.plugins))}
    if place.metric != "accuracy":
        return {"data": data.name, **_fact(place, behind[0])}
    clean = _shares(reference(place, roles, records, plugins))
    low, high = _interval(behind)
    return {
        "data": data.name,
        "value": 100 * fmean(_shares(behind)),
        "low": 100 * low,
        "high": 100 * high,
        "seeds": len(behind),
        "chance": 100 / behind[0]["data"]["num_classes"],
        "clean": 100 * fmean(clean) if clean else None,
        "keys": tuple(record["key"] for record in behind),
    }


def _fact(place: Place, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a data set, or of a protected one."""
    if not place.method:
        return {"value": float(facts[place.metric])}
    keys = (facts["protect_key"],)
    if place.metric == "seconds":
        return {"value": facts["timings"]["fit_seconds"] + facts["timings"]["protect_seconds"], "keys": keys}
    quality = facts.get("quality") or {"psnr": facts["audit"]["psnr_mean"]}
    if quality.get(place.metric) is None:
        return {"reason": quality.get(f"{place.metric}_reason")}
    return {"value": quality[place.metric], "keys": keys}


def _interval(behind: Sequence[Mapping[str, Any]]) -> tuple[float, float]:
    if len(behind) > 1:
        return student(_shares(behind))
    counts = behind[0]["counts"]
    return wilson(counts["correct"], counts["n"])


def _shares(behind: Sequence[Mapping[str, Any]]) -> list[float]:
    return [record["counts"]["correct"] / record["counts"]["n"] for record in behind]
