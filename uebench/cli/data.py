"""``uebench data``: sets of the field's sizes from collections that users download themselves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import AsJson

if TYPE_CHECKING:
    from uebench.data.builders import Manifest

app = typer.Typer(help="Build data sets from collections that you download yourself.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the sets: sizes, the collection they are drawn from, where it is to be had and under which terms."""
    from uebench.data.builders import BUILDERS

    rows: list[dict[str, Any]] = [
        {
            "name": name, "role": b.role, "version": b.version, "identities": b.identities,
            "train_images": b.identities * b.train, "test_images": b.identities * b.test,
            "collection": b.collection.title, "layout": b.collection.reader.layout, "terms": b.collection.terms,
            "page": b.collection.page, "download": b.collection.fetch is not None,
        }
        for name, b in BUILDERS.items()
    ]  # fmt: skip
    if as_json:
        from uebench.cli.output import print_json

        print_json({"sets": rows})
        return
    for row in rows:
        typer.echo(f"{row['name']}: {row['role']}")
        typer.echo(
            f"  {row['identities']} identities, {row['train_images']} train and {row['test_images']} test images"
        )
        typer.echo(f"  from {row['collection']}: {row['layout']}" + ", or --allow-download" * row["download"])
        typer.echo(f"  {row['terms']}; {row['page']}")


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="webface10, celeba10, ...: uebench data list shows them.")],
    raw: Annotated[Path, typer.Option("--from", metavar="RAW", help="Folder of the collection as unpacked.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the set, for uebench run --data DIR.")],
    seed: Annotated[int, typer.Option(min=0, help="Of the draw of identities and images.")] = 0,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Download the collection into RAW where it may be.")
    ] = False,
) -> None:
    """Build a set: images byte for byte in train/ and test/, a manifest and a card."""
    from uebench.cli.output import lines
    from uebench.data.builders import build as build_set
    from uebench.data.builders import builder

    manifest = build_set(builder(name), raw, out, seed, allow_download=allow_download, progress=lines(name))
    _say(out, manifest)


@app.command()
def verify(folder: Annotated[Path, typer.Argument(metavar="DIR", help="A folder that build wrote.")]) -> None:
    """Check every file of a built set against its manifest; name the first that differs."""
    from uebench.data.builders import verify as verify_set

    _say(folder, verify_set(folder))


def _say(folder: Path, manifest: Manifest) -> None:
    counts = manifest.counts
    typer.echo(
        f"{folder}: {manifest.builder}, seed {manifest.seed}, {counts['identities']} identities, "
        f"{counts['train']} train and {counts['test']} test images"
    )
