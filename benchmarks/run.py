"""Runs every benchmark of this folder, each in a process of its own with one BLAS thread: `make bench`.

Names as arguments run only those, --quick shows in a minute that all work: `python benchmarks/run.py --quick overhead`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="which benchmarks (all)")
    parser.add_argument("--quick", action="store_true", help="let each show that it works, no more")
    args = parser.parse_args(argv)
    names = args.names
    every = sorted(p.stem for p in HERE.glob("*.py") if p.name != "run.py" and not p.name.startswith("_"))
    unknown = [n for n in names if n not in every]
    if unknown:
        print(f"there is no benchmark {unknown[0]!r}; there are: {', '.join(every)}")
        return 2
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    failed = []
    for name in names or every:
        print(f"\n== {name} ==", flush=True)
        command = [sys.executable, str(HERE / f"{name}.py"), *(["--quick"] if args.quick else [])]
        if subprocess.run(command, env=env).returncode:
            failed.append(name)
    if failed:
        print(f"\nfailed: {', '.join(failed)}")
    return len(failed)


if __name__ == "__main__":
    sys.exit(main())
