"""What plotly.js needs is allowed: it evaluates nothing, and the styles that it would write are in a file of ours."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

from tunesmith.dashboard.pages.figures import STYLE_OF_MAPS, full_plotly
from tunesmith.dashboard.security import CSP
from tunesmith.visualization.static import plotly_js

ROOT = Path(__file__).resolve().parents[2]
STATIC = ROOT / "src/tunesmith/dashboard/static"


def test_the_bundle_needs_no_eval_and_its_styles_are_in_the_file() -> None:
    source = plotly_js()
    assert "eval(" not in source
    assert "new Function" not in source
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT / '.ci')!r}); import plotly_css\n"
        "print(plotly_css.rules(plotly_css.SOURCE.read_text()), end='')"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert made == (STATIC / "plotly.css").read_text()


def test_the_styles_that_are_allowed_are_those_that_the_bundle_sets() -> None:
    source = plotly_js()
    found = re.search(r"CSS_DECLARATIONS=(\[\[.*?\]\])", source)
    assert found is not None
    heat_map = "".join(f"{name}: {value}; " for name, value in json.loads(found[1]))
    for text in ("", heat_map):
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in CSP
    assert CSP.count("sha256-") == 2


def test_the_whole_bundle_looks_for_the_element_that_keeps_it_from_writing_styles() -> None:
    path = full_plotly()
    assert path is not None
    assert path.read_text().count(f'getElementById("{STYLE_OF_MAPS}")') == 1
