"""Runs the example programs that draw, and keeps their pictures and what they print for docs/gallery.md.

`python .ci/examples.py [PROGRAM ...]` takes some minutes, and the libraries of the programs: the pictures are kept in
docs/img/examples/, and the build of the documentation makes none of them.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "docs" / "img" / "examples"
PROGRAMS = ("06_pytorch_mlp", "07_pytorch_cnn", "08_lightning", "09_transformers", "10_lightgbm")


def main(names: list[str]) -> int:
    """Run from a shell."""
    OUT.mkdir(parents=True, exist_ok=True)
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "agg", "TUNESMITH_LANG": "en"}
    codes = []
    for name in names or PROGRAMS:
        words = [sys.executable, str(ROOT / "examples" / f"{name}.py"), str(OUT / f"{name}.png")]
        print(f"== {name}", flush=True)
        codes.append(subprocess.run(words, env=env, check=False).returncode)
    return max(codes)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
