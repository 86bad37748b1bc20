"""A test's version: what its function does, whatever its marks, its comments and its lay-out."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from ..support.digest import digest_parts

__all__ = ["digest_function"]


def digest_function(function: Any) -> str:
    """Return the sha256 of a function's syntax without its decorators, as 64 hex digits.

    :param function: of a test; where its source cannot be had, its name stands for it
    """
    function = inspect.unwrap(function)
    try:
        (node,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, SyntaxError, ValueError):
        return digest_parts([str(getattr(function, "__qualname__", function))])
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        node.decorator_list = []
    return digest_parts([ast.dump(node)])
