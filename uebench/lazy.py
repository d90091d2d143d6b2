"""torch on first use.

Planning a grid or finding a finished cell needs the plugins' configuration classes, not torch, whose import takes
seconds. Plugin files therefore write ``from uebench.lazy import networks, torch`` and use these names as if they had
been imported; a plugin that imports torch itself works just as well and only plans more slowly.
"""

from __future__ import annotations

import gc
import importlib
from types import ModuleType
from typing import TYPE_CHECKING, Any

__all__ = ["augmentations", "load", "networks", "torch", "transforms"]

if TYPE_CHECKING:
    import torch
    from torchvision.transforms import functional as transforms
    from torchvision.transforms import v2 as augmentations

    from uebench import networks
else:

    class _Lazy(ModuleType):
        """Stands for a module and imports it at the first attribute access."""

        def __getattr__(self, name: str) -> Any:  # noqa: ANN401
            return getattr(importlib.import_module(self.__name__), name)

    torch = _Lazy("torch")
    transforms = _Lazy("torchvision.transforms.functional")
    augmentations = _Lazy("torchvision.transforms.v2")
    networks = _Lazy("uebench.networks")


def load() -> None:
    """Import all of them now, so that no plugin is charged for what it is the first to use.

    Garbage collection waits meanwhile: a sixth of the time would go into searching what modules keep anyway.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        for module in (torch, transforms, augmentations, networks):
            importlib.import_module(module.__name__)
    finally:
        if collects:
            gc.enable()
