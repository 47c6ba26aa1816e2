"""Tables that scripts of this folder make from the code, between two marks of a page."""

from __future__ import annotations

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def write_or_check(page: Path, name: str, script: str, table: str) -> int:
    """Write a table into its page, or with the argument "check" say whether the page has it; return the exit status."""
    begin, end = f"<!-- {name}: made by .ci/{script} -->\n", f"<!-- end of {name} -->"
    old = page.read_text(encoding="utf-8")
    before, _, rest = old.partition(begin)
    _, mark, after = rest.partition(end)
    shown = page.relative_to(ROOT)
    if not mark:
        raise SystemExit(f"{shown} lacks the marks {begin.strip()} and {end}")
    new = f"{before}{begin}\n{table}\n{end}{after}"
    if sys.argv[1:] != ["check"]:
        page.write_text(new, encoding="utf-8")
        return 0
    if new != old:
        print(f"the table of {name} in {shown} is out of date; run: python .ci/{script}", file=sys.stderr)
    return int(new != old)
