"""Spaces from what people write: lists, arrays, scipy distributions, lists of dicts."""

from __future__ import annotations

import pickle
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
import scipy.stats as stats

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Float, Int, Space


@pytest.mark.parametrize("value", [[1, 2, 3], (1, 2, 3), np.array([1, 2, 3]), range(1, 4), Categorical([1, 2, 3])])
def test_lists_of_values_are_choices(value: Any) -> None:
    assert Space(a=value)["a"] == Categorical([1, 2, 3])


def test_pandas_columns_are_choices() -> None:
    pandas = pytest.importorskip("pandas")
    assert Space(a=pandas.Series([1, 2]), b=pandas.Index(["x"])) == Space(a=[1, 2], b=["x"])


def test_the_common_scipy_distributions_are_plain_parameters() -> None:
    space = Space(
        a=stats.loguniform(1e-4, 1e-1), b=stats.uniform(1, 2), c=stats.randint(2, 7), d=stats.reciprocal(1, 2)
    )
    assert dict(space) == {
        "a": Float(1e-4, 1e-1, log=True),
        "b": Float(1, 3),
        "c": Int(2, 6),
        "d": Float(1, 2, log=True),
    }


@pytest.mark.parametrize(
    "frozen",
    [
        stats.norm(3, 0.1),
        stats.expon(scale=2),
        stats.loguniform(1, 10, loc=3),
        stats.truncnorm(-1, 1),
        stats.poisson(3),
        stats.binom(5, 0.3),
        stats.geom(0.2),
        stats.rv_discrete(values=([1, 5, 9], [0.2, 0.3, 0.5])),
        stats.rv_discrete(values=([5, 1, 9], [0.0, 0.5, 0.5]))(loc=2),
    ],
    ids=lambda frozen: getattr(getattr(frozen, "dist", frozen), "name", "?"),
)
def test_other_distributions_are_sampled_through_their_quantiles(frozen: Any) -> None:
    space = Space(a=frozen)
    x = space.sample(np.random.default_rng(0), 2000)
    assert space.contains_rows(x).all()
    assert np.isfinite(x).all()
    assert abs(x.mean() - frozen.mean()) < 5 * frozen.std() / np.sqrt(2000)
    assert np.allclose(space.from_unit(space.to_unit(x)), x, rtol=1e-6)
    configs = space.decode(x[:20])
    assert np.array_equal(space.encode(configs), x[:20])
    for again in (Space.from_json(space.to_json()), pickle.loads(pickle.dumps(space))):
        assert again == space
        assert np.array_equal(again.sample(np.random.default_rng(0), 50), x[:50])
    assert np.isfinite(space.from_unit(np.array([[0.0], [1.0]]))).all()
    if space.is_finite:
        assert set(x.ravel()) <= set(np.array(list(space.grid())).ravel())
    else:
        assert space.contains_rows(space.grid(7).rows(range(len(space.grid(7))))).all()


def test_values_outside_a_distribution_are_refused() -> None:
    space = Space(a=stats.expon(), b=stats.rv_discrete(values=([1, 5], [0.5, 0.5])), c=stats.poisson(2))
    good = {"a": 0.3, "b": 5, "c": 2}
    space.validate(good)
    for bad in ({"a": -1}, {"b": 3}, {"c": 1.5}, {"a": np.inf}, {"a": "x"}):
        with pytest.raises(SpaceError, match=f"'{next(iter(bad))}': .*valid is"):
            space.validate({**good, **bad})
    assert [type(v) for v in space.decode(space.encode([good]))[0].values()] == [float, int, int]


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (stats.norm, "'a': the distribution 'norm' has no parameters"),
        (stats.norm(scale=-1), "'a': the parameters of the distribution 'norm' are not valid"),
        (3, r"'a': 3 describes no parameter; give Float, .*a constant is a list of one: \[3\]"),
        (None, "'a': None describes no parameter"),
        ({1, 2}, "'a': Categorical: a set has no order"),
        ([], "'a': Categorical: choices are empty"),
        ([1, 1], "'a': Categorical: duplicate choices: 1"),
        ("lgo(1, 2)", "'a': unknown kind of range 'lgo'; did you mean 'log'"),
        (stats.multivariate_normal([0, 0]), "'a': .* describes no parameter"),
    ],
)
def test_what_cannot_be_read_is_refused_by_name(value: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space(a=value)


@pytest.mark.parametrize("params", [3, "abc", [1], {3: [1]}, {"": [1]}, {"__branch__": [1]}, []])
def test_what_is_no_mapping_of_names_is_refused(params: Any) -> None:
    with pytest.raises(SpaceError):
        Space(params)


# -- lists of dicts ----------------------------------------------------------------------------------------------------


@pytest.fixture
def union() -> Space:
    return Space(
        [
            {"kernel": ["linear"], "C": [1, 10], "tol": [0.1, 0.2]},
            {"kernel": ["rbf", "poly"], "C": Float(1, 100, log=True), "gamma": [0.1], "tol": [0.1, 0.2]},
        ]
    )


def test_a_list_of_dicts_is_the_union_of_its_dicts(union: Space) -> None:
    assert union.names == ("__branch__", "kernel@0", "C@0", "tol", "kernel@1", "C@1", "gamma")
    assert union["tol"].condition is None  # the same in all branches: one column
    configs = union.decode(union.sample(np.random.default_rng(0), 100))
    for config in configs:
        if config["kernel"] == "linear":
            assert list(config) == ["kernel", "C", "tol"]
            assert config["C"] in (1, 10)
        else:
            assert list(config) == ["tol", "kernel", "C", "gamma"]
    assert {config["kernel"] for config in configs} == {"linear", "rbf", "poly"}
    assert union.decode(union.encode(configs)) == configs


def test_points_of_a_union_find_their_branch(union: Space) -> None:
    x = union.encode([{"kernel": "linear", "C": 10, "tol": 0.1}, {"kernel": "poly", "C": 50, "gamma": 0.1, "tol": 0.2}])
    assert x[:, 0].tolist() == [0, 1]
    with pytest.raises(
        SpaceError, match=r"fits none of the 2 dicts(.|\n)*0: 'C': 3 is not among(.|\n)*1: 'kernel': 'linear'"
    ):
        union.validate({"kernel": "linear", "C": 3, "tol": 0.1})


def test_unions_survive_json_and_pickle_and_count_their_cells(union: Space) -> None:
    assert Space.from_json(union.to_json()) == union
    assert pickle.loads(pickle.dumps(union)) == union
    finite = Space([{"a": [1, 2], "b": [1, 2, 3]}, {"a": [5]}, {}])
    assert finite.n_cells == len(finite.grid()) == 8
    assert finite.decode(np.array(list(finite.grid())))[-3:] == [{"a": 2, "b": 3}, {"a": 5}, {}]
    assert len(union.grid({"C": 3})) == 2 * 2 + 2 * 2 * 3
    assert len(union.grid({"C": [1, 50]})) == 2 + 2 * 2 * 2


def test_conditions_inside_a_branch_stay_inside() -> None:
    space = Space(
        [
            {"m": ["a", "b"], "x": Float(0, 1).when(m="a")},
            {"m": ["a", "c"], "x": Float(0, 1).when(m="c")},
        ]
    )
    for config in space.decode(space.sample(np.random.default_rng(0), 50)):
        assert ("x" in config) <= (config["m"] in ("a", "c"))
    assert space.decode(space.encode([{"m": "c", "x": 0.5}])) == [{"m": "c", "x": 0.5}]


def test_constraints_of_a_union_use_the_names_users_know() -> None:
    space = Space([{"a": [1, 2], "b": [1, 2]}, {"a": [5]}], constraints=lambda a, b: a < b)
    assert space.decode(np.array(list(space.grid()))) == [{"a": 1, "b": 2}, {"a": 5}]


def test_a_list_of_one_dict_is_that_dict() -> None:
    assert Space([{"a": [1, 2]}]) == Space(a=[1, 2])
    with pytest.raises(SpaceError, match="exclude each other"):
        Space([{"a": [1]}], b=[2])


def test_scipy_is_imported_only_where_it_is_needed() -> None:
    code = (
        "import sys, numpy as np\nfrom tunesmith.space import *\n"
        "s = Space(a=Float(0, 1), b=[1, 2], c='log(1, 2) if b == 1')\n"
        "s.decode(s.sample(np.random.default_rng(0), 3)); Space.from_json(s.to_json()); s.grid(2)\n"
        "print([m for m in sys.modules if m.split('.')[0] in ('scipy', 'hypothesis', 'pandas')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
