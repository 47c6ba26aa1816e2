"""Tabulated tasks: cross-validated errors of real models on scikit-learn's data sets, computed once and kept here.

    python benchmarks/_tables.py          computes tables/*.json anew (some minutes)

A table is a list of branches (a kind of model, or one that is unnamed); a branch has axes and an error for each cell
of their product. Between the values of a numeric axis the error is interpolated on the axis's own scale, so that a
search sees a continuous parameter; the best value is therefore that of a cell.
"""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

FOLDER = Path(__file__).with_name("tables")
Axis = dict[str, Any]


def numeric(name: str, values: list[float], log: bool = False) -> Axis:
    return {"name": name, "values": values, "kind": "float", "log": log}


def whole(name: str, values: list[int], log: bool = False) -> Axis:
    return {"name": name, "values": values, "kind": "int", "log": log}


def labels(name: str, values: list[Any]) -> Axis:
    return {"name": name, "values": values, "kind": "cat"}


def powers(low: int, high: int, per_decade: int) -> list[float]:
    return [float(f"{10 ** (k / per_decade):.6g}") for k in range(low * per_decade, high * per_decade + 1)]


# -- reading -------------------------------------------------------------------------------------------------------


@cache
def load(name: str) -> dict[str, Any]:
    """Return a table, {"branches": {model: {"axes": [...], "error": [...]}}}."""
    table = json.loads((FOLDER / f"{name}.json").read_text())
    for branch in table["branches"].values():
        branch["error"] = np.array(branch["error"]).reshape([len(a["values"]) for a in branch["axes"]])
    return table


def look_up(branch: Mapping[str, Any], params: Mapping[str, Any], prefix: str = "") -> float:
    """Return the error at a point, interpolated where an axis is numeric."""
    error = branch["error"]
    for axis in branch["axes"]:  # each step takes the first axis off
        value, values = params[prefix + axis["name"]], axis["values"]
        if axis["kind"] == "cat":
            error = error[values.index(value)]
            continue
        scale = math.log if axis["log"] else float
        t = min(max(float(value), values[0]), values[-1])
        i = min(sum(v <= t for v in values), len(values) - 1) - 1
        low, high = scale(values[i]), scale(values[i + 1])
        w = (scale(t) - low) / (high - low)
        error = error[i] if w == 0 else error[i] * (1 - w) + error[i + 1] * w
    return float(error)


def lowest(table: Mapping[str, Any]) -> float:
    """Return the smallest error of the table."""
    return min(float(branch["error"].min()) for branch in table["branches"].values())


# -- computing -----------------------------------------------------------------------------------------------------


def fill(axes: list[Axis], make: Callable[..., Any], score: Callable[[Any], float]) -> dict[str, Any]:
    """Return the branch of all cells of the axes."""
    from joblib import Parallel, delayed

    names = [a["name"] for a in axes]
    cells = list(itertools.product(*[a["values"] for a in axes]))
    error = Parallel(n_jobs=2)(delayed(score)(make(**dict(zip(names, cell, strict=True)))) for cell in cells)
    return {"axes": axes, "error": [round(e, 5) for e in error]}


def svm_digits() -> dict[str, Any]:
    """A support vector machine on every second image of the digits: scaling, kernel, C, gamma."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import MinMaxScaler, StandardScaler
    from sklearn.svm import SVC

    x, y = load_digits(return_X_y=True)
    x, y = x[::2], y[::2]
    folds = StratifiedKFold(3, shuffle=True, random_state=0)
    scalers = {"none": "passthrough", "standard": StandardScaler(), "minmax": MinMaxScaler()}

    def make(scaling: str, kernel: str, C: float, gamma: float) -> Any:
        return make_pipeline(scalers[scaling], SVC(kernel=kernel, C=C, gamma=gamma, max_iter=20_000))

    def score(model: Any) -> float:
        return 1 - float(cross_val_score(model, x, y, cv=folds).mean())

    axes = [
        labels("scaling", list(scalers)),
        labels("kernel", ["rbf", "poly", "sigmoid"]),
        numeric("C", powers(-3, 3, 2), log=True),
        numeric("gamma", powers(-6, 1, 2), log=True),
    ]
    return {"about": svm_digits.__doc__, "branches": {"": fill(axes, make, score)}}


def models_cancer() -> dict[str, Any]:
    """Which model for the breast cancer data, and that model's parameters: a conditional space."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import RepeatedStratifiedKFold, cross_val_score
    from sklearn.neighbors import KNeighborsClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC
    from sklearn.tree import DecisionTreeClassifier

    x, y = load_breast_cancer(return_X_y=True)
    folds = RepeatedStratifiedKFold(n_splits=5, n_repeats=3, random_state=0)

    def scaled(model: Callable[..., Any]) -> Callable[..., Any]:
        return lambda **params: make_pipeline(StandardScaler(), model(**params))

    def score(model: Any) -> float:
        return 1 - float(cross_val_score(model, x, y, cv=folds, scoring="balanced_accuracy").mean())

    weights = [None, "balanced"]
    models = {
        "logistic": (
            [numeric("C", powers(-4, 4, 2), log=True), labels("class_weight", weights)],
            scaled(lambda **p: LogisticRegression(max_iter=2000, **p)),
        ),
        "svm": (
            [numeric("C", powers(-2, 4, 2), log=True), numeric("gamma", powers(-6, 0, 2), log=True),
             labels("class_weight", weights)],
            scaled(lambda **p: SVC(**p)),
        ),
        "knn": (
            [whole("n_neighbors", [1, 2, 3, 5, 8, 12, 18, 27, 40], log=True),
             labels("weights", ["uniform", "distance"]), labels("p", [1, 2])],
            scaled(lambda **p: KNeighborsClassifier(**p)),
        ),
        "tree": (
            [whole("max_depth", list(range(1, 11))), whole("min_samples_leaf", [1, 2, 4, 8, 16, 32, 64], log=True),
             labels("criterion", ["gini", "entropy"])],
            lambda **p: DecisionTreeClassifier(random_state=0, **p),
        ),
    }  # fmt: skip
    branches = {name: fill(axes, make, score) for name, (axes, make) in models.items()}
    return {"about": models_cancer.__doc__, "branches": branches}


TABLES: dict[str, Callable[[], dict[str, Any]]] = {"svm_digits": svm_digits, "models_cancer": models_cancer}


def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    for name, compute in TABLES.items():
        table = compute()
        head = json.dumps({"about": table["about"]})[:-1]
        rows = [f"{json.dumps(model)}: {json.dumps(branch)}" for model, branch in table["branches"].items()]
        (FOLDER / f"{name}.json").write_text(head + ', "branches": {\n' + ",\n".join(rows) + "\n}}\n")
        print(f"{name}: {sum(len(b['error']) for b in table['branches'].values())} cells", flush=True)


if __name__ == "__main__":
    main()
