"""``uebench table``: a table of the Segue paper, reported beside what the store holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.options import RESULTS, AsJson, Plugins, PresetName, Results
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.paper import match
    from uebench.report.tables import Page

Format = Annotated[str, typer.Option("--format", help="text, md, tex, csv or html.")]


def table(
    name: Annotated[str, typer.Argument(help="1 to 9, figure4.1 to figure4.4, or claims.")],
    form: Format = "text",
    preset: PresetName = DEFAULT,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="NAME of a measured set, or ROLE=NAME. Repeatable.")
    ] = None,
    plugin: Plugins = None,
    results: Results = RESULTS,
    as_json: AsJson = False,
) -> None:
    """Show a table of the Segue paper: what it reports beside what the results folder holds."""
    from uebench.cli import output
    from uebench.paper import match
    from uebench.paper.tables import MAIN, by_role, named
    from uebench.plugins.registry import Registry
    from uebench.report import tables
    from uebench.store.store import Store

    tables.check(form)
    places = [place for one in named(name) for place in one.places]
    store = Store(results)
    records, plugins = match.Records(store, preset), match.Plugins(Registry(plugin or ()), preset, store)
    given = by_role(data or ())
    roles = match.choose(places, records, plugins, given)
    others = {found.name for found in records.sets} - {found.name for found in roles.values()}
    if MAIN not in given and others:
        output.note(f"{roles[MAIN].name} fills most places; --data chooses another: {', '.join(sorted(others))}")
    shown = view(name, roles, records, plugins)
    if as_json:
        output.print_json(shown.document())
    else:
        typer.echo(tables.render(shown, form), nl=False)


def view(
    name: str,
    roles: match.Roles,
    records: match.Records,
    plugins: match.Plugins,
    reasons: Mapping[tuple[str, str], str] | None = None,
) -> Page:
    """Fill the tables behind a view and arrange them."""
    from uebench.paper.fill import fill
    from uebench.paper.tables import named
    from uebench.report import claims, tables

    filled = {one.name: fill(one, roles, records, plugins, reasons) for one in named(name)}
    if len(filled) > 1:
        whole = claims.claims_page if name == "claims" else claims.requirements_page
        return whole(filled, plugins.preset)
    (one,) = filled.values()
    return tables.page(one, plugins.preset)
