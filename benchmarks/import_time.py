"""How long imports take, each in a fresh interpreter: the median over interleaved rounds.

`python -c pass` is the same for all of them and is taken off; what is left is what the import adds.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time

CASES = {
    "numpy": "import numpy",
    "tunesmith": "import tunesmith",
    "tunesmith, first study": "import tunesmith; tunesmith.create_study()",
    "optuna": "import optuna",
    "hyperopt": "import hyperopt",
    "sklearn.model_selection": "import sklearn.model_selection",
}


def seconds(code: str) -> float:
    """Wall seconds of one interpreter that runs the code."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    return time.perf_counter() - start


def available(code: str) -> bool:
    return subprocess.run([sys.executable, "-c", code], capture_output=True).returncode == 0


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--quick", action="store_true", help="one round: shows that it works, no more")
    args = parser.parse_args(argv)
    rounds = 1 if args.quick else args.rounds
    cases = {"bare": "pass", **{n: c for n, c in CASES.items() if available(c)}}
    times: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, code in cases.items():
            times[name].append(seconds(code))
    median = {name: statistics.median(t) for name, t in times.items()}
    numpy = median["numpy"] - median["bare"]
    print(f"{'import':26s} {'ms':>8s} {'x numpy':>8s}")
    for name in cases:
        if name != "bare":
            own = median[name] - median["bare"]
            print(f"{name:26s} {own * 1e3:8.1f} {own / numpy:8.2f}")
    print(f"(the bare interpreter: {median['bare'] * 1e3:.1f} ms, taken off; {rounds} rounds, medians)")


if __name__ == "__main__":
    main()
