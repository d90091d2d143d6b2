"""Parse and write the grammar ``name(option=value)+name(option=value)``."""

from __future__ import annotations

import ast
import json
import math
import operator
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from keyword import iskeyword
from typing import Any

from uebench.errors import UsageError, text_of

Value = bool | int | float | str | None | tuple["Value", ...]

LONGEST = 4000
"""The most characters of a text: enough for any path, and few enough for Python's parser."""
_BITS = 64
"""The most bits of a whole number."""
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
        raise UsageError(f"{_shown(text)}: expected one name with options, found a chain of {len(chain)} joined by '+'")
    return chain[0]


def parse_chain(text: str) -> tuple[Spec, ...]:
    """Read a chain of plugins, such as ``resnet18+jpeg(quality=50)+flip_crop``, in the order written.

    Raises:
        UsageError: If the text does not follow the grammar.
    """
    try:
        tree = _tree(text_of(text, "plugin"))
        links: list[ast.expr] = []
        while isinstance(tree, ast.BinOp) and isinstance(tree.op, ast.Add):
            links.append(tree.right)
            tree = tree.left
        return tuple(_spec(node, text) for node in [tree, *reversed(links)])
    except (SyntaxError, ValueError):
        raise UsageError(f"{_shown(text)}: not of the form name(option=value)+name; put paths in quotes") from None
    except (RecursionError, MemoryError):  # Python's parser raises these for many signs or brackets
        raise UsageError(f"{_shown(text)}: nested too deeply; write it with fewer signs and brackets") from None


def number(text: str) -> float:
    """Read a number that is written like an option's value, such as ``8/255``.

    Raises:
        UsageError: If the text is not a number.
    """
    try:
        value = _value(_tree(text), text)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        value = None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise UsageError(f"{_shown(text)}: not a number; write 0.03 or 8/255")
    return float(value)


def format_value(value: object) -> str:
    """Write a value so that the grammar reads it; multiples of 1/255 become fractions."""
    match value:
        case None | True | False:
            return str(value).lower()
        case float():
            levels = round(value * 255, 2)
            is_levels = len(repr(value)) > 8 and abs(value) < 1 and levels / 255 == value
            return f"{levels:g}/255" if is_levels else repr(value)
        case str():
            return value if is_word(value) else f'"{"".join(map(_escaped, value))}"'
        case tuple() | list():
            return f"[{', '.join(map(format_value, value))}]"
        case _:
            return str(value)


def is_word(text: str) -> bool:
    """Return whether the grammar reads ``text`` without quotes, as a value or as a name."""
    return text.isascii() and text.isidentifier() and not iskeyword(text) and text.lower() not in _WORDS


def _escaped(sign: str) -> str:
    """Return a character as written in quotes. Beyond 16 bits, JSON writes two escapes, which Python reads as two."""
    return json.dumps(sign)[1:-1] if ord(sign) < 0x10000 else f"\\U{ord(sign):08x}"


def shortened(text: str) -> str:
    """Return a text for messages, cut if it is too long for a line."""
    return text if len(text) <= 100 else f"{text[:100]}..."


def _shown(text: str | ast.expr) -> str:
    return repr(shortened(text if isinstance(text, str) else ast.unparse(text)))


def _tree(text: str) -> ast.expr:
    if len(text) > LONGEST:
        raise UsageError(f"{_shown(text)}: {len(text)} characters; at most {LONGEST} are read")
    with warnings.catch_warnings(action="ignore"):  # about "\d", which is read literally
        return ast.parse(text.strip(), mode="eval").body


def _spec(node: ast.expr, text: str) -> Spec:
    match node:
        case ast.Name(id=name):
            return Spec(name)
        case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords) if all(one.arg for one in keywords):
            options: dict[str, Value] = {}
            for keyword in keywords:
                option = str(keyword.arg)
                if option in options:
                    raise UsageError(f"{_shown(text)}: {option!r} is given twice; leave one out")
                options[option] = _value(keyword.value, text)
            return Spec(name, options)
    raise UsageError(f"{_shown(text)}: {_shown(node)} is not of the form name(option=value)")


def _value(node: ast.expr, text: str) -> Value:
    match node:
        case ast.Constant(value=bool() | str() | None as value):
            return value
        case ast.Constant(value=int() | float() as number):
            return _number(number, node, text)
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
                    return _number(_ARITHMETIC[type(op)](*sides), node, text)
                except (ZeroDivisionError, OverflowError):
                    raise UsageError(f"{_shown(text)}: {_shown(node)} is not a number") from None
    raise UsageError(f"{_shown(text)}: {_shown(node)} is not a number, a word or a list; put paths in quotes")


def _number(value: float, node: ast.expr, text: str) -> float:
    """Return a number, checked: the grammar can write it, and keys and arrays can hold it."""
    if isinstance(value, int) and value.bit_length() > _BITS:
        raise UsageError(f"{_shown(text)}: {_shown(node)} has more than {_BITS} bits; write a smaller number")
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{_shown(text)}: {_shown(node)} is too large; write a smaller number")
    return value
