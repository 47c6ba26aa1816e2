"""The modules that the glossary names are there."""

from __future__ import annotations

import re

from pages import DOCS, ROOT


def test_each_term_says_where_it_is_found() -> None:
    lines = [line for line in (DOCS / "glossary.md").read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    missing = {}
    for row in lines[2:]:
        term, *_, where = (cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|")))
        paths = re.findall(r"`([^`]+)`", where)
        lost = [path for path in paths if not (ROOT / "src" / "tunesmith" / path).exists()]
        if lost or not paths:
            missing[term] = lost
    assert len(lines) > 50
    assert not missing, f"no such module under src/tunesmith (was it moved or renamed?): {missing}"
