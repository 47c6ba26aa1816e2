"""Links between the pages lead somewhere: `make docs` says so too, but is no part of `make test`."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#\s]*)(?:#([\w-]+))?\)")


# Pictures that the build of the documentation makes, by the hook .ci/figures.py.
MADE = set(re.findall(r'"(\w+)": v\.plot_', (ROOT / ".ci" / "figures.py").read_text()))


def is_there(file: Path) -> bool:
    """Whether a file exists, or is made when the documentation is built."""
    return file.exists() or (file.parent == ROOT / "docs" / "img" / "figures" and file.stem in MADE)


def prose(page: Path) -> str:
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings: those written as {#anchor}, and what MkDocs makes of the others."""
    headings = re.findall(r"^#+ +(.*)$", prose(page), re.MULTILINE)
    written = set(re.findall(r"^#+ .*\{#([\w-]+)\}$", prose(page), re.MULTILINE))
    return written | {re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", heading).strip().lower()) for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page: Path) -> None:
    lost = []
    for target, anchor in LINK.findall(prose(page)):
        other = (page.parent / target).resolve() if target else page
        if not is_there(other) or (anchor and anchor not in anchors(other)):
            lost.append(f"{target}#{anchor}" if anchor else target)
    assert not lost, f"these links lead nowhere: {lost}"
