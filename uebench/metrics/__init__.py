"""Accuracy with its interval, the audit of a protected set, its separability. Importable without torch."""

from uebench.metrics.accuracy import count_correct, wilson
from uebench.metrics.audit import audit
from uebench.metrics.separability import separability

__all__ = ["audit", "count_correct", "separability", "wilson"]
