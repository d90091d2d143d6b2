"""Test accuracy; the audit, separability and quality of a protected set. Importable without torch."""

from uebench.metrics.accuracy import count_correct, predict
from uebench.metrics.audit import audit
from uebench.metrics.quality import Lpips, quality
from uebench.metrics.separability import separability

__all__ = ["Lpips", "audit", "count_correct", "predict", "quality", "separability"]
