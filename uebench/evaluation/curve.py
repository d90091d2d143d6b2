"""The curve of an attacker's training: the referee adds its results, and checks which classifier they belong to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from uebench.errors import CellError
from uebench.plugins.base import Trained
from uebench.store import answers


def with_results(trained: Trained, examined: Sequence[str], sizes: Sequence[int]) -> Trained:
    """Return what an attacker returned, with ``test_correct`` and ``test_answers`` in each epoch of its curve.

    Args:
        trained: What it returned.
        examined: The encoded answers of each classifier that ``ctx.examine`` tested, in order.
        sizes: The number of test photographs of each identity.

    Raises:
        CellError: If the curve has no epoch, is misnumbered, or has an epoch that was not tested. The message says
            what to do.
    """
    if not trained.curve:
        raise CellError("no epoch in its curve; call ctx.examine at least once")
    curve, earlier = [], 0
    for number, epoch in enumerate(trained.curve, 1):
        if fault := _fault(epoch, number, earlier, len(examined)):
            raise CellError(f"epoch {number} of its curve {fault}")
        entry = dict(epoch)
        earlier = entry.pop("examined")
        encoded = examined[earlier - 1]
        correct = sum(answers.correct(answers.decode(encoded, sum(sizes)), sizes))
        curve.append(entry | {"test_correct": correct, "test_answers": encoded})
    chosen = trained.chosen
    if chosen is not None and (type(chosen) is not int or not 1 <= chosen <= len(curve)):
        raise CellError(f"chosen is {chosen!r}; return None or an epoch from 1 to {len(curve)}")
    return replace(trained, curve=tuple(curve))


def check_last(trained: Trained, final: Sequence[int], slack: int) -> None:
    """Check that the classifier is the one that was tested in the chosen epoch, or else in the last.

    Args:
        trained: What ``with_results`` returned.
        final: The answers of its classifier.
        slack: How many of them may differ from those of the epoch.

    Raises:
        CellError: If it is another one. The message says what to do.
    """
    entry = trained.curve[(trained.chosen or len(trained.curve)) - 1]
    if differing(answers.decode(entry["test_answers"], len(final)), final) > slack:
        raise CellError(
            "the classifier is not the one that ctx.examine saw "
            f"{'in the chosen epoch' if trained.chosen else 'last'}; return that one"
        )


def differing(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the number of answers that differ."""
    return sum(a != b for a, b in zip(first, second, strict=True))


def _fault(epoch: Mapping[str, Any], number: int, earlier: int, count: int) -> str | None:
    """Return what is wrong with an epoch's numbers, or None.

    Args:
        epoch: Its entry.
        number: Its number.
        earlier: The number of the test of the epoch before; 0 for the first.
        count: The number of tests.
    """
    if "examined" not in epoch:
        return "has no result of the referee; add what ctx.examine returns"
    if epoch.get("epoch") != number:
        return f"has the number {epoch.get('epoch')!r}; number epochs from 1"
    test = epoch["examined"]
    if type(test) is not int or not earlier < test <= count:
        return "has not what ctx.examine returned for it; add that unchanged"
    return None
