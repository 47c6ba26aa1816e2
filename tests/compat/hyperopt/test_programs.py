"""Programs of the kinds in Hyperopt's tutorials and in textbooks, with the one import changed. They are our own."""

from __future__ import annotations

import pickle
import sys
from typing import Any

import numpy as np
import pytest

import tunesmith.compat.hyperopt as hyperopt
import tunesmith.compat.hyperopt.pyll.stochastic  # noqa: F401  # programs import it like this
from tunesmith.compat.hyperopt import STATUS_FAIL, STATUS_OK, Trials, fmin, hp, space_eval, tpe
from tunesmith.compat.hyperopt.early_stop import no_progress_loss
from tunesmith.compat.hyperopt.pyll import scope
from tunesmith.compat.hyperopt.pyll.base import scope as the_same_scope


def test_a_model_of_scikit_learn() -> None:
    from sklearn.datasets import load_iris
    from sklearn.model_selection import cross_val_score
    from sklearn.tree import DecisionTreeClassifier

    X, y = load_iris(return_X_y=True)
    space = {
        "min_samples_leaf": hp.choice("min_samples_leaf", [1, 5]),
        "max_depth": hp.quniform("max_depth", 1, 4, 1),
        "criterion": hp.choice("criterion", ["gini", "entropy"]),
        "max_features": hp.uniform("max_features", 0.3, 1.0),
    }

    def objective(params: dict[str, Any]) -> dict[str, Any]:
        params["max_depth"] = int(params["max_depth"])
        model = DecisionTreeClassifier(random_state=0, **params)
        return {"loss": -cross_val_score(model, X, y, cv=2).mean(), "status": STATUS_OK}

    trials = Trials()
    best = fmin(objective, space, algo=tpe.suggest, max_evals=5, trials=trials, rstate=np.random.default_rng(42))
    assert trials.best_trial["result"]["loss"] == min(trials.losses()) < -0.9
    chosen = space_eval(space, best)
    assert chosen["criterion"] == ["gini", "entropy"][best["criterion"]]
    assert chosen["min_samples_leaf"] == [1, 5][best["min_samples_leaf"]]
    assert type(best["max_depth"]) is float


def test_several_kinds_of_models() -> None:
    space = hp.choice(
        "classifier",
        [
            {"type": "bayes"},
            {
                "type": "svm",
                "C": hp.lognormal("svm_C", 0, 1),
                "kernel": hp.choice(
                    "svm_kernel", [{"type": "linear"}, {"type": "rbf", "width": hp.lognormal("svm_width", 0, 1)}]
                ),
            },
            {
                "type": "tree",
                "depth": hp.choice("tree_depth", [None, hp.qlognormal("tree_depth_int", 3, 1, 1)]),
                "split": hp.qlognormal("tree_split", 2, 1, 1),
            },
        ],
    )
    drawn = [hyperopt.pyll.stochastic.sample(space, rng=np.random.default_rng(i)) for i in range(60)]
    assert {one["type"] for one in drawn} == {"bayes", "svm", "tree"}
    assert {"width" in one["kernel"] for one in drawn if one["type"] == "svm"} == {True, False}
    assert {one["depth"] is None for one in drawn if one["type"] == "tree"} == {True, False}

    def objective(config: dict[str, Any]) -> float:
        return {"bayes": 1.0, "svm": 0.5 + abs(config.get("C", 0) - 1), "tree": 2.0}[config["type"]]

    trials = Trials()
    best = fmin(objective, space, algo=tpe.suggest, max_evals=40, trials=trials, rstate=np.random.default_rng(0))
    assert best["classifier"] == 1
    assert set(best) == {"classifier", "svm_C", "svm_kernel"} | ({"svm_width"} if best["svm_kernel"] else set())
    assert len(trials.vals["svm_C"]) == trials.vals["classifier"].count(1) < 40


def test_functions_of_parameters() -> None:
    @scope.define
    def squared_sum_of_ours(a: float, b: float = 0.0) -> float:
        return a**2 + b**2

    try:
        n = hp.randint("n", 5, 8)
        x = hp.uniform("x", -1, 1)
        space = {
            "n": scope.int(hp.quniform("layers", 1, 3, 1)),
            "units": [2**n, 4 * n - 1],
            "norm": scope.squared_sum_of_ours(x, b=0.5),
            "clipped": scope.max(0.25, scope.exp(x) / 2),
            "either": scope.switch(hp.randint("which", 2), "low", "high"),
        }
        seen: list[Any] = []

        def objective(point: Any) -> float:
            seen.append(point)
            return float(point["norm"])

        best = fmin(objective, space, algo=tpe.suggest, max_evals=20, rstate=np.random.default_rng(0))
        for point in seen:
            assert point["units"] in {(2**k, 4 * k - 1) for k in (5, 6, 7)}
            assert point["norm"] >= 0.25
            assert point["clipped"] >= 0.25
            assert type(point["n"]) is int
        assert {point["either"] for point in seen} == {"low", "high"}
        assert space_eval(space, best)["norm"] == min(point["norm"] for point in seen)
        with pytest.raises(ValueError, match="squared_sum_of_ours"):
            scope.define(squared_sum_of_ours)
    finally:
        scope.undefine("squared_sum_of_ours")
    assert scope is the_same_scope
    with pytest.raises(AttributeError, match="did you mean 'log'"):
        _ = scope.logg


def test_what_trials_tell_afterwards() -> None:
    def objective(x: float) -> dict[str, Any]:
        return {
            "loss": x**2,
            "status": STATUS_FAIL if x > 9 else STATUS_OK,
            "eval_time": 0.1,
            "other_stuff": {"type": None, "value": [0, 1, 2]},
            "attachments": {"curve": pickle.dumps([x, x / 2])},
        }

    trials = Trials()
    best = fmin(objective, hp.uniform("x", -10, 10), algo=tpe.suggest, max_evals=15, trials=trials)
    rows = [(t["tid"], t["misc"]["vals"]["x"][0], t["result"]["loss"]) for t in trials.trials]
    assert [tid for tid, _, _ in rows] == list(range(15)) == trials.tids
    assert all(loss == x**2 for _, x, loss in rows)
    assert trials.results[3]["other_stuff"]["value"] == [0, 1, 2]
    x = pickle.loads(trials.trial_attachments(trials.trials[5])["curve"])[0]
    assert x == rows[5][1]
    again = pickle.loads(pickle.dumps(trials))
    assert again.argmin == trials.argmin == best
    fmin(objective, hp.uniform("x", -10, 10), algo=tpe.suggest, max_evals=18, trials=again)
    assert len(again) == 18
    assert (again.trials[-1]["refresh_time"] - again.trials[0]["book_time"]).total_seconds() >= 0


def test_a_search_ends_when_it_makes_no_progress() -> None:
    trials = Trials()
    fmin(lambda x: 1.0, hp.uniform("x", 0, 1), algo=hyperopt.rand.suggest, trials=trials, max_evals=99,
         early_stop_fn=no_progress_loss(5))  # fmt: skip
    assert len(trials) == 5


def test_the_example_beside_other_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The chapter's program, which imports hyperopt itself."""
    import importlib

    monkeypatch.setitem(sys.modules, "hyperopt", hyperopt)
    example = importlib.import_module("05_three_libraries")
    monkeypatch.setattr(example, "N_TRIALS", 6)
    found = example.with_hyperopt(0)
    assert found is not None
