"""Search spaces of Ray Tune as spaces of this library."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith import Categorical, Float, Int, create_study
from tunesmith.compat.hyperopt import hp
from tunesmith.compat.ray import tune
from tunesmith.compat.ray.tune.sample import ParamSpace
from tunesmith.compat.ray.tune.search import BayesOptSearch, HyperOptSearch, OptunaSearch
from tunesmith.errors import SpaceError
from tunesmith.trial import FrozenTrial


def trials_of(space: ParamSpace, n: int = 30) -> tuple[list[dict[str, Any]], list[FrozenTrial]]:
    """Return the configs of running trials, and the records of these."""
    configs = []
    study = create_study(sampler="random", seed=1, space=space.space())

    def objective(trial: Any) -> float:
        configs.append(space.config(trial))
        return 0.0

    study.optimize(objective, n_trials=n)
    return configs, study.trials


def test_ranges_are_those_of_ray() -> None:
    domains = {
        "a": tune.uniform(0, 2),
        "b": tune.quniform(0.15, 1.0, 0.1),
        "c": tune.loguniform(1e-4, 1e-1),
        "d": tune.randint(3, 6),
        "e": tune.qrandint(1, 10, 5),
        "f": tune.lograndint(1, 1000),
        "g": tune.choice(["x", None, 3]),
    }
    space = ParamSpace(domains).space()
    assert space is not None
    assert space["a"] == Float(0, 2)
    assert space["b"] == Float(0.2, 1.0, step=0.1)
    assert space["c"] == Float(1e-4, 1e-1, log=True)
    assert space["d"] == Int(3, 5)
    assert space["e"] == Int(5, 10, step=5)
    assert space["f"] == Int(1, 999, log=True)
    assert space["g"] == Categorical(["x", None, 3])


@given(q=st.integers(1, 20), low=st.integers(20, 60), width=st.integers(40, 400))
def test_rounded_values_are_multiples(q: int, low: int, width: int) -> None:
    for domain in (
        tune.qlograndint(low, low + width, q),
        tune.qloguniform(low, low + width, q),
        tune.qrandn(low, 3, q),
    ):
        np.random.seed(0)
        value = domain.sample()
        assert value == pytest.approx(round(value / q) * q)
        assert isinstance(value, int) == ("rand" in str(domain) and "randn" not in str(domain))


def test_a_config_keeps_its_shape_and_its_objects() -> None:
    marker = object()
    given_space = {
        "model": {"lr": tune.uniform(0, 1), "layers": [tune.randint(1, 3), 8]},
        "marker": marker,
        "act": tune.grid_search(["relu", "tanh"]),
    }
    space = ParamSpace(given_space)
    configs, records = trials_of(space)
    for config, record in zip(configs, records, strict=True):
        assert config["marker"] is marker
        assert 0 <= config["model"]["lr"] <= 1
        assert config["model"]["layers"][0] in (1, 2)
        assert config["model"]["layers"][1] == 8
        assert space.config(record) == config
    assert space.cells() == [{"act": "relu"}, {"act": "tanh"}]
    assert given_space["act"] == {"grid_search": ["relu", "tanh"]}


def test_cells_vary_the_first_grid_fastest() -> None:
    space = ParamSpace({"a": tune.grid_search([1, 2]), "b": tune.grid_search([3, 4])})
    assert [(cell["a"], cell["b"]) for cell in space.cells()] == [(1, 3), (2, 3), (1, 4), (2, 4)]


def test_sample_from_sees_the_config_and_others_of_its_kind() -> None:
    space = ParamSpace(
        {
            "double": tune.sample_from(lambda spec: spec.config.half * 4),
            "half": tune.sample_from(lambda config: config["inner"]["x"] / 2),
            "inner": {"x": tune.uniform(1, 2)},
            "noise": tune.sample_from(lambda: random.random() + np.random.rand()),
        }
    )
    configs, records = trials_of(space)
    for config, record in zip(configs, records, strict=True):
        assert config["double"] == pytest.approx(2 * config["inner"]["x"])
        assert space.config(record) == config
    assert len({config["noise"] for config in configs}) == len(configs)
    assert trials_of(space)[0] == configs  # the seed of a study says it all


def test_sample_from_whose_error_is_its_own_says_so() -> None:
    with pytest.raises(KeyError, match="missing"):
        trials_of(ParamSpace({"a": tune.sample_from(lambda config: config["missing"])}))


def test_what_cannot_be_searched_is_refused() -> None:
    with pytest.raises(SpaceError, match="did you mean"):
        tune.uniform(1, 0)
    with pytest.raises(ValueError, match="HyperOptSearch"):
        tune.choice([{"x": tune.uniform(0, 1)}])
    with pytest.raises(ValueError, match=r"tune\.choice"):
        OptunaSearch().space({"a": tune.grid_search([1, 2])})
    with pytest.raises(TypeError, match="param_space"):
        ParamSpace([1])  # type: ignore[arg-type]  # which is what is tested


def test_a_function_of_a_trial_is_a_space() -> None:
    def suggest(trial: Any) -> dict[str, Any]:
        if trial.suggest_categorical("act", ["relu", "tanh"]) == "relu":
            trial.suggest_float("slope", 0, 1)
        return {"steps": 7}

    space = OptunaSearch(space=suggest).space(None)
    configs, records = trials_of(space)
    assert {("slope" in config) == (config["act"] == "relu") for config in configs} == {True}
    assert {config["steps"] for config in configs} == {7}
    assert [space.config(record) for record in records] == configs


def test_spaces_of_hyperopt_and_of_bayesian_optimisation() -> None:
    given_space = {"kind": hp.choice("kind", [{"c": hp.uniform("c", 0, 1)}, {}]), "n": hp.quniform("n", 0, 10, 5)}
    space = HyperOptSearch(space=given_space).space(None)
    configs, records = trials_of(space)
    assert {config["n"] for config in configs} == {0.0, 5.0, 10.0}
    assert {tuple(config["kind"]) for config in configs} == {(), ("c",)}
    assert [space.config(record) for record in records] == configs
    found = BayesOptSearch(space={"x": (0, 1)}).space({"steps": 3})
    assert {tuple(config) for config in trials_of(found)[0]} == {("steps", "x")}
    with pytest.raises(ValueError, match="a space of its own"):
        BayesOptSearch(space={"x": (0, 1)}).space({"y": tune.uniform(0, 1)})
