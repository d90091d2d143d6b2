"""``uebench detect``: test whether simple networks can tell that a set is poisoned."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared import complete
from uebench.cli.shared.options import (
    AsJson,
    Format,
    MethodSeed,
    PresetName,
    Protected,
    methods_option,
    with_compute,
    with_workspace,
)
from uebench.errors import UsageError
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
    method: Annotated[list[str] | None, methods_option("name(option=value). Repeatable.")] = None,
    protected: Protected = None,
    data: Annotated[
        list[str] | None,
        typer.Option("--data", help="orl, a folder, or name(option=value); with KEY, the folder with its photographs."),
    ] = None,
    method_seed: MethodSeed = 0,
    preset: PresetName = DEFAULT,
    form: Format = "text",
    as_json: AsJson = False,
    *,
    workspace: Workspace,
    how: Compute,
) -> None:
    """Test whether simple networks detect poison.

    A linear and a two-layer network train on one half of a protected set and are tested on the other half. They see the
    images, or their residue: the high spatial frequencies. If they recognise more images than in the clean set, the set
    is poisoned. The set is that of KEY, of each method, or one made by other code.
    """
    from uebench.api.detect import detect_in
    from uebench.api.foreign_sets import parse_protected
    from uebench.cli.shared import output
    from uebench.report import formats
    from uebench.report.pages import detections

    formats.check(form)
    if Path(key).is_file():
        raise UsageError(f"{key}: is a file, not a key; give a set made by other code as --protected NAME={key}")
    sets = parse_protected(protected or ())
    with output.progress_bars() as progress:
        detected = detect_in(
            workspace, how, progress, output.note,
            method=method or (), key=key, protected=sets, data=data or (), method_seed=method_seed, preset=preset,
        )  # fmt: skip
    output.print_page(detections.page(detected), form, as_json)
