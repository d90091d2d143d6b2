"""What the pages quote from the committed records: tables, numbers and verdicts.

A page asks for a table with ``<!-- uebench table 5 --data webface10 -->`` and ends it with ``<!-- end -->``. In a
sentence, ``<!-- cell KEY KEY -->17.2%`` stands for the mean accuracy of the cells of one method against one attacker
whose keys begin so, ``<!-- interval KEY KEY -->59.8 to 80.2`` for its 95% interval, ``<!-- peak KEY KEY -->`` for the
mean after each run's best epoch, ``<!-- epochs 18-22 KEY KEY -->`` for that over some epochs, ``<!-- again KEY -->``
for a cell that was computed a second time (``results/again``), ``<!-- equal KEY KEY -->`` for cells whose attacker
began with the surrogate's weights (``results/equal_seeds``), and ``<!-- purity KEY -->95.8%`` for how pure the labels
were that the method saw. What was tried for the presets stands between ``<!-- trials methods -->`` and ``<!-- end
-->``, the plugins of a kind after ``<!-- plugins method -->``, the Python API after ``<!-- functions -->``, one cell on
several machines after ``<!-- machines -->``, and the verdicts on the paper's claims after ``<!-- verdicts -->``.
"""

from __future__ import annotations

import re
import shlex
from functools import cache
from statistics import fmean

from tools.pages import functions, machines, plugins, trials, verdicts
from tools.pages.committed import results
from tools.pages.pictures import printed
from uebench.analysis.runs import runs_of
from uebench.analysis.statistics import interval
from uebench.planning.identity import AttackerIdentity, MethodIdentity
from uebench.store.record import Record
from uebench.store.store import Store

PAGES = (
    "README.md",
    "results/README.md",
    "results/webface10_64.md",
    "results/orl_varied.md",
    "results/webface10_224.md",
    "results/webface10_96.md",
    "results/claims.md",
    "results/tuning/README.md",
    "docs/api.md",
    "docs/attackers.md",
    "docs/countermeasures.md",
    "docs/methods.md",
)
BLOCK = re.compile(
    r"(<!-- (uebench (?:table|compare|leaderboard) .*?|trials (?:architectures|methods)|plugins \w+|functions|machines"
    r"|verdicts) -->\n)"
    r".*?(<!-- end -->)",
    re.DOTALL,
)
KEYS = r"([0-9a-f]{8,}(?: [0-9a-f]{8,})*)"
STATED = re.compile(rf"(<!-- (cell|peak|again|equal|purity|epochs \d+-\d+) {KEYS} -->\s*)[\d.?]+%")
INTERVAL = re.compile(rf"(<!-- interval {KEYS} -->\s*)[\d.?]+ to [\d.?]+")
CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)
CONFIDENCE = re.compile(r"95% (?:Wilson )?intervals?")
PERCENTAGE = re.compile(r"(?:\d+(?:\.\d+)?(?:, and |, | and | to | or ))*\d+(?:\.\d+)?\s?%")


def refreshed(text: str) -> str:
    """Return a page with its tables and numbers as the committed records have them."""
    noted: set[str] = set()
    text = BLOCK.sub(lambda found: _block(found, noted), text)
    text = INTERVAL.sub(lambda found: f"{found[1]}{_interval(found[2].split())}", text)
    return STATED.sub(lambda found: f"{found[1]}{100 * _value(found[2], found[3].split()):.1f}%", text)


def unbound(text: str) -> list[str]:
    """Return the percentages of a page, or lists of numbers that end in one, that are bound to no record."""
    for known in (BLOCK, STATED, CODE, CONFIDENCE):
        text = known.sub("", text)
    return PERCENTAGE.findall(text)


def _named(keys: list[str], folder: str = "") -> list[Record]:
    known = _records(folder)
    records = [known[key[:8]] for key in keys]
    assert all(record.key.startswith(key) for record, key in zip(records, keys, strict=True))
    about = {(one.data_key, MethodIdentity.of(one).text, AttackerIdentity.of(one).text) for one in records}
    assert len(about) == 1, f"{keys}: cells of several methods, attackers or data sets"
    return records


def _interval(keys: list[str]) -> str:
    low, high = interval(runs_of(_named(keys)))
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _value(kind: str, keys: list[str]) -> float:
    records = _named(keys, {"again": "again", "equal": "equal_seeds"}.get(kind, ""))
    if kind.startswith("epochs"):
        first, last = map(int, kind.removeprefix("epochs ").split("-"))
        return fmean(_over_epochs(record, first, last) for record in records)
    if kind != "purity":
        return runs_of(records, peak=kind == "peak").mean
    (record,) = records
    assert record.side_information
    return record.side_information.purity.share


def _over_epochs(record: Record, first: int, last: int) -> float:
    """Return the mean clean test accuracy of a run over some epochs, counted from 1."""
    epochs = [epoch for epoch in record.curve if first <= epoch.epoch <= last]
    assert len(epochs) == last - first + 1, f"{record.key}: has no epochs {first} to {last}"
    return fmean(epoch.test_correct for epoch in epochs) / record.counts.n


@cache
def _records(folder: str) -> dict[str, Record]:
    return {record.key[:8]: record for _, record in Store(results() / folder).cells if record}


def _block(found: re.Match[str], noted: set[str]) -> str:
    """Return a block anew.

    Args:
        found: The block.
        noted: The notes below earlier tables of the page, to which those below this one are added.
    """
    match found[2].split(" ", 1):
        case ["uebench", command]:
            made = _new_notes(_table(command), noted)
        case ["trials", kind]:
            made = trials.table(kind)
        case ["plugins", ("method" | "attacker" | "countermeasure") as kind]:
            made = plugins.table(kind)
        case ["functions"]:
            made = functions.table()
        case ["machines"]:
            made = machines.table()
        case _:
            made = verdicts.table()
    return f"{found[1]}\n{made.rstrip()}\n\n{found[3]}"


def _table(command: str) -> str:
    made = printed(*shlex.split(command), "--format", "md")
    title, _, rest = made.removeprefix("## ").partition("\n")  # the page has headings of its own
    return rest.lstrip() if title == "Leaderboard" else f"*{title}*\n{rest}"


def _new_notes(made: str, noted: set[str]) -> str:
    """Return a table without the notes that stand below an earlier table of the page, and add the others to them."""
    lines = made.rstrip().splitlines()
    notes = [line for line in lines if line.startswith("- ")]
    kept = [line for line in lines if line not in noted]
    if len(kept) < len(lines):
        kept += ["- The notes below the tables above hold here, too."]
    noted.update(notes)
    return "\n".join(kept)
