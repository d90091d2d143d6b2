"""The part of a plugin's source that decides what it computes, and its digest."""

from __future__ import annotations

import ast
import hashlib
import json

IDLE = {"info", "presets", "why"}
"""Class attributes that change no output: what presets fill in stands in every key."""


def source_digest(source: bytes) -> str:
    """Return a sha256 that layout, comments, docstrings, imports and the texts of listings do not change.

    Args:
        source: A Python file, which is parsed and not run.
    """
    return hashlib.sha256(json.dumps(_essence(ast.parse(source))).encode()).hexdigest()


def _essence(node: object) -> object:
    """Return a node as lists, without what is empty, so that all Python versions agree."""
    if isinstance(node, ast.AST):
        fields = [[name, _essence(value)] for name, value in ast.iter_fields(node) if value not in (None, [])]
        return [type(node).__name__, *fields]
    if isinstance(node, list):
        return [_essence(part) for part in node if not _is_idle(part)]
    return repr(node)


def _is_idle(statement: object) -> bool:
    match statement:
        case ast.Expr(value=ast.Constant(value=str())) | ast.Import() | ast.ImportFrom():
            return True
        case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
            return name in IDLE
    return False
