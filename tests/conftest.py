"""Shared fixtures: a store in a temporary folder, the command line in-process, made-up photographs."""

from __future__ import annotations

import gc
import json
import os
import signal
import struct
import sys
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from hypothesis import settings
from PIL import Image

from uebench import networks
from uebench.cli.app import main
from uebench.evaluation import checkpoints
from uebench.evaluation.checkpoints import Checkpoints
from uebench.evaluation.context import RunContext
from uebench.evaluation.memory import peak_memory
from uebench.networks import bait_generator
from uebench.plugins.registry import Registry
from uebench.store.store import Store

ROOT = Path(__file__).parent.parent
_HEAD = b"IHDR" + struct.pack(">IIBBBBB", 50_000, 50_000, 1, 0, 0, 0, 0)
BOMB = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + _HEAD + struct.pack(">I", zlib.crc32(_HEAD)) + b"\0\0\0\x09IDAT"
"""The beginning of a PNG file of 50,000 x 50,000 pixels, which is to be refused before it is decoded."""
EARLY = checkpoints.EARLY
settings.register_profile("fuzz", max_examples=2000, deadline=60_000)  # milliseconds
TINY = "synthetic(identities=3, train=6, test=4)"
QUICK = "timm(model=test_resnet, epochs=1)"
"""An attacker that learns little, soon; in another process, too, where ``small_networks`` changes nothing."""
ENDLESS = "timm(model=test_resnet, epochs=9999)"
"""An attacker that is still in training when a test interrupts it."""


@dataclass(frozen=True)
class Answer:
    """What a command answered."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:  # noqa: ANN401
        return json.loads(self.out)

    @property
    def complaint(self) -> str:
        """The error, which must be one line on stderr."""
        lines = [line for line in self.err.splitlines() if line]
        assert len(lines) == 1, self.err
        assert "Traceback" not in self.err
        return lines[0]

    def refusal(self, code: int) -> str:
        """The error, which must be one line on stderr and have ended the command with this code."""
        assert self.code == code, self.err
        return self.complaint


Command = Callable[..., Answer]
Photos = Callable[..., Path]
NewContext = Callable[..., RunContext]


@pytest.hookimpl(wrapper=True)
def pytest_runtestloop() -> Iterator[None]:
    """Exempt what is loaded before the first test from garbage collection, in each process that runs tests.

    uebench collects garbage before it measures peak memory, so once for each protected set. With torch, pytest and all
    test files loaded, each time scans 600,000 objects that live as long as the process.
    """
    gc.collect()
    gc.freeze()
    try:
        return (yield)
    finally:
        gc.unfreeze()


@pytest.fixture(autouse=True, scope="session")
def no_cache_of_the_users() -> Iterator[None]:
    """Keep decoded photographs out of the cache of whoever runs the tests."""
    before = os.environ.get("UEBENCH_CACHE")
    os.environ["UEBENCH_CACHE"] = "none"
    yield
    os.environ.pop("UEBENCH_CACHE")
    if before is not None:
        os.environ["UEBENCH_CACHE"] = before


@pytest.fixture(autouse=True, scope="session")
def ctrl_c_ends_what_tests_start() -> None:
    """Let processes that tests start obey Ctrl-C; those of a job that a shell runs in the background ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def every_checkpoint(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep checkpoints of the first seconds, too, so that what a test kills has something to resume from."""
    monkeypatch.setattr(checkpoints, "EARLY", 0.0)


@pytest.fixture(autouse=True)
def little_memory(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let no test that is marked ``fuzz`` take more than 1 GiB beside what the process had before."""
    if not request.node.get_closest_marker("fuzz"):
        yield
        return
    with peak_memory(torch.device("cpu")) as peak:
        before = peak()
        yield
        after = peak()
    if before is not None and after is not None:
        assert after - before < 1024, f"took {after - before:.0f} MiB"


@pytest.fixture
def small_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Build ResNet-18 and the generators of BAIT and UC with few layers and channels, which takes a tenth of the time.

    Files ask for it with ``pytest.mark.usefixtures`` if their tests need some network of the same kind. Tests of
    architectures, stems, sizes and weights, and tests with known numbers, take the published networks, and so do other
    processes that a test starts.
    """
    published = timm.create_model

    def create_model(model: str, **options: Any) -> torch.nn.Module:  # noqa: ANN401
        if model == "resnet18":
            options = {"layers": (1, 1, 1, 1), "channels": (16, 24, 32, 48)} | options
        return published(model, **options)

    monkeypatch.setattr(timm, "create_model", create_model)
    monkeypatch.setattr(networks, "ResNetGenerator", partial(networks.ResNetGenerator, channels=8, blocks=1))
    monkeypatch.setattr(bait_generator, "WIDTHS", tuple(width // 16 for width in bait_generator.WIDTHS))


@pytest.fixture
def uebench(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Command:
    """Run ``uebench ARGS`` in this process, with a results folder of its own."""
    monkeypatch.setenv("UEBENCH_RESULTS", str(tmp_path / "results"))
    monkeypatch.setenv("UEBENCH_EXECUTOR", "serial")
    monkeypatch.setattr(checkpoints, "EARLY", EARLY)

    def call(*args: object) -> Answer:
        monkeypatch.setattr(sys, "argv", ["uebench", *map(str, args)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else 1
        captured = capsys.readouterr()
        return Answer(code, captured.out, captured.err)

    return call


@pytest.fixture
def tiny_run(uebench: Command) -> Command:
    """Run the smallest grid: three synthetic identities, one epoch, unless the arguments say otherwise."""

    def call(*args: object) -> Answer:
        return uebench("run", "--preset", "smoke", "--data", TINY, *args)

    return call


@pytest.fixture
def protect(uebench: Command) -> Command:
    """Protect a folder of photographs with the quickest method, unless the arguments name another."""

    def call(source: Path, out: object, *args: object) -> Answer:
        method = () if "--method" in args else ("--method", "random")
        return uebench("protect", source, out, "--preset", "smoke", *method, *args)

    return call


@pytest.fixture
def registry() -> Registry:
    return Registry()


@pytest.fixture
def ctx() -> RunContext:
    return RunContext(torch.device("cpu"), seed=0)


@pytest.fixture
def new_context(tmp_path: Path) -> NewContext:
    """Make contexts of one task: each reads from ``tmp_path`` what an earlier one saved, as after a kill."""

    def make(stage: str = "train", sources: Mapping[str, str] | None = None, **options: Any) -> RunContext:  # noqa: ANN401
        kept = Checkpoints(Store(tmp_path).work, "k", stage, sources)
        return RunContext(torch.device("cpu"), 0, checkpoints=kept, **options)

    return make


@pytest.fixture(scope="session")
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the weights of an AlexNet that has learned nothing, in torchvision's names and shapes."""
    rng = torch.Generator().manual_seed(0)
    places = {0: (64, 3, 11), 3: (192, 64, 5), 6: (384, 192, 3), 8: (256, 384, 3), 10: (256, 256, 3)}
    state = {"classifier.6.bias": torch.zeros(1000)}
    for place, (out, channels, side) in places.items():
        scale = (2 / (channels * side**2)) ** 0.5
        state[f"features.{place}.weight"] = scale * torch.randn(out, channels, side, side, generator=rng)
        state[f"features.{place}.bias"] = 0.1 * torch.randn(out, generator=rng)
    file = tmp_path_factory.mktemp("trunk") / "alexnet.pth"
    torch.save(state, file)
    return file


@pytest.fixture
def photos(tmp_path: Path) -> Photos:
    """Write a folder of made-up photographs and return it."""

    def write(layout: dict[str, int], size: tuple[int, int] = (40, 32), name: str = "faces") -> Path:
        rng = np.random.default_rng(0)
        for folder, count in layout.items():
            (tmp_path / name / folder).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                pixels = rng.integers(0, 255, (size[1], size[0], 3), dtype=np.uint8)
                Image.fromarray(pixels).save(tmp_path / name / folder / f"{number}.png")
        return tmp_path / name

    return write


def copies(folder: Path) -> dict[str, bytes]:
    """Return the images that ``protect`` left in a folder, by name."""
    return {str(file.relative_to(folder)): file.read_bytes() for file in sorted(folder.rglob("*.png"))}
