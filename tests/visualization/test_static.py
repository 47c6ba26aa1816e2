"""The script and the style of drawings."""

from __future__ import annotations

from tunesmith.visualization import static


def test_the_script_can_stand_in_a_page_and_runs_no_text() -> None:
    script = static.script()
    assert "</script" not in script.lower()
    assert "<!--" not in script
    for way in ("eval(", "new Function", "innerHTML", "document.write"):
        assert way not in script
