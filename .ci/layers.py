"""The tables that pages have from the code: the layers, and what is tuned of which estimator.

usage: python .ci/layers.py          write them
       python .ci/layers.py check    say whether they are up to date

The layers in CONTRIBUTING.md are the contract "layers" of import-linter in pyproject.toml, upside down, and the first
line of each module's docstring; those in docs/spaces-auto.md are the functions of the spaces.
"""

from __future__ import annotations

import ast
import importlib
import re
import sys
import tomllib

from pages import DOCS, ROOT

SRC = ROOT / "src" / "tunesmith"


def layers() -> str:
    """A row for each module, the highest layer first."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (contract,) = (c for c in project["tool"]["importlinter"]["contracts"] if c["id"] == "layers")
    rows = ["| layer | module | what it is for |", "|---|---|---|"]
    for height, layer in zip(range(len(contract["layers"]) - 1, -1, -1), contract["layers"], strict=True):
        for name in re.findall(r"\w+", layer):
            if name != "_version" and (found := described(name)):
                rows.append(f"| {height} | {found} |")
    return "\n".join(rows) + "\n"


def described(name: str) -> str:
    """How the table shows a module, and the first line of its docstring; empty: it is not there yet."""
    path = next((p for p in (SRC / name / "__init__.py", SRC / f"{name}.py") if p.exists()), None)
    if path is None:
        return ""
    text = (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n\n")[0]
    first = re.sub(r":\w+:`~?([^`]+)`", r"`\1`", text.replace("\n", " ")).replace("|", "\\|")
    return f"`{name}/` | {first}" if path.name == "__init__.py" else f"`{path.name}` | {first}"


def estimators() -> str:
    """A row for each function of the spaces, with its classes and the rest of its docstring's first line."""
    from tunesmith.space.estimators.known import FAMILY_BY_CLASS

    classes: dict[str, list[str]] = {}
    for name, target in FAMILY_BY_CLASS.items():
        classes.setdefault(target, []).append(f"`{name.partition('.')[2]}`")
    rows, nothing = ["| estimators | what is tuned |", "|---|---|"], list[str]()
    for target, names in classes.items():
        module, _, function = target.partition(":")
        if function == "nothing":
            nothing += names
            continue
        doc = getattr(importlib.import_module(module), function).__doc__.strip().partition("\n")[0].rstrip(".")
        rows.append(f"| {', '.join(names)} | {doc.partition(': ')[2] or doc} |")
    rows.append(f"| {', '.join(nothing)} | nothing: they tune themselves, or have nothing that is worth a search |")
    return "\n".join(rows) + "\n"


def main(words: list[str]) -> int:
    """Run from a shell."""
    wrong = 0
    for page, name, table in (
        (ROOT / "CONTRIBUTING.md", "layers", layers()),
        (DOCS / "spaces-auto.md", "estimators", estimators()),
    ):
        old = page.read_text(encoding="utf-8")
        before, begin, rest = re.split(rf"(<!-- {name}: made by .*? -->\n)", old, maxsplit=1)
        new = f"{before}{begin}\n{table}\n<!-- end of {name} -->{rest.partition(f'<!-- end of {name} -->')[2]}"
        if words == ["check"] and new != old:
            print(f"the table of {name} in {page.name} is out of date; run: python .ci/layers.py", file=sys.stderr)
            wrong += 1
        elif new != old:
            page.write_text(new, encoding="utf-8")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
