"""Takes the pictures of the terminal, into docs/img/terminal/: a hook of mkdocs, and a program.

Each runs commands as a reader would, in a folder of its own, and draws what is typed and what is printed. They are made
anew only if the command line has changed since. Run it alone with `python .ci/terminals.py`.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from pages import DOCS, ROOT

OUT = DOCS / "img" / "terminal"
WIDTH = 88
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
PICTURES = {"run": [RUN], "show": [RUN, "tunesmith show"]}  # of each, the last command is shown
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


def make() -> None:
    """Write all pictures."""
    from rich.console import Console
    from rich.text import Text

    OUT.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": str(WIDTH), "PYTHONWARNINGS": "ignore"}
    for name, commands in PICTURES.items():
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "train.py").write_text(PROGRAM)
            printed = ""
            for command in commands:
                words = [sys.executable, "-m", *shlex.split(command.replace("\\\n", ""))]
                words = [sys.executable if word == "python" else word for word in words]
                done = subprocess.run(
                    words, cwd=folder, env=env, text=True, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
                )
                printed = done.stdout.replace(sys.executable, "python").replace(f"{folder}/", "")
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            console = Console(record=True, width=WIDTH + 2, file=nowhere, force_terminal=True)
            console.print(Text("$ ", style="bold green") + Text(commands[-1], style="bold"))
            console.print(Text(printed.rstrip("\\n")))
            picture = console.export_svg(code_format=SVG, unique_id=name)
        (OUT / f"{name}.svg").write_text(picture, encoding="utf-8")


def on_pre_build(config: Any) -> None:
    """Called by mkdocs before it reads the pages."""
    code = [Path(__file__), *(ROOT / "src" / "tunesmith" / "cli").rglob("*.py")]
    made = [path.stat().st_mtime for path in OUT.glob("*.svg")]
    if len(made) < len(PICTURES) or min(made) < max(path.stat().st_mtime for path in code):
        make()


if __name__ == "__main__":
    make()
