"""The glossary is in order, the modules that it names are there, and the Chinese one has the same terms."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "glossary.md"
CHINESE = ROOT / "docs" / "zh" / "glossary.md"  # has the Chinese term as a second column


def table(page: Path, columns: int) -> list[list[str]]:
    """The cells of the page's table, row by row."""
    lines = [line for line in page.read_text().splitlines() if line.startswith("|")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip("|"))] for line in lines[2:]]
    wrong = [row for row in cells if len(row) != columns or not all(row)]
    assert not wrong, f"not {columns} cells: {wrong}"
    return cells


def rows() -> list[tuple[str, str, str]]:
    """Term, meaning and where of each row of the English table."""
    return [(term, meaning, where) for term, meaning, where in table(PAGE, 3)]


def key(term: str) -> str:
    return re.sub(r"[^a-z0-9 ]", "", term.lower())


def test_terms_are_in_alphabetical_order_and_there_once() -> None:
    terms = [key(term) for term, _, _ in rows()]
    assert terms == sorted(set(terms))


def test_the_chinese_glossary_has_the_same_terms() -> None:
    chinese = [(term, where) for term, _, _, where in table(CHINESE, 4)]
    assert chinese == [(term, where) for term, _, where in rows()]


def test_each_term_says_where_it_is_found() -> None:
    missing = {}
    for term, _, where in rows():
        paths = re.findall(r"`([^`]+)`", where)
        lost = [path for path in paths if not (ROOT / "src" / "tunesmith" / path).exists()]
        if lost or not paths:
            missing[term] = lost
    assert not missing, f"no such module under src/tunesmith (was it moved or renamed?): {missing}"
