"""What holds for every space: round trips, conditions that never leak, exact enumeration."""

from __future__ import annotations

import contextlib
import pickle
import warnings

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.errors import SpaceError
from tunesmith.space import Float, Parameter, Space, merge
from tunesmith.space.parse import parse_lines, parse_parameter
from tunesmith.testing.histories import drawn_points, parameters, spaces, unit_points


def _same(a: np.ndarray, b: np.ndarray) -> bool:
    return np.array_equal(a, b, equal_nan=True)


def _reloaded(space: Space) -> Space:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of constraints, which text cannot hold
        return Space.from_json(space.to_json())


@given(st.data())
def test_points_of_the_cube_are_points_of_the_space(data: st.DataObject) -> None:
    space = data.draw(spaces())
    u = data.draw(unit_points(space))
    x = space.from_unit(u)
    assert space.contains_rows(x).all()
    assert np.array_equal(np.isnan(x), ~space.active(x))
    back = space.to_unit(x)
    assert np.array_equal(np.isnan(back), np.isnan(x))
    assert ((back >= 0) & (back <= 1) | np.isnan(back)).all()


@given(st.data())
def test_to_unit_and_back_is_the_same_point(data: st.DataObject) -> None:
    space = data.draw(spaces(conditional=False))
    x = data.draw(drawn_points(space))
    again = space.from_unit(space.to_unit(x))
    for j, param in enumerate(space.params.values()):
        if param.n_values < np.inf:
            assert np.array_equal(again[:, j], x[:, j])
        else:
            assert np.allclose(again[:, j], x[:, j], rtol=1e-9, atol=1e-9)


@given(st.data())
def test_a_last_bit_of_the_unit_interval_is_no_other_point(data: st.DataObject) -> None:
    """But where it crosses an edge: then it is the neighbour."""
    space = data.draw(spaces(conditional=False))
    u = data.draw(unit_points(space))
    x, other = space.from_unit(u), space.from_unit(np.nextafter(u, 0.5))
    for j, param in enumerate(space.params.values()):
        if isinstance(param, Float) and param.step is None and param.n_values > 1:
            same = x[:, j] == other[:, j]
            apart = np.abs(param.to_unit(x[:, j]) - param.to_unit(other[:, j]))
            assert (same | (apart < 2e-7)).all()


@given(st.data())
def test_decode_and_encode_is_the_same_row(data: st.DataObject) -> None:
    space = data.draw(spaces(constrained=data.draw(st.booleans())))
    x = data.draw(drawn_points(space))
    configs = space.decode(x)
    assert _same(space.encode(configs), x)
    for row, config in zip(x, configs, strict=True):
        assert space.decode_row(row) == config == space.decode_row(row.tolist())
        assert [type(v) for v in config.values()] == [type(v) for v in space.decode_row(row).values()]
        space.validate(config)


@given(st.data())
def test_inactive_values_never_leak(data: st.DataObject) -> None:
    space = data.draw(spaces(conditional=True))
    raw = np.random.default_rng(data.draw(st.integers(0, 999))).random((5, len(space)))
    filled = np.column_stack(
        [p.from_unit(raw[:, j]) for j, p in enumerate(space.params.values())]
    )  # every cell has a value, inactive ones too
    masked = space.mask(filled)
    assert _same(space.mask(masked), masked)
    assert np.array_equal(space.active(filled), space.active(masked))
    assert space.decode(filled) == space.decode(masked)
    for config in space.decode(filled):
        for name in config:
            condition = space[name].condition
            for parent, values in condition.clauses if condition else ():
                assert parent in config
                assert space[parent].to_internal(config[parent]) in [space[parent].to_internal(v) for v in values]


@given(st.data())
def test_json_and_pickle_give_the_same_space(data: st.DataObject) -> None:
    space = data.draw(spaces())
    for other in (_reloaded(space), pickle.loads(pickle.dumps(space))):
        assert other == space
        assert hash(other) == hash(space)
        assert other.signature == space.signature
        assert repr(other) == repr(space)
        assert _same(other.sample(np.random.default_rng(3), 4), space.sample(np.random.default_rng(3), 4))


@given(st.data())
def test_sampling_is_valid_and_deterministic(data: st.DataObject) -> None:
    space = data.draw(spaces(constrained=data.draw(st.booleans())))
    n = data.draw(st.integers(0, 20))
    x = space.sample(np.random.default_rng(7), n)
    assert x.shape == (n, len(space))
    assert x.dtype == np.float64
    assert space.contains_rows(x).all()
    assert _same(x, space.sample(np.random.default_rng(7), n))


@given(st.data())
def test_the_grid_holds_every_point_once(data: st.DataObject) -> None:
    space = data.draw(spaces(finite=True, max_params=4))
    grid = space.grid()
    assert len(grid) == space.n_cells
    if len(grid) > 2000:
        return
    rows = grid.rows(range(len(grid)))
    assert space.contains_rows(rows).all()
    assert len({row.tobytes() for row in rows}) == len(grid)
    sampled = space.sample(np.random.default_rng(0), 50)
    assert {row.tobytes() for row in sampled} <= {row.tobytes() for row in rows}
    assert _same(rows, np.array([grid[i] for i in range(len(grid))]).reshape(rows.shape))


@given(st.data())
def test_a_grid_under_constraints_holds_the_feasible_points(data: st.DataObject) -> None:
    space = data.draw(spaces(finite=True, constrained=True, max_params=2))
    free = Space(space.params)
    kept = free.grid().rows(np.arange(len(free.grid())))
    kept = kept[space.feasible(kept)]
    assert _same(space.grid().rows(range(len(space.grid()))), kept)


@given(parameters(), parameters())
def test_parameters_compare_by_what_they_are(a: Parameter, b: Parameter) -> None:
    assert (a == b) == (repr(a) == repr(b))
    if a == b:
        assert hash(a) == hash(b)
    assert a.when(x=1) != a
    assert a.when(x=1) == a.when(x=1)
    assert a.when(x=1) != a.when(x=True)


@given(st.lists(st.dictionaries(st.sampled_from("abc"), parameters(), max_size=3), max_size=5))
def test_merging_keeps_what_was_there(seen: list[dict[str, Parameter]]) -> None:
    space: Space | None = None
    for params in seen:
        grown = merge(space, params)
        if space is not None:
            assert grown.names[: len(space)] == space.names
        for name, param in params.items():
            for x in param.from_unit(np.array([0.0, 1.0])).tolist():
                assert grown[name].contains(param.to_external(x))
        assert merge(grown, params) is grown
        space = grown


_WORDS = ("log", "int", "float", "in", "if", "and", "or", "step", "low", "nan", "inf", "none", "true", "relu", "'a b'")
_SIGNS = ("(", ")", "[", "]", ",", "|", "<", "=", "==", "'", '"', "\\", "\n", "!", "é")
_NUMBERS = ("1", "-2", "1e-5", "1e999", "0.1")
_pieces = st.sampled_from(_WORDS + _SIGNS + _NUMBERS)


@settings(max_examples=settings().max_examples * 4)
@given(st.one_of(st.text(max_size=40), st.lists(_pieces, max_size=14).map(" ".join)))
def test_parsing_raises_nothing_but_space_errors(text: str) -> None:
    for read in (parse_parameter, parse_lines, Space.from_json, lambda text: Space(p=text, q="a | b")):
        with contextlib.suppress(SpaceError):
            read(text)


@given(st.data())
def test_any_value_is_accepted_or_refused_with_a_space_error(data: st.DataObject) -> None:
    space = data.draw(spaces())
    anything = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.lists(st.integers(), max_size=2)
    )
    config = {name: data.draw(anything) for name in space.names}
    with contextlib.suppress(SpaceError):
        assert space.contains_rows(space.encode([config])).all()


@given(spaces(conditional=True), spaces(conditional=False))
def test_the_strategy_makes_the_spaces_it_is_asked_for(with_some: Space, without: Space) -> None:
    assert with_some.is_conditional
    assert not without.is_conditional
