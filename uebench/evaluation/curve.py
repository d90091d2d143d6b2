"""Check the curve of an attacker's training against what the referee handed out."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from uebench.errors import CellError
from uebench.plugins.base import Trained
from uebench.store import answers


def allowed(count: int, share: float = 0.02) -> int:
    """Return how many of ``count`` answers rounding may change: a share of them, and at least two."""
    return max(2, int(share * count))


def check_curve(
    attacker: str,
    trained: Trained,
    final: Sequence[int],
    sizes: Sequence[int],
    handed: Collection[tuple[int, str]] | None,
    slack: int,
) -> None:
    """Check that a curve has epochs, what they hold, the chosen one, and that the classifier is the one of that epoch.

    Args:
        attacker: The attacker's text, for messages.
        trained: What it returned.
        final: The answers of its classifier.
        sizes: The number of test photographs of each identity.
        handed: The results that the examiner handed out; None if a checkpoint brought earlier ones, and only their
            consistency can be checked.
        slack: How many final answers may differ from those of the epoch.

    Raises:
        CellError: If something is missing or invented; the message names the attacker and the remedy.
    """
    if not trained.curve:
        raise CellError(f"attacker {attacker!r}: no epoch in its curve; call ctx.examine at least once")
    for number, epoch in enumerate(trained.curve, 1):
        if fault := _fault(epoch, number, sizes, handed):
            raise CellError(f"attacker {attacker!r}: epoch {number} of its curve {fault}")
    chosen, count = trained.chosen, len(trained.curve)
    if chosen is not None and (type(chosen) is not int or not 1 <= chosen <= count):
        raise CellError(f"attacker {attacker!r}: chosen is {chosen!r}; return None or an epoch from 1 to {count}")
    seen = answers.decode(trained.curve[(chosen or count) - 1]["test_answers"], len(final))
    if differing(seen, final) > slack:
        raise CellError(
            f"attacker {attacker!r}: the classifier is not the one that ctx.examine saw "
            f"{'in the chosen epoch' if chosen else 'last'}; return that one"
        )


def differing(first: Sequence[int], second: Sequence[int]) -> int:
    """Return the number of answers that differ."""
    return sum(a != b for a, b in zip(first, second, strict=True))


def _fault(
    epoch: Mapping[str, Any], number: int, sizes: Sequence[int], handed: Collection[tuple[int, str]] | None
) -> str | None:
    for name in ("test_correct", "test_answers"):
        if name not in epoch:
            return f"has no {name}; add what ctx.examine returns"
    if epoch.get("epoch") != number:
        return f"has the number {epoch.get('epoch')!r}; number epochs from 1"
    claim = (epoch["test_correct"], epoch["test_answers"])
    if handed is not None:
        is_right = claim in handed
    else:
        try:
            is_right = sum(answers.correct(answers.decode(claim[1], sum(sizes)), sizes)) == claim[0]
        except (ValueError, TypeError):
            is_right = False
    return None if is_right else "has other results than ctx.examine returned; add those unchanged"
