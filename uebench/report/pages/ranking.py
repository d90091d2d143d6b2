"""The page of the leaderboard: the ranks of methods against an attacker, as far as the records can tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from uebench.analysis.choice import chosen
from uebench.analysis.leaderboard import Benchmark
from uebench.analysis.pairing import Pairing
from uebench.analysis.runs import is_clean, psnr, seconds
from uebench.report.caveats import COST, FEW_SEEDS, WORST_IDENTITY, caveats
from uebench.report.formats import Block, Page
from uebench.report.text import or_dash, person, with_interval

COLUMNS = (
    "data", "preset", "attacker", "method", "rank_first", "rank_last", "accuracy", "low", "high", "drop",
    "worst_identity", "worst_identity_accuracy", "psnr", "seconds", "seeds", "n",
)  # fmt: skip
HEADER = (
    "rank", "method", "accuracy, % [95%]", "drop, points", "worst identity, %", "PSNR, dB", "cost, s", "seeds", "n",
)  # fmt: skip
NOTES = (
    "rank: methods share a rank unless a paired test on the same photographs and seeds tells them apart at the 5% "
    "level, corrected for all pairs (Holm)",
    "order: by rank, methods that are not tested last; of methods with one rank, those with more runs come first, "
    "then those with lower accuracy",
    "accuracy: what the attacker recognises of clean test photographs, with its interval over method seeds, attacker "
    "seeds and photographs. Where there is only one seed, its spread is unknown and not counted; drop: how far below "
    "the mean clean reference, over all of its seeds",
    WORST_IDENTITY,
    "PSNR: how little the photographs change; methods with other bounds, or that use less of theirs, differ in it",
    f"cost: seconds {COST}, on the machine of the record",
    "seeds: method seeds x attacker seeds; n: test images",
    FEW_SEEDS,
)


def page(benchmarks: Sequence[Benchmark], attackers: Sequence[str] = ()) -> Page:
    """Return the page of the leaderboard, with a block for each attacker on each benchmark.

    Args:
        benchmarks: The benchmarks.
        attackers: Only these attackers, by name or as written; empty for the attacker that most methods faced.

    Raises:
        UsageError: If there is no record of an attacker.
    """
    pairings = [pairing for benchmark in benchmarks for pairing in benchmark.pairings.values()]
    names = chosen("attacker", attackers, {pairing.attacker: pairing.attacker_names for pairing in pairings})
    blocks: list[Block] = []
    rows: list[dict[str, object]] = []
    notes: dict[str, None] = dict.fromkeys(NOTES)
    for benchmark in benchmarks:
        for attacker in benchmark.attackers if attackers else [benchmark.common_attacker]:
            faced = benchmark.against(attacker) if attacker in names else []
            if faced:
                data = f"{benchmark.name}, preset {benchmark.preset}, chance {benchmark.chance:.1f}%"
                block_rows = [_row(benchmark, pairing) for pairing in faced]
                proven, column = benchmark.proven_best(attacker), HEADER.index("accuracy, % [95%]")
                best = [(number, column) for number, pairing in enumerate(faced) if pairing.method == proven]
                lines = [_line(row) for row in block_rows]
                blocks.append(
                    Block(f"{attacker} on {data}", HEADER, lines, best, "proven better than every other method")
                )
                rows += block_rows
                records = [record for pairing in faced for record in pairing.records]
                notes |= dict.fromkeys(caveats(records, benchmark.preset))
    return Page("Leaderboard", blocks, list(notes) if rows else ["no records"], rows, COLUMNS)


def _row(benchmark: Benchmark, pairing: Pairing) -> dict[str, object]:
    ranks = benchmark.ranks.get(pairing.attacker, {})
    rank = ranks.get(pairing.method) if len(ranks) > 1 else None
    low, high = pairing.interval
    clean = is_clean(pairing.records[0])
    values = (
        benchmark.name, benchmark.preset, pairing.attacker, pairing.method, rank.first if rank else None,
        rank.last if rank else None, pairing.accuracy, low, high, None if clean else pairing.drop,
        pairing.worst.number, 100 * pairing.worst.share, psnr(pairing.records),
        None if clean else seconds(pairing.records), pairing.runs.seeds, pairing.runs.n,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    first, last = row["rank_first"], row["rank_last"]
    return (
        "-" if first is None else f"{first}" if first == last else f"{first}-{last}",
        str(row["method"]),
        with_interval(row["accuracy"], row["low"], row["high"]),
        or_dash(row["drop"]),
        person(row["worst_identity_accuracy"], row["worst_identity"]),
        or_dash(row["psnr"]),
        or_dash(row["seconds"], 0),
        str(row["seeds"]),
        str(row["n"]),
    )
