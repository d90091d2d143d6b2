"""``uebench data``: sets built from collections that users download themselves, and the cache of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.options import AsJson, Plugins
from uebench.cli.terminal import say

if TYPE_CHECKING:
    from uebench.data.builders import Manifest

app = typer.Typer(help="Build data sets from collections that you download yourself; show the cache.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the sets: their size, their source collection, where to get it, and its terms of use."""
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
        say(f"{row['name']}: {row['role']}")
        say(f"  {row['identities']} identities, {row['train_images']} train and {row['test_images']} test images")
        say(f"  from {row['collection']}: {row['layout']}" + ", or --allow-download" * row["download"])
        say(f"  {row['terms']}; {row['page']}")


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="webface10, celeba10, ...; see uebench data list.")],
    raw: Annotated[Path, typer.Option("--from", metavar="RAW", help="Folder of the unpacked collection.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="New folder for the set, for uebench run --data DIR.")],
    seed: Annotated[int, typer.Option(min=0, help="Seed for the choice of identities and images.")] = 0,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Download the collection into RAW if its terms allow it.")
    ] = False,
) -> None:
    """Build a set: copy its images unchanged to train/ and test/, with a manifest and a description."""
    from uebench.cli.output import lines
    from uebench.data.builders import build as build_set
    from uebench.data.builders import builder

    manifest = build_set(builder(name), raw, out, seed, allow_download=allow_download, progress=lines(name))
    _say(out, manifest)


@app.command()
def verify(
    data: Annotated[
        str, typer.Argument(metavar="DATA", help="A folder, or a data set as uebench run --data takes it.")
    ],
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Name test photographs that repeat training photographs; compare a built set with its manifest first.

    A photograph repeats another if it is the same one, whatever its colours, crop and quality, mirrored or not, or one
    taken a moment apart. Exit code 3 if there are any.
    """
    from uebench.api.verify_data import complain, verify_data
    from uebench.cli.output import print_json, progress_bars

    with progress_bars() as progress:
        found = verify_data(data, plugins=plugin or (), progress=progress)
    if as_json:
        print_json(found.document)
    else:
        if found.manifest:
            _say(Path(data), found.manifest)
        for line in found.lines:
            say(line)
    complain(found)


@app.command()
def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Empty the cache; photographs are then decoded again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show where decoded photographs are kept and how much space they use, or delete them.

    The environment variable UEBENCH_CACHE sets another folder; empty or "none" turns the cache off.
    """
    from uebench.data import cache as kept

    folder, sets, size = kept.default_cache(), 0, 0
    if folder:
        if clear:
            kept.clear(folder)
        sets, size = kept.usage(folder)
    if as_json:
        from uebench.cli.output import print_json

        print_json({"folder": folder and str(folder), "sets": sets, "bytes": size})
    elif folder:
        say(f"{folder}: {sets} decoded data set{'s' * (sets != 1)}, {size / 1e6:.1f} MB")
    else:
        say("no cache: UEBENCH_CACHE says so, or this user has no home folder")


def _say(folder: Path, manifest: Manifest) -> None:
    counts = manifest.counts
    say(
        f"{folder}: {manifest.builder}, seed {manifest.seed}, {counts['identities']} identities, "
        f"{counts['train']} train and {counts['test']} test images"
    )
