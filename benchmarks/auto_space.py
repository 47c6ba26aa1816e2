"""Searches with spaces that come with the estimator, beside the same searches with ranges written by hand.

Every search gets the same 300 training rows of a data set that no portfolio was made from, the same sampler, folds and
number of candidates, 10 or 50, and tries the default first. The estimator that it returns, with all settings of
`SearchCV` as they are, is scored on up to 3,000 other rows. Spaces: "auto", "auto without portfolio", "hand" (see
`_hand_written.py`), and "flaml", the ranges of FLAML where it is installed. A run is kept as one line of
build/auto_space/runs.jsonl; stop it any time and start it again. `--report` prints the tables.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
from _datasets import CLASSIFICATION, REGRESSION, draw, lacks
from _hand_written import RANGES, of_last_step
from _models import Model, models
from sklearn.base import clone

from tunesmith import Float, Int
from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.search import search_cv

ROWS = 300
AFTER = (10, 50)
SPACES = ("auto", "hand")
FLAML = {"LGBM": "LGBMEstimator", "XGB": "XGBoostSklearnEstimator", "KNeighbors": "KNeighborsEstimator"}
Run = dict[str, Any]


def flaml_ranges(name: str, n_rows: int, n_columns: int) -> dict[str, Any] | None:
    """FLAML's ranges for a model, as far as they are plain ones; None: it has none, or is not installed."""
    try:
        from flaml.automl import model
    except ImportError:
        return None
    estimator = next((FLAML[start] for start in FLAML if name.startswith(start)), None)
    if estimator is None:
        return None
    found = {}
    for parameter, entry in getattr(model, estimator).search_space((n_rows, n_columns)).items():
        domain = entry["domain"]
        kind = Int if type(domain).__name__ == "Integer" else Float
        log = "Log" in type(domain.sampler).__name__
        if parameter == "log_max_bin":
            continue  # it is turned into max_bin by FLAML's own code
        found[parameter] = kind(domain.lower, domain.upper - (kind is Int), log=log)
    return found


def space_for(kind: str, name: str, estimator: Any, X: np.ndarray) -> Any:
    """The space of one kind with the names of the whole estimator; None: there is none."""
    if kind.startswith("auto"):
        return "auto"
    ranges = RANGES.get(name) if kind == "hand" else flaml_ranges(name, *X.shape)
    return None if ranges is None else of_last_step(estimator, ranges)


def run(kind: str, name: str, model: Model, data: str, source: Any, seed: int) -> Run | None:
    """Search once; return the test scores after so many candidates, and that of the default."""
    drawn = draw(data, source, ROWS, seed)
    estimator = model.make()
    space = space_for(kind, name, estimator, drawn.X)
    if space is None:
        return None
    begun = time.process_time()
    test = {}
    without = kind == "auto without portfolio"
    with mock.patch.object(search_cv, "first_rows", return_value=[]) if without else nullcontext():
        for k in AFTER:
            search = SearchCV(estimator, space, n_trials=k, cv=3, random_state=seed).fit(drawn.X, drawn.y)
            test[str(k)] = float(search.score(drawn.X_test, drawn.y_test))
    default = float(clone(estimator).fit(drawn.X, drawn.y).score(drawn.X_test, drawn.y_test))
    seconds = time.process_time() - begun
    return {"space": kind, "model": name, "data": data, "seed": seed, "test": test, "default": default, "s": seconds}


def report(runs: list[Run]) -> None:
    """Print the differences of "auto" to each other kind of space, and what 50 candidates gain over 10."""
    table = {(r["space"], r["model"], r["data"], r["seed"]): r for r in runs}
    for kind in sorted({r["space"] for r in runs} - {"auto"}):
        both = [k[1:] for k in table if k[0] == kind and ("auto", *k[1:]) in table]
        print(f"\nauto minus {kind}, in hundredths of accuracy or R2; 'gain' is what {kind} gains from 10 to 50")
        print(f"{'model':32s} {'n':>4s} {'after 10':>16s} {'after 50':>16s} {'gain':>16s}")
        for name in [*sorted({k[0] for k in both}), "all models"]:
            keys = [k for k in both if name in (k[0], "all models")]
            print(f"{name:32s} {len(keys):4d}", *(f"{text:>16s}" for text in compared(table, kind, keys)))


def compared(table: dict[Any, Run], kind: str, keys: list[Any]) -> list[str]:
    """Means with standard errors over data sets: the difference after 10 and 50 candidates, and the gain."""
    columns = []
    for of in ("10", "50", "gain"):
        by_data: dict[str, list[float]] = {}
        for key in keys:
            auto, other = table["auto", *key], table[kind, *key]
            before, after = (max(-1.0, other["test"][k]) for k in ("10", "50"))
            value = after - before if of == "gain" else max(-1.0, auto["test"][of]) - max(-1.0, other["test"][of])
            by_data.setdefault(key[1], []).append(100 * value)
        means = np.array([np.mean(v) for v in by_data.values()])
        error = means.std(ddof=1) / math.sqrt(len(means)) if len(means) > 1 else math.nan
        columns.append(f"{means.mean():+.2f} ± {error:.2f}")
    return columns


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="models (all that have hand-written ranges)")
    parser.add_argument("--spaces", default=",".join(SPACES), help=f"kinds of spaces, by commas ({','.join(SPACES)})")
    parser.add_argument("--seeds", type=int, default=1, help="how often, with other rows (1)")
    parser.add_argument("--out", type=Path, default=Path("build/auto_space"), help="where the runs are kept")
    parser.add_argument("--report", action="store_true", help="only print the tables")
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    args = parser.parse_args()
    if lacks("kept aside"):
        return
    warnings.simplefilter("ignore")
    args.out.mkdir(parents=True, exist_ok=True)
    file = args.out / "runs.jsonl"
    known = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
    done = {(r["space"], r["model"], r["data"], r["seed"]) for r in known}
    available = models()
    names = args.names or (["SVC"] if args.quick else [name for name in available if name in RANGES])
    for seed in range(0 if args.report else args.seeds):
        for name in names:
            sources = (CLASSIFICATION if available[name].classifies else REGRESSION)["kept aside"]
            for data, source in list(sources.items())[: 1 if args.quick else None]:
                for kind in args.spaces.split(","):
                    if (kind, name, data, seed) in done:
                        continue
                    made = run(kind, name, available[name], data, source, seed)
                    if made is not None:
                        known.append(made)
                        with file.open("a") as out:
                            out.write(json.dumps(made) + "\n")
    report(known)


if __name__ == "__main__":
    main()
