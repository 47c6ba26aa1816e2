"""Links between the pages lead somewhere: `make docs` says so too, but is no part of `make test`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import terminals
from pages import CHINESE, DOCS, LINK, ROOT, headings, prose

# test_editions.py looks at the Chinese pages.
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *(page for page in sorted(DOCS.rglob("*.md")) if not page.is_relative_to(CHINESE)),
]

# Pictures that the build of the documentation makes, by the hook .ci/figures.py.
MADE = set(re.findall(r'"(\w+)": v\.plot_', (ROOT / ".ci" / "figures.py").read_text()))
MADE |= set(re.findall(r'savefig\("(\w+)\.', (ROOT / "docs" / "chapter.md").read_text()))


def is_there(file: Path) -> bool:
    """Whether a file exists, or is made when the documentation is built."""
    made = {"figures": MADE, "terminal": set(terminals.PICTURES)}
    return file.exists() or (file.parent.parent == DOCS / "img" and file.stem in made.get(file.parent.name, ()))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for _, _, target, anchor in LINK.findall(prose(page.read_text())):
        other = (page.parent / target).resolve() if target else page
        if not is_there(other) or (anchor and anchor not in {name for _, _, name in headings(other.read_text())}):
            lost.append(f"{target}#{anchor}" if anchor else target)
    assert not lost, f"these links lead nowhere: {lost}"
