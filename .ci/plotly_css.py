"""Writes the style rules that plotly.js would put into the page itself as a file, which needs no ``unsafe-inline``.

usage: python .ci/plotly_css.py   (after a new plotly-cartesian.min.js was put into tunesmith.visualization.static)
"""

from __future__ import annotations

import re
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "src/tunesmith"
SOURCE = PACKAGE / "visualization/static/plotly-cartesian.min.js"
TARGET = PACKAGE / "dashboard/static/plotly.css"


def rules(source: str) -> str:
    """Return the rules of a bundle: they are one object of selector and declarations, before `js-plotly-plot`."""
    found = re.search(r'\{("X,X div":.*?)\};for\(', source, re.DOTALL)
    if found is None:
        raise SystemExit("this bundle keeps its rules otherwise: look for 'X,X div' in it")
    lines = []
    for double, bare, value1, value2 in re.findall(r'(?:"([^"]+)"|(\w+)):(?:"([^"]*)"|\'([^\']*)\')', found.group(1)):
        selector = double or bare
        selector = re.sub(r"^X|(?<=,)X", ".js-plotly-plot .plotly", selector)
        selector = re.sub(r"^Y|(?<=,)Y", ".plotly-notifier", selector)
        lines.append(f"{selector} {{ {value1 or value2} }}")
    return "/* plotly.js, MIT; made by .ci/plotly_css.py */\n" + "\n".join(lines) + "\n"


if __name__ == "__main__":
    TARGET.write_text(rules(SOURCE.read_text()))
