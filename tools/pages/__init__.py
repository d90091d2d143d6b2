"""The pages that quote results: ``make pages`` writes their tables, numbers and pictures from the committed records."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""The checkout."""
