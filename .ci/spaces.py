"""The table of docs/spaces-auto.md: what is tuned of which estimator, made from the functions of the spaces.

usage: python .ci/spaces.py          write it
       python .ci/spaces.py check    say whether it is up to date
"""

from __future__ import annotations

import importlib
import sys

from marked_table import ROOT, write_or_check


def table() -> str:
    """The table as Markdown: a row for each function, with its classes and the rest of its docstring's first line."""
    from tunesmith.space.estimators.known import TABLE

    classes: dict[str, list[str]] = {}
    for name, target in TABLE.items():
        classes.setdefault(target, []).append(name)
    rows = ["| estimators | what is tuned |", "|---|---|"]
    nothing = []
    for target, names in classes.items():
        module, _, function = target.partition(":")
        if function == "nothing":
            nothing += names
            continue
        doc = getattr(importlib.import_module(module), function).__doc__.strip().partition("\n")[0].rstrip(".")
        what = doc.partition(": ")[2] or doc
        shown = ", ".join(f"`{name.partition('.')[2]}`" for name in names)
        rows.append(f"| {shown} | {what} |")
    shown = ", ".join(f"`{name.partition('.')[2]}`" for name in nothing)
    rows.append(f"| {shown} | nothing: they tune themselves, or have nothing that is worth a search |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    sys.exit(write_or_check(ROOT / "docs" / "spaces-auto.md", "estimators", "spaces.py", table()))
