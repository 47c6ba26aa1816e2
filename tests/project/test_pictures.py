"""Pictures that a build of the documentation cannot take: pages say so in their places, and the build at its end."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import screenshots


@pytest.fixture(autouse=True)
def nothing_installed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(screenshots, "OUT", tmp_path / "img" / "dashboard")
    monkeypatch.setattr(screenshots.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(tmp_path))


def page_of(folder: str, name: str) -> str:
    page: Any = SimpleNamespace(file=SimpleNamespace(src_uri=name))
    text = (screenshots.ROOT / folder / name).read_text(encoding="utf-8")
    return screenshots.on_page_markdown(text, page, SimpleNamespace(docs_dir=folder), None)


@pytest.mark.parametrize(("name", "count"), [("dashboard.md", 8), ("quickstart.md", 1), ("report.md", 1)])
@pytest.mark.parametrize("edition", ["docs", "docs/zh"])
def test_a_page_without_its_pictures_says_what_is_missing(edition: str, name: str, count: int) -> None:
    made = page_of(edition, name)
    assert "img/dashboard/" not in made, "a broken picture"
    assert "<!-- picture" not in made
    assert made.count('class="ts-left-out"') == count


def test_a_picture_that_is_there_is_shown(tmp_path: Path) -> None:
    screenshots.OUT.mkdir(parents=True)
    (screenshots.OUT / "report.png").write_bytes(b"")
    assert "![](img/dashboard/report.png)" in page_of("docs", "report.md")
    assert "ts-left-out" in page_of("docs/zh", "report.md")


def test_the_build_says_at_its_end_which_pages_and_what_to_install(tmp_path: Path) -> None:
    assert screenshots.make() is False
    site = tmp_path / "site"
    (site / "zh").mkdir(parents=True)
    (site / "index.html").write_text("<p>All is well.</p>")
    (site / "zh" / "dashboard.html").write_text(page_of("docs/zh", "dashboard.md"), encoding="utf-8")
    told = screenshots.left_out(site)
    assert told.startswith("pictures are left out of zh/dashboard.html (8); before the next build: ")
    assert "playwright" in told
    assert "apt install chromium" in told
    assert "index.html" not in told
