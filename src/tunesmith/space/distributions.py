"""Parameters from scipy's frozen distributions. scipy is imported only to rebuild one from text."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter
from tunesmith.space.encoding import Scale
from tunesmith.space.labels import label_key
from tunesmith.space.parameters import Float, Int, as_number

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tunesmith.space.encoding import BoolArray, FloatArray

_set = object.__setattr__
_TAIL = 2.0**-53  # how far from 0 and 1 a quantile is taken, since those may be infinite


def from_scipy(frozen: Any) -> Parameter:
    """Return `uniform` and `loguniform` as Float, `randint` as Int, any other distribution as a `Distribution`."""
    family = getattr(frozen, "dist", None)
    if family is None:
        return Distribution(frozen)
    low, high = frozen.support()
    if family.name == "uniform":
        return Float(low, high)
    # A shifted loguniform is not uniform in the logarithm; then the median is not the geometric mean.
    if family.name in ("loguniform", "reciprocal") and math.isclose(frozen.median() ** 2, low * high, rel_tol=1e-9):
        return Float(low, high, log=True)
    if family.name == "randint":
        return Int(low, high)
    return Distribution(frozen)


def _frozen(given: Any) -> Any:
    """Return a distribution of given values, which has no arguments, as a frozen one."""
    if getattr(given, "xk", None) is not None:
        return given()
    if not hasattr(given, "rvs"):
        raise SpaceError(f"a Distribution takes a frozen one of scipy.stats, such as norm(0, 2); got {shown(given)}")
    name = getattr(given, "name", type(given).__name__)
    raise SpaceError(f"the distribution {name!r} has no parameters: give them, as in loguniform(1e-5, 1e-1)")


class Distribution(Parameter):
    """Values distributed as a frozen `scipy.stats` distribution: the unit interval is its cumulative probability.

    A space takes such distributions as they are; this is for those that have a condition.

    Args:
        frozen: the distribution, such as ``norm(0, 2)``.

    Attributes:
        frozen: the distribution.
        low: the lower end of its support, which may be infinite.
        high: the upper end.

    Raises:
        SpaceError: it is not a frozen distribution, or its arguments are not valid.

    Example:
        ```python
        from scipy.stats import norm

        from tunesmith import Distribution, Space

        space = Space(model=["svm", "forest"], shift=Distribution(norm(0, 2)).when(model="svm"))
        space.validate({"model": "svm", "shift": -0.3})
        ```
    """

    __slots__ = ("_discrete", "_grid", "_table", "frozen", "high", "low")
    is_numeric = True
    frozen: Any
    low: float
    high: float
    _discrete: bool
    _table: tuple[tuple[float, float], ...] | None  # values and probabilities, where these define it
    _grid: FloatArray | None  # its values alone

    def __init__(self, frozen: Any) -> None:
        if getattr(frozen, "dist", None) is None:
            frozen = _frozen(frozen)
        low, high = (float(end) for end in frozen.support())
        if not low <= high:
            raise SpaceError(f"the parameters of the distribution {frozen.dist.name!r} are not valid: {_call(frozen)}")
        discrete = hasattr(frozen.dist, "pmf")
        _set(self, "frozen", frozen)
        _set(self, "low", low)
        _set(self, "high", high)
        _set(self, "_discrete", discrete)
        _set(self, "_table", None)
        _set(self, "_grid", None)
        xk = getattr(frozen.dist, "xk", None)
        if xk is not None:
            table = dict(zip(np.ravel(xk).tolist(), np.ravel(frozen.dist.pk).tolist(), strict=True))
            loc = low - min(table)
            values = sorted((x + loc, p) for x, p in table.items() if p > 0)
            _set(self, "_table", tuple(values))
            _set(self, "_grid", np.array([x for x, _ in values]))
            name, arguments = "rv_discrete", values
        else:
            name, arguments = frozen.dist.name, [_as_lists(list(frozen.args)), _as_lists(dict(frozen.kwds))]
        key = label_key(arguments)
        if key is None:
            raise SpaceError(f"the parameters of the distribution {name!r} must be numbers, got {_call(frozen)}")
        self._start((name, key))

    @property
    def n_values(self) -> int | float:
        if self._grid is not None:
            return len(self._grid)
        if self._discrete and math.isfinite(self.high - self.low):
            return int(self.high - self.low) + 1
        return math.inf

    def cells(self, k: NDArray[np.int64]) -> FloatArray:
        return self._grid[k] if self._grid is not None else self.low + np.asarray(k, dtype=np.float64)

    def cell_of(self, x: float) -> int | None:
        if self._grid is None:
            return int(x - self.low) if self.low <= x <= self.high else None
        found = np.flatnonzero(self._grid == x)
        return int(found[0]) if len(found) else None

    def to_internal(self, value: Any) -> float:
        x = as_number(value, self)
        if not (self.low <= x <= self.high and math.isfinite(x)) or (self._discrete and not self._possible(x)):
            raise SpaceError(f"{shown(value)} is out of range; valid is {self.valid()}")
        return x

    def _possible(self, x: float) -> bool:
        if self._grid is not None:
            return bool((self._grid == x).any())
        return x.is_integer()

    def to_external(self, x: float) -> float | int:
        return int(x) if self._discrete and float(x).is_integer() else float(x)

    def valid(self) -> str:
        kind = "a value" if self._grid is not None else "a whole number" if self._discrete else "a number"
        return f"{kind} from {self.low!r} to {self.high!r} ({_call(self.frozen)})"

    def _make_scale(self) -> Scale:
        return _DistributionScale(self)

    def _arguments(self) -> str:
        return _call(self.frozen)


class _DistributionScale(Scale):
    """The cumulative probability and its inverse."""

    __slots__ = ("_param",)

    def __init__(self, param: Distribution) -> None:
        self._param = param

    def to_unit(self, x: FloatArray) -> FloatArray:
        p = self._param
        u = np.array(p.frozen.cdf(x), dtype=np.float64)
        if p._discrete:  # the middle of the jump, so that the way back finds the same value
            u -= 0.5 * np.nan_to_num(np.asarray(p.frozen.pmf(x), dtype=np.float64))
        return np.clip(u, 0.0, 1.0)

    def from_unit(self, u: FloatArray) -> FloatArray:
        x = np.asarray(self._param.frozen.ppf(np.clip(u, _TAIL, 1.0 - _TAIL)), dtype=np.float64)
        return np.clip(x, self._param.low, self._param.high)

    def contains(self, x: FloatArray) -> BoolArray:
        p = self._param
        inside: BoolArray = (x >= p.low) & (x <= p.high) & np.isfinite(x)
        if p._discrete:
            inside &= (x == np.rint(x)) if p._grid is None else np.isin(x, p._grid)
        return inside


def frozen_to_json(param: Distribution) -> dict[str, Any]:
    """Return the distribution's name and arguments."""
    frozen = param.frozen
    if param._table is not None:
        return {"name": "rv_discrete", "values": [list(pair) for pair in param._table]}
    import scipy.stats

    name = frozen.dist.name
    if type(getattr(scipy.stats, str(name), None)) is not type(frozen.dist):
        raise SpaceError(f"the distribution {name!r} is not one of scipy.stats, so it cannot be written as text")
    return {"name": name, "args": _as_lists(list(frozen.args)), "kwds": _as_lists(dict(frozen.kwds))}


def distribution_from_json(data: dict[str, Any]) -> Distribution:
    """Return the distribution that `distribution_to_json` wrote."""
    import scipy.stats

    if data["name"] == "rv_discrete":
        xk, pk = zip(*data["values"], strict=True)
        return Distribution(scipy.stats.rv_discrete(values=(xk, pk))())
    family = getattr(scipy.stats, data["name"], None)
    if not isinstance(family, (scipy.stats.rv_continuous, scipy.stats.rv_discrete)):
        raise SpaceError(f"scipy.stats has no distribution {shown(data['name'])}")
    return Distribution(family(*data["args"], **data["kwds"]))


def _as_lists(value: Any) -> Any:
    """Return arguments as lists and numbers."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    if isinstance(value, (list, tuple)):
        return [_as_lists(item) for item in value]
    if isinstance(value, dict):
        return {name: _as_lists(item) for name, item in value.items()}
    return value


def _call(frozen: Any) -> str:
    arguments = [shown(a) for a in frozen.args] + [f"{name}={shown(a)}" for name, a in frozen.kwds.items()]
    if getattr(frozen.dist, "xk", None) is not None:
        return f"rv_discrete({', '.join(['values=…', *arguments])})"
    return f"{frozen.dist.name}({', '.join(arguments)})"
