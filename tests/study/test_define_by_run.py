"""Spaces that objectives make up as they go."""

from __future__ import annotations

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.space import Categorical, Float, Int


def test_conditional_branches() -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.suggest_categorical("model", ["svm", "tree"]) == "svm":
            return trial.suggest_float("C", 1e-3, 1e3, log=True)
        return float(trial.suggest_int("depth", 1, 20))

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=40)
    for t in study.trials:
        assert set(t.params) == ({"model", "C"} if t.params["model"] == "svm" else {"model", "depth"})
        assert set(t.distributions) == set(t.params)
    x = study.history.points(study.space) if study.space is not None else np.empty((0, 3))
    names = list(study.space or ())
    assert np.isnan(x[:, names.index("C")]).sum() == sum(t.params["model"] == "tree" for t in study.trials)


def test_ranges_that_change_between_trials_do_not_raise_and_are_kept_with_the_trial() -> None:
    def objective(trial: ts.Trial) -> float:
        high = 1 + trial.number % 3
        return trial.suggest_float("x", 0, high) + trial.suggest_int("k", trial.number, trial.number + 5)

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=12)
    for t in study.trials:
        assert t.distributions["x"] == Float(0, 1 + t.number % 3)
        assert t.distributions["k"] == Int(t.number, t.number + 5)
        assert 0 <= t.params["x"] <= 1 + t.number % 3
        assert t.number <= t.params["k"] <= t.number + 5
    assert study.space is not None
    assert study.space["x"] == Float(0, 3)
    assert study.space["k"] == Int(0, 16)


def test_choices_that_change_between_trials_keep_their_meaning() -> None:
    lists = [["a", "b"], ["b", "c"], ["c", "a", "d"]]

    def objective(trial: ts.Trial) -> float:
        trial.suggest_categorical("c", lists[trial.number % 3])
        return 0.0

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=30)
    assert study.space is not None
    assert study.space["c"] == Categorical(["a", "b", "c", "d"])
    column = study.history.points(study.space)[:, 0]
    for t, index in zip(study.trials, column, strict=True):
        assert t.distributions["c"] == Categorical(lists[t.number % 3])
        assert t.params["c"] in lists[t.number % 3]
        assert study.space["c"].to_external(index) == t.params["c"]


def test_a_name_that_changes_its_kind() -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.number % 2:
            trial.suggest_categorical("p", ["a", "b"])
        else:
            trial.suggest_float("p", 0, 1)
        return 0.0

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=6)
    for t in study.trials:
        assert (t.params["p"] in ("a", "b")) if t.number % 2 else (0 <= t.params["p"] <= 1)


def test_a_name_asked_for_twice_has_one_value() -> None:
    study = ts.create_study(seed=0)

    def objective(trial: ts.Trial) -> float:
        a, b = trial.suggest_float("x", 0, 1), trial.suggest_float("x", 0, 1)
        assert a == b
        assert trial.suggest_categorical("n", [None, 1]) is trial.suggest_categorical("n", [None, 1])
        return a

    study.optimize(objective, n_trials=4)


def test_labels_of_mixed_types() -> None:
    choices = [None, True, 1, 1.0, "1", (1, 2)]
    study = ts.create_study(seed=0)
    study.optimize(lambda t: float(t.suggest_categorical("c", choices) is None), n_trials=80)
    seen = [t.params["c"] for t in study.trials]
    for choice in choices:
        assert any(type(s) is type(choice) and s == choice for s in seen), choice


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda t: t.suggest_float("x", 2, 1), "'x'.*low"),
        (lambda t: t.suggest_float("x", 0, 1, log=True), "'x'.*log"),
        (lambda t: t.suggest_float("x", float("nan"), 1), "'x'"),
        (lambda t: t.suggest_int("x", 0, 10, step=0), "'x'.*step"),
        (lambda t: t.suggest_categorical("x", []), "'x'"),
        (lambda t: t.suggest_categorical("x", ["a", "a"]), "'x'.*a"),
    ],
)
def test_bad_ranges_name_the_parameter(call, words: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ts.SpaceError, match=words):
        call(ts.create_study().ask())


def test_the_same_seed_gives_the_same_course() -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        return x + (trial.suggest_int("k", 0, 9) if x > 0.5 else 0)

    courses = []
    for _ in range(2):
        study = ts.create_study(seed=11)
        study.optimize(objective, n_trials=20)
        courses.append([t.params for t in study.trials])
    assert courses[0] == courses[1]
    other = ts.create_study(seed=12)
    other.optimize(objective, n_trials=20)
    assert [t.params for t in other.trials] != courses[0]


def choice_of_models(trial: ts.Trial) -> float:
    """Each model has a middle that is worth a look; the best one is bad over most of its ranges."""
    model = trial.suggest_categorical("model", ["svc", "tree", "knn"])
    if model == "svc":
        c, gamma = trial.suggest_float("C", 1e-3, 1e3, log=True), trial.suggest_float("gamma", 1e-5, 1e1, log=True)
        off = (np.log10(c) - 0.6) ** 2 + (np.log10(gamma) + 2.4) ** 2
        return float(0.3 * (1 - np.exp(-off / 1.5)))
    if model == "tree":
        depth, leaf = trial.suggest_int("depth", 1, 30), trial.suggest_float("leaf", 0.0, 0.5)
        return 0.1 + 0.004 * abs(depth - 9) + 0.2 * leaf
    return 0.12 + 0.002 * abs(trial.suggest_int("k", 1, 50) - 12)


def test_the_first_trial_and_each_new_branch_lie_near_the_middle_of_their_ranges() -> None:
    study = ts.create_study(seed=0)
    study.optimize(choice_of_models, n_trials=12)
    opened: set[str] = set()
    for t in study.trials:
        if t.params["model"] not in opened:
            opened.add(t.params["model"])
            new = [(p, t.params[name]) for name, p in t.distributions.items() if name != "model"]
            assert all(abs(float(p.to_unit(value)) - 0.5) <= 0.11 for p, value in new)
    assert opened == {"svc", "tree", "knn"}


def test_a_new_branch_begins_where_names_tell_what_is_usually_good() -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.suggest_categorical("model", ["svc", "boosting"]) == "svc":
            return trial.suggest_float("svc_C", 1e-2, 1e3, log=True)
        trial.suggest_int("boosting_max_leaf_nodes", 2, 512, log=True)
        return trial.suggest_float("boosting_learning_rate", 1e-6, 1.0, log=True)

    def first_rate(priors: bool) -> float:
        study = ts.create_study(seed=0, priors=priors)
        study.optimize(objective, n_trials=2)
        return next(t.params["boosting_learning_rate"] for t in study.trials if "boosting_learning_rate" in t.params)

    assert first_rate(priors=True) > 0.02
    assert first_rate(priors=False) < 0.005


def test_workers_that_start_at_once_begin_at_points_of_their_own() -> None:
    study = ts.create_study(seed=0)
    x = [study.ask().suggest_float("x", 0, 1) for _ in range(8)]
    assert max(x) - min(x) > 0.5


def test_random_search_draws_new_names_from_whole_ranges() -> None:
    study = ts.create_study(sampler="random", seed=0)

    def objective(trial: ts.Trial) -> float:
        return trial.suggest_float(f"x{trial.number}", 0, 1)

    study.optimize(objective, n_trials=40)
    assert np.ptp([t.value for t in study.trials]) > 0.8


def test_a_choice_of_models_written_as_a_program_is_searched_better_than_at_random() -> None:
    """Without names of the declared space: a lucky or unlucky first point does not decide about a model."""

    def best(sampler: str, seed: int) -> float:
        study = ts.create_study(sampler=sampler, seed=seed)
        study.optimize(choice_of_models, n_trials=25)
        return study.best_value

    ours, random = np.array([[best(s, seed) for seed in range(8)] for s in ("auto", "random")])
    assert (ours < random).sum() >= 7
    assert ours.mean() < 0.02
