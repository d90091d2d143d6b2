"""How each collection is read from disk, or downloaded on request."""

from __future__ import annotations

import hashlib
import os
import pickle
import tarfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torchvision.datasets import CIFAR10

from tests.data.test_builders import SMALL, Photos, make
from uebench.data.builders import BUILDERS, verify
from uebench.data.dataset import load
from uebench.errors import DataError, UsageError
from uebench.plugins.registry import Registry


def write_celeba(raw: Path, photos: Photos, each: int) -> None:
    photos({"img_align_celeba": each * len(BUILDERS["celeba10"].named)}, size=(12, 10), name=raw.name)
    names = sorted(file.name for file in (raw / "img_align_celeba").iterdir())
    lines = [f"{name} {BUILDERS['celeba10'].named[row // each]}\n" for row, name in enumerate(names)]
    (raw / "identity_CelebA.txt").write_text("".join(lines))


@pytest.fixture
def cifar(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two batches of ten images as CIFAR-10 publishes them, and torchvision expecting their digests."""
    raw = tmp_path / "raw"
    folder = raw / CIFAR10.base_folder
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)

    def batch(name: str, content: dict[str, Any]) -> list[str]:
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    def images(count: int) -> dict[str, Any]:
        return {"data": rng.integers(0, 255, (count, 3072), np.uint8), "labels": [n % 10 for n in range(count)]}

    monkeypatch.setattr(CIFAR10, "train_list", [batch("data_batch_1", images(20))])
    monkeypatch.setattr(CIFAR10, "test_list", [batch("test_batch", images(10))])
    digest = batch("batches.meta", {"label_names": [str(n) for n in range(10)]})[1]
    monkeypatch.setattr(CIFAR10, "meta", {**CIFAR10.meta, "md5": digest})
    return raw


@pytest.mark.parametrize(("name", "parent"), [("vggface10", "."), ("imagenet10", "train"), ("lfw", "lfw")])
def test_layouts_of_folders(photos: Photos, tmp_path: Path, name: str, parent: str) -> None:
    raw = photos({f"{parent}/{person}": 3 for person in ("n01", "n02", "n03")}, size=(12, 10))
    manifest = make(SMALL[name], raw, tmp_path / "set")
    assert manifest.counts == {"identities": 2, "train": 4, "test": 2}
    assert verify(tmp_path / "set") == manifest
    (tmp_path / "above").mkdir()
    raw.rename(tmp_path / "above" / "faces")
    with pytest.raises(DataError, match=r"above: found faces/, expected RAW/.*; download .* from http"):
        make(SMALL[name], tmp_path / "above", tmp_path / "other")


def test_celeba_takes_the_named_identities(photos: Photos, tmp_path: Path) -> None:
    write_celeba(tmp_path / "celeba", photos, 31)
    manifest = make(BUILDERS["celeba10"], tmp_path / "celeba", tmp_path / "set")
    assert manifest.counts == {"identities": 10, "train": 200, "test": 100}
    rows = [line.split() for line in (tmp_path / "celeba" / "identity_CelebA.txt").read_text().splitlines()]
    identity = {f"img_align_celeba/{name}": number for name, number in rows}
    taken = {entry.identity: identity[entry.source] for entry in manifest.files}
    assert tuple(taken[number] for number in range(10)) == BUILDERS["celeba10"].named


@pytest.mark.parametrize(
    ("lines", "complaint"),
    [
        ("0.png 14\n", "identity 14 has 1 images, celeba10 needs 30 that differ"),
        ("0.png\n", r"identity_CelebA.txt: line 1 is not 'IMAGE.jpg IDENTITY'"),
        ("../../x.png 14\n", "line 1 is not"),
    ],
)
def test_a_wrong_list_of_identities_is_said(photos: Photos, tmp_path: Path, lines: str, complaint: str) -> None:
    write_celeba(tmp_path / "celeba", photos, 1)
    (tmp_path / "celeba" / "identity_CelebA.txt").write_text(lines)
    with pytest.raises(DataError, match=complaint):
        make(BUILDERS["celeba10"], tmp_path / "celeba", tmp_path / "set")


def test_cifar_is_written_as_png_pixel_for_pixel(cifar: Path, tmp_path: Path, registry: Registry) -> None:
    manifest = make(BUILDERS["cifar10"], cifar, tmp_path / "set")
    assert manifest.counts == {"identities": 10, "train": 20, "test": 10}
    truth = CIFAR10(cifar, train=True)
    for entry, row in ((manifest.files[row], row) for row in range(20)):
        assert entry.identity == truth.targets[row]
        assert (np.asarray(Image.open(tmp_path / "set" / entry.path)) == truth.data[row]).all()
    assert load(str(tmp_path / "set"), 32, registry).num_classes == 10


def test_a_pickle_that_is_not_the_published_one_is_never_opened(cifar: Path, tmp_path: Path) -> None:
    class Harm:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "harmed"),)

    (cifar / CIFAR10.base_folder / "data_batch_1").write_bytes(pickle.dumps(Harm()))
    with pytest.raises(DataError, match="their MD5 is checked"):
        make(BUILDERS["cifar10"], cifar, tmp_path / "set")
    assert not (tmp_path / "harmed").exists()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """Serve tmp_path on this machine."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path))) as httpd:
        Thread(target=httpd.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_cifar_is_downloaded_only_on_request(
    cifar: Path, tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = tmp_path / CIFAR10.filename
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(cifar / CIFAR10.base_folder, CIFAR10.base_folder)
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(CIFAR10, "url", f"{server}/{archive.name}")
    monkeypatch.setattr(CIFAR10, "tgz_md5", hashlib.md5(archive.read_bytes()).hexdigest())
    raw, out = tmp_path / "new", tmp_path / "set"
    with pytest.raises(DataError, match=r"no such folder.*download CIFAR-10 from .*; or set allow_download"):
        make(BUILDERS["cifar10"], raw, out)
    assert make(BUILDERS["cifar10"], raw, out, allow_download=True).counts["train"] == 20


def test_lfw_is_downloaded_by_scikit_learn(photos: Photos, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fetch(*, data_home: str, funneled: bool, min_faces_per_person: int) -> None:
        assert not funneled
        photos({f"lfw_home/lfw/{name}": 3 for name in ("a", "b")}, size=(12, 10), name=Path(data_home).name)

    monkeypatch.setattr("sklearn.datasets.fetch_lfw_people", fetch)
    manifest = make(SMALL["lfw"], tmp_path / "raw", tmp_path / "set", allow_download=True)
    assert manifest.files[0].source.startswith("lfw_home/lfw/a/")


@pytest.mark.allow_hosts(["127.0.0.1"])
def test_a_download_that_fails_names_the_page(tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(CIFAR10, "url", f"{server}/absent.tar.gz")
    with pytest.raises(DataError, match=r"CIFAR-10 cannot be downloaded \(.*404.*\); download it from https://www.cs."):
        make(BUILDERS["cifar10"], tmp_path / "raw", tmp_path / "set", allow_download=True)


def test_what_must_be_asked_for_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="allow_download: request CelebA from its authors: https"):
        make(BUILDERS["celeba10"], tmp_path / "raw", tmp_path / "set", allow_download=True)
