"""Building a set in a temporary folder, which is moved to its final path when the set is complete."""

from __future__ import annotations

import hashlib
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from uebench.data.builders.manifest import NAME, BuiltFile, Manifest, read, verify
from uebench.data.builders.model import Builder, LayoutError, SourceImage
from uebench.data.folders import expanded
from uebench.errors import DataError, UsageError, in_words
from uebench.progress import Progress
from uebench.store.atomic import unusable


def build(
    builder: Builder, raw: Path, out: Path, seed: int, *, allow_download: bool = False, progress: Progress
) -> Manifest:
    """Build a set, or verify it if it has been built already.

    Args:
        builder: The set to build.
        raw: The folder of the collection.
        out: The folder of the set; it may be missing, empty, or hold the same set.
        seed: Seed of the draw.
        allow_download: Whether to download the collection into ``raw`` if it is not there.
        progress: Called with (done, total, what) after each image.

    Raises:
        UsageError: If ``out`` holds something else.
        DataError: If ``raw`` is not the collection, is too small, or holds an image that cannot be decoded.
        StoreError: If ``out`` cannot be written.
    """
    raw, out = expanded(raw), expanded(out)
    if allow_download and not builder.collection.fetch:
        raise UsageError(
            f"allow_download: request {builder.collection.title} from its authors: {builder.collection.page}"
        )
    with _writing(out):
        built = _already_built(builder, out, seed)
    if built:
        progress(len(built.files), len(built.files), "already built, verified")
        return built
    try:
        photos = _photos(builder, raw, seed, allow_download)
    except OSError as error:
        raise DataError(f"{error.filename or raw}: cannot be read ({in_words(error)})") from None
    with _writing(out):
        parent = out.resolve().parent
        parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=parent, prefix=f".{out.resolve().name}-") as temporary:
            folder = Path(temporary) / "set"
            manifest = _write(builder, photos, folder, seed, progress)
            folder.replace(out.resolve())
    return manifest


@contextmanager
def _writing(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise unusable(Path(f"out {out}"), error, "folder") from None


def _already_built(builder: Builder, out: Path, seed: int) -> Manifest | None:
    try:
        out.stat()  # unlike Path.exists, it raises for a link to itself
    except FileNotFoundError:
        return None
    if out.is_dir() and not any(out.iterdir()):
        if out.samefile(Path.cwd()):
            raise UsageError(f"out {out}: is the current folder, which the set would replace; name a new one")
        return None
    if (out / NAME).is_file():
        manifest = read(out)
        if (manifest.builder, manifest.version, manifest.seed) == (builder.name, builder.version, seed):
            return verify(out)
        raise UsageError(
            f"out {out}: holds {manifest.builder} (version {manifest.version}, seed {manifest.seed}); "
            "choose another folder"
        )
    raise UsageError(f"out {out}: {'is not empty' if out.is_dir() else 'is a file'}; choose another folder")


def _photos(builder: Builder, raw: Path, seed: int, allow_download: bool) -> Sequence[SourceImage]:
    origin, fetch = builder.collection, builder.collection.fetch
    try:
        return origin.reader.photos(raw, builder, seed)
    except LayoutError as missing:
        if not fetch or not allow_download:
            other = "; or set allow_download" if fetch else ""
            raise DataError(f"{missing}; download {origin.title} from {origin.page}{other}") from None
    try:
        raw.mkdir(parents=True, exist_ok=True)
        fetch(raw)
    except (OSError, RuntimeError, EOFError, tarfile.TarError) as error:
        if close := getattr(error, "close", None):
            close()  # an HTTP error holds the server's answer, about which Python 3.14 warns
        raise DataError(
            f"{raw}: {origin.title} cannot be downloaded ({error}); download it from {origin.page}"
        ) from None
    return origin.reader.photos(raw, builder, seed)


def _write(builder: Builder, photos: Sequence[SourceImage], folder: Path, seed: int, progress: Progress) -> Manifest:
    entries, numbers = [], Counter[tuple[str, int]]()
    for done, photo in enumerate(photos, 1):
        place = (photo.split, photo.identity)
        file = folder / photo.split / str(photo.identity) / f"{numbers[place]:04}{photo.suffix}"
        numbers[place] += 1
        content = photo.read()
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
        entries.append(
            BuiltFile(
                path=file.relative_to(folder).as_posix(), source=photo.source, split=photo.split,
                sha256=hashlib.sha256(content).hexdigest(), identity=photo.identity,
            )
        )  # fmt: skip
        progress(done, len(photos), "images")
    counts = {"identities": len({photo.identity for photo in photos})} | Counter[str](photo.split for photo in photos)
    manifest = Manifest(builder=builder.name, version=builder.version, seed=seed, counts=counts, files=tuple(entries))
    (folder / NAME).write_text(manifest.text(), "utf-8")
    (folder / "CARD.md").write_text(_card(builder, manifest), "utf-8")
    return manifest


def _card(builder: Builder, manifest: Manifest) -> str:
    origin, counts = builder.collection, manifest.counts
    if builder.named:
        chosen = (
            f"the identities {', '.join(builder.named)}; their images are drawn by seed {manifest.seed}, none twice"
        )
    elif origin.reader.draws:
        chosen = f"identities and images are drawn by seed {manifest.seed}, among those with enough images, none twice"
    else:
        chosen = "the whole collection, in its own split"
    kept = "otherwise byte for byte as they were" if origin.reader.draws else "written as PNG, pixel for pixel"
    return f"""# {builder.name}

{builder.role[0].upper()}{builder.role[1:]}.

- **Images**: {counts["identities"]} identities, {counts["train"]} training and {counts["test"]} test images.
- **Source**: {origin.title}, <{origin.page}>.
- **Licence**: {origin.terms}.
- **Chosen**: {chosen}.
- **Files**: numbered anew, {kept}; `{NAME}` says where each came from, with its SHA-256.

Built by `uebench data build {builder.name} --seed {manifest.seed}`, version {builder.version} of this set.
Photographs are for research only: measure with them, publish numbers, pass none of them on.
"""
