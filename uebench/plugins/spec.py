"""The grammar ``name(option=value)+name(option=value)``: from text to names and options, and back."""

from __future__ import annotations

import ast
import json
import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

from uebench.errors import UsageError

Value = bool | int | float | str | None | tuple["Value", ...]

_WORDS: dict[str, Value] = {"true": True, "false": False, "none": None}
_ARITHMETIC = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Spec:
    """A plugin's name and the options given to it.

    Attributes:
        name: The plugin's name.
        options: Option values as written, before the plugin's own validation.
    """

    name: str
    options: Mapping[str, Value] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the text that parses back to this spec."""
        if not self.options:
            return self.name
        return f"{self.name}({', '.join(f'{k}={format_value(v)}' for k, v in sorted(self.options.items()))})"


def parse(text: str) -> Spec:
    """Read one plugin, such as ``segue(eps=8/255, weights=none)``.

    Raises:
        UsageError: If the text is not one name with keyword options.
    """
    chain = parse_chain(text)
    if len(chain) != 1:
        raise UsageError(f"{text!r}: expected one name with options, found a chain of {len(chain)} joined by '+'")
    return chain[0]


def parse_chain(text: str) -> tuple[Spec, ...]:
    """Read a chain of plugins, such as ``resnet18+jpeg(quality=50)+flip_crop``, in the order written.

    Raises:
        UsageError: If the text does not follow the grammar.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError):
        raise UsageError(f"{text!r}: not of the form name(option=value)+name; put paths in quotes") from None
    links: list[ast.expr] = []
    while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
        links.append(tree.right)
        tree = tree.left
    return tuple(_spec(node, text) for node in [tree, *reversed(links)])


def format_value(value: object) -> str:
    """Write a value the way the grammar reads it; fractions of 255 are written as such."""
    match value:
        case None | True | False:
            return str(value).lower()
        case float():
            levels = round(value * 255, 2)
            is_levels = len(repr(value)) > 8 and abs(value) < 1 and levels / 255 == value
            return f"{levels:g}/255" if is_levels else repr(value)
        case str():
            return value if _is_word(value) else json.dumps(value)
        case tuple() | list():
            return f"[{', '.join(map(format_value, value))}]"
        case _:
            return str(value)


def _is_word(text: str) -> bool:
    """Return whether the grammar reads ``text`` back as it is without quotes."""
    return text.isascii() and text.isidentifier() and not iskeyword(text) and text.lower() not in _WORDS


def _spec(node: ast.expr, text: str) -> Spec:
    match node:
        case ast.Name(id=name):
            return Spec(name)
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords):
            options: dict[str, Value] = {}
            for keyword in keywords:
                if keyword.arg is None:
                    break
                options[keyword.arg] = _value(keyword.value, text)
            else:
                return Spec(name, options)
    raise UsageError(f"{text!r}: {ast.unparse(node)!r} is not of the form name(option=value)")


def _value(node: ast.expr, text: str) -> Value:
    match node:
        case ast.Constant(value=bool() | int() | float() | str() | None as value):
            return value
        case ast.Name(id=word):
            return _WORDS.get(word.lower(), word)
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return tuple(_value(item, text) for item in items)
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            inner = _value(operand, text)
            if isinstance(inner, int | float):
                return -inner
        case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
            sides: list[Any] = [_value(left, text), _value(right, text)]
            if all(isinstance(side, int | float) for side in sides):
                try:
                    return _ARITHMETIC[type(op)](*sides)  # type: ignore[no-any-return]
                except (ZeroDivisionError, OverflowError):
                    raise UsageError(f"{text!r}: {ast.unparse(node)!r} is not a number") from None
    raise UsageError(f"{text!r}: {ast.unparse(node)!r} is not a number, a word or a list; put paths in quotes")
