"""The verdicts on the paper's claims at several sizes, side by side."""

from __future__ import annotations

import csv
import io

from tools.pages.pictures import printed

SETTINGS = {
    "224 px, WebFace10": ("--preset", "paper"),
    "96 px, `orl_varied`": ("--preset", "desk", "--data", "orl_varied10"),
    "64 px, WebFace10": ("--preset", "desk64", "--data", "webface10"),
}
"""What is judged, by the heading of its column."""


def table() -> str:
    """Return one row for each claim, one column for each setting, as Markdown."""
    found = [_verdicts(options) for options in SETTINGS.values()]
    lines = [f"| | claim | where | {' | '.join(SETTINGS)} |", f"|---|---|---|{'---|' * len(SETTINGS)}"]
    for number, rows in enumerate(zip(*found, strict=True), 1):
        answers = [_answer(row) for row in rows]
        lines.append(f"| {number} | {rows[0]['claim']} | {rows[0]['where']} | {' | '.join(answers)} |")
    return "\n".join(lines)


def _answer(row: dict[str, str]) -> str:
    if not int(row["yes"]) + int(row["no"]):
        if row["single_runs"] != "0":
            return f"nothing decided ({row['single_runs']} with a single run, of {row['asked']})"
        return "nothing decided" if row["keys"] else "nothing measured"
    single = f", {row['single_runs']} with a single run" if row["single_runs"] != "0" else ""
    return f"{row['verdict']} ({row['yes']} yes, {row['no']} no{single}, of {row['asked']})"


def _verdicts(options: tuple[str, ...]) -> list[dict[str, str]]:
    made = printed("table", "claims", *options, "--format", "csv")
    return list(csv.DictReader(io.StringIO(made)))
