"""The script and the style of drawings."""

from __future__ import annotations

from tunesmith.visualization import static
from tunesmith.visualization.svg_style import dark


def test_the_script_can_stand_in_a_page_and_runs_no_text() -> None:
    script = static.script()
    assert "</script" not in script.lower()
    assert "<!--" not in script
    for way in ("eval(", "new Function", "innerHTML", "document.write"):
        assert way not in script


def test_the_style_is_dark_where_it_is_asked_for() -> None:
    assert static.style().count(dark()) == 1
    chosen = ":root[data-theme=dark]"
    both = static.style("screen and (prefers-color-scheme:dark)", ":root:not([data-theme=light])", chosen)
    assert both.count(dark()) == 2
    assert f"{chosen}{{{dark()}}}" in both
