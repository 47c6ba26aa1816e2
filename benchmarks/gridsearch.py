"""What a grid search costs beside its fits: 1,000 tiny candidates on five folds, two workers; ours and scikit-learn's.

The bare work is a loop that fits and scores every candidate on every fold, and does nothing else. The overhead is the
wall time of the search less what the bare loop would take on as many workers, for each candidate and fold. All
three run by turns in one process with warm workers; medians of the rounds. A second table tunes a pipeline whose
candidates share their first steps.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn import model_selection
from sklearn.datasets import load_digits, make_classification
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeClassifier
from sklearn.metrics import check_scoring
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

import tunesmith.sklearn

WORKERS, FOLDS, CANDIDATES = 2, 5, 1000
TARGET = 0.7  # ours over scikit-learn's


def seconds(run: Callable[[], Any]) -> float:
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def overhead(rounds: int) -> None:
    X, y = make_classification(100, 5, random_state=0)
    values = np.logspace(-9, -1, CANDIDATES)
    grid = {"var_smoothing": values}
    scorer = check_scoring(GaussianNB())
    cv = model_selection.StratifiedKFold(FOLDS)
    rows = [(X[train], y[train], X[test], y[test]) for train, test in cv.split(X, y)]

    def bare() -> None:
        for value in values:
            for X_train, y_train, X_test, y_test in rows:
                scorer(GaussianNB(var_smoothing=value).fit(X_train, y_train), X_test, y_test)

    def search(module: Any) -> Callable[[], Any]:
        made = module.GridSearchCV(GaussianNB(), grid, cv=FOLDS, n_jobs=WORKERS, refit=False)
        return lambda: made.fit(X, y)

    runs = {"bare loop": bare, "scikit-learn": search(model_selection), "tunesmith": search(tunesmith.sklearn)}
    times: dict[str, list[float]] = {name: [] for name in runs}
    runs["scikit-learn"]()  # the workers start and import
    for _ in range(rounds):
        for name, run in runs.items():
            times[name].append(seconds(run) / (CANDIDATES * FOLDS) * 1e3)
    print(f"{CANDIDATES} candidates x {FOLDS} folds, n_jobs={WORKERS}: ms for each candidate and fold")
    print(f"{'':16s} {'wall':>8s} {'overhead':>9s}")
    extra: dict[str, float] = {}
    for name, t in times.items():
        if name == "bare loop":
            print(f"{name:16s} {statistics.median(t):8.3f}")
            continue
        # round by round: what else the machine does then hits both alike
        extra[name] = statistics.median(a - b / WORKERS for a, b in zip(t, times["bare loop"], strict=True))
        print(f"{name:16s} {statistics.median(t):8.3f} {extra[name]:9.3f}")
    ratio = extra["tunesmith"] / extra["scikit-learn"]
    print(f"overhead, tunesmith / scikit-learn: {ratio:.2f} (to reach: {TARGET})")


def sharing(rounds: int, rows: int | None = None) -> None:
    X, y = load_digits(return_X_y=True)
    X, y = X[:rows], y[:rows]
    X = np.hstack([X] * 4)
    pipeline = Pipeline([("scale", StandardScaler()), ("pca", PCA(random_state=0)), ("clf", RidgeClassifier())])
    grid = {"pca__n_components": [10, 20, 30], "clf__alpha": np.logspace(-3, 3, 20)}
    searches = {
        "scikit-learn": model_selection.GridSearchCV(pipeline, grid, cv=FOLDS, n_jobs=WORKERS),
        "tunesmith": tunesmith.sklearn.GridSearchCV(pipeline, grid, cv=FOLDS, n_jobs=WORKERS),
    }
    times: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(rounds):
        for name, search in searches.items():
            times[name].append(seconds(lambda search=search: search.fit(X, y)))
    scores = [search.cv_results_["mean_test_score"] for search in searches.values()]
    print(f"\na pipeline (scaler, PCA, ridge) over 60 candidates x {FOLDS} folds, n_jobs={WORKERS}: s")
    for name, t in times.items():
        print(f"{name:30s} {statistics.median(t):6.2f}")
    print(f"scores identical to the bit: {all(np.array_equal(s, scores[0]) for s in scores)}")


def main(argv: list[str] | None = None) -> None:
    global CANDIDATES
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rounds", type=int, nargs="?", default=7)
    parser.add_argument("--quick", action="store_true", help="one round, few candidates: shows that it works, no more")
    args = parser.parse_args(argv)
    rounds = 1 if args.quick else args.rounds
    if args.quick:
        CANDIDATES = 20
    warnings.simplefilter("ignore")
    overhead(rounds)
    sharing(max(1, rounds // 2), 200 if args.quick else None)


if __name__ == "__main__":
    main()
