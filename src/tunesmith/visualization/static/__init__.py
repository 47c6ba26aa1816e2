"""plotly.js, the part with cartesian axes, as its makers publish it: pages draw figures with it and load nothing.

It is of the version that the Python package ``plotly`` has; ``plotly-LICENSE`` is its licence (MIT).
"""

from __future__ import annotations

from importlib.resources import files

NAME = "plotly-cartesian.min.js"


def plotly_js() -> str:
    """Return the program; it sets ``window.Plotly``."""
    return (files(__name__) / NAME).read_text(encoding="utf-8")
