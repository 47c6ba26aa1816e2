"""Runs every benchmark of this folder, each in a process of its own with one BLAS thread: `make bench`.

A name as argument runs only that one: `python benchmarks/run.py overhead`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(names: list[str]) -> int:
    every = sorted(p.stem for p in HERE.glob("*.py") if p.name != "run.py" and not p.name.startswith("_"))
    unknown = [n for n in names if n not in every]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(every)}")
        return 2
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    failed = []
    for name in names or every:
        print(f"\n== {name} ==", flush=True)
        if subprocess.run([sys.executable, str(HERE / f"{name}.py")], env=env).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
