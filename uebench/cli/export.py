"""``uebench export``: write a protected set to files."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from uebench.cli.shared import complete
from uebench.cli.shared.options import AsJson, with_workspace

if TYPE_CHECKING:
    from uebench.api.workspace import Workspace


@with_workspace
def export(
    key: Annotated[
        str,
        typer.Argument(
            metavar="KEY", help="First digits of the key of a cell or of a protected set.", autocompletion=complete.keys
        ),
    ],
    to: Annotated[
        Path, typer.Option("--to", metavar="OUT", help="A new folder, or a file that ends with .npz or .safetensors.")
    ],
    data: Annotated[str, typer.Option(help="The folder with the photographs; records keep no path.")] = "",
    as_json: AsJson = False,
    *,
    workspace: Workspace,
) -> None:
    """Write a protected set to files.

    OUT gets the protected images of KEY, their perturbations, labels and a manifest. The images are photographs, so the
    terms of their data set hold for them too.
    """
    from uebench.api.export import export_in
    from uebench.cli.shared import output

    manifest = export_in(workspace, key, to, data)
    if as_json:
        output.print_json(manifest)
        return
    output.note(f"{to}: {manifest['images']} images, {manifest['written']}; {manifest['photographs']}")
