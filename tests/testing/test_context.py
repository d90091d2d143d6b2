"""A context in memory saves and restores as the context of a run does."""

from __future__ import annotations

import pytest
import torch

from uebench.testing import MemoryContext


def test_a_context_resumes_with_what_was_logged_and_examined_before_the_checkpoint() -> None:
    killed = MemoryContext(examine=lambda _: "ab")
    for epoch in (1, 2):
        killed.log(surrogate=0.5)
        killed.examine(torch.zeros_like)
        killed.save({"weights": torch.full((2,), float(epoch))}, epoch, sizes=(1, 2))
    assert [(saved.step, saved.stage, saved.examined) for saved in killed.saved] == [
        (1, "", ("ab",)),
        (2, "", ("ab", "ab")),
    ]
    resumed = MemoryContext(resume_from=killed.saved[:1])
    found = resumed.restore()
    assert found is not None and (found.step, found.values) == (1, {"sizes": [1, 2]})
    assert found.state["weights"].tolist() == [1, 1]
    assert (resumed.rounds, resumed.examined) == ([{"surrogate": 0.5, "stopped": ""}], ("ab",))
    assert resumed.has_resumed and resumed.saved == []


def test_each_stage_resumes_from_its_own_last_checkpoint() -> None:
    killed = MemoryContext()
    for step in (1, 2):
        killed.stage("pretrain").save({}, step)
    killed.stage("probe").save({}, 3)
    resumed = MemoryContext(resume_from=killed.saved)
    found = [resumed.stage(name).restore() for name in ("pretrain", "probe", "other")]
    assert [one and one.step for one in found] == [2, 3, None]


def test_a_value_that_is_not_json_cannot_be_saved() -> None:
    with pytest.raises(TypeError, match="not JSON serializable"):
        MemoryContext().save({}, 1, value=object())


def test_what_a_run_could_not_save_cannot_be_saved_in_memory() -> None:
    with pytest.raises(AttributeError, match="detach"):
        MemoryContext().save({"weights": [1.0]}, 1)  # type: ignore[dict-item]
