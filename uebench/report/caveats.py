"""The caveats of numbers, which follow from their preset and their records, and other notes that pages share."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from uebench.analysis.study import MeasuredPlace
from uebench.network_options import SMALL_UP_TO
from uebench.planning.parts import REFERENCE
from uebench.planning.streams import shares_start
from uebench.plugins.presets import PRESETS
from uebench.store.record import Record

FEW_SEEDS = (
    "A method with fewer than three method seeds is not tested, because one or two protected sets hardly tell how much "
    "others would differ; it may have any rank. A single attacker seed is held fixed"
)
"""The caveat of ranks and tests."""
COST = "to train the method, or to load one that comes trained, and to protect the set"
"""What the seconds of a method are spent on."""
WORST_IDENTITY = (
    "worst identity: the one that the attacker recognises best over all runs, and its number in the data set. Near "
    "chance, its face may not have been learned: a network that always answers one name is always right about it"
)

_SHORT = [name for name, preset in PRESETS.items() if preset.caveat]
"""Presets under which no attacker learns much; their own caveat says so."""

OTHER_BUDGETS = {
    "l2": "bounded in L2, not at each pixel: a pixel may change by more than with the others, a whole image by less",
    "l0": "bounded in the number of changed pixels, which may change by as much as they can",
    "none": "bounded by nothing; the photographs may change more visibly than with the others",
}
"""The caveat of each budget that is not an L-inf bound, for tables of methods with different norms."""


def caveats(records: Iterable[Record], preset: str = "") -> list[str]:
    """Return the caveats for the foot of a table.

    Args:
        records: The records behind its numbers.
        preset: The preset, for tables of protected sets, which are not made from records of cells.
    """
    records = list(records)
    presets = {record.preset for record in records} | {preset}
    return [
        *of_presets(presets), *unchanged(records), *_redrawn(records), *_shared_starts(records), *_untrained(records),
        *_varied(records), *_budgets(records), *_enlarged(records), *_stems(records),
    ]  # fmt: skip


def single_seeds(measured: Iterable[MeasuredPlace]) -> str:
    """Return the caveat of a study in which a method has too few method seeds for a test; empty if none has."""
    few = any(one.rank and one.pairing and not one.pairing.runs.can_be_tested for one in measured)
    return "a number from fewer than three method seeds is not tested: other protected sets may differ" if few else ""


def of_presets(names: Collection[str]) -> list[str]:
    """Return the caveats of presets, which hold for all of their numbers."""
    return [preset.caveat for name, preset in PRESETS.items() if name in names and preset.caveat]


def unchanged(records: Iterable[Record]) -> list[str]:
    """Return the caveat of methods that changed no photograph, as after a training that is too short."""
    runs: dict[tuple[str, str, str], list[bool]] = {}
    for one in records:
        if one.method.name != REFERENCE:
            where = one.written["method"], one.data.name, one.preset
            runs.setdefault(where, []).append(not one.audit.changed)
    return [
        f"{method} on {data}, preset {preset}: {sum(idle)} of {len(idle)} runs used a set in which no photograph is "
        "changed, so they measure unprotected photographs"
        for (method, data, preset), idle in sorted(runs.items())
        if any(idle)
    ]


def _redrawn(records: Iterable[Record]) -> list[str]:
    """Return the caveat of protected sets that were made more than once, with other noise, as on a GPU."""
    sets: dict[tuple[str, int, str], set[tuple[float, int]]] = {}
    for one in records:
        where = one.written["method"], one.method_seed, one.protect_key
        sets.setdefault(where, set()).add((one.audit.l2_mean, one.audit.changed))
    found = sorted({f"{method} (method seed {seed})" for (method, seed, _), made in sets.items() if len(made) > 1})
    if not found:
        return []
    return [f"the protected set was made more than once, with other noise each time: {', '.join(found)}"]


def _untrained(records: Iterable[Record]) -> list[str]:
    """Return the caveat of attackers that did not learn even the photographs they trained on."""
    names = sorted({
        f"{one.written['attacker']} after {one.written['method']}"
        for one in records
        if one.curve[-1].train_correct < one.data.train_images / 2 and one.preset not in _SHORT
    })  # fmt: skip
    if not names:
        return []
    return [
        f"{', '.join(names)}: recognises less than half of the photographs that it trained on, so its accuracy says "
        "little about the protection"
    ]


def _shared_starts(records: Iterable[Record]) -> list[str]:
    names = sorted(
        {f"{one.written['method']} against {one.written['attacker']}" for one in records if shares_start(one)}
    )
    if not names:
        return []
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return [
        "equal seeds: the attacker may have begun with the weights of the surrogate model, which favours the method. "
        f"Run the commands again to replace these runs: {', '.join(names[:3])}{more}"
    ]


def about_early(names: Iterable[str]) -> list[str]:
    """Return a note on means over several early records, which do not say which photographs were recognised.

    Args:
        names: The names of the methods with such means.
    """
    early = list(dict.fromkeys(names))
    if not early:
        return []
    return [
        f"{', '.join(early)}: the records do not say which photographs were recognised. The interval is Wilson's for "
        "the mean, with n photographs, and widened by the spread over seeds; this is conservative"
    ]


def about_gaps(missing: Mapping[str, Sequence[str]]) -> list[str]:
    """Return a note for each reason.

    Args:
        missing: Reason -> names of the places that are empty because of it.
    """
    return [
        f"gap: {', '.join(names[:3])}{f' and {len(names) - 3} more' if len(names) > 3 else ''}: {reason}"
        for reason, names in missing.items()
    ]


def _varied(records: Iterable[Record]) -> list[str]:
    varied = {record.data.name: record.data for record in records if record.data.images_of_each > 1}
    return [
        f"{name}: {data.test_images} test images are made of {data.test_images // data.images_of_each} photographs; "
        "intervals and tests count the photographs"
        for name, data in sorted(varied.items())
    ]


def _budgets(records: Collection[Record]) -> list[str]:
    norms = {record.written["method"]: record.audit.norm for record in records}
    if len(set(norms.values())) < 2:
        return []
    methods = {
        other: ", ".join(sorted(name for name, norm in norms.items() if norm == other)) for other in OTHER_BUDGETS
    }
    return [f"{names}: {OTHER_BUDGETS[norm]}" for norm, names in methods.items() if names]


def _enlarged(records: Iterable[Record]) -> list[str]:
    attackers: dict[tuple[int, int], set[str]] = {}
    for record in records:
        model = record.training.model
        if model.get("upsampled_from"):
            sizes = (model["upsampled_from"], model["input_size"])
            attackers.setdefault(sizes, set()).add(record.attacker[0].name)
    return [
        f"{', '.join(sorted(names))}: images enlarged from {before} to {after} px, which washes out part of a "
        "perturbation"
        for (before, after), names in sorted(attackers.items())
    ]


def _stems(records: Iterable[Record]) -> list[str]:
    attackers: dict[int, set[str]] = {}
    for record in records:
        attacker, model = record.attacker[0], record.training.model
        size = model.get("input_size")
        if "stem" in attacker.config and model.get("stem") == "imagenet" and size and size <= SMALL_UP_TO:
            attackers.setdefault(size, set()).add(attacker.name)
    return [
        f"{', '.join(sorted(names))}: the ImageNet stem (7x7, stride 2, pooling) at {size} px saves time. Up to "
        f"{SMALL_UP_TO} px, the Segue authors' ResNet-18 has a 3x3 stem with stride 1 and no pooling (stem=small)"
        for size, names in sorted(attackers.items())
    ]
