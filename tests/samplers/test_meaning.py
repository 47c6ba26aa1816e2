"""What parameters mean: told by their names, and what searches begin with; a wrong belief is forgotten."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.sklearn import SearchCV
from tunesmith.space import Categorical, Float, Int, Ordinal, Space
from tunesmith.space.meaning import _MEANINGS, LEARNING_RATE_WITH_MOMENTUM, MEANINGS_FILE

TREES = {
    "eta": Float(0.001, 1, log=True),
    "nrounds": Int(10, 3000, log=True),
    "max_depth": Int(1, 15),
    "subsample": Float(0.1, 1),
    "other": Float(0, 1),
}
PLAIN = {f"x{i}": param for i, param in enumerate(TREES.values())}
OPTIMUM = np.array([0.2, 0.3, 0.8, 0.4, 0.6])  # in units of the ranges: far from what is believed


def told(space: Mapping[str, Any], name: str, **options: Any) -> str:
    return ts.create_study(space=Space(space), **options).explain()[name]


def bowl(space: Mapping[str, Any], optimum: np.ndarray = OPTIMUM) -> Callable[[dict[str, Any]], float]:
    whole = Space(space)
    return lambda params: float(((whole.to_unit(whole.encode([params]))[0] - optimum) ** 2).sum())


def proposed(space: Mapping[str, Any], n: int = 9, **options: Any) -> list[list[Any]]:
    study = ts.create_study(space=Space(space), seed=3, **options)
    study.optimize(bowl(space), n_trials=n, space=Space(space))
    return [list(t.params.values()) for t in study.trials]


@pytest.mark.parametrize(
    ("beside", "name", "param", "said"),
    [
        ("max_depth", "learning_rate", Float(1e-4, 1, log=True), "learning rate of a boosted tree"),
        ("max_depth", "eta", Float(0.01, 0.5), "learning rate of a boosted tree"),
        ("learning_rate", "n_estimators", Int(10, 5000), "rounds of a boosted tree"),
        ("learning_rate", "num_boost_round", Int(10, 5000, log=True), "rounds of a boosted tree"),
        ("colsample_bytree", "reg_lambda", Float(1e-3, 10, log=True), "l2 penalty of a boosted tree"),
        ("numLeaves", "baggingFraction", Float(0.2, 1), "rows of a boosted tree"),
        ("num_leaves", "feature_fraction", Float(0.2, 1), "columns of a boosted tree"),
        ("batch_size", "learning_rate", Float(1e-5, 1, log=True), "learning rate of a neural network"),
        ("momentum", "lr", Float(1e-5, 1, log=True), "learning rate with momentum of a neural network"),
        ("optimizer", "n_units_l2", Int(8, 512), "width of a neural network"),
        ("lr", "dropout_1", Ordinal([0.0, 0.2, 0.5]), "dropout of a neural network"),
        ("lr", "batch_size", Ordinal([16, 32, 64]), "batch size of a neural network"),
        ("minsplit", "cp", Float(1e-4, 1, log=True), "pruning of a decision tree"),
        ("coef0", "C", Float(0.01, 1000, log=True), "penalty of a support vector machine"),
        ("gae_lambda", "learning_rate", Float(1e-5, 1e-2, log=True), "learning rate of a reinforcement learner"),
        ("ent_coef", "gamma", Float(0.9, 0.9999), "discount of a reinforcement learner"),
        ("warmup_ratio", "learning_rate", Float(1e-6, 1e-3, log=True), "learning rate of a fine-tuned model"),
        ("lora_alpha", "lora_r", Int(4, 64, log=True), "adapter rank of a fine-tuned model"),
    ],
)
def test_a_meaning_is_told_by_the_names_of_the_fields_libraries(beside: str, name: str, param: Any, said: str) -> None:
    for before in ("", "xgb.", "model__", "step-1/"):
        space = {before + beside: Float(0, 1), before + name: param}
        assert told(space, before + name).startswith(f"{said}: near ")
    assert told({name: param}, name) == "nothing: the names beside it do not tell what model it belongs to"


@pytest.mark.parametrize(
    ("name", "param", "said"),
    [
        ("xgb__learning_rate", Float(1e-4, 1, log=True), "learning rate of a boosted tree"),
        ("svc_C", Float(0.01, 1000, log=True), "penalty of a support vector machine"),
        ("mlp.lr", Float(1e-5, 1, log=True), "learning rate of a neural network"),
    ],
)
def test_a_prefix_that_names_a_model_is_enough_for_one_name(name: str, param: Any, said: str) -> None:
    assert told({name: param}, name).startswith(f"{said}: near ")
    assert told({f"step_{name}": param}, f"step_{name}").startswith(f"{said}: near "), "a word of it"
    other = name.replace("xgb", "abc").replace("svc", "abc").replace("mlp", "abc")
    assert told({other: param}, other).startswith("nothing")


@pytest.mark.parametrize("names", ["width depth", "step_size iterations", "learning_rate gamma", "alpha lambda"])
def test_names_that_other_fields_have_too_tell_nothing(names: str) -> None:
    space = {name: Float(0.01, 1.0) for name in names.split()}
    assert told(space, names.split()[0]) == "nothing: the names beside it do not tell what model it belongs to"


def test_what_is_usual_may_lie_a_little_outside_and_never_on_a_bound() -> None:
    space = {"eta": Float(0.1, 1, log=True), "subsample": Float(0.2, 0.9), "max_depth": Int(1, 9)}
    assert "near 0.086" in told(space, "eta")
    first = ts.create_study(space=Space(space), seed=0).ask().params
    assert first["eta"] == pytest.approx(0.1 * 3.6**0.25, rel=0.02)
    assert first["subsample"] == pytest.approx(0.9 - 0.25 * 0.23, rel=0.02)


def test_parts_of_a_space_have_meanings_of_their_own() -> None:
    model = Categorical(["net", "trees"])
    space = {
        "model": model,
        "net.learning_rate": Float(1e-5, 1, log=True).when(model="net"),
        "net.dropout": Float(0, 1).when(model="net"),
        "trees.learning_rate": Float(1e-5, 1, log=True).when(model="trees"),
        "trees.max_depth": Int(1, 9).when(model="trees"),
    }
    found = ts.create_study(space=Space(space)).explain()
    assert found["net.learning_rate"].startswith("learning rate of a neural network: near 0.0012")
    assert found["trees.learning_rate"].startswith("learning rate of a boosted tree: near 0.086")
    assert found["model"].startswith("nothing: the name has no known meaning")
    # So have parts that are active under different conditions, without prefixes.
    bare = {
        "model": model,
        "depth": Int(1, 12).when(model="trees"),
        "subsample": Float(0.1, 1),
        "lr": Float(1e-5, 1e-1, log=True).when(model="net"),
        "units": Int(4, 512, log=True).when(model="net"),
    }
    assert told(bare, "depth").startswith("depth of a boosted tree")
    assert told(bare, "lr").startswith("learning rate of a neural network")
    # Parts that say little each, and are all active, are of one model.
    one = {"optimizer.lr": Float(1e-5, 1, log=True), "data.batch_size": Int(8, 512), "model.dropout": Float(0, 1)}
    assert told(one, "optimizer.lr").startswith("learning rate of a neural network")
    two = {"a": Categorical(["p", "q"]), "p.lr": one["optimizer.lr"].when(a="p"), "q.dropout": Float(0, 1).when(a="q")}
    assert told(two, "p.lr").startswith("nothing: ")


@pytest.mark.parametrize(
    "param", [Float(10, 1000), Float(1e-9, 1e-6, log=True), Categorical([0.1, 0.2]), Ordinal(["low", "high"])], ids=repr
)
def test_another_range_or_type_means_another_thing(param: Any) -> None:
    said = told({"eta": param, "max_depth": Int(1, 9)}, "eta")
    assert said == "nothing: good values of the learning rate of a boosted tree are numbers near 0.086"


def test_what_is_believed_comes_first_and_a_prior_of_the_user_wins() -> None:
    study = ts.create_study(space=Space(TREES), seed=0)
    first = study.ask().params
    assert first["eta"] == pytest.approx(0.086, rel=0.01)
    assert first["nrounds"] == pytest.approx(1500, rel=0.01)
    assert first["max_depth"] == 4
    assert first["subsample"] > 0.95
    assert first["other"] == 0.5
    assert study.ask().params["eta"] == pytest.approx(math.sqrt(0.001)), "the middle, in case names mislead"
    mine = {**TREES, "eta": Float(0.001, 1, log=True, prior=0.5)}
    study = ts.create_study(space=Space(mine), seed=0)
    assert study.ask().params["eta"] == 0.5
    assert study.explain()["eta"] == "your prior: 0.5"
    assert "boosted tree" in study.explain()["max_depth"]


def test_each_trial_says_that_it_was_used() -> None:
    study = ts.minimize(bowl(TREES), Space(TREES), n_trials=8, seed=0)
    said = [t.system_attrs["proposed_by"] for t in study.trials]
    assert said[0].endswith("around usual values of eta, nrounds, max_depth, subsample")
    assert said[-1].endswith("usual values of eta, nrounds, max_depth, subsample with the weight 0.13")


def test_ordinals_and_linear_ranges_begin_there_too() -> None:
    space = {"learning_rate": Float(1e-5, 0.1), "batch_size": Ordinal([8, 16, 32, 64, 128]), "epochs": Int(5, 50)}
    first = ts.create_study(space=Space(space), seed=0).ask().params
    assert first["learning_rate"] == pytest.approx(0.0012)
    assert first["batch_size"] == 16


def test_without_priors_names_mean_nothing_to_the_digit() -> None:
    plain = proposed(PLAIN)
    assert proposed(PLAIN, priors=False) == plain, "names that mean nothing"
    assert proposed(TREES, priors=False) == plain
    assert proposed(TREES) != plain
    assert told(TREES, "eta", priors=False) == "nothing: the study was created with priors=False"
    both = ts.minimize(bowl(TREES), Space(TREES), n_trials=5, seed=3, priors=False)
    assert [list(t.params.values()) for t in both.trials] == plain[:5]


def test_it_is_stored_with_the_study(tmp_path: Path) -> None:
    options = {"storage": tmp_path / "a.db", "study_name": "s"}
    proposed(TREES, 6, priors=False, **options)
    study = ts.create_study(load_if_exists=True, **options)  # as another worker would open it
    assert told_by(study) == "nothing: the study was created with priors=False"
    study.optimize(bowl(TREES), n_trials=3, space=Space(TREES))
    assert [list(t.params.values()) for t in ts.load_study(**options).trials] == proposed(PLAIN)
    ts.copy_study(from_study_name="s", from_storage=options["storage"], to_storage=tmp_path / "b.db")
    assert told_by(ts.load_study(study_name="s", storage=tmp_path / "b.db")) == told_by(study)


def told_by(study: ts.Study) -> str:
    return study.explain()["eta"]


def test_a_search_of_scikit_learn_takes_it_too() -> None:
    from sklearn.datasets import load_iris
    from sklearn.ensemble import HistGradientBoostingClassifier

    X, y = load_iris(return_X_y=True)
    space = {"learning_rate": Float(0.001, 1, log=True), "max_iter": Int(1, 3)}
    model = HistGradientBoostingClassifier(max_iter=2)
    firsts = []
    for priors in (True, False):
        search = SearchCV(
            model, space, n_trials=1, cv=2, random_state=0, prefer_default=None, confirm=0, refit=False, priors=priors
        )
        firsts.append(search.fit(X, y).cv_results_["params"][0]["learning_rate"])
    assert firsts == [pytest.approx(0.086, rel=0.01), pytest.approx(math.sqrt(0.001), rel=0.01)]


def test_several_objectives_and_earlier_studies_know_better() -> None:
    two = ts.create_study(space=Space(TREES), seed=0, directions=["minimize", "maximize"])
    assert two.ask().params["eta"] == pytest.approx(math.sqrt(0.001))
    assert told_by(two) == "nothing: with several objectives no value is good for all"
    earlier = ts.minimize(bowl(TREES), Space(TREES), n_trials=6, seed=1, sampler="random")
    warm = ts.create_study(space=Space(TREES), seed=0, warm_start_from=earlier)
    assert told_by(warm) == "nothing: earlier studies say more (warm_start_from=)"
    assert ts.create_study().explain() == {}


@pytest.mark.slow
def test_names_that_lie_are_found_out() -> None:
    """The optimum is far from what the names promise; twelve searches each, compared where a search ends."""
    named, plain = (
        np.mean([min(ts.minimize(bowl(s), Space(s), n_trials=25, seed=k).best_value, 1.0) for k in range(6)])
        for s in (TREES, PLAIN)
    )
    assert named < plain + 0.01
    right = np.array([0.645, 0.88, 0.2, 0.95, 0.6])
    good, without = (
        np.mean([ts.minimize(bowl(s, right), Space(s), n_trials=6, seed=k).best_value for k in range(6)])
        for s in (TREES, PLAIN)
    )
    assert good < 0.5 * without


def test_each_entry_of_the_table_has_names_and_a_source() -> None:
    for kind, entries in json.loads(MEANINGS_FILE.read_text()).items():
        assert set(entries) <= {*_MEANINGS[kind].values(), LEARNING_RATE_WITH_MOMENTUM}
        for entry in entries.values():
            assert set(entry) in ({"centre", "factor", "from"}, {"centre", "width", "from"})
            assert entry.get("factor", 2.0) > 1.0
            assert entry.get("width", 1.0) > 0.0
            assert all(" data set" in source or re.search(r" \(\d{4}\)$", source) for source in entry["from"])
