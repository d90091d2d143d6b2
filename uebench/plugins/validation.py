"""Turn pydantic's refusals of options into one line that names the option and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from uebench.errors import UsageError
from uebench.plugins.spec import format_value, shortened

if TYPE_CHECKING:
    from pydantic import BaseModel

    Model = TypeVar("Model", bound=BaseModel)


def validate(model: type[Model], options: Mapping[str, Any], what: str) -> Model:
    """Build a pydantic model; turn its validation error into one line.

    Args:
        model: The model.
        options: The values of its fields.
        what: Whose options they are, for the message: ``method 'lsp'``.

    Raises:
        UsageError: Naming the option at fault and the remedy.
    """
    from pydantic import ValidationError

    try:
        return model(**options)
    except ValidationError as error:
        first = error.errors()[0]
        if not first["loc"]:  # refused by a validator of the whole model
            raise UsageError(f"{what}: {refusal(first)}") from None
        option = str(first["loc"][0])
        if first["type"] == "extra_forbidden":
            known = ", ".join(model.model_fields) or "none"
            raise UsageError(f"{what}: unknown option {option!r}; options: {known}") from None
        if first["type"] == "missing":
            raise UsageError(f"{what}: option {option!r} is missing; write it in parentheses") from None
        raise UsageError(f"{what}: {option}={shortened(format_value(first['input']))} {refusal(first)}") from None


def refusal(error: Mapping[str, Any]) -> str:
    """Return pydantic's complaint of a value in words that continue ``option=value``."""
    message, kind, context = error["msg"], error["type"], error.get("ctx", {})
    if kind == "value_error":
        return str(message.removeprefix("Value error, "))
    if kind == "tuple_type":
        return "is refused: write a list, as [...]"
    if kind in ("too_short", "string_too_short"):
        return "is refused: it is empty"
    if kind == "string_too_long":
        return f"is refused: write at most {context['max_length']} characters"
    if kind == "string_pattern_mismatch":
        return "is refused: it is not of the form that is needed, or holds a line break"
    return f"is refused: {message[0].lower()}{message[1:]}"
