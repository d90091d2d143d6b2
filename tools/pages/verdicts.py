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
    if not row["keys"]:
        return "nothing measured"
    yes, no, few, asked = (int(row[name]) for name in ("yes", "no", "few_seeds", "asked"))
    counts = ([f"{yes} yes, {no} no"] if yes + no else []) + ([f"{few} with few seeds"] if few else [])
    verdict = row["verdict"] if yes + no else "not yet decided"
    return f"{verdict} ({', '.join([*counts, f'of {asked}'])})" if counts else verdict


def _verdicts(options: tuple[str, ...]) -> list[dict[str, str]]:
    made = printed("table", "claims", *options, "--format", "csv")
    return list(csv.DictReader(io.StringIO(made)))
