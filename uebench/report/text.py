"""The formats of numbers and options for readers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from uebench.analysis.runs import interval_of
from uebench.analysis.statistics import wilson
from uebench.plugins.spec import format_value

if TYPE_CHECKING:
    from uebench.store.record import Record
    from uebench.store.record_parts import Counts, Quality


def with_interval(value: float, low: float, high: float, sign: str = "") -> str:
    """Return a number with its interval, as ``11.7 [7.1, 18.6]``.

    Args:
        value: The number.
        low: The lower end.
        high: The upper end.
        sign: ``+`` to show the sign of positive numbers.
    """
    return f"{value:{sign}.1f} [{low:{sign}.1f}, {high:{sign}.1f}]"


def percent(counts: Counts, of_each: int = 1) -> str:
    """Return an accuracy in percent with its 95% Wilson interval.

    Args:
        counts: Correct answers and images.
        of_each: How many of the images are made of each photograph; the interval counts photographs.
    """
    low, high = wilson(counts.correct / of_each, counts.n / of_each)
    return with_interval(100 * counts.share, 100 * low, 100 * high)


def accuracy(record: Record) -> str:
    """Return the accuracy of a run in percent with its 95% interval."""
    low, high = interval_of(record)
    return with_interval(100 * record.counts.share, 100 * low, 100 * high)


def p_value(value: float) -> str:
    """Return a p value, as ``0.012`` or ``<0.001``."""
    return f"{value:.3f}" if value >= 0.001 else "<0.001"


def seed(of_attacker: int, of_method: int) -> str:
    """Return the attacker's seed of a cell, and also the method's seed unless it is 0."""
    return f"{of_attacker} (method {of_method})" if of_method else str(of_attacker)


def or_dash(value: float | None, decimals: int = 1) -> str:
    """Return a number, or a dash for None."""
    return "-" if value is None else f"{value:.{decimals}f}"


def person(accuracy: float, number: int) -> str:
    """Return the accuracy on one person in percent, and the person's number in the data set, as ``95.0 (no. 7)``."""
    return f"{accuracy:.1f} (no. {number})"


def quality(measured: Quality) -> tuple[str, str, str]:
    """Return PSNR in dB, SSIM and LPIPS of a protected set, with dashes for missing values."""
    return or_dash(measured.psnr), or_dash(measured.ssim, 4), or_dash(measured.lpips, 4)


def seconds(value: float | None) -> str:
    """Return a duration, as ``0.21 s``, ``93 s``, ``12 min`` or ``3.4 h``; ``?`` for None."""
    if value is None:
        return "?"
    if value < 10:
        return f"{value:.2g} s"
    if value < 120:
        return f"{value:.0f} s"
    return f"{value / 60:.0f} min" if value < 5400 else f"{value / 3600:.1f} h"


def literal(text: str) -> str:
    """Return a text for Matplotlib, with dollar signs escaped, which would otherwise begin a formula."""
    return text.replace("$", r"\$")


def options(config: Mapping[str, Any]) -> str:
    """Return options in the syntax of the command line."""
    return ", ".join(f"{name}={format_value(value)}" for name, value in config.items())
