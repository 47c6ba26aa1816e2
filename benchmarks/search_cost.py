"""CPU time and test score of `SearchCV` beside scikit-learn's RandomizedSearchCV, at the same number of candidates.

    python benchmarks/search_cost.py [--rows 300] [--seeds 3] [--models SVC,RandomForestClassifier] [--quick]

The tables are those that no portfolio was made from (`_datasets.py`), the spaces those of `_hand_written.py`, the folds
five. Pin BLAS to one thread (OMP_NUM_THREADS=1). All searches of a table run one after the other in one process. Their
CPU times are compared, by the ratio to RandomizedSearchCV's in the same round, and the scores of what they return on
rows that no search saw.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from typing import Any
from zlib import crc32

import numpy as np
from _datasets import CLASSIFICATION, REGRESSION, draw, lacks
from _hand_written import RANGES, of_last_step
from _models import models
from scipy.stats import loguniform, randint, uniform
from sklearn.model_selection import RandomizedSearchCV

from tunesmith import Categorical, Int
from tunesmith.sklearn import SearchCV

USUAL = ("KNeighborsClassifier", "SVC", "DecisionTreeClassifier", "LGBMClassifier", "RandomForestClassifier")
Search = Callable[[Any, dict[str, Any], int, int], Any]


def distribution(param: Any) -> Any:
    """Return what RandomizedSearchCV draws a parameter from."""
    if isinstance(param, Categorical):
        return list(param.choices)
    if isinstance(param, Int):
        return randint(param.low, param.high + 1)
    return (loguniform if param.log else lambda low, high: uniform(low, high - low))(param.low, param.high)


def randomized(estimator: Any, space: dict[str, Any], trials: int, seed: int) -> Any:
    drawn = {name: distribution(param) for name, param in space.items()}
    return RandomizedSearchCV(estimator, drawn, n_iter=trials, cv=5, random_state=seed)


def ours(**arguments: Any) -> Search:
    return lambda estimator, space, trials, seed: SearchCV(
        estimator, space, n_trials=trials, cv=5, random_state=seed, **arguments
    )


SEARCHES: dict[str, Search] = {
    "RandomizedSearchCV": randomized,
    "SearchCV": ours(),
    "SearchCV, random": ours(sampler="random"),
    "SearchCV, random, without repeats": ours(sampler="random", confirm=0),
}


def run(search: Search, model: str, data: str, rows: int, trials: int, seed: int) -> tuple[float, int, float]:
    """Return the CPU time in seconds, the number of fits, and the test score."""
    made = models()[model]
    source = (CLASSIFICATION if made.classifies else REGRESSION)["kept aside"][data]
    drawn, estimator = draw(data, source, rows, seed), made.make()
    space = of_last_step(estimator, RANGES[model])
    before = time.process_time()
    found = search(estimator, space, trials, crc32(f"{data} {seed}".encode())).fit(drawn.X, drawn.y)
    seconds = time.process_time() - before
    fits = getattr(found, "n_fits_", 5 * trials)
    return seconds, int(fits), float(found.score(drawn.X_test, drawn.y_test))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(USUAL), help="by commas: those of _hand_written.py")
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--trials", type=int, default=25, help="candidates of a search")
    parser.add_argument("--seeds", type=int, default=1, help="how often, with other rows")
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    args = parser.parse_args()
    if lacks("kept aside"):
        return
    warnings.simplefilter("ignore")
    names = ["DecisionTreeClassifier"] if args.quick else args.models.split(",")
    print(f"{args.trials} candidates, {args.rows} rows; CPU as a part of RandomizedSearchCV's (median), score less its")
    for model in names:
        kind = CLASSIFICATION if models()[model].classifies else REGRESSION
        tables = list(kind["kept aside"])[: 1 if args.quick else None]
        for name in SEARCHES:  # what is imported and compiled at a first use
            run(SEARCHES[name], model, tables[0], 60, 6, 0)
        made = np.array(
            [
                [run(search, model, data, args.rows, args.trials, seed) for search in SEARCHES.values()]
                for seed in range(args.seeds)
                for data in tables
            ]
        )
        print(f"\n{model}: {np.median(made[:, 0, 0]):.2f} s and {np.median(made[:, 0, 1]):.0f} fits")
        for at, name in enumerate(SEARCHES):
            share, fits = made[:, at, 0] / made[:, 0, 0], made[:, at, 1]
            less = 100 * (made[:, at, 2] - made[:, 0, 2])
            error = less.std(ddof=1) / np.sqrt(len(less)) if len(less) > 1 else np.nan
            print(
                f"  {name:34s} CPU {np.median(share):5.2f} ({share.min():.2f} to {share.max():.2f})"
                f"  fits {fits.mean():4.0f}  score {less.mean():+.2f} ± {error:.2f} points"
            )


if __name__ == "__main__":
    main()
