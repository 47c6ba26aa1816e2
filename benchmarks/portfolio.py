"""Measures configurations of many models on many data sets, and chooses those that the first candidates are.

Each model is fitted with its default and with points of a Sobol' sequence over its automatic space, on every data set
of `_datasets.py` that is to be measured; the score is that of up to 3,000 other rows. What is measured is kept, one
line a fit, in build/portfolio/scores.jsonl: stop it any time and start it again. `--write` chooses the portfolios
greedily, default included, by the mean over data sets of the best normalised score in the portfolio (Feurer et al.
2022, auto-sklearn 2.0; Wistuba, Schilling and Schmidt-Thieme 2015), and writes them into the package.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from _datasets import CLASSIFICATION, REGRESSION, draw, missing
from _models import Model, models
from scipy.stats import qmc
from sklearn.base import clone

from tunesmith.sklearn.search.choices import restore_objects
from tunesmith.space import Categorical, Space
from tunesmith.spaces.first import PORTFOLIO
from tunesmith.spaces.joined import joined

ROWS = 300
SIZE = 5  # configurations of a portfolio, the default not counted
LEAST_SETS = 6  # data sets that a model has to be measured on
_HISTOGRAMS = {
    "n_estimators": "max_iter",
    "num_leaves": "max_leaf_nodes",
    "min_child_samples": "min_samples_leaf",
    "colsample_bytree": "max_features",
    "reg_lambda": "l2_regularization",
    "learning_rate": "learning_rate",
}
BORROWED = {  # from a model with the same algorithm and the same ranges, under other names, until it is measured itself
    f"HistGradientBoosting{kind}": (f"LGBM{kind}", _HISTOGRAMS) for kind in ("Classifier", "Regressor")
}
LEAST_GAIN = 0.03  # of the mean normalised score: what adds less is not worth one of the first ten candidates
Scores = dict[tuple[str, int], float]  # by data set and configuration; -1 is the default


def units(space: Space, n: int) -> np.ndarray:
    """Points of the unit cube [n, d], the same for each space of as many parameters."""
    return qmc.Sobol(len(space), rng=np.random.default_rng(13)).random(n)


def configuration(space: Space, u: np.ndarray) -> dict[str, Any]:
    """The point of the space at a place of the unit cube."""
    return restore_objects(space, space.decode_row(space.from_unit(u[None])[0]))


def measure(name: str, model: Model, known: set[tuple[str, str, int]], out: Path, n_sets: int | None) -> None:
    """Fit a model's configurations on the data sets, as far as that was not done."""
    sources = (CLASSIFICATION if model.classifies else REGRESSION)["measured"]
    for data in list(sources)[:n_sets]:
        drawn = draw(data, sources[data], ROWS, 0)
        base = model.make()
        space = joined(base, drawn.X, drawn.y).space
        points = units(space, model.n_configurations)
        for i in range(-1, model.n_configurations):
            if (name, data, i) in known:
                continue
            params = {} if i < 0 else configuration(space, points[i])
            begun = time.process_time()
            try:
                fitted = clone(base).set_params(**clone(params, safe=False)).fit(drawn.X, drawn.y)
                score = float(fitted.score(drawn.X_test, drawn.y_test))
            except ValueError:
                score = float("nan")
            line = {"model": name, "data": data, "i": i, "score": score, "seconds": time.process_time() - begun}
            with out.open("a") as file:
                file.write(json.dumps(line) + "\n")


def normalised(scores: Scores, n: int) -> np.ndarray:
    """Scores [data sets, 1 + n]: 0 is the median on a data set, 1 the best; the first column is the default."""
    names = sorted({data for data, _ in scores})
    table = np.array([[scores.get((data, i), np.nan) for i in range(-1, n)] for data in names])
    middle, best = np.nanmedian(table, axis=1, keepdims=True), np.nanmax(table, axis=1, keepdims=True)
    told = (best - middle)[:, 0] > 1e-3  # elsewhere all are alike
    scaled = (table[told] - middle[told]) / (best - middle)[told]
    return np.clip(np.nan_to_num(scaled, nan=-2.0), -2.0, 1.0)


def chosen(table: np.ndarray) -> tuple[list[int], list[float]]:
    """The configurations that a portfolio gets, one after the other, and the mean with each; the default is in it."""
    best, picked, course = table[:, 0], [], [float(table[:, 0].mean())]
    while len(picked) < SIZE:
        with_each = np.maximum(best[:, None], table).mean(axis=0)
        i = int(with_each.argmax())
        if with_each[i] - course[-1] < LEAST_GAIN:
            break
        picked.append(i - 1)
        course.append(float(with_each[i]))
        best = np.maximum(best, table[:, i])
    return picked, course


def stored(space: Space, prefix: str, u: np.ndarray) -> dict[str, Any]:
    """A configuration without units: places in the ranges, and labels of choices."""
    row = space.from_unit(u[None])[0]
    found: dict[str, Any] = {}
    for (column, param), x, place in zip(space.items(), row, u, strict=True):
        if not np.isnan(x) and column.startswith(prefix):
            label = isinstance(param, Categorical)
            found[column.removeprefix(prefix)] = param.to_label(x) if label else round(float(place), 3)
    return found


def write(results: dict[str, Scores]) -> None:
    """Choose the portfolios and write them into the package, beside those of models that were not measured."""
    made: dict[str, Any] = json.loads(PORTFOLIO.read_text()) if PORTFOLIO.exists() else {}
    for name, model in models().items():
        if len({data for data, _ in results.get(name, {})}) < LEAST_SETS:
            made.pop(name, None)
            continue
        space = joined(model.make()).space
        points = units(space, model.n_configurations)
        picked, course = chosen(normalised(results[name], model.n_configurations))
        prefix = next(iter(space)).rpartition("__")[0]
        prefix += "__" if prefix else ""
        made[name] = [stored(space, prefix, points[i]) for i in picked]
        print(f"{name:32s} default {course[0]:6.3f}, with each: {' '.join(f'{c:.3f}' for c in course[1:])}")
    for name, (other, names) in BORROWED.items():
        if name not in made and other in made:
            made[name] = [{names[k]: v for k, v in one.items() if k in names} for one in made[other]]
            print(f"{name:32s} as {other}")
    lines = [
        f"  {json.dumps(name)}: [\n" + ",\n".join(f"    {json.dumps(one)}" for one in made[name]) + "\n  ]"
        for name in sorted(made)
    ]
    PORTFOLIO.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def read(file: Path) -> dict[str, Scores]:
    """What was measured, by model."""
    found: dict[str, Scores] = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        one = json.loads(line)
        found.setdefault(one["model"], {})[one["data"], one["i"]] = one["score"]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="models (all)")
    parser.add_argument("--out", type=Path, default=Path("build/portfolio"), help="where the scores are kept")
    parser.add_argument("--write", action="store_true", help="choose portfolios from what is measured, and write them")
    parser.add_argument("--quick", action="store_true", help="only show that it works: one data set, two models")
    args = parser.parse_args()
    if lacking := missing():
        print(f"needs {', '.join(lacking)}: pip install {' '.join(lacking)}")
        return
    warnings.simplefilter("ignore")
    file = args.out / "scores.jsonl"
    if not args.write:
        args.out.mkdir(parents=True, exist_ok=True)
        wanted = args.names or (["SVC", "Ridge"] if args.quick else list(models()))
        for name in wanted:
            known = {(name, *key) for key in read(file).get(name, {})}
            begun = time.process_time()
            measure(name, models()[name], known, file, 1 if args.quick else None)
            print(f"{name}: {time.process_time() - begun:.0f} s", flush=True)
        return
    write(read(file))


if __name__ == "__main__":
    main()
