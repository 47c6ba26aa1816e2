"""The table of docs/spaces-auto.md: what is tuned of which estimator, made from the functions of the spaces.

usage: python .ci/spaces.py          write it
       python .ci/spaces.py check    say whether it is up to date
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[1] / "docs" / "spaces-auto.md"
BEGIN, END = "<!-- estimators: made by .ci/spaces.py -->\n", "<!-- end of estimators -->"


def table() -> str:
    """The table as Markdown: a row for each function, with its classes and the rest of its docstring's first line."""
    from tunesmith.spaces.known import TABLE

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


def with_table(page: str) -> str:
    """The page with the table between the two marks."""
    before, _, rest = page.partition(BEGIN)
    _, mark, after = rest.partition(END)
    if not mark:
        raise SystemExit(f"{PAGE.name} lacks the marks {BEGIN.strip()} and {END}")
    return before + BEGIN + "\n" + table() + "\n" + END + after


def main() -> int:
    """Write the page, or compare it."""
    page = PAGE.read_text()
    made = with_table(page)
    if sys.argv[1:] == ["check"]:
        if made != page:
            print("the table of docs/spaces-auto.md is out of date; run: python .ci/spaces.py", file=sys.stderr)
        return int(made != page)
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
