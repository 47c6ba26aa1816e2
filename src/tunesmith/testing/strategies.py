"""Hypothesis strategies for spaces and their points, for the conformance suites and for tests of third parties."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter, Space

LABELS: tuple[Any, ...] = (None, True, False, 0, 1, 1.0, -2.5, "", "a", "b", "été", "1", (1, 2), (1.0, 2), ("x", None))
"""Labels that are easily confused."""

_finite = st.floats(-1e6, 1e6, allow_subnormal=False)


@st.composite
def floats(draw: st.DrawFn) -> Float:
    """A Float: plain, logarithmic, with a step, or a constant."""
    kind = draw(st.sampled_from(["plain", "log", "step", "constant"]))
    if kind == "step":
        step = draw(st.sampled_from([0.1, 0.25, 1 / 3, 1e-3, 2.0]))
        low = draw(st.integers(-20, 20)) * step
        return Float(low, low + draw(st.integers(0, 30)) * step, step=step)
    if kind == "log":
        low = draw(st.sampled_from([1e-8, 1e-3, 0.5, 1.0]))
        return Float(low, low * draw(st.sampled_from([1.0, 1.5, 10.0, 1e6])), log=True)
    low = draw(_finite)
    return Float(low, low if kind == "constant" else low + draw(st.floats(0, 1e6, allow_subnormal=False)))


@st.composite
def ints(draw: st.DrawFn, max_values: int = 1000) -> Int:
    """An Int of at most `max_values` values: plain, logarithmic, or with a step."""
    n = draw(st.integers(1, max_values))
    if draw(st.booleans()):
        low = draw(st.integers(1, 100))
        return Int(low, low + n - 1, log=True)
    low, step = draw(st.integers(-1000, 1000)), draw(st.integers(1, 7))
    return Int(low, low + (n - 1) * step, step=step)


@st.composite
def choices(draw: st.DrawFn, min_size: int = 1) -> Categorical:
    """A Categorical or an Ordinal with labels of mixed types."""
    cls = draw(st.sampled_from([Categorical, Ordinal]))
    picked = draw(st.lists(st.sampled_from(range(len(LABELS))), min_size=min_size, max_size=5, unique=True))
    return cls([LABELS[i] for i in picked])


def parameters(*, finite: bool = False) -> st.SearchStrategy[Parameter]:
    """One parameter without a condition; if `finite`, with at most five values."""
    if finite:
        return st.one_of(choices(), ints(max_values=5))
    return st.one_of(floats(), ints(), choices())


@st.composite
def spaces(
    draw: st.DrawFn,
    *,
    conditional: bool | None = None,
    constrained: bool = False,
    finite: bool = False,
    min_params: int = 1,
    max_params: int = 6,
) -> Space:
    """A space of mixed parameters.

    Args:
        draw: given by Hypothesis.
        conditional: True: has a condition; False: has none; None: may have some, nested ones and on several parents.
        constrained: add a constraint that about half of the points satisfy.
        finite: only parameters with few values.
        min_params: lower bound of their number.
        max_params: upper bound, not counting those that a conditional or constrained space adds.
    """
    n = draw(st.integers(min_params, max_params))
    params: dict[str, Parameter] = {f"p{j}": draw(parameters(finite=finite)) for j in range(n)}
    if conditional:
        params = {"switch": draw(choices(min_size=2)), **params}
    names = list(params)
    if conditional is not False:
        for j in range(1, len(names)):
            forced = conditional and j == 1
            countable = [name for name in names[:j] if params[name].n_values < math.inf]
            parents = draw(st.lists(st.sampled_from(countable), unique=True, max_size=2)) if countable else []
            if forced and "switch" not in parents:
                parents = ["switch"]
            condition = {name: _some_values(draw, params[name]) for name in parents}
            if condition:
                params[names[j]] = params[names[j]].when(condition)
    if draw(st.booleans()):  # children may stand before their parents
        params = {name: params[name] for name in draw(st.permutations(list(params)))}
    if not constrained:
        return Space(params)
    params |= {"low": Int(0, 9), "high": Int(0, 9)}
    return Space(params, constraints=_low_not_above_high)


def _low_not_above_high(low: int, high: int) -> bool:
    return low <= high


def _some_values(draw: st.DrawFn, parent: Parameter) -> list[Any]:
    """Values of the parent; of a continuous one its ends and its middle."""
    if isinstance(parent, Categorical):
        return draw(st.lists(st.sampled_from(parent.choices), min_size=1, max_size=3))
    ends = parent.from_unit(np.array([0.0, 0.5, 1.0]))
    return [parent.to_external(x) for x in draw(st.lists(st.sampled_from(ends.tolist()), min_size=1, max_size=3))]


@st.composite
def unit_points(draw: st.DrawFn, space: Space, *, min_size: int = 0, max_size: int = 8) -> NDArray[np.float64]:
    """Points u[n, d] of the unit cube, its faces and corners included."""
    row = st.lists(st.floats(0, 1), min_size=len(space), max_size=len(space))
    rows = draw(st.lists(row, min_size=min_size, max_size=max_size))
    return np.array(rows, dtype=np.float64).reshape(len(rows), len(space))


@st.composite
def points(draw: st.DrawFn, space: Space, *, min_size: int = 0, max_size: int = 8) -> NDArray[np.float64]:
    """Points x[n, d] of the space; of a constrained one, infeasible points are replaced by sampled ones."""
    x = space.from_unit(draw(unit_points(space, min_size=min_size, max_size=max_size)))
    bad = np.flatnonzero(~space.feasible(x))
    if len(bad):
        x[bad] = space.sample(np.random.default_rng(draw(st.integers(0, 2**32 - 1))), len(bad))
    return x
