"""Options of plugins: validated, frozen, and part of the key."""

from __future__ import annotations

import inspect
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator

from uebench.network_options import Precision


def _pixel_scale(value: object) -> object:
    if isinstance(value, int | float) and not isinstance(value, bool) and value > 1:
        raise ValueError(f"is on the [0, 1] pixel scale: write {value:g}/255, not {value:g}")
    return value


Radius = Annotated[float, BeforeValidator(_pixel_scale), Field(ge=0, le=1)]
"""A distance on the [0, 1] pixel scale, such as ``8/255``."""


@dataclass(frozen=True, slots=True)
class Added:
    """Marks an option that was added when records existed: at its default it enters no key, so theirs stay valid.

    Write ``Annotated[int, Added()] = 0``. The default must give the results from before the option existed.
    """


def at_home(path: Path) -> Path:
    """Return a path with ``~`` or ``~user`` expanded.

    Raises:
        ValueError: If there is no such user, or no file can have such a name; ``uebench.plugins.validation.validate``
            completes the message.
    """
    try:
        if b"\0" in os.fsencode(path):
            raise ValueError("is a name that no file can have; choose another")
        return path.expanduser()
    except UnicodeEncodeError:  # half of a surrogate pair
        raise ValueError("is a name that no file can have; choose another") from None
    except RuntimeError:
        raise ValueError(f"cannot be found: there is no user {path.parts[0][1:]!r}; write the path in full") from None


def paths_in(value: object) -> Iterator[Path]:
    """Yield the paths that the value of an option names, also in tuples, lists, sets and dictionaries."""
    if isinstance(value, Path):
        yield value
    elif isinstance(value, Mapping):
        yield from paths_in(tuple(value.values()))
    elif isinstance(value, tuple | list | set | frozenset):
        for one in value:
            yield from paths_in(one)


def _changed(value: Any, change: Callable[[Path], Path]) -> Any:  # noqa: ANN401
    """Return the value of an option with each of its paths changed."""
    if isinstance(value, Path):
        return change(value)
    if next(paths_in(value), None) is None:
        return value
    if isinstance(value, Mapping):
        return {name: _changed(one, change) for name, one in value.items()}
    return type(value)(_changed(one, change) for one in value)


class Config(BaseModel):
    """A plugin's options: frozen and validated. Unknown names are refused, and ``~`` is expanded in paths."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _expanded(cls, value: Any) -> Any:  # noqa: ANN401
        return _changed(value, at_home)

    @classmethod
    def meanings(cls) -> dict[str, str]:
        """Return the meaning of each option, from the docstrings of this class and of its bases."""
        texts: dict[str, str] = {}
        for parent in reversed(cls.__mro__):
            _, _, listed = inspect.cleandoc(parent.__dict__.get("__doc__") or "").partition("Attributes:\n")
            for name, text in re.findall(r"^ {4}(\w+): ((?:.*\n?(?: {5,}|$))*)", listed, re.MULTILINE):
                texts[name] = " ".join(text.split())
        return {name: texts.get(name, "") for name in cls.model_fields}

    def published(self) -> dict[str, Any]:
        """Return the options as JSON values, for keys and records: of a path, only the name; sets sorted."""
        named = {name: _changed(value, lambda path: Path(path.name)) for name, value in self}
        plain = self.model_copy(update=named).model_dump(mode="json")
        plain |= {name: sorted(plain[name], key=repr) for name, value in self if isinstance(value, set | frozenset)}
        return {name: value for name, value in plain.items() if not self._is_as_before(name)}

    def _is_as_before(self, name: str) -> bool:
        """Return whether an option is marked ``Added`` and has its default."""
        field = type(self).model_fields[name]
        return any(isinstance(mark, Added) for mark in field.metadata) and getattr(self, name) == field.default


class Optimization(Config):
    """How a network is trained; shared by attackers and by the surrogate models of methods.

    Attributes:
        optimizer: ``adam``, ``adamw`` or ``sgd`` (momentum 0.9).
        lr: Initial learning rate.
        weight_decay: L2 penalty (decoupled for adamw).
        batch: Images in each step.
        precision: The network's number format. ``bfloat16`` is faster where the processor supports it.
    """

    optimizer: Literal["adam", "adamw", "sgd"] = "adam"
    lr: float = Field(5e-4, gt=0)
    weight_decay: float = Field(0.0, ge=0)
    batch: int = Field(16, ge=2)
    precision: Annotated[Precision, Added()] = "float32"


class Training(Optimization):
    """How an attacker trains.

    Attributes:
        schedule: ``constant``; ``cosine``: to zero at the last step; ``oscillating``: the Segue authors' cosine with
            ``T_max`` = epochs but stepped every iteration, so that its period is 2 x epochs steps;
            ``warm_cosine``: up from zero in the first quarter of all steps, then a cosine to zero.
        epochs: At most this many.
        stop_loss: Stop after an epoch whose mean training loss is below this; 0 never stops.
        flip: Mirror each image with probability 1/2.
        crop: Shift each image by up to this many pixels (zero-padded random crop); 0 for none.
    """

    schedule: Literal["constant", "cosine", "oscillating", "warm_cosine"] = "cosine"
    epochs: int = Field(40, ge=1)
    stop_loss: float = Field(0.0, ge=0)
    flip: bool = False
    crop: int = Field(0, ge=0)
