"""The built documentation, as a reader has it: opened from the disk in a browser, in both languages, light and dark."""

from __future__ import annotations

import html
import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from pages import DOCS, ROOT

SITE = ROOT / "site"
# One page of each kind: text, code and outputs, pictures, tables, a long reference, questions.
KINDS = ("index", "quickstart", "dashboard", "others", "faq", "glossary", "tutorials/table", "integrations/keras")
ENGLISH_KINDS = ("api/study", "benchmarks", "changelog")
# What is typed, and the page that must be among the first five results.
SEARCHES = [
    ("", "prune", "samplers.html"),
    ("", "PostgreSQL", "tutorials/team.html"),
    ("", "honest score", "trust.html"),
    ("", "improt optuna", "porting.html"),
    ("", "dashbaord", "dashboard.html"),
    ("zh/", "剪枝", "samplers.html"),
    ("zh/", "数据库", "storage.html"),
    ("zh/", "仪表盘", "dashboard.html"),
    ("zh/", "dashbaord", "dashboard.html"),
]


def _fresh() -> str:
    """Why the site cannot be looked at, if it cannot."""
    index = SITE / "zh" / "index.html"
    if not index.exists():
        return "`make docs` builds what is looked at here"
    newest = max(path.stat().st_mtime for path in DOCS.rglob("*.md"))
    return "" if index.stat().st_mtime > newest else "site/ is older than docs/: `make docs`"


pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_fresh()), reason=_fresh())]
PAGES = sorted(SITE.rglob("*.html"))


@contextmanager
def opened(browser: Any, width: int = 1366, **settings: Any) -> Iterator[tuple[Any, list[str]]]:
    """A page of the browser, and what went wrong in it, all that it asks of a network among it."""
    context = browser.new_context(viewport={"width": width, "height": 900}, **settings)
    page, wrong = context.new_page(), []
    page.set_default_timeout(30_000)
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    near = ("file:", "data:", "blob:", "about:")
    page.on("request", lambda request: None if request.url.startswith(near) else wrong.append(request.url))
    yield page, wrong
    context.close()


@cache
def _anchors(path: Path) -> frozenset[str]:
    text = path.read_text(encoding="utf-8")
    return frozenset(html.unescape(name) for name in re.findall(r'\b(?:id|name)="?([^\s">]+)', text))


def test_links_and_pictures_are_there() -> None:
    lost = set()
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        for found in re.findall(r'<(?:a|img|link|script)\b[^>]*?\b(?:href|src)=(?:"([^"]*)"|([^\s>]+))', text):
            target = html.unescape(found[0] or found[1])
            if re.match(r"[a-z]+:|//", target) or not target:
                continue
            name, _, anchor = target.partition("#")
            other = (path.parent / unquote(name)).resolve() if name else path
            if other.is_dir():
                other /= "index.html"
            is_named = bool(anchor) and not anchor.startswith("__") and other.suffix == ".html"
            if not other.exists() or (is_named and unquote(anchor) not in _anchors(other)):
                lost.add(f"{path.relative_to(SITE)}: {target}")
    assert sorted(lost) == []


def test_no_page_is_large_or_loads_anything_from_elsewhere() -> None:
    spec = importlib.util.spec_from_file_location("built_site", ROOT / ".ci" / "site.py")
    assert spec is not None
    assert spec.loader is not None
    built_site = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(built_site)
    assert built_site.check(SITE) == []


# What is wider than the page and cannot be scrolled to; where there is room, code is to need no scrolling either.
WIDE = """() => {
  const root = document.documentElement
  const found = root.scrollWidth > innerWidth ? [`the page: ${root.scrollWidth}`] : []
  const tell = (each) => found.push(`${each.tagName}: ${each.textContent.trim().slice(0, 60)}`)
  const scrolls = (each) => ["auto", "scroll"].includes(getComputedStyle(each).overflowX)
  for (const each of document.querySelectorAll(".md-content *")) {
    if (each.getBoundingClientRect().right <= innerWidth + 1) continue
    let box = each
    while (box && !scrolls(box)) box = box.parentElement
    if (!box) tell(each)
  }
  if (innerWidth > 1000)
    for (const each of document.querySelectorAll(".md-content pre > code, .md-content .md-typeset__scrollwrap"))
      if (each.scrollWidth > each.clientWidth + 1) tell(each)
  return found
}"""


@pytest.mark.parametrize("width", [1366, 360])
@pytest.mark.parametrize("edition", ["", "zh/"])
def test_nothing_scrolls_sideways(browser: Any, edition: str, width: int) -> None:
    pages = [path for path in PAGES if path.is_relative_to(SITE / "zh") == bool(edition)]
    assert len(pages) > 40
    wide = []
    with opened(browser, width) as (page, wrong):
        for path in pages:
            page.goto(path.as_uri(), wait_until="domcontentloaded")
            wide += [f"{path.relative_to(SITE)}: {found}" for found in page.evaluate(WIDE)]
        assert wide == []
        assert wrong == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("edition", ["", "zh/"])
def test_axe_finds_nothing(browser: Any, edition: str, scheme: str) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    with opened(browser, color_scheme=scheme, reduced_motion="reduce") as (page, _):  # axe asks for style sheets again
        for name in KINDS + (() if edition else ENGLISH_KINDS):
            page.goto((SITE / edition / f"{name}.html").as_uri())
            page.wait_for_selector(".md-content")
            assert page.evaluate("document.body.dataset.mdColorScheme") == {"light": "default", "dark": "slate"}[scheme]
            found = axe.run(page).response["violations"]
            assert [(v["id"], v["nodes"][0]["html"][:300]) for v in found] == [], name


@pytest.mark.parametrize(("edition", "typed", "expected"), SEARCHES)
def test_the_search_finds_what_it_should(browser: Any, edition: str, typed: str, expected: str) -> None:
    with opened(browser) as (page, wrong):
        page.goto((SITE / edition / "index.html").as_uri())
        page.locator("input[data-md-component=search-query]").click()
        page.wait_for_function(  # the search has begun to listen: it says so
            "!/Initializing|初始化/.test(document.querySelector('.md-search-result__meta').textContent)"
        )
        page.keyboard.type(typed)
        page.keyboard.press("End")  # an input method presses keys too, and the search waits for one
        page.wait_for_selector(".md-search-result__item a")
        page.wait_for_timeout(300)  # results come in groups
        links = page.eval_on_selector_all(
            ".md-search-result__item > a", "found => found.slice(0, 5).map(each => each.href)"
        )
        names = [link.split("?")[0].split("#")[0].removeprefix((SITE / edition).as_uri() + "/") for link in links]
        assert expected in [name.lstrip("/") for name in names]
        assert wrong == []


def test_what_is_copied_from_a_console_is_what_was_typed(browser: Any) -> None:
    with opened(browser, permissions=["clipboard-read", "clipboard-write"]) as (page, _):
        page.goto((SITE / "command-line.html").as_uri())
        block = page.locator(".highlight", has_text="tunesmith studies").first
        block.hover()
        block.locator("[data-clipboard-target]").first.click()
        assert page.evaluate("navigator.clipboard.readText()").strip() == "tunesmith run --trials 16\ntunesmith studies"
