"""What is known of the processor, and what is not."""

from __future__ import annotations

import pytest
import torch

from uebench.evaluation import hardware

X86, ARM = "flags : fpu sse2 avx512f", "Features : fp asimd"


@pytest.mark.parametrize(
    ("cpuinfo", "is_fast"),
    [(X86, False), (f"{X86} avx512_bf16", True), (f"{X86} amx_bf16", True), (ARM, False), (f"{ARM} bf16", True)],
)
def test_linux_says_whether_the_processor_computes_in_bfloat16(
    cpuinfo: str, is_fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_cpu_words", lambda: frozenset(cpuinfo.split()))
    assert hardware.has_bfloat16("cpu") == is_fast
    assert hardware.has_bfloat16("cuda:0")


@pytest.mark.parametrize(
    ("machine", "answers", "is_fast"),
    [
        ("x86_64", (False, False), False),
        ("AMD64", (True, False), True),
        ("x86_64", (False, True), True),
        ("x86_64", None, True),  # a version of torch that cannot be asked
        ("arm64", (False, False), True),
    ],
)
def test_elsewhere_torch_is_asked_and_what_it_does_not_know_counts_as_fast(
    machine: str, answers: tuple[bool, bool] | None, is_fast: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "_cpu_words", frozenset)
    monkeypatch.setattr("platform.machine", lambda: machine)
    for number, name in enumerate(hardware.ASK_TORCH):
        if answers is None:
            monkeypatch.delattr(torch.cpu, name, raising=False)
        else:
            monkeypatch.setattr(torch.cpu, name, lambda number=number: answers[number], raising=False)
    assert hardware.has_bfloat16("cpu") == is_fast


def test_the_question_is_answered_on_this_machine() -> None:
    assert hardware.has_bfloat16("cpu") in (True, False)
