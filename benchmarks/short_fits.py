"""What `SearchCV(fidelity=...)` saves and loses, beside full fits and scikit-learn's HalvingRandomSearchCV.

    python benchmarks/short_fits.py [--seeds 5] [--trials 27] [--only sgd,mlp,boosting,forest] [--quick]

Four estimators on the digits and on made data, five folds. Each search draws as many candidates at random: full fits,
short fits first (`fidelity=`), the same by rows, and halving by the same rounds. Printed, as means over the seeds: CPU
seconds of the search, the score that it claims (the honest score of ours, `best_score_` of halving), the score on rows
that no search saw with its standard error, and in how many seeds that is at least that of full fits less 0.005.
"""

from __future__ import annotations

import argparse
import os
import time
import warnings
from collections.abc import Mapping
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
ROUNDS = 90
CLOSE = 0.005


def models() -> dict[str, tuple[Any, str, dict[str, Any], str]]:
    """Return estimators with their fidelity, their space and their data, by name."""
    from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
    from sklearn.linear_model import SGDClassifier
    from sklearn.neural_network import MLPClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from tunesmith import Float, Int

    sgd = SGDClassifier(max_iter=ROUNDS, tol=None, learning_rate="adaptive", random_state=0)
    mlp = MLPClassifier((32,), max_iter=ROUNDS, tol=0.0, n_iter_no_change=1000, random_state=0)
    return {
        "sgd": (
            make_pipeline(StandardScaler(), sgd),
            "sgdclassifier__max_iter",
            {
                "sgdclassifier__alpha": Float(1e-6, 1e-1, log=True),
                "sgdclassifier__eta0": Float(1e-4, 1, log=True),
                "sgdclassifier__penalty": ["l2", "l1", "elasticnet"],
                "sgdclassifier__loss": ["hinge", "log_loss", "modified_huber"],
            },
            "digits",
        ),
        "mlp": (
            make_pipeline(StandardScaler(), mlp),
            "mlpclassifier__max_iter",
            {
                "mlpclassifier__alpha": Float(1e-5, 1, log=True),
                "mlpclassifier__learning_rate_init": Float(1e-4, 1e-1, log=True),
                "mlpclassifier__batch_size": Int(16, 128, log=True),
            },
            "digits",
        ),
        "boosting": (
            HistGradientBoostingClassifier(max_iter=ROUNDS, early_stopping=False, random_state=0),
            "max_iter",
            {
                "learning_rate": Float(0.01, 1, log=True),
                "max_leaf_nodes": Int(4, 64, log=True),
                "min_samples_leaf": Int(2, 60, log=True),
                "l2_regularization": Float(1e-4, 10, log=True),
            },
            "made",
        ),
        "forest": (
            RandomForestClassifier(ROUNDS, random_state=0),
            "n_estimators",
            {
                "max_features": Float(0.05, 1.0),
                "min_samples_leaf": Int(1, 30, log=True),
                "max_depth": Int(2, 30, log=True),
            },
            "made",
        ),
    }


def data(name: str, seed: int) -> tuple[Any, Any, Any, Any]:
    """Return rows to search on and rows that no search sees; another part of the data for each seed."""
    import numpy as np
    from sklearn.datasets import load_digits, make_classification

    if name == "digits":
        X, y = load_digits(return_X_y=True)
        n = 500
    else:
        X, y = make_classification(
            4000, 20, n_informative=6, n_redundant=4, n_clusters_per_class=4, flip_y=0.05, class_sep=0.8, random_state=1
        )
        n = 700
    order = np.random.default_rng(seed).permutation(len(y))
    return X[order[:n]], y[order[:n]], X[order[n:]], y[order[n:]]


def searches(name: str, seed: int, n_trials: int) -> dict[str, Any]:
    """Return the searches that are compared, by what they are called."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - its import makes the classes be found
    from sklearn.model_selection import HalvingRandomSearchCV, StratifiedKFold

    from tunesmith.sklearn import SearchCV

    estimator, fidelity, space, _ = models()[name]
    cv = StratifiedKFold(5, shuffle=True, random_state=seed)
    common: dict[str, Any] = {"n_trials": n_trials, "sampler": "random", "cv": cv, "random_state": seed}
    common |= {"confirm": 0, "prefer_default": None}
    halving: dict[str, Any] = {"factor": 3, "cv": cv, "random_state": seed, "resource": fidelity}
    return {
        "full fits": SearchCV(estimator, space, **common),
        f"fidelity={fidelity}": SearchCV(estimator, space, fidelity=fidelity, **common),
        "fidelity=n_samples": SearchCV(estimator, space, fidelity="n_samples", **common),
        "HalvingRandomSearchCV": HalvingRandomSearchCV(
            estimator, distributions(space), n_candidates=n_trials, min_resources=10, max_resources=ROUNDS, **halving
        ),
    }


def distributions(space: Mapping[str, Any]) -> dict[str, Any]:
    """Return a space as scikit-learn takes it."""
    from scipy.stats import loguniform, uniform

    from tunesmith import Float, Int

    found: dict[str, Any] = {}
    for name, param in space.items():
        if isinstance(param, Float):
            kind = loguniform(param.low, param.high) if param.log else uniform(param.low, param.high - param.low)
            found[name] = kind
        elif isinstance(param, Int):
            found[name] = sorted({round(param.low * (param.high / param.low) ** (k / 60)) for k in range(61)})
        else:
            found[name] = param
    return found


def compare(name: str, seeds: int, n_trials: int) -> None:
    """Search for one estimator with all seeds, and print a row for each way."""
    import numpy as np

    found: dict[str, list[list[float]]] = {}
    for seed in range(seeds):
        X, y, X_test, y_test = data(models()[name][3], seed)
        for label, search in searches(name, seed, n_trials).items():
            began = time.process_time()
            search.fit(X, y)
            seconds = time.process_time() - began
            claimed = float(getattr(search, "honest_score_", search.best_score_))
            found.setdefault(label, []).append([seconds, claimed, float(search.score(X_test, y_test))])
    print(f"\n{name}, {n_trials} candidates, {seeds} seeds")
    print(f"{'':36} {'seconds':>8} {'claimed':>8} {'new rows':>9} {'±':>6}  close")
    full = np.array(found["full fits"])[:, 2]
    for label, rows in found.items():
        table = np.array(rows)
        seconds, claimed, new = table.mean(axis=0)
        error = table[:, 2].std(ddof=1) / np.sqrt(seeds) if seeds > 1 else np.nan
        close = int((table[:, 2] >= full - CLOSE).sum())
        print(f"{label:36} {seconds:8.1f} {claimed:8.4f} {new:9.4f} {error:6.4f}  {close} of {seeds}", flush=True)


def main(argv: list[str] | None = None) -> None:
    for name in THREADS:
        os.environ.setdefault(name, "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=27)
    parser.add_argument("--only", default="sgd,mlp,boosting,forest")
    parser.add_argument("--quick", action="store_true", help="one estimator, 6 candidates: shows that it works")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    for name in ["sgd"] if args.quick else args.only.split(","):
        compare(name, 1 if args.quick else args.seeds, 6 if args.quick else args.trials)


if __name__ == "__main__":
    main()
