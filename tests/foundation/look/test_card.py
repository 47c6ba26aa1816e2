"""Cards in notebooks: what stands in them, on which pages they are dark, and what is left without a style."""

from __future__ import annotations

import re

import pytest

from tunesmith.foundation.look import COLOURS, interval, sparkline
from tunesmith.foundation.look.card import Answer, card, style

EVIL = '<script>alert("1")</script>'


def test_every_text_is_escaped_and_a_drawing_is_not() -> None:
    line = sparkline([3.0, 2.0, 1.0])
    drawn = interval(0.0, 1.0, 2.0, ends=(0.0, 2.0))
    answer = Answer(EVIL, EVIL, EVIL, drawn)
    page = card(EVIL, [(EVIL, drawn, EVIL)], kind="x", about=EVIL, answer=answer, spark=(line, EVIL), heads=[EVIL])
    page += card("x", kind="x", lines=[EVIL] * 4)
    assert "<script" not in page
    assert page.count("&lt;script&gt;") == 13
    assert page.count(line) == 1
    assert page.count(drawn) == 2


def test_the_rest_is_folded() -> None:
    page = card("x", [(f"p{k}", str(k)) for k in range(20)], kind="x", lines=[f"line {k}" for k in range(5)])
    before, rows, lines = page.split("<details>")
    assert "p7" in before
    assert "12 more" in rows
    assert "p19" in rows
    assert "line 1" in before
    assert "line 4" in lines


@pytest.mark.parametrize(
    ("page", "dark"),
    [
        ('<body data-jp-theme-light="false">', True), ('<body data-jp-theme-light="true">', False),
        ('<body class="vscode-dark">', True), ('<body class="vscode-light">', False),
        ('<html theme="dark"><body>', True), ("<body>", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_card_is_dark_where_its_page_is(page: str, dark: bool | None, scheme: str) -> None:
    """By the rules of the style as they stand: the last one that fits wins."""
    rules = re.findall(r"(@media\(prefers-color-scheme:dark\)\{)?([^{}]*)\{([^{}]*)\}", style())
    found = ""
    for media, selector, body in rules:
        if "--card:" not in body or (media and scheme != "dark"):
            continue
        options = re.findall(r"(body|html)(?:\[([\w-]+)(\$?)=(\w+)\]|\.([\w-]+))", selector)
        fits = [
            f'class="{name}"' in page if name else f'{attribute}="{value}"' in page
            for _, attribute, _, value, name in options
        ]
        if not options or any(fits):
            found = body
    expected = (scheme == "dark") if dark is None else dark
    assert f"--card:{COLOURS['card'][expected]}" in found


def test_without_its_style_a_card_is_a_heading_a_table_and_lists() -> None:
    page = card("name", [("lr", "0.1")], kind="x", answer=Answer("score", "0.9", "0.8 to 1.0"), lines=["Use it."])
    bare = re.sub(r"<style>.*?</style>|<svg.*?</svg>", "", page)
    assert " ".join(re.sub(r"<[^>]*>", " ", bare).split()) == "name score 0.9 0.8 to 1.0 Use it. lr 0.1"
    assert re.search(r"<table>.*<th[^>]*>lr</th><td>0.1</td>", bare)
