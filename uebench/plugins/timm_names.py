"""The names of timm's models, read from its source: importing timm would bring torch into planning."""

from __future__ import annotations

import importlib.util
import re
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

_FUNCTION = re.compile(r"^def (\w+)\(\s*pretrained\b", re.MULTILINE)
_TABLE = re.compile(r"['\"](\w+)['\"] *:")
"""The keys of dictionaries in timm's source: old names of models, and much else."""


def check_model(name: str) -> str:
    """Return ``name`` if timm may have a model of that name; the tag after the dot is not checked.

    Raises:
        ValueError: If timm certainly has none; ``uebench.plugins.validation.validate`` completes the message.
    """
    models, others = _names()
    if models and name.partition(".")[0] not in models | others:
        close = get_close_matches(name, models, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "timm.list_models() names all it has"
        raise ValueError(f"is not a timm model; {remedy}")
    return name


ModelName = Annotated[str, AfterValidator(check_model)]
"""The name of a timm model, such as ``resnet18``."""


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the names of timm's model functions, and other names that may be models."""
    spec = importlib.util.find_spec("timm")
    files = Path(spec.origin).parent.glob("models/*.py") if spec and spec.origin else ()
    texts = [file.read_text("utf-8") for file in files]

    def matches(pattern: re.Pattern[str]) -> frozenset[str]:
        return frozenset(name for text in texts for name in pattern.findall(text))

    return matches(_FUNCTION), matches(_TABLE)
