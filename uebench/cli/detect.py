"""``uebench detect``: does a protected set stand out to whoever looks for poison?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli import complete
from uebench.cli.options import AsJson, Format, MethodSeed, PresetName, Protected, with_compute, with_workspace
from uebench.plugins.presets import DEFAULT

if TYPE_CHECKING:
    from uebench.api.compute import Compute
    from uebench.api.workspace import Workspace


@with_workspace
@with_compute
def detect(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="First digits of the key of a cell or of a protected set.", autocompletion=complete.keys
        ),
    ] = "",
    method: Annotated[
        list[str] | None,
        typer.Option("--method", help="name(option=value). Repeatable.", autocompletion=complete.plugins("method")),
    ] = None,
    protected: Protected = None,
    data: Annotated[
        list[str] | None, typer.Option("--data", help="orl, a folder, or name(option=value); of KEY, its folder.")
    ] = None,
    method_seed: MethodSeed = 0,
    preset: PresetName = DEFAULT,
    form: Format = "text",
    as_json: AsJson = False,
    *,
    workspace: Workspace,
    how: Compute,
) -> None:
    """Say whether simple networks notice that a protected set is poisoned.

    A linear and a two-layer network train on one half of the set and are asked about the other half. They see the
    images, or their residue: the high spatial frequencies. If they recognise more people than on clean photographs, the
    set is poisoned. The set is that of KEY, of each METHOD, or one that others made.
    """
    from uebench.api.detect import Request, detect_in
    from uebench.api.protected_sets import named
    from uebench.cli import output
    from uebench.report import detections, tables

    tables.check(form)
    how.check()
    sets = named(protected or ())
    request = Request(key, tuple(method or ()), sets, tuple(data or ()), method_seed, preset)
    with output.progress_bars() as progress:
        found = detect_in(workspace, request, how, progress)
    output.print_page(detections.page(found), form, as_json)
