"""Estimators around others: pipelines, column transformers, and ensembles and wrappers of all kinds.

What is inside has its own space, with the name of its place before the parameters' names. Where the ranges of the
outer ones come from: van Rijn and Hutter (2018) for AdaBoost, whose trees' depth matters most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tunesmith.space import Categorical, Float, Int, Ordinal
from tunesmith.space.base import Parameter
from tunesmith.space.estimators.about import About, Inside, is_classifier
from tunesmith.space.estimators.families.preprocessing import after
from tunesmith.space.words import FloatOr, IntOr

Made = Mapping[str, Parameter | Inside]


def pipeline(about: About) -> Made:
    """`Pipeline`: each step sees what the steps before it leave."""
    made: dict[str, Parameter | Inside] = {}
    seen = about
    last = len(about.estimator.steps) - 1
    for i, (name, step) in enumerate(about.estimator.steps):
        made[name] = seen.inside(step, transforms=i < last)
        seen = after(step, seen)
    return made


def columns(about: About) -> Made:
    """`ColumnTransformer`: each transformer sees its columns."""
    made: dict[str, Parameter | Inside] = {}
    for name, step, chosen in about.estimator.transformers:
        count = len(chosen) if isinstance(chosen, list | tuple) else about.n_columns
        made[name] = about.inside(step, n_columns=max(1, count), transforms=True)
    return made


def union(about: About) -> Made:
    """`FeatureUnion`: each transformer sees all."""
    return {name: about.inside(step, transforms=True) for name, step in about.estimator.transformer_list}


def members(about: About) -> Made:
    """`Voting...`, `Stacking...`: each member, and the estimator that joins them, if one is given."""
    made: dict[str, Parameter | Inside] = {name: about.inside(member) for name, member in about.estimator.estimators}
    final = about.own("final_estimator")
    if final is not None:
        made["final_estimator"] = about.inside(final, n_columns=max(1, len(made)), variance=0.1)
    return made


def one_of(about: About) -> Made:
    """`tunesmith.sklearn.OneOf`: which member, and each member's parameters while it is the one."""
    members = list(about.estimator.estimators)
    made: dict[str, Parameter | Inside] = {"chosen": Categorical([name for name, _ in members])}
    for name, member in members:
        made[name] = Inside(replace(about, estimator=member), when={"chosen": name})
    return made


def wrapped(about: About) -> Made:
    """`OneVsRestClassifier` and others: the estimator that is inside."""
    return _inner(about)


def calibrated(about: About) -> Made:
    """`CalibratedClassifierCV`: the method, and the classifier."""
    return {"method": Categorical(["sigmoid", "isotonic"]), **_inner(about)}


def bagging(about: About) -> Made:
    """`BaggingClassifier`, `BaggingRegressor`: shares of rows and columns, and the member."""
    all_rows = FloatOr(0.2, 1.0, words={None: 1.0})
    return {"max_samples": all_rows, "max_features": Float(0.3, 1.0), **_inner(about)}


def ada_boost(about: About) -> Made:
    """`AdaBoostClassifier`, `AdaBoostRegressor`: learning rate, rounds, and the depth of its own trees."""
    made: dict[str, Parameter | Inside] = {
        "learning_rate": Float(0.01, 2.0, log=True),
        "n_estimators": Int(25, 500, log=True),
    }
    if about.own("estimator") is not None:
        return {**made, **_inner(about)}
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    usual, tree = (1, DecisionTreeClassifier) if is_classifier(about.estimator) else (3, DecisionTreeRegressor)
    depths = [1, 2, 3, 5, 8]
    trees: list[Any] = [None if depth == usual else tree(max_depth=depth) for depth in depths]
    names = [None if depth == usual else f"depth {depth}" for depth in depths]
    return {**made, "estimator": Ordinal.with_names(trees, names)}


def transformed_target(about: About) -> Made:
    """`TransformedTargetRegressor`: the regressor; the unit of a transformed target is not known."""
    changed = about.own("transformer") is not None or about.own("func") is not None
    seen = replace(about, spread=1.0 if changed else about.spread)
    return {"regressor": seen.inside(about.own("regressor"))}


def selected(about: About) -> Made:
    """`SelectFromModel`, `RFE`, `SequentialFeatureSelector`: how many columns, where that is a number."""
    made = _inner(about)
    own, d = about.own("n_features_to_select"), about.n_columns
    if isinstance(own, int):
        return {**made, "n_features_to_select": Int(1, d, log=True)}
    if own is None and type(about.estimator).__name__ == "RFE":
        return {**made, "n_features_to_select": IntOr(1, d, log=True, words={None: max(1, d // 2)})}
    return made


def _inner(about: About) -> dict[str, Parameter | Inside]:
    """Return the place of the one estimator that is inside."""
    name = "base_estimator" if about.own("estimator") is None else "estimator"  # of chains, before scikit-learn 1.7
    inner = about.own(name)
    return {} if not hasattr(inner, "fit") else {name: about.inside(inner)}
