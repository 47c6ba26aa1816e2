"""Measures configurations of many models on many data sets, and chooses those that the first candidates are.

Each model is fitted with its default and with points of a Sobol' sequence over its automatic space, on 300 rows of
every data set of `_datasets.py` that is to be measured. Two scores are kept: the mean of three folds, which is what a
search sees, and that of up to 3,000 other rows, which is what its user gets. They are one line a configuration in
build/portfolio/scores.jsonl: stop it any time and start it again.

`--write` chooses the portfolios greedily (Feurer et al. 2022, auto-sklearn 2.0; Wistuba, Schilling and Schmidt-Thieme
2015): each next configuration is the one with which a search that tries the default and the portfolio gains most, on
average over data sets. It writes them into the package, and prints what they gain on data sets that were left out of
the choice, beside as many points of the sequence.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from _datasets import CLASSIFICATION, REGRESSION, draw, lacks
from _models import Model, models
from scipy.stats import qmc
from sklearn.base import clone
from sklearn.model_selection import cross_val_score

from tunesmith.sklearn.search.default import restore_objects
from tunesmith.space import Categorical, Space
from tunesmith.space.estimators.first import FIRST_OF_ALL, PORTFOLIO_FILE
from tunesmith.space.estimators.joined import joined

ROWS = 300
SIZE = FIRST_OF_ALL  # configurations of a portfolio, the default not counted
LEAST_SETS = 20  # data sets that a model has to be measured on
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
# Weight of a configuration's own mean: what wins by luck on few data sets, a search would also take by luck.
SHRUNK = 0.1
Scores = dict[tuple[str, int], tuple[float, float]]  # (folds, other rows) by data set and configuration; -1: default


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
            estimator = clone(base).set_params(**clone(params, safe=False))
            begun = time.process_time()
            try:
                cv = float(np.mean(cross_val_score(estimator, drawn.X, drawn.y, cv=3)))
                score = float(estimator.fit(drawn.X, drawn.y).score(drawn.X_test, drawn.y_test))
            except ValueError:
                cv = score = float("nan")
            seconds = round(time.process_time() - begun, 4)
            line = {"model": name, "data": data, "i": i, "cv": cv, "score": score, "seconds": seconds}
            with out.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


class Measured(NamedTuple):
    """Scores [data sets, 1 + n] of the default and n configurations: of folds, and of other rows, at least 0."""

    cv: np.ndarray
    test: np.ndarray

    def of_search(self, picked: Sequence[int]) -> np.ndarray:
        """What a search gets that tries these columns: the test scores [data sets] of its best ones by folds."""
        winners = np.asarray(picked)[self.cv[:, picked].argmax(axis=1)]
        return self.test[np.arange(len(self.test)), winners]

    def only(self, rows: np.ndarray) -> Measured:
        """The scores of some data sets."""
        return Measured(self.cv[rows], self.test[rows])


def measured(scores: Scores, n: int) -> Measured | None:
    """The scores of all data sets that every configuration was measured on; None: they are too few."""
    names = sorted({data for data, _ in scores if all((data, i) in scores for i in range(-1, n))})
    if len(names) < LEAST_SETS:
        return None
    table = np.array([[scores[data, i] for i in range(-1, n)] for data in names])
    return Measured(np.nan_to_num(table[..., 0], nan=-np.inf), np.fmax(table[..., 1], 0.0))


def chosen(known: Measured) -> list[int]:
    """The columns that a search tries first, one after the other; column 0, the default, is the first."""
    picked, means = [0], known.test.mean(axis=0)
    while len(picked) <= SIZE:
        others = [i for i in range(len(means)) if i not in picked]
        picked.append(max(others, key=lambda i: known.of_search([*picked, i]).mean() + SHRUNK * means[i]))
    return picked


def checked(known: Measured) -> dict[str, np.ndarray]:
    """What searches gain over the default [data sets] on data sets that the portfolio was not chosen on."""
    rng = np.random.default_rng(0)
    gains: dict[str, list[float]] = {"portfolio": [], "sequence": []}
    for row in np.arange(len(known.test)):
        left_out, others = known.only(np.array([row])), known.only(np.delete(np.arange(len(known.test)), row))
        some = [[0, *(1 + rng.permutation(known.test.shape[1] - 1)[:SIZE])] for _ in range(50)]
        default = left_out.of_search([0])[0]
        gains["portfolio"].append(left_out.of_search(chosen(others))[0] - default)
        gains["sequence"].append(np.mean([left_out.of_search(picked)[0] for picked in some]) - default)
    return {name: 100 * np.array(values) for name, values in gains.items()}


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
    made: dict[str, Any] = json.loads(PORTFOLIO_FILE.read_text()) if PORTFOLIO_FILE.exists() else {}
    print("gain over the default on data sets that were left out of the choice, in hundredths of accuracy or R2")
    print(f"{'model':32s} {'sets':>4s} {'portfolio':>10s} {'sequence':>10s} {'difference':>16s}")
    for name, model in models().items():
        if (known := measured(results.get(name, {}), model.n_configurations)) is None:
            made.pop(name, None)
            continue
        space = joined(model.make()).space
        points = units(space, model.n_configurations)
        picked = [column - 1 for column in chosen(known)[1:]]
        prefix = next(iter(space)).rpartition("__")[0]
        prefix += "__" if prefix else ""
        made[name] = [stored(space, prefix, points[i]) for i in picked]
        ours, sequence = checked(known).values()
        error = (ours - sequence).std(ddof=1) / len(ours) ** 0.5
        difference = f"{(ours - sequence).mean():+.2f} ± {error:.2f}"
        print(f"{name:32s} {len(ours):4d} {ours.mean():10.2f} {sequence.mean():10.2f} {difference:>16s}")
    for name, (other, names) in BORROWED.items():
        if name not in made and other in made:
            made[name] = [{names[k]: v for k, v in one.items() if k in names} for one in made[other]]
            print(f"{name:32s} as {other}")
    lines = [
        f"  {json.dumps(name)}: [\n" + ",\n".join(f"    {json.dumps(one)}" for one in made[name]) + "\n  ]"
        for name in sorted(made)
    ]
    PORTFOLIO_FILE.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def read(file: Path) -> dict[str, Scores]:
    """What was measured, by model."""
    found: dict[str, Scores] = {}
    for line in file.read_text(encoding="utf-8").splitlines() if file.exists() else ():
        one = json.loads(line)
        found.setdefault(one["model"], {})[one["data"], one["i"]] = (one["cv"], one["score"])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="models (all)")
    parser.add_argument("--out", type=Path, default=Path("build/portfolio"), help="where the scores are kept")
    parser.add_argument("--write", action="store_true", help="choose portfolios from what is measured, and write them")
    parser.add_argument("--quick", action="store_true", help="only show that it works: one data set, two models")
    args = parser.parse_args()
    if lacks("measured"):
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
