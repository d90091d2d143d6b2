"""What docs/security.md claims, as far as no other test shows it."""

from __future__ import annotations

import ast
import os
import pickle
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from pytest_socket import SocketBlockedError

from tests.conftest import ROOT, Command
from uebench.data import cache
from uebench.data.builders import verify
from uebench.data.builders.manifest import BuiltFile, Manifest
from uebench.errors import DataError, UsageError
from uebench.metrics.quality import Lpips
from uebench.networks.timm_weights import read_checkpoint
from uebench.plugins.registry import Registry
from uebench.pretrained import weights

SOURCES = {
    file.relative_to(ROOT).as_posix(): ast.parse(file.read_text(encoding="utf-8"))
    for folder in ("uebench", "methods", "attackers")
    for file in (ROOT / folder).rglob("*.py")
}
PIPES = {
    f"uebench/{name}.py" for name in ("executors/performer", "executors/processes", "executors/worker", "plugins/part")
}
"""Where uebench's own processes pass tasks to each other."""
NETWORK = {"ftplib", "http", "httpx", "requests", "socket", "ssl", "urllib", "urllib3"}
UNPICKLES = {"cloudpickle", "dill", "joblib", "marshal", "shelve", "yaml"}


def imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (name.name.split(".")[0] for name in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.split(".")[0]


def test_nothing_is_unpickled_but_what_uebenchs_own_processes_tell_each_other() -> None:
    for name, tree in SOURCES.items():
        assert not UNPICKLES & set(imported(tree)), name
        for node in ast.walk(tree):
            assert not (isinstance(node, ast.ImportFrom) and node.module == "pickle"), name
            match node:
                case ast.Attribute(value=ast.Name(id="pickle"), attr=attr) if name not in PIPES:
                    assert attr == "UnpicklingError", name
                case ast.Call(func=ast.Attribute(value=ast.Name(id="torch"), attr="load"), keywords=keywords):
                    assert any(k.arg == "weights_only" and ast.unparse(k.value) == "True" for k in keywords), name
                case ast.Call(func=ast.Attribute(attr="load", value=ast.Name(id="np")), keywords=keywords):
                    assert any(k.arg == "allow_pickle" and ast.unparse(k.value) == "False" for k in keywords), name
                case ast.Call(func=ast.Attribute(attr="read_pickle", value=ast.Name(id="pd"))):
                    pytest.fail(f"{name} may unpickle")
                case ast.Call(func=ast.Name(id="eval" | "exec")):
                    pytest.fail(f"{name} evaluates text")


def test_uebench_opens_no_connection_by_itself() -> None:
    blocks = {"uebench/testing/network.py"}
    assert {name for name, tree in SOURCES.items() if NETWORK & set(imported(tree))} == blocks
    with pytest.raises((SocketBlockedError, UserWarning)):  # nor could any library in a test of this suite
        socket.socket()


class Evil:
    """Makes a file when it is unpickled."""

    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (str(self.file),)


def _of_lpips(file: Path) -> object:
    return Lpips.load(file, torch.device("cpu"))


def _of_a_method(file: Path) -> object:
    return weights.metadata(file, "segue")


@pytest.mark.parametrize("writer", ["pickle", "torch"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth", ".bin"])
@pytest.mark.parametrize("reader", [_of_a_method, read_checkpoint, _of_lpips])
def test_a_pickle_in_the_place_of_weights_is_refused_and_runs_nothing(
    tmp_path: Path, writer: str, suffix: str, reader: Callable[[Path], object]
) -> None:
    file, proof = tmp_path / f"net{suffix}", tmp_path / "was run"
    if writer == "pickle":
        file.write_bytes(pickle.dumps({"weight": Evil(proof)}, protocol=2))
    else:
        torch.save({"weight": Evil(proof)}, file)
    with pytest.raises(DataError, match="net"):
        reader(file)
    assert not proof.exists()


def test_a_pickle_in_the_cache_counts_as_missing_and_runs_nothing(tmp_path: Path) -> None:
    proof = tmp_path / "was run"
    (tmp_path / f"{'1' * 64}.safetensors").write_bytes(pickle.dumps(Evil(proof)))
    assert cache.fetch(tmp_path, "1" * 64) is None
    assert cache.fetch_description(tmp_path, "1" * 64) is None
    assert not proof.exists()


def test_a_plugin_runs_when_it_is_used_and_not_when_it_lies_there_or_is_listed(
    uebench: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    plugin = (ROOT / "docs" / "example_plugin.py").read_text() + "\nraise SystemExit('was run')\n"
    for name in ("mine.py", "copy.py", "uebench_methods.py"):
        Path(name).write_text(plugin)
    assert uebench("list").code == 0
    assert "stripes" in uebench("list", "methods", "--plugin", "mine.py").out
    with pytest.raises(UsageError, match="was run"):
        assert Registry([Path("mine.py")]).entry("method", "stripes").plugin


@pytest.mark.parametrize("path", ["../x.png", "/etc/passwd", "train/../../x.png", "train/0/..", "test/0/0.png/../.."])
def test_the_manifest_of_a_set_names_no_file_outside_of_it(tmp_path: Path, path: str) -> None:
    entry = BuiltFile.model_construct(path=path, source="x", sha256="0", split="train", identity=0)
    made = Manifest.model_construct(format=1, builder="lfw", version=1, seed=0, counts={}, files=(entry,))
    (tmp_path / "manifest.json").write_text(made.text())
    with pytest.raises(DataError, match=r"manifest\.json: damaged"):
        verify(tmp_path)


def test_the_list_of_a_collection_names_no_file_outside_of_it(uebench: Command, tmp_path: Path) -> None:
    (tmp_path / "img_align_celeba").mkdir()
    (tmp_path / "identity_CelebA.txt").write_text("../../x.jpg 14\n")
    answer = uebench("data", "build", "celeba10", "--from", tmp_path, "--out", tmp_path / "out")
    assert (answer.code, "line 1 is not 'IMAGE.jpg IDENTITY'" in answer.complaint) == (3, True)


@pytest.mark.parametrize("name", ["../../x", "/etc/passwd", "..", "ab/../cd"])
def test_no_key_is_a_path(uebench: Command, name: str) -> None:
    assert "no plugin or key with this name" in uebench("show", name).complaint


def test_a_link_to_itself_is_refused_as_a_data_set(uebench: Command, tmp_path: Path) -> None:
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    args = ("--preset", "smoke", "--method", "lsp", "--attacker", "resnet18")
    assert f"{loop}: no such folder" in uebench("run", "--data", loop, *args).complaint
    assert f"{loop}: no such folder" in uebench("protect", loop, tmp_path / "out").complaint
    assert f"{loop}: no such folder" in uebench("data", "verify", loop).complaint
