"""Spaces of Hyperopt: their parameters here, their distributions, and what cannot be one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith import Categorical, Float, Int
from tunesmith.compat.hyperopt import Trials, exceptions, fmin, hp, rand, space_eval
from tunesmith.compat.hyperopt.dimensions import active_values, dimensions_of
from tunesmith.compat.hyperopt.pyll import as_apply, clone, dfs, rec_eval, scope
from tunesmith.compat.hyperopt.pyll.stochastic import recursive_set_rng_kwarg, sample
from tunesmith.compat.hyperopt.pyll_utils import EQ, expr_to_config
from tunesmith.space import Parameter, Space


def parameter(expr: Any) -> Parameter:
    (one,) = dimensions_of(as_apply(expr)).values()
    return one.parameter


def test_parameters_are_ours() -> None:
    assert parameter(hp.uniform("x", -1, 1)) == Float(-1, 1)
    assert parameter(hp.loguniform("x", np.log(1e-3), 0)) == Float(np.exp(np.log(1e-3)), 1, log=True)
    assert parameter(hp.quniform("x", 2, 11, 5)) == Int(0, 2)  # in steps of 5
    assert parameter(hp.uniformint("x", 1, 9)) == Int(1, 9)
    assert parameter(hp.qloguniform("x", 0, np.log(64), 1)) == Int(1, 64, log=True)
    assert parameter(hp.randint("x", 5)) == Int(0, 4)
    assert parameter(hp.randint("x", 5, 8)) == Int(5, 7)
    assert parameter(hp.choice("x", "abc")) == Categorical([0, 1, 2])
    assert parameter(hp.pchoice("x", [(0.2, "a"), (0.8, "b")])).prior == {0: 0.2, 1: 0.8}
    assert repr(parameter(hp.normal("x", 1, 2))) == "Distribution(norm(1.0, 2.0))"


DISTRIBUTIONS = {
    "uniform": hp.uniform("x", -2, 3),
    "loguniform": hp.loguniform("x", -3, 1),
    "quniform": hp.quniform("x", 0, 40, 2),
    "qloguniform": hp.qloguniform("x", 0, 3, 2),
    "normal": hp.normal("x", 1, 2),
    "qnormal": hp.qnormal("x", 0, 10, 2),
    "lognormal": hp.lognormal("x", 0, 1),
    "qlognormal": hp.qlognormal("x", 0, 2, 1),
    "randint": hp.randint("x", 3, 9),
    "uniformint": hp.uniformint("x", 1, 30),
    "pchoice": hp.pchoice("x", [(0.1, 0), (0.2, 1), (0.7, 2)]),
}


@pytest.mark.parametrize("expr", DISTRIBUTIONS.values(), ids=DISTRIBUTIONS)
def test_random_search_draws_as_hyperopt_does(expr: Any) -> None:
    trials = Trials()
    fmin(lambda x: 0.0, expr, algo=rand.suggest, max_evals=300, max_queue_len=300, trials=trials, verbose=False,
         rstate=np.random.default_rng(0))  # fmt: skip
    found = np.sort(np.array([space_eval(expr, {"x": x}) for x in trials.vals["x"]], float))
    rng = np.random.default_rng(1)
    theirs = np.sort(np.array([sample(expr, rng) for _ in range(1500)], float))
    grid = np.unique(theirs)
    gap = np.searchsorted(found, grid, "right") / 300 - np.searchsorted(theirs, grid, "right") / 1500
    assert np.abs(gap).max() < 0.12  # Kolmogorov's distance; 0.12 has a probability of less than 0.001
    if len(grid) < 50:  # a few values, all of which were drawn
        assert set(found) <= set(grid)


numbers = st.floats(-50, 50, allow_nan=False).map(lambda x: round(x, 3))


@settings(max_examples=30, deadline=None)
@given(low=numbers, width=st.floats(0.5, 30), q=st.sampled_from([0.1, 0.25, 1.0, 2.0, 7.0]), u=st.floats(0, 1))
def test_quantised_values_are_multiples_and_come_back(low: float, width: float, q: float, u: float) -> None:
    high = low / 20 + 2
    for expr in (
        hp.quniform("x", low, low + width, q),
        hp.qloguniform("x", low / 20, high, q),
        hp.qnormal("x", low, width, q),
    ):
        (dimension,) = dimensions_of(as_apply(expr)).values()
        x = float(dimension.parameter.from_unit(u))
        value = dimension.value(dimension.parameter.to_external(x))
        assert value == np.round(value / q) * q
        back = dimension.searched(value)
        if dimension.parameter.contains(back):
            assert dimension.value(back) == value


options = st.sampled_from(["ab", "cd"])


@st.composite
def expressions(draw: Any, depth: int = 0, prefix: str = "r") -> Any:
    """Spaces of choices, dicts and lists, in which one parameter is shared by several options."""
    kind = draw(st.sampled_from(["leaf", "choice", "dict", "list", "shared"] if depth < 3 else ["leaf", "shared"]))
    parts = [f"{prefix}{i}" for i in range(draw(st.integers(1, 3)))]
    if kind == "leaf":
        return hp.uniform(prefix, 0, 1)
    if kind == "shared":
        return SHARED + 1
    inner = [draw(expressions(depth=depth + 1, prefix=part)) for part in parts]
    if kind == "choice":
        return hp.choice(prefix, inner)
    return dict(zip(parts, inner, strict=True)) if kind == "dict" else inner


SHARED = hp.uniform("shared", 0, 1)


@settings(max_examples=30, deadline=None)
@given(expr=expressions(), seed=st.integers(0, 999))
def test_a_sampled_point_has_what_its_options_need_and_nothing_else(expr: Any, seed: int) -> None:
    node = as_apply(expr)
    dimensions = dimensions_of(node)
    space = Space({label: one.parameter for label, one in dimensions.items()})
    for params in space.decode(space.sample(np.random.default_rng(seed), 10)):
        values = active_values(dimensions, params)
        space_eval(expr, values)  # nothing is missing
        needed: set[str] = set()
        _walk(node, values, needed)
        assert set(values) == needed


def _walk(node: Any, values: dict[str, Any], needed: set[str]) -> None:
    if node.name == "hyperopt_param":
        needed.add(rec_eval(node.arg["label"]))
    elif node.name == "switch":
        _walk(node.pos_args[0], values, needed)
        _walk(node.pos_args[1 + values[rec_eval(node.pos_args[0].arg["label"])]], values, needed)
    else:
        for one in node.inputs():
            _walk(one, values, needed)


def test_conditions_are_told_as_hyperopt_tells_them() -> None:
    z = hp.randint("z", 10)
    inner = hp.choice("d", [3 + hp.loguniform("c", 0, 1), hp.loguniform("e", 0, 1)])
    hps: dict[str, Any] = {}
    expr_to_config((hp.choice("a", [hp.uniform("b", -1, 1) + z, {"d": inner}]), z), (True,), hps)
    assert hps["a"]["node"].name == "randint"
    assert hps["c"]["conditions"] == {(True, EQ("a", 1), EQ("d", 0))}
    assert hps["z"]["conditions"] == {(True,), (True, EQ("a", 0))}
    hps = {}
    expr_to_config(hp.choice("a", [z + 1, z - 1]), None, hps)
    assert hps["z"]["conditions"] == {()}


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: hp.uniform(3, 0, 1), TypeError),
        (lambda: hp.uniform("x", 1, 1), ValueError),
        (lambda: hp.quniform("x", low=2, high=1, q=1), ValueError),
        (lambda: dimensions_of(as_apply([hp.uniform("x", 0, 1), hp.uniform("x", 0, 1)])), exceptions.DuplicateLabel),
        (lambda: dimensions_of(as_apply(hp.uniform("x", 0, hp.uniform("y", 1, 2)))), exceptions.BadSearchSpace),
        (lambda: dimensions_of(as_apply(hp.loguniform("x", 0, 1e4))), exceptions.BadSearchSpace),
        (lambda: dimensions_of(as_apply(hp.choice("x", []))), exceptions.BadSearchSpace),
        (lambda: dimensions_of(as_apply(hp.pchoice("x", [(-1, "a"), (2, "b")]))), exceptions.BadSearchSpace),
        (lambda: space_eval(hp.choice("a", [1, hp.uniform("b", 0, 1)]), {"a": 1}), AttributeError),
    ],
)
def test_what_is_no_space_is_an_error(make: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        make()


def test_a_function_that_returns_several_values_is_unpacked() -> None:
    @scope.define_info(o_len=2)
    def low_and_high(x: float) -> tuple[float, float]:
        return x, x + 1

    try:
        low, high = scope.low_and_high(2)
        assert rec_eval([high, low]) == (3, 2)
    finally:
        scope.undefine(low_and_high)


def test_expressions() -> None:
    x = hp.uniform("x", 0, 1)
    with pytest.raises(TypeError, match="not known before"):
        list(x)
    a, b = as_apply((x, 2))
    assert space_eval(a + b * 3, {"x": 0.5}) == 6.5
    assert space_eval([(1 - x) ** 2, -x // 1, 2 / (x + 1), x > 0.2, abs], {"x": 0.5}) == (0.25, -1, 2 / 1.5, True, abs)
    assert space_eval({1: x, "k": "v"}, {"x": 0.5}) == {1: 0.5, "k": "v"}
    shared = as_apply([x, x])
    assert sum(node.name == "hyperopt_param" for node in dfs(shared)) == 1
    copied = clone(shared)
    assert not set(dfs(copied)) & set(dfs(shared))
    values = [rec_eval(recursive_set_rng_kwarg(clone(one), scope.rng_from_seed(3))) for one in (shared, copied)]
    assert values[0] == values[1]
    assert str(as_apply([1, x, x])).splitlines() == [
        "0 pos_args",
        "1   Literal{1}",
        "2   float",
        "3     hyperopt_param",
        "4       Literal{x}",
        "5       uniform",
        "6         Literal{0}",
        "7         Literal{1}",
        "8   float  [line:2]",
    ]
    assert str(as_apply(np.arange(3.0))) == "0 Literal{np.ndarray,shape=(3,),min=0.000000,max=2.000000}"
    assert as_apply(7)._obj == as_apply(7).obj == 7
    with pytest.raises(ZeroDivisionError, match="never"):
        rec_eval(scope.switch(1, 0, scope.Raise(ZeroDivisionError, "never")))
    assert rec_eval(scope.kwswitch("b", a=1, b=2)) == 2
    assert sample(scope.one_of(1, 2), np.random.default_rng(0)) in (1, 2)
