"""Accuracy with its interval, and the audit of a protected set. Importable without torch."""

from uebench.metrics.accuracy import count_correct, wilson
from uebench.metrics.audit import audit

__all__ = ["audit", "count_correct", "wilson"]
