"""``uebench submit``: write a method of a study as an entry for a leaderboard."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared.options import with_workspace
from uebench.cli.study import Data, Name
from uebench.errors import UsageError

if TYPE_CHECKING:
    from uebench.api.workspace import Workspace


@with_workspace
def submit(
    name: Name,
    out: Annotated[Path, typer.Option(metavar="FILE", help="JSON file to write.")],
    by: Annotated[str, typer.Option(help="Who submits the method.")],
    about: Annotated[str, typer.Option(help="What the method does, in one line.")],
    method: Annotated[str, typer.Option(help="The method's name in the study, if that has several methods.")] = "",
    claim: Annotated[
        list[str] | None,
        typer.Option(metavar="ATTACKER=PERCENT", help="The accuracy of an attacker, as you claim. Repeatable."),
    ] = None,
    data: Data = None,
    url: Annotated[str, typer.Option(help="A page with more about it: https://...")] = "",
    date: Annotated[str, typer.Option(metavar="YYYY-MM-DD", help="The date of the entry [default: today].")] = "",
    *,
    workspace: Workspace,
) -> None:
    """Write an entry for a leaderboard.

    The entry has your claims for a method beside the measured accuracies, and digests of the records. See
    docs/leaderboard.md for the rules. Apart from these options, the entry says nothing about you.
    """
    from uebench.api.study import Study
    from uebench.cli.shared.output import note
    from uebench.planning.study_file import read_study
    from uebench.report import files
    from uebench.store.atomic import write

    files.check(out, "--out", (".json",))
    study = Study(read_study(name, data or ()), workspace)
    entry = study.entry(method=method, by=by, about=about, url=url, date=_date(date), claims=_claims(claim or ()))
    write(out, entry.text(), "--out")
    note(f"{out}: {entry.name}, {len(entry.results)} numbers; uebench leaderboard {out} shows them")


def _date(text: str) -> datetime.date | None:
    try:
        return datetime.date.fromisoformat(text) if text else None
    except ValueError:
        raise UsageError(f"date {text!r}: not a date; write it as 2026-01-31") from None


def _claims(texts: list[str] | tuple[()]) -> dict[str, float]:
    claims = {}
    for text in texts:
        name, _, value = text.rpartition("=")
        name = name.strip()
        try:
            percent = float(value.removesuffix("%"))
        except ValueError:
            name, percent = "", 0.0
        if not name:
            raise UsageError(f"claim {text!r}: write the attacker's name and a percentage, as 'ResNet-18=12.5'")
        if name in claims:
            raise UsageError(f"claim {text!r}: {name!r} is given twice; give it once")
        claims[name] = percent
    return claims
