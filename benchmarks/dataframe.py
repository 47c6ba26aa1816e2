"""Seconds for ``trials_dataframe`` of studies of 1,000 to 100,000 trials with ten parameters, beside Optuna's.

The studies are in memory; each library makes the frame that its users get by default.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

NAMES = [f"x{i}" for i in range(10)]
SIZES = (1_000, 10_000, 100_000)


def tunesmith_case(n: int) -> Callable[[], Any]:
    import tunesmith

    ranges = {name: tunesmith.Float(0.0, 1.0) for name in NAMES}
    study = tunesmith.create_study(space=ranges, seed=0)
    params = dict.fromkeys(NAMES, 0.5)
    one = tunesmith.create_trial(params=params, distributions=ranges, value=0.5, user_attrs={"note": 1})
    study.add_trials([one] * n)
    return study.trials_dataframe


def optuna_case(n: int) -> Callable[[], Any]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study()
    ranges = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in NAMES}
    params = dict.fromkeys(NAMES, 0.5)
    one = optuna.trial.create_trial(params=params, distributions=ranges, value=0.5, user_attrs={"note": 1})
    study.add_trials([one] * n)
    return study.trials_dataframe


CASES = {"tunesmith": tunesmith_case, "optuna": optuna_case}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few trials: shows that it works, no more")
    args = parser.parse_args(argv)
    for name, case in CASES.items():
        cells = []
        for n in SIZES[:1] if args.quick else SIZES:
            try:
                make = case(n)
            except ImportError as error:
                cells.append(f"left out ({error})")
                break
            make()
            start = time.perf_counter()
            frame = make()
            cells.append(f"{n:,} trials {time.perf_counter() - start:.2f} s ({frame.shape[1]} columns)")
        print(f"{name:<10} " + " · ".join(cells))


if __name__ == "__main__":
    main()
