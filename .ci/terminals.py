"""Takes the pictures of the terminal, into docs/img/terminal/: a hook of mkdocs, and a program.

Each runs commands as a reader would, in a folder of its own, and draws what is typed and what is printed; NAME-zh.svg
is the same for a reader of Chinese. They are made anew only if the command line has changed since. As a program it
makes those of docs/img/ too, which are kept: they take libraries that the build of the documentation does without.
"""

from __future__ import annotations

import csv
import html
import os
import random
import re
import shlex
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from outputs import ON_THE_WAY
from pages import DOCS, LANGUAGES, ROOT

OUT = DOCS / "img" / "terminal"
WIDTH = 88
WIDE = {"tune": 104}  # a table of many columns
PROGRAM = """import argparse
options = argparse.ArgumentParser()
options.add_argument("--lr", type=float)
options.add_argument("--layers", type=int)
given = options.parse_args()
print("val_loss:", (given.lr - 0.003) ** 2 * 1e4 + 0.1 * (given.layers - 3) ** 2 + 0.2)
"""
RUN = (
    "tunesmith run -p 'lr=log(1e-5, 1e-1)' -p 'layers=int(1, 5)' --minimize val_loss \\\n"
    "    --trials 12 --seed 0 -- python train.py --lr {lr} --layers {layers}"
)
TUNE = "tunesmith tune train.csv --target price --timeout 8s --models linear,forest \\\n    -o model.skops --seed 0"
# Of each, the last command is shown.
PICTURES = {"run": [RUN], "show": [RUN, "tunesmith show"]}
KEPT = {"tune": [TUNE]}
TEXT = re.compile(r'(<text\b[^>]*textLength=")([\d.]+)("[^>]*>)([^<]*)<')
# The picture without the fonts that its maker would load from elsewhere.
SVG = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {terminal_width} {terminal_height}" role="img">
<style>
text {{ font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; font-size: {char_height}px;
  line-height: {line_height}px }}
{styles}
</style>
<defs>{lines}</defs>
<rect width="{terminal_width}" height="{terminal_height}" rx="8" fill="#292929"/>
<g transform="translate(9, 12)">{backgrounds}<g class="{unique_id}-matrix">{matrix}</g></g>
</svg>
"""


def _wide(found: re.Match[str]) -> str:
    """Give a text its width in columns: Rich gives it that of as many Latin letters."""
    from rich.cells import cell_len

    before, length, between, text = found.groups()
    said = html.unescape(text)
    return f"{before}{float(length) * cell_len(said) / max(1, len(said)):g}{between}{text}<"


def houses(path: Path) -> None:
    """Write a table of houses with their prices."""
    draw = random.Random(0)
    with path.open("w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["area", "year", "district", "price"])
        for _ in range(400):
            area, year, district = (
                draw.gammavariate(6, 18),
                draw.randint(1900, 2023),
                draw.choice(["Hill", "Mill", "Park"]),
            )
            price = area * {"Hill": 4.1, "Mill": 2.6, "Park": 3.7}[district] * (1 + (year - 1960) / 400)
            table.writerow([round(area), year, district, round(price + draw.gauss(0, 35)) * 1000])


def make(pictures: dict[str, list[str]], out: Path) -> None:
    """Write pictures into a folder."""
    from rich.console import Console
    from rich.text import Text

    out.mkdir(parents=True, exist_ok=True)
    for (name, commands), (ending, language) in product(pictures.items(), LANGUAGES.items()):
        env = {
            **os.environ,
            "PYTHONPATH": str(ROOT / "src"),
            "COLUMNS": str(WIDE.get(name, WIDTH)),
            "PYTHONWARNINGS": "ignore",
            "TUNESMITH_LANG": language,
            "PYTHONUTF8": "1",
        }
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "train.py").write_text(PROGRAM)
            houses(Path(folder) / "train.csv")
            printed = ""
            for command in commands:
                words = [sys.executable, "-m", *shlex.split(command.replace("\\\n", ""))]
                words = [sys.executable if word == "python" else word for word in words]
                done = subprocess.run(
                    words, cwd=folder, env=env, text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
                printed = done.stdout.replace(sys.executable, "python").replace(f"{folder}/", "")
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            console = Console(record=True, width=WIDE.get(name, WIDTH) + 2, file=nowhere, force_terminal=True)
            console.print(Text("$ ", style="bold green") + Text(commands[-1], style="bold"))
            lines = [line for line in printed.splitlines() if not ON_THE_WAY.match(line)]
            console.print(Text("\n".join([*lines, ""])))
            picture = TEXT.sub(_wide, console.export_svg(code_format=SVG, unique_id=name))
        (out / f"{name}{ending}.svg").write_text(picture, encoding="utf-8")


def on_pre_build(config: Any) -> None:
    """Called by mkdocs before it reads the pages."""
    code = [
        Path(__file__),
        *(file for room in ("cli", "integrations") for file in (ROOT / "src" / "tunesmith" / room).rglob("*.py")),
    ]
    made = [path.stat().st_mtime for path in OUT.glob("*.svg")]
    if len(made) < len(PICTURES) * len(LANGUAGES) or min(made) < max(path.stat().st_mtime for path in code):
        make(PICTURES, OUT)


if __name__ == "__main__":
    make(PICTURES, OUT)
    make(KEPT, OUT.parent)
