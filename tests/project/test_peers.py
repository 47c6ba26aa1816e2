"""Other libraries' names are known in `compat/` and `interchange/` alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tunesmith
from tunesmith import registry

SRC = Path(tunesmith.__file__).parent
MODULES = {path.relative_to(SRC).as_posix(): ast.parse(path.read_text()) for path in sorted(SRC.rglob("*.py"))}
PEERS = re.compile("optuna|hyperopt", re.IGNORECASE)


def said(tree: ast.Module) -> str:
    """The code without comments and docstrings."""
    kept = ast.parse(ast.unparse(tree))
    for node in ast.walk(kept):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and ast.get_docstring(node, clean=False):
            node.body[0] = ast.Pass()
    return ast.unparse(kept)


def test_no_code_below_names_another_library() -> None:
    rooms = ("compat/", "interchange/")
    found = {name for name, tree in MODULES.items() if not name.startswith(rooms) and PEERS.search(said(tree))}
    assert not found, f"what other libraries call things belongs into compat/ or interchange/: {sorted(found)}"


@pytest.mark.parametrize("name", registry.GUIDES)
def test_each_guide_of_the_registry_is_there(name: str) -> None:
    assert callable(registry.guide(name))
