"""The table of layers in CONTRIBUTING.md, made from the import-linter contract and the modules' docstrings.

usage: python .ci/layers.py          write it
       python .ci/layers.py check    say whether it is up to date
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib

from marked_table import ROOT, write_or_check


def layers() -> list[list[str]]:
    """The modules of each layer, from the highest to the lowest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    (contract,) = (c for c in project["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    return [re.findall(r"\w+", layer) for layer in contract["layers"]]


def described(name: str) -> tuple[str, str]:
    """How the table shows a module, and the first line of its docstring."""
    package = ROOT / "src" / "tunesmith" / name / "__init__.py"
    path = package if package.exists() else package.parent.with_suffix(".py")
    if not path.exists():
        return f"`{name}/`", "(to come)"
    text = ast.get_docstring(ast.parse(path.read_text())) or ""
    first = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text.partition("\n\n")[0].replace("\n", " "))
    return (f"`{name}/`" if path is package else f"`{path.name}`"), first.replace("|", "\\|")


def table() -> str:
    """The table as Markdown."""
    rows = ["| layer | module | what it is for |", "|---|---|---|"]
    found = layers()
    for height, names in zip(range(len(found) - 1, -1, -1), found, strict=True):
        for name in names:
            rows.append("| {} | {} | {} |".format(height, *described(name)))
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(ROOT / "CONTRIBUTING.md", "layers", "layers.py", table()))
