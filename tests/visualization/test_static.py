"""The plotly.js that comes with the package is that of the Python package, and whole."""

from __future__ import annotations

import re

import pytest

from tunesmith.visualization.static import plotly_js


def test_it_is_of_the_version_that_the_python_package_has() -> None:
    plotly = pytest.importorskip("plotly.offline", reason="needs Plotly: pip install plotly")
    version = re.search(r"plotly\.js \(cartesian - minified\) v([\d.]+)", plotly_js()[:300])
    assert version is not None
    ours, theirs = version[1].split("."), plotly.get_plotlyjs_version().split(".")
    assert ours[0] == theirs[0]  # an older package that is admitted draws the same figures
    assert "</script" not in plotly_js().lower()  # so that a page can hold it
