"""Other libraries' names are known in `compat/` and `interchange/` alone."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tunesmith
from tunesmith.foundation import registry

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


def test_no_import_hides_in_a_string() -> None:
    """A module named in a string is an import that no check of layers sees; a package's lazy names are variables."""
    found = [
        f"{name}:{call.lineno}"
        for name, tree in MODULES.items()
        for call in ast.walk(tree)
        if isinstance(call, ast.Call)
        and getattr(call.func, "attr", getattr(call.func, "id", "")) == "import_module"
        and call.args
        and isinstance(call.args[0], ast.Constant)
        and str(call.args[0].value).startswith("tunesmith.")
    ]
    assert not found, f"import these plainly, or let the upper module register itself: {found}"


def test_compat_imports_no_private_names_of_the_layers_below() -> None:
    private = [
        f"{name}:{node.lineno}: {part}"
        for name, tree in MODULES.items()
        if name.startswith("compat/")
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
        for path in [f"{getattr(node, 'module', None) or ''}.{alias.name}"]
        if path.strip(".").startswith("tunesmith.") and not path.startswith("tunesmith.compat")
        for part in path.split(".")
        if part.startswith("_")
    ]
    assert not private, f"compat stands on public extension points only: {private}"
