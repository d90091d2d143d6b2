"""The leaderboard as a table: how methods rank against an attacker, as far as the records can tell."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from uebench.analysis.comparison import chosen
from uebench.analysis.leaderboard import Benchmark, Pairing
from uebench.analysis.records import is_clean
from uebench.report.caveats import caveats
from uebench.report.tables import WORST_IDENTITY, Block, Page

COLUMNS = (
    "data", "preset", "attacker", "method", "rank_first", "rank_last", "accuracy", "low", "high", "drop",
    "worst_identity", "worst_identity_accuracy", "seconds", "seeds", "n",
)  # fmt: skip
HEADER = (
    "rank", "method", "accuracy, % [95%]", "drop, points", "worst identity, %", "cost, s", "seeds", "n",
)  # fmt: skip
NOTES = (
    "rank: methods share a rank unless a paired test on the same photographs and seeds tells them apart at the 5% "
    "level, corrected for all pairs (Holm)",
    "order: by rank; of methods with the same rank, those with more runs come first, then those with lower accuracy",
    "accuracy: what the attacker recognises of clean test photographs, with its interval over method seeds, attacker "
    "seeds and photographs; drop: how far below the clean reference",
    WORST_IDENTITY,
    "cost: seconds to train the method and to protect the set, on the machine of the record",
    "seeds: method seeds x attacker seeds; n: test images",
)


def page(benchmarks: Sequence[Benchmark], attackers: Sequence[str] = ()) -> Page:
    """Rank the methods of each benchmark, a block for each attacker.

    Args:
        benchmarks: Data sets with their records.
        attackers: Only these, by name or as written; the attacker that most methods met if none is named.

    Raises:
        UsageError: If there is no record of an attacker.
    """
    met = [pairing for benchmark in benchmarks for pairing in benchmark.pairings.values()]
    wanted = chosen("attacker", attackers, {one.attacker: one.attacker_names for one in met})
    blocks: list[Block] = []
    rows: list[dict[str, object]] = []
    notes: dict[str, None] = dict.fromkeys(NOTES)
    for benchmark in benchmarks:
        for attacker in benchmark.attackers if attackers else [benchmark.common_attacker]:
            shown = benchmark.against(attacker) if attacker in wanted else []
            if shown:
                data = f"{benchmark.data.name}, preset {benchmark.preset}, chance {benchmark.chance:.1f}%"
                lines = [_row(benchmark, one) for one in shown]
                first = next((number for number, row in enumerate(lines) if row["rank_first"]), None)
                best = [] if first is None or len(lines) < 3 else [(first, HEADER.index("accuracy, % [95%]"))]
                blocks.append(Block(f"{attacker} on {data}", HEADER, [_line(row) for row in lines], best))
                rows += lines
                records = [record for one in shown for record in one.records]
                notes |= dict.fromkeys(caveats(records, benchmark.preset))
    return Page("Leaderboard", blocks, list(notes) if rows else ["no records"], rows, COLUMNS)


def _row(benchmark: Benchmark, pairing: Pairing) -> dict[str, object]:
    ranked = benchmark.ranks.get(pairing.attacker, {})
    rank = ranked.get(pairing.method) if len(ranked) > 1 else None
    low, high = pairing.interval
    sets = {one.protect_key: one.timings.fit_seconds + one.timings.protect_seconds for one in pairing.records}
    clean = is_clean(pairing.records[0])
    values = (
        benchmark.data.name, benchmark.preset, pairing.attacker, pairing.method, rank.first if rank else None,
        rank.last if rank else None, pairing.accuracy, low, high, None if clean else pairing.drop,
        pairing.worst.number, 100 * pairing.worst.share, None if clean else fmean(sets.values()), pairing.runs.seeds,
        pairing.runs.n,
    )  # fmt: skip
    return dict(zip(COLUMNS, values, strict=True))


def _line(row: dict[str, object]) -> tuple[str, ...]:
    first, last = row["rank_first"], row["rank_last"]
    return (
        "-" if first is None else f"{first}" if first == last else f"{first}-{last}",
        str(row["method"]),
        f"{row['accuracy']:.1f} [{row['low']:.1f}, {row['high']:.1f}]",
        _number(row["drop"], 1),
        f"{row['worst_identity_accuracy']:.1f} (no. {row['worst_identity']})",
        _number(row["seconds"], 0),
        str(row["seeds"]),
        str(row["n"]),
    )


def _number(value: object, decimals: int) -> str:
    return "-" if value is None else f"{value:.{decimals}f}"
