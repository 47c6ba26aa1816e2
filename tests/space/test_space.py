"""Space: how it is built, conditions, constraints, sampling, points by name, and the errors of each."""

from __future__ import annotations

import base64
import copy
import pickle
import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Choice, Condition, Float, Int, Ordinal, Space

nan = np.nan


@pytest.fixture
def svm() -> Space:
    return Space(
        model=["svm", "forest", "none"],
        kernel=Categorical(["linear", "rbf"]).when(model="svm"),
        gamma=Float(1e-3, 1e3, log=True).when(kernel="rbf"),
        depth=Int(1, 9).when(model="forest"),
        scale=Float(0, 1).when(model=["svm", "forest"]),
    )


def test_a_space_is_a_mapping_of_parameters(svm: Space) -> None:
    assert svm.names == tuple(svm) == ("model", "kernel", "gamma", "depth", "scale")
    assert len(svm) == 5
    assert svm["depth"] == Int(1, 9).when(model="forest")
    assert "depth" in svm
    assert dict(svm) == dict(svm.params)
    assert svm.is_conditional
    assert not svm.is_finite
    assert repr(svm).splitlines()[3] == "    gamma: Float(0.001, 1000.0, log=True) if kernel == 'rbf',"


def test_keywords_and_a_dict_can_be_given_together() -> None:
    assert Space({"a.b": [1, 2]}, c=[3]).names == ("a.b", "c")
    with pytest.raises(SpaceError, match="'a' is given twice"):
        Space({"a": [1]}, a=[2])


def test_equality_looks_at_names_order_parameters_and_constraints() -> None:
    def rule(a: int) -> bool:
        return a > 1

    assert Space(a=[1, 2], b=[3]) == Space({"a": [1, 2], "b": [3]})
    assert Space(a=[1, 2], b=[3]) != Space(b=[3], a=[1, 2])
    assert Space(a=[1, 2]) != Space(a=[1, 2], constraints=rule)
    assert Space(a=[1, 2], constraints=rule) == Space(a=[1, 2], constraints=[rule])
    assert Space(a=[1]) != {"a": Categorical([1])}
    assert len({Space(a=[1]), Space(a=[1]), Space(a=[True])}) == 2


def test_a_space_of_a_space_is_the_same() -> None:
    union = Space([{"a": [1, 2]}, {"a": [3], "b": [4]}], constraints=lambda b: b > 0)
    assert Space(union) == union == copy.deepcopy(union)
    assert union.outer_names == ("a", "b")
    assert Space(union, constraints=_ordered_ab).constraints != union.constraints
    assert Space(Space(a=[1]), b=[2]) == Space(a=[1], b=[2])


def test_an_empty_space_has_one_point() -> None:
    space = Space()
    assert space.sample(np.random.default_rng(0), 3).shape == (3, 0)
    assert space.decode(np.zeros((2, 0))) == [{}, {}]
    assert space.n_cells == len(space.grid()) == 1
    assert bool(space)


# -- conditions --------------------------------------------------------------------------------------------------------


def test_nested_conditions_and_several_values(svm: Space) -> None:
    x = np.array([[0, 1, 1.0, 5, 0.5], [0, 0, 1.0, 5, 0.5], [1, 1, 1.0, 5, 0.5], [2, 1, 1.0, 5, 0.5]])
    assert svm.active(x).tolist() == [
        [True, True, True, False, True],
        [True, True, False, False, True],
        [True, False, False, True, True],
        [True, False, False, False, False],
    ]
    assert svm.decode(x)[2] == {"model": "forest", "depth": 5, "scale": 0.5}
    assert np.isnan(svm.mask(x)[2]).tolist() == [False, True, True, False, False]
    assert not np.isnan(x).any()


def test_several_parents_must_all_agree() -> None:
    space = Space(a=[1, 2], b=["x", "y"], c=Float(0, 1).when(a=1, b=["x", "z"][:1]), d=Int(0, 1).when(a=1).when(b="y"))
    assert space.decode_row([0, 0, 0.5, 1]) == {"a": 1, "b": "x", "c": 0.5}
    assert space.decode_row([0, 1, 0.5, 1]) == {"a": 1, "b": "y", "d": 1}
    assert space.decode_row([1, 1, 0.5, 1]) == {"a": 2, "b": "y"}


def test_conditions_on_numbers_none_booleans_and_tuples() -> None:
    space = Space(
        n=Int(1, 5),
        flag=[True, False, None],
        layers=[(50, 50), (10,)],
        a=Float(0, 1).when(n=range(2, 4)),
        b=Float(0, 1).when(flag=None),
        c=Float(0, 1).when(flag=True),
        d=Float(0, 1).when(layers=(50, 50)),
    )
    assert set(space.decode_row([3, 2, 0, 0.1, 0.2, 0.3, 0.4])) == {"n", "flag", "layers", "a", "b", "d"}
    assert space["d"].condition == Condition([("layers", [(50, 50)])])


def test_conditions_are_put_into_the_order_of_the_parent() -> None:
    one = Space(a=["x", "y", "z"], b=Float(0, 1).when(a={"z", "x"}))
    assert one == Space(a=["x", "y", "z"], b=Float(0, 1).when(a=["x", "z", "x"]))


def test_a_value_behind_an_inactive_parent_does_not_count() -> None:
    space = Space(a=[0, 1], b=Categorical([0, 1]).when(a=1), c=Float(0, 1).when(b=1))
    assert space.active(np.array([[0.0, 1.0, 0.5]])).tolist() == [[True, False, False]]
    assert space.decode_row([0, 1, 0.5]) == {"a": 0}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Space(C=Float(0, 1).when(modle="a"), model=["a"]),
            r"'C' depends on 'modle', which is no parameter .*did you mean 'model'",
        ),
        (
            lambda: Space(k=["rbf"], C=Float(0, 1).when(k="rfb")),
            r"'C' depends on k == 'rfb', but 'k': .*did you mean 'rbf'",
        ),
        (lambda: Space(n=Int(1, 3), C=Float(0, 1).when(n=4)), r"'C' depends on n == 4, but 'n': 4 is out of range"),
        (
            lambda: Space(a=Int(0, 1).when(b=1), b=Int(0, 1).when(a=1)),
            r"form a cycle: 'a' depends on 'b' depends on 'a'",
        ),
        (lambda: Space(a=Int(0, 1).when(a=1)), r"form a cycle: 'a' depends on 'a'"),
        (lambda: Float(0, 1).when(), r"at least one parent"),
        (lambda: Float(0, 1).when(a=[]), r"'a' lists no value"),
        (lambda: Float(0, 1).when({3: 1}), r"names its parent by a string"),
    ],
)
def test_errors_of_conditions(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


# -- constraints -------------------------------------------------------------------------------------------------------


def test_constraints_by_name_and_by_dict() -> None:
    space = Space(
        low=Int(0, 9),
        high=Int(0, 9),
        constraints=[lambda low, high: low < high, lambda params: params["high"] - params["low"] > 2],
    )
    x = space.sample(np.random.default_rng(1), 200)
    assert (x[:, 1] - x[:, 0] > 2).all()
    assert space.feasible(np.array([[1, 2], [3, 1], [0, 9.0]])).tolist() == [False, False, True]
    assert space.contains_rows(np.array([[1, 2], [0, 9.0]])).tolist() == [False, True]


def test_constraints_on_inactive_parameters_hold() -> None:
    space = Space(
        on=[True, False],
        a=Float(0, 1).when(on=True),
        b=Float(0, 1),
        constraints=[lambda a, b: a < b, lambda params: params["a"] < params["b"]],
    )
    assert space.feasible(np.array([[0, 0.9, 0.1], [1, nan, 0.1]])).tolist() == [False, True]


def test_a_default_argument_is_used_unless_it_names_a_parameter() -> None:
    space = Space(a=Int(0, 9), b=Int(0, 9), constraints=lambda a, limit=5, b=0: a < limit and b > 3)
    assert space.feasible(np.array([[4, 4], [4, 3], [6, 9.0]])).tolist() == [True, False, False]


def test_sampling_tells_which_constraint_cannot_be_met() -> None:
    def never(a: float) -> bool:
        return a > 2

    with pytest.raises(SpaceError, match=r"0 of \d+ random points met the constraints \(never\(a\) rejected \d+\)"):
        Space(a=Float(0, 1), constraints=never).sample(np.random.default_rng(0), 1)


def test_rare_feasible_points_are_found() -> None:
    space = Space(a=Float(0, 1), constraints=lambda a: a < 1e-3)
    assert space.sample(np.random.default_rng(0), 5).shape == (5, 1)


@pytest.mark.parametrize(
    ("constraint", "message"),
    [
        (lambda lwo, high: True, r"lambda\(lwo, high\): 'lwo' is no parameter; did you mean 'low'"),
        (lambda: True, "name its arguments after parameters"),
        (lambda *names: True, "name its arguments after parameters"),
        (3, "must be a callable or a list of callables, got 3"),
        ("low < high", "must be a callable or a list of callables"),
        ([3], "a constraint is a function of parameters"),
        ([None], "a constraint is a function of parameters"),
        (dict, "constraint"),
    ],
)
def test_errors_of_constraints(constraint: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        Space(low=Int(0, 1), high=Int(0, 1), constraints=constraint)


def test_a_constraint_that_raises_is_named_with_the_point() -> None:
    space = Space(a=Int(0, 0), constraints=lambda a: 1 / a > 0)
    with pytest.raises(SpaceError, match=r"lambda\(a\) raised ZeroDivisionError: .*'a': 0") as info:
        space.sample(np.random.default_rng(0), 1)
    assert isinstance(info.value.__cause__, ZeroDivisionError)
    typo = Space(a=Int(0, 1), constraints=lambda params: params["A"] > 0)
    with pytest.raises(SpaceError, match="no parameter is called 'A'; did you mean 'a'"):
        typo.feasible(np.array([[0.0]]))


# -- arrays ------------------------------------------------------------------------------------------------------------


def test_sampling_draws_one_matrix_first() -> None:
    space = Space({f"x{j}": Float(-1, j + 1) for j in range(4)})
    u = np.random.default_rng(5).random((3, 4))
    assert np.array_equal(space.sample(np.random.default_rng(5), 3), space.from_unit(u))


def test_columns_of_all_kinds_are_encoded_together() -> None:
    space = Space(
        a=Float(1, 100, log=True),
        b=["x", "y"],
        c=Float(0, 10),
        d=Int(1, 9, log=True),
        e=Ordinal([1, 2, 4]),
        f=Float(0, 1, step=0.1),
    )
    x = np.array([[10.0, 1, 5, 3, 0, 0.3], [1.0, 0, 10, 9, 2, 1.0]])
    u = space.to_unit(x)
    for j, param in enumerate(space.params.values()):
        assert np.array_equal(u[:, j], param.to_unit(x[:, j]))
    assert np.allclose(space.from_unit(u), x, rtol=1e-14)
    assert np.array_equal(space.from_unit(u)[:, 5], x[:, 5])


def test_contains_rows_checks_range_lattice_and_conditions(svm: Space) -> None:
    good = [0, 1, 1.0, nan, 0.5]
    rows = [good, [0, 1, 1e9, nan, 0.5], [0.5, 1, 1, nan, 0.5], [0, 1, 1, 4, 0.5], [0, 1, nan, nan, 0.5], [nan] * 5]
    assert svm.contains_rows(np.array(rows)).tolist() == [True, False, False, False, False, False]
    assert not svm.contains_rows(np.array([[0, 1, np.inf, nan, 0.5]])).any()


def test_arrays_of_a_wrong_shape_are_refused(svm: Space) -> None:
    for method in (svm.to_unit, svm.from_unit, svm.active, svm.mask, svm.feasible, svm.decode, svm.contains_rows):
        with pytest.raises(SpaceError, match=r"shape \(n, 5\), one column a parameter; got \(2, 3\)"):
            method(np.zeros((2, 3)))


def test_nothing_given_is_changed(svm: Space) -> None:
    x = svm.sample(np.random.default_rng(0), 10)
    before = x.copy()
    x.flags.writeable = False
    svm.from_unit(np.nan_to_num(svm.to_unit(x)))
    svm.mask(x), svm.active(x), svm.contains_rows(x), svm.decode(x)
    assert np.array_equal(x, before, equal_nan=True)


# -- points by name ----------------------------------------------------------------------------------------------------


def test_encode_takes_points_by_name_in_any_order(svm: Space) -> None:
    x = svm.encode([{"scale": 1, "depth": np.int64(3), "model": "forest"}, {"model": "none"}])
    assert np.array_equal(x, [[1, nan, nan, 3, 1], [2, nan, nan, nan, nan]], equal_nan=True)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (
            {"model": "forest", "depth": 99, "scale": 1},
            r"'depth': 99 is out of range; valid is a whole number from 1 to 9",
        ),
        ({"model": "frest"}, r"'model': 'frest' is not among the choices; did you mean 'forest'"),
        ({"modl": "svm"}, r"no parameter 'modl'; did you mean 'model'\? \(parameters: 'model', 'kernel'"),
        (
            {"model": "forest", "scale": 1},
            r"'depth' is missing \(it is active since model == 'forest'\); valid is a whole",
        ),
        ({}, r"'model' is missing; valid is one of"),
        ({"model": "none", "depth": 3}, r"'depth' is given as 3, but exists only if model == 'forest'"),
        ([1], r"a point is a dict of parameters, got \[1\]"),
    ],
)
def test_errors_of_points_name_the_parameter(svm: Space, config: Any, message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        svm.validate(config)


def test_partial_points_leave_the_rest_open(svm: Space) -> None:
    x = svm.encode([{"depth": 3}, {"gamma": 1}, {}], partial=True)
    assert np.array_equal(x, [[nan, nan, nan, 3, nan], [nan, nan, 1, nan, nan], [nan] * 5], equal_nan=True)
    with pytest.raises(SpaceError, match="'depth' is given as 3, but exists only if"):
        svm.encode([{"model": "svm", "depth": 3}], partial=True)
    with pytest.raises(SpaceError, match="'gamma' is given as 1, but exists only if"):
        svm.encode([{"model": "forest", "gamma": 1}], partial=True)


def test_a_point_that_breaks_a_constraint_is_refused() -> None:
    space = Space(low=Int(0, 9), high=Int(0, 9), constraints=lambda low, high: low < high)
    with pytest.raises(
        SpaceError, match=r"\{'low': 3, 'high': 1\} does not satisfy the constraint lambda\(low, high\)"
    ):
        space.validate({"low": 3, "high": 1})
    space.validate({"low": 3}, partial=True)


def test_unknown_cells_are_left_out_when_decoding() -> None:
    assert Space(a=Int(0, 3), b=[1, 2]).decode(np.array([[nan, 1.0]])) == [{"b": 2}]


def test_one_dict_is_not_a_list_of_dicts(svm: Space) -> None:
    with pytest.raises(SpaceError, match="put the one dict into a list"):
        svm.encode({"model": "none"})  # type: ignore[arg-type]


def test_pickle_keeps_constraints() -> None:
    space = Space(low=Int(0, 9), high=Int(0, 9), constraints=_ordered)
    again = pickle.loads(pickle.dumps(space))
    assert again == space
    assert again.feasible(np.array([[3, 1.0]])).tolist() == [False]


def _ordered_ab(a: int, b: int) -> bool:
    return a < b


def _ordered(low: int, high: int) -> bool:
    return low < high


def test_a_pickle_of_version_0_1_can_be_read() -> None:
    """Modules of the room have moved since; a pickled study holds its space."""
    data = zlib.decompress(
        base64.b64decode(
            "eNplkL1OwzAUhZv+QWlHShEL4mdol74CQyUYkDKUB7CcxORaJHHkOGoZKsHQokpeUC/vySNwk5ZQFVuKfeJ7rr/jt+ZXq14rhz32"
            "chkZmWRoj0JhuDEaN2j7Jk9EFksD4yzlvth+0baeypUqes9axcxXUR6TeYVTXODQOjHawaHXByV9QTd0J9yIUGnp84h6jN5LT5vJ"
            "JBDzcr+H08i2KA6n7o81OLWOV+ycnBwJj0WAw0+i/u0OfRis0LYj7omokk32Il4RzuC8OGOplkqja3ssIwbBfO6DIN3xVRJII1VC"
            "oltWsZkMDKCbe9aZo704TJVyTRBGaGJt3UeKm79IdZYQcnGfmgmND7XdsE2QIeDD3fdONyIV4rpYZvtVmREpunA5rP5VlrVrEK5c"
            "uHbh5j9UFYOgOpMq0wbhBPpLer4lzSnCLcXKRwv8IDH+AWg4wlc="
        )
    )
    assert pickle.loads(data) == Space(m=["a", "b"], x=Float(0, 1).when(m="a"))


@pytest.mark.parametrize("given", [(0, 1), (1e-3, 1.0), (np.int64(1), 2.5), (1e-6, 1.0, "log-uniform")])
def test_a_tuple_of_two_numbers_is_neither_a_range_nor_choices(given: tuple[Any, ...]) -> None:
    for space in ({"x": given}, [{"x": given}], {"m": Choice({"a": {"x": given}, "b": {}})}):
        with pytest.raises(SpaceError, match=r"x': \(.*for a range write Float\(.*for choices a list, \["):
            Space(space)


def test_other_tuples_and_lists_are_choices() -> None:
    space = Space({"a": ("x", "y"), "b": (1, 2, 3), "c": [0, 1], "d": (True, False), "e": [(50, 50), (10, 10)]})
    assert space["a"] == Categorical(["x", "y"])
    assert [space[name].n_values for name in "bcde"] == [3, 2, 2, 2]
    assert Categorical((0, 1)) == space["c"]
