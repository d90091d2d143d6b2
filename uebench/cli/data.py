"""``uebench data``: data sets built from collections that users download themselves, and the cache of photographs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from uebench.cli.shared.options import AsJson, Plugins
from uebench.cli.shared.terminal import say
from uebench.errors import counted

if TYPE_CHECKING:
    from uebench.data.builders import Manifest

app = typer.Typer(help="Build and verify data sets; show the cache.")


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the data sets that can be built.

    It shows their sizes, their source collections, where to get these, and their terms of use.
    """
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
        from uebench.cli.shared.output import print_json

        print_json({"sets": rows})
        return
    for row in rows:
        say(f"{row['name']}: {row['role']}")
        say(f"  {row['identities']} identities, {row['train_images']} train and {row['test_images']} test images")
        download = ", or --allow-download" if row["download"] else ""
        say(f"  from {row['collection']}: {row['layout']}{download}")
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
    """Build a data set from a collection.

    The images are copied unchanged to train/ and test/, with a manifest and a description. You download the collection
    yourself.
    """
    from uebench.cli.shared.output import lines
    from uebench.data.builders import build as build_set
    from uebench.data.builders import builder

    manifest = build_set(builder(name), raw, out, seed, allow_download=allow_download, progress=lines(name))
    _say(out, manifest)


@app.command()
def verify(
    data: Annotated[str, typer.Argument(metavar="DATA", help="A folder, or a data set as for uebench run --data.")],
    plugin: Plugins = None,
    as_json: AsJson = False,
) -> None:
    """Find repeats of training photographs.

    A built set is first compared with its manifest. A photograph repeats another if it is the same one, with whatever
    colours, crop and quality, mirrored or not, or if it was taken a moment apart. The exit code is 3 if test
    photographs repeat training photographs.
    """
    from uebench.api.verify_data import raise_if_repeats, verify_data
    from uebench.cli.shared.output import print_json, progress_bars

    with progress_bars() as progress:
        verification = verify_data(data, plugins=plugin or (), progress=progress)
    if as_json:
        print_json(verification.document)
    else:
        if verification.manifest:
            _say(Path(data), verification.manifest)
        for line in verification.lines:
            say(line)
    raise_if_repeats(verification)


@app.command()
def cache(
    clear: Annotated[
        bool, typer.Option("--clear", help="Empty the cache; photographs are then decoded again.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show the cache of decoded photographs.

    It shows the folder and its size. The environment variable UEBENCH_CACHE sets another folder; empty or "none" turns
    the cache off.
    """
    from uebench.data import cache as photographs

    folder, sets, size = photographs.default_cache(), 0, 0
    if folder:
        if clear:
            photographs.clear(folder)
        sets, size = photographs.usage(folder)
    if as_json:
        from uebench.cli.shared.output import print_json

        print_json({"folder": folder and str(folder), "sets": sets, "bytes": size})
    elif folder:
        say(f"{folder}: {counted(sets, 'decoded data set')}, {size / 1e6:.1f} MB")
    else:
        say("no cache: UEBENCH_CACHE turns it off, or this user has no home folder")


def _say(folder: Path, manifest: Manifest) -> None:
    counts = manifest.counts
    say(
        f"{folder}: {manifest.builder}, seed {manifest.seed}, {counts['identities']} identities, "
        f"{counts['train']} train and {counts['test']} test images"
    )
