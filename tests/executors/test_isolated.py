"""Plugins of others in processes of their own: what they may take, and what they leave behind."""

from __future__ import annotations

import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import TINY, Command
from uebench.api.audit import audit_in
from uebench.api.compute import Compute
from uebench.api.result import ProtectionResult
from uebench.api.workspace import Workspace
from uebench.cli.shared import plan_output
from uebench.errors import UebenchError
from uebench.executors import isolated
from uebench.executors.confinement import can_give_up_network

pytestmark = pytest.mark.skipif(not Path("/proc/net/dev").exists(), reason="limits processes as Linux does")

GUEST = """
import json, os, pathlib, resource, subprocess, time
import torch
from uebench.plugins.base import Config, Info, Method

class Options(Config):
    gib: float = 0
    sleep: float = 0

class Guest(Method[Options]):
    name = "guest"
    version = 1
    info = Info(title="takes what it can")
    Config = Options
    def perturb(self, batch, ctx):
        left = subprocess.Popen(["sleep", "1000"])
        away = subprocess.Popen(["sleep", "1000"], start_new_session=True)
        cards = [line.split(":")[0].strip() for line in open("/proc/net/dev").readlines()[2:]]
        found = {{"process": os.getpid(), "left": left.pid, "away": away.pid, "cards": cards, "user": os.getuid()}}
        pathlib.Path({file!r}).open("a").write(json.dumps(found) + "\\n")
        time.sleep(self.config.sleep)
        torch.zeros(int(self.config.gib * 2**28))
        return batch.images
"""


def protected(tmp_path: Path, executor: str, *methods: str) -> tuple[list[ProtectionResult], list[dict[str, Any]]]:
    """Protect with a guest; return what became of it, and what it found."""
    told = tmp_path / "told"
    told.touch()
    plugin = tmp_path / "guest.py"
    plugin.write_text(GUEST.format(file=str(told)))
    workspace = Workspace.of(tmp_path / "results", [plugin], use_cache=False)
    specs = workspace.planner.protections(methods, [TINY], "smoke")
    made = audit_in(workspace, specs, Compute(executor=executor, jobs=1))
    return made, [json.loads(line) for line in told.read_text().splitlines()]


def test_each_has_a_process_without_network_and_with_little_memory_that_leaves_nothing_running(tmp_path: Path) -> None:
    (modest, greedy), told = protected(tmp_path, "isolated(memory=5)", "guest", "guest(gib=6)")
    assert (modest.status, greedy.status) == ("computed", "failed"), (modest.reason, greedy.reason)
    assert "guest.py:22" in greedy.reason and "memory" in greedy.reason
    assert len({one["process"] for one in told}) == 2
    assert {one["user"] for one in told} == {os.getuid()}
    if can_give_up_network():
        assert [one["cards"] for one in told] == [["lo"], ["lo"]]
    ends = time.monotonic() + 10
    while running := [one[kind] for one in told for kind in ("left", "away") if is_running(one[kind])]:
        assert time.monotonic() < ends, running
        time.sleep(0.05)


def is_running(process: int) -> bool:
    with suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_process_that_keeps_the_network_where_it_need_not_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "from uebench.executors import confinement\nconfinement.give_up_network = lambda: False\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(isolated, "can_give_up_network", lambda: True)
    with pytest.raises(UebenchError, match="a process kept the network, though this system lets"):
        protected(tmp_path, "isolated", "guest")
    assert not (tmp_path / "told").read_text()


def test_what_takes_too_long_is_killed_and_says_so(tmp_path: Path) -> None:
    (late,), _ = protected(tmp_path, "isolated(minutes=0.02)", "guest(sleep=1000)")
    assert late.status == "failed"
    assert late.reason == "took longer than 0.02 min and was killed; allow more, and run again to resume"


def test_where_the_network_stays_a_run_says_so(tiny_run: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = ("--method", "lsp", "--attacker", "resnet18", "--dry-run", "--executor", "isolated")
    monkeypatch.setattr(plan_output, "can_give_up_network", lambda: False)
    assert "does not let a process give up the network; isolated plugins can use it" in tiny_run(*plan).err
    monkeypatch.setattr(plan_output, "can_give_up_network", lambda: True)
    assert "network" not in tiny_run(*plan).err


@pytest.mark.parametrize("executor", ["isolated(memory=0)", "isolated(minutes=-1)", "isolated(network=true)"])
def test_limits_that_cannot_be_are_refused(tiny_run: Command, executor: str) -> None:
    answer = tiny_run("--method", "lsp", "--attacker", "resnet18", "--executor", executor)
    assert answer.code == 2
    assert answer.complaint.startswith("uebench: executor isolated")


@pytest.mark.parametrize(
    ("executor", "complaint"),
    [
        ("isolated(memory=1e11)", "executor 'isolated': memory=1e+11 is more than this system allows; give less"),
        ("isolated(memory=0.4)", "allow more memory"),
    ],
)
def test_a_limit_that_the_system_or_torch_does_not_bear_is_not_called_a_fault_of_a_plugin(
    tiny_run: Command, executor: str, complaint: str
) -> None:
    answer = tiny_run("--method", "lsp", "--attacker", "resnet18", "--executor", executor)
    assert complaint in answer.complaint
    assert "Traceback" not in answer.err
