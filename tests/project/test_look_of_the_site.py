"""What the built documentation shows first, and how: figures that answer, dark pictures, names that are whole."""

from __future__ import annotations

import re
from typing import Any

import pytest
from pages import ROOT
from tests.project.test_site import SITE, _fresh, opened

from tunesmith.foundation.look import mark

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(_fresh()), reason=_fresh())]
EDITIONS = pytest.mark.parametrize("edition", ["", "zh/"])
# What a textbook says, and pages of which one is among the first five.
TERMS = [
    ("批大小", "scaling.html"),
    ("学习率", "chapter.html"),
    ("学习速率", "chapter.html"),
    ("网格搜索", "chapter.html"),
    ("随机搜索", "chapter.html"),
    ("dropout", "chapter.html"),
    ("Hyperopt", "porting.html"),
]


def test_the_mark_is_that_of_the_design() -> None:
    assert (ROOT / "docs" / "img" / "mark.svg").read_text().strip() == mark(64)
    for name in ("README.md", "README.zh.md"):
        assert "(docs/img/mark.svg)" in (ROOT / name).read_text(encoding="utf-8").splitlines()[0]


@EDITIONS
@pytest.mark.parametrize("width", [1280, 390])
def test_the_first_page_says_how_to_install_and_its_figure_answers(browser: Any, edition: str, width: int) -> None:
    with opened(browser, width) as (page, wrong):
        page.goto((SITE / edition / "index.html").as_uri())
        assert page.locator(".ts-hero code").inner_text().strip() == "$ pip install tunesmith"
        assert page.locator("h2").first.get_attribute("id") == "install"
        assert page.locator(".ts-buttons a").count() == 2
        assert page.locator(".ts-cards").first.locator("svg[role=img]").count() == 3
        place = page.locator(".ts-live .drawn:visible")
        assert place.count() == 1
        place.focus()
        page.keyboard.press("ArrowRight")
        tip = place.locator(".tip:visible")
        tip.wait_for()
        assert re.search(r"\d", tip.inner_text())
        assert wrong == []


def test_the_results_have_the_numbers_of_their_tables() -> None:
    home = (SITE / "index.html").read_text(encoding="utf-8")
    for number, page, row in [
        ("0.046", "benchmarks", "**tunesmith `auto`**"),
        ("0.237", "benchmarks", "Optuna TPE"),
        ("1.58", "benchmarks", "**`tune`**"),
        ("2.67", "benchmarks", "FLAML"),
        ("2.9 %", "trust", "**`SearchCV`**"),
        ("17.4 %", "trust", "the best mean"),
    ]:
        table = (ROOT / "docs" / f"{page}.md").read_text(encoding="utf-8")
        assert any(number in line for line in table.splitlines() if line.startswith(f"| {row} |"))
        assert number in home


@pytest.mark.parametrize("width", [1280, 390])
def test_names_in_tables_of_the_api_are_on_one_line(browser: Any, width: int) -> None:
    with opened(browser, width) as (page, _):
        page.goto((SITE / "api" / "study.html").as_uri())
        heights = page.eval_on_selector_all(
            ".doc-section-item td:first-child:not(:has(.doc-md-description)):not(:has(a)) code",
            "found => found.map(each => [each.textContent, each.getClientRects().length])",
        )
        names = dict(heights)
        assert names["warm_start_from"] == 1
        assert {name for name, lines in names.items() if lines > 1 and re.fullmatch(r"\w+", name)} == set()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pictures_are_those_of_the_scheme(browser: Any, scheme: str) -> None:
    with opened(browser, color_scheme=scheme) as (page, wrong):
        for name, least in [("quickstart", 3), ("gallery", 15), ("dashboard", 8), ("report", 1)]:
            page.goto((SITE / f"{name}.html").as_uri())
            shown = page.eval_on_selector_all(
                ".md-content img", "found => found.filter(each => each.offsetParent).map(each => each.src)"
            )
            twins = [src for src in shown if "#only-" in src]
            assert len(twins) >= least or "ts-left-out" in page.content(), name
            assert all(src.endswith(f"#only-{scheme}") for src in twins)
            assert all(("-dark." in src) == (scheme == "dark") for src in twins)
        assert wrong == []


@pytest.mark.parametrize(("typed", "expected"), TERMS)
def test_words_of_textbooks_are_found(browser: Any, typed: str, expected: str) -> None:
    with opened(browser) as (page, _):
        page.goto((SITE / "zh" / "index.html").as_uri())
        page.locator("input[data-md-component=search-query]").click()
        page.wait_for_function("!/初始化/.test(document.querySelector('.md-search-result__meta').textContent)")
        page.keyboard.type(typed)
        page.keyboard.press("End")
        page.wait_for_selector(".md-search-result__item > a")
        page.wait_for_timeout(300)
        links = page.eval_on_selector_all(
            ".md-search-result__item > a", "found => found.slice(0, 5).map(each => each.href)"
        )
        assert any(f"/{expected}" in link for link in links), links


def test_terms_lead_to_pages() -> None:
    home = (SITE / "zh" / "index.html").read_text(encoding="utf-8")
    terms = home[home.index('class="ts-terms"') :]
    terms = terms[: terms.index("</div>")]
    assert re.findall(r">([^<>\n]+)</a>", terms) == [
        "网格搜索",
        "随机搜索",
        "学习率",
        "批大小",
        "dropout",
        "Hyperopt",
        "Optuna",
    ]


@EDITIONS
def test_links_have_cards_and_pages_are_listed(edition: str) -> None:
    listed = (SITE / edition / "llms.txt").read_text(encoding="utf-8")
    assert listed.startswith("# tunesmith\n\n> ")
    entries = re.findall(r"^- \[.+\]\(([^)]+)\): (.+)$", listed, re.MULTILINE)
    assert len(entries) > 40
    for address, _ in entries:
        page = (SITE / edition / address).read_text(encoding="utf-8")
        assert '<meta property="og:title"' in page
        assert '<meta property="og:description"' in page
