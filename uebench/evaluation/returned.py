"""What an attacker returned: its fields are checked before anything is made of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from uebench.errors import CellError
from uebench.plugins.base import Trained
from uebench.store.record_parts import ModelDetails
from uebench.store.seal import complaint


def _as_dict(details: object) -> object:
    return dict(details) if isinstance(details, Mapping) else details


class _Fields(BaseModel):
    """The fields of ``Trained`` that a record needs, as strict as the record is."""

    model_config = ConfigDict(strict=True, from_attributes=True, allow_inf_nan=False)

    classifier: Callable[..., Any]
    curve: Sequence[Mapping[str, Any]]
    stopped: str
    steps: int = Field(ge=0)
    seconds: float = Field(ge=0)
    images: int = Field(ge=0)
    details: Annotated[ModelDetails, BeforeValidator(_as_dict)]


def checked(returned: object) -> Trained:
    """Return what an attacker's ``fit`` returned, if it can be recorded.

    Raises:
        CellError: If it is no ``Trained``, or a field has another type or is out of bounds. The message names the
            field.
    """
    if not isinstance(returned, Trained):
        raise CellError(f"fit returned {type(returned).__name__}; return a Trained")
    try:
        _Fields.model_validate(returned)
    except ValidationError as error:
        raise CellError(f"the Trained of fit cannot be recorded: {complaint(error)}") from None
    return returned
