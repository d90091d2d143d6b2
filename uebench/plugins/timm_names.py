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
"""What a table in timm's source names: old names of models, and much else."""


def check_model(name: str) -> str:
    """Return ``name`` if timm may have a model of that name, whatever its tag.

    Raises:
        ValueError: If it has none for sure, in the words that ``uebench.plugins.registry.validate`` completes.
    """
    models, others = _names()
    if models and name.partition(".")[0] not in models | others:
        close = get_close_matches(name, models, n=1)
        remedy = f"did you mean {close[0]!r}?" if close else "timm.list_models() names all it has"
        raise ValueError(f"is not a timm model; {remedy}")
    return name


ModelName = Annotated[str, AfterValidator(check_model)]
"""The name of a model of timm's, such as ``resnet18``."""


@cache
def _names() -> tuple[frozenset[str], frozenset[str]]:
    """Return the models that functions make, and what else may be a model."""
    spec = importlib.util.find_spec("timm")
    files = Path(spec.origin).parent.glob("models/*.py") if spec and spec.origin else ()
    texts = [file.read_text("utf-8") for file in files]
    found = [frozenset(name for text in texts for name in kind.findall(text)) for kind in (_FUNCTION, _TABLE)]
    return found[0], found[1]
