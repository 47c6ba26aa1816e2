"""The parameters of a space: their ranges, and how a value becomes a number.

A value has three forms: *external*, what the user's function gets; *internal*, a float64 (the value itself, or the
index of a choice); *unit*, a number in [0, 1] in which distances make sense (log parameters in log space).
Parameters are immutable and hashable. They are plain slotted classes: define-by-run makes and compares ten of them a
trial, and a dataclass would cost more at import than all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.space.bounds import MAX_CELLS, as_number, lattice, read_log, read_number, read_whole, refuse_range
from tunesmith.space.conditions import Condition
from tunesmith.space.encoding import FloatScale, LatticeScale, LogIntScale
from tunesmith.space.hints import shown
from tunesmith.space.priors import DEFAULT_WIDTH, NormalPrior, read_width

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tunesmith.space.encoding import FloatArray, Scale
    from tunesmith.space.priors import UnitPrior

_set = object.__setattr__

MAX_LOG_INT = 2**40  # up to here the maps to and from the unit interval are exact: logarithms lose a few of 53 bits


class Parameter:
    """Common base: one dimension of a space.

    Attributes:
        condition: when the parameter exists, or None if always.
        is_numeric: whether values are numbers (`Float`, `Int`, distributions).
        is_ordered: whether distances between values make sense (all but `Categorical`).
        prior_width: how far from `prior` good values are believed to lie, see :class:`Float`; None: the default.
    """

    __slots__ = ("_key", "_prior", "_scale_cache", "condition", "prior_width")
    is_numeric: bool = False
    is_ordered: bool = True
    condition: Condition | None
    prior_width: float | None
    _key: tuple[Any, ...]
    _prior: Any
    _scale_cache: Scale | None

    @property
    def prior(self) -> Any:
        """The value that is believed good (of choices: or a dict of weights by label), None if none is."""
        return self._prior

    @property
    def n_values(self) -> int | float:
        """Number of different values, `math.inf` if continuous."""
        return math.inf

    def to_internal(self, value: Any) -> float:
        """The float that stands for `value`.

        Raises:
            SpaceError: the value is not in the range; the message says what is.
        """
        raise NotImplementedError

    def to_external(self, x: float) -> Any:
        """The value that internal `x` stands for; `x` is taken to be valid."""
        raise NotImplementedError

    def to_label(self, x: float) -> Any:
        """:meth:`to_external`, but an object known by name is given by that name."""
        return self.to_external(x)

    def valid(self) -> str:
        """The valid values in words, as errors show them."""
        raise NotImplementedError

    def contains(self, value: Any) -> bool:
        """Whether `value` is a valid external value."""
        try:
            self.to_internal(value)
        except ValueError:
            return False
        return True

    def to_unit(self, x: ArrayLike) -> FloatArray:
        """Internal values to [0, 1], same shape; values out of range go to the nearest end, NaN stays."""
        array = np.asarray(x, dtype=np.float64)
        return self.scale().to_unit(array.reshape(-1)).reshape(array.shape)

    def from_unit(self, u: ArrayLike) -> FloatArray:
        """[0, 1] to internal values that lie on the lattice, same shape; NaN stays."""
        array = np.asarray(u, dtype=np.float64)
        return self.scale().from_unit(array.reshape(-1)).reshape(array.shape)

    def cells(self, k: NDArray[np.int64]) -> FloatArray:
        """Internal values of cells k = 0 … n_values - 1 of a finite parameter, in order."""
        n = self.n_values
        return self.from_unit((np.asarray(k) + 0.5) / n)

    def cell_of(self, x: float) -> int | None:
        """The cell that internal value x is, or None if it is none."""
        n = self.n_values
        k = int(self.to_unit(x) * n)
        return k if self.cells(np.array(k)) == x else None

    def scale(self) -> Scale:
        """The map between internal values and the unit interval."""
        if self._scale_cache is None:  # made late: comparing parameters needs none
            _set(self, "_scale_cache", self._make_scale())
        scale = self._scale_cache
        if scale is None:
            raise NotImplementedError
        return scale

    def _make_scale(self) -> Scale:
        raise NotImplementedError

    def when(self, parents: Mapping[str, Any] | None = None, /, **by_name: Any) -> Self:
        """A copy that exists only while each parent has the value given, or one of the values of a list.

        Parents whose names are no Python identifiers go into a dict: `.when({"model.kind": "svm"})`. A parent
        that is inactive itself makes its children inactive. Called twice, both conditions must hold.
        """
        condition = Condition.of({**(parents or {}), **by_name})
        return self.with_condition(condition if self.condition is None else self.condition & condition)

    def with_condition(self, condition: Condition | None) -> Self:
        """A copy with this condition in place of the present one."""
        if condition is self.condition:
            return self
        copy = self._copy()
        _set(copy, "condition", condition)
        return copy

    def with_prior(self, prior: Any, prior_width: float | None = None) -> Self:
        """A copy with this belief in place of the present one; None: with none. See the constructor.

        Raises:
            SpaceError: the value or the width is not valid, or parameters of this type take none.
        """
        copy = self._copy()
        if self._prior is not None:
            _set(copy, "_key", self._key[:-1])
        _set(copy, "_prior", None)
        _set(copy, "prior_width", None)
        if prior is not None or prior_width is not None:
            copy._believe(prior, prior_width)
        return copy

    def unit_prior(self) -> UnitPrior | None:
        """The density over the unit interval that the belief stands for, None without one."""
        return None

    def stored_prior(self) -> Any:
        """The prior as JSON keeps it: the number; of choices an index, or a list of weights."""
        return self._prior

    def with_stored_prior(self, prior: Any, prior_width: float | None) -> Self:
        """The inverse of :meth:`stored_prior`.

        Raises:
            SpaceError: as :meth:`with_prior`.
        """
        return self.with_prior(prior, prior_width)

    def _believe(self, prior: Any, width: float | None) -> None:
        """Take the arguments `prior` and `prior_width`, of which one at least is not None."""
        raise SpaceError(f"{self!r} takes no prior: it is a distribution itself; give a Float or an Int with prior=")

    def _hold(self, prior: Any, width: float | None) -> None:
        _set(self, "_prior", prior)
        _set(self, "prior_width", width)
        _set(self, "_key", (*self._key, ("prior", prior, width)))

    def _copy(self) -> Self:
        copy = object.__new__(type(self))
        for name, value in _state(self).items():
            _set(copy, name, value)
        return copy

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"parameters cannot be changed; make a new {type(self).__name__}")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("parameters cannot be changed")

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if type(self) is not type(other) or not isinstance(other, Parameter):
            return NotImplemented
        return self._key == other._key and self.condition == other.condition

    def __hash__(self) -> int:
        return hash((type(self).__name__, self._key, self.condition))

    def __getstate__(self) -> dict[str, Any]:
        state = _state(self)
        state["_scale_cache"] = None
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        for name, value in state.items():
            _set(self, name, value)

    def _arguments(self) -> str:
        raise NotImplementedError

    def __repr__(self) -> str:
        prior = "" if self._prior is None else f", prior={self.prior!r}"
        width = "" if self.prior_width is None else f", prior_width={self.prior_width!r}"
        text = f"{type(self).__name__}({self._arguments()}{prior}{width})"
        return text if self.condition is None else f"{text} if {self.condition!r}"


class _Range(Parameter):
    """What `Float` and `Int` share: numbers from `low` to `high`, evenly spread in the value or in its logarithm."""

    __slots__ = ()
    is_numeric = True
    log: bool

    def unit_prior(self) -> UnitPrior | None:
        if self._prior is None:
            return None
        best, width = float(self._prior), self.prior_width
        span, sd = self._span(), DEFAULT_WIDTH
        if width is not None and span > 0.0:
            sd = (math.log(width) if self.log else width) / span
        return NormalPrior(best, float(self.to_unit(best)), sd, 1.0 / self.n_values)

    def _span(self) -> float:
        """Length of the unit interval in the parameter's own unit; with `log`, in the logarithm."""
        raise NotImplementedError

    def _believe(self, prior: Any, width: float | None) -> None:
        if prior is None:
            raise SpaceError(f"{self!r}: prior_width={width!r} is given without a prior; give prior=value too")
        try:
            value = self.to_external(self.to_internal(prior))
            spread = None if width is None else read_width(width, self.log)
        except SpaceError as error:
            raise SpaceError(f"{self!r} with prior={shown(prior)}: {error}") from None
        self._hold(value, spread)


def _state(param: Parameter) -> dict[str, Any]:
    slots = [name for cls in type(param).__mro__ for name in getattr(cls, "__slots__", ())]
    return {name: getattr(param, name) for name in slots if hasattr(param, name)}


class Float(_Range):
    """A real number from `low` to `high`, both included.

    Args:
        low, high: finite bounds; equal bounds make a constant.
        log: uniform in the logarithm (`low` > 0).
        step: spacing of the valid values `low, low + step, …, high`; it must divide the range.
        prior: the value that you believe to be good. It is tried early, values near it are preferred, and the
            preference fades as results come in.
        prior_width: how far from it good values may well lie, as one standard deviation: in the parameter's own unit,
            or, with `log`, as a factor (> 1). By default a quarter of the range.

    Raises:
        SpaceError: the arguments fit no range; the message says what was given and what is valid.
    """

    __slots__ = ("_n", "_power", "high", "log", "low", "step")
    low: float
    high: float
    log: bool
    step: float | None
    _n: int
    _power: float

    def __init__(
        self,
        low: float,
        high: float,
        log: bool = False,
        step: float | None = None,
        *,
        prior: float | None = None,
        prior_width: float | None = None,
    ) -> None:
        log = read_log(log, "Float")
        low = low if type(low) is float else read_number(low, "low", "Float")
        high = high if type(high) is float else read_number(high, "high", "Float")
        # One comparison that a NaN, an infinity and low > high all fail keeps the usual case short.
        if not (-math.inf < low <= high < math.inf and high - low < math.inf):
            refuse_range("Float", low, high)
        if log and low <= 0:
            raise SpaceError(f"Float({low!r}, {high!r}, log=True): log needs low > 0, got low={low!r}")
        n, power = 0, 0.0
        if step is not None:
            step = read_number(step, "step", "Float")
            if log:
                raise SpaceError(f"Float({low!r}, {high!r}): log=True and step={step!r} exclude each other; drop one")
            n, power = lattice(low, high, step)
        _set(self, "low", low)
        _set(self, "high", high)
        _set(self, "log", bool(log))
        _set(self, "step", step)
        _set(self, "_n", n)
        _set(self, "_power", power)
        _set(self, "condition", None)
        _set(self, "_key", (low, high, bool(log), step))
        _set(self, "_scale_cache", None)
        _set(self, "_prior", None)
        _set(self, "prior_width", None)
        if prior is not None or prior_width is not None:
            self._believe(prior, prior_width)

    @property
    def n_values(self) -> int | float:
        if self.low == self.high:
            return 1
        return self._n if self.step is not None else math.inf

    def to_internal(self, value: Any) -> float:
        x = value if type(value) is float else as_number(value, self)
        if not self.low <= x <= self.high:
            raise SpaceError(f"{shown(value)} is out of range; valid is {self.valid()}")
        if self.step is None:
            return x
        nearest = float(self.from_unit(self.to_unit(x)))
        if abs(nearest - x) > 1e-9 * self.step:
            raise SpaceError(f"{shown(value)} is not on the lattice (nearest: {nearest!r}); valid is {self.valid()}")
        return nearest

    def to_external(self, x: float) -> float:
        return float(x)

    def valid(self) -> str:
        step = "" if self.step is None else f" in steps of {self.step!r}"
        return f"a number from {self.low!r} to {self.high!r}{step}"

    def _span(self) -> float:
        if self.step is not None:
            return self._n * self.step
        return math.log(self.high) - math.log(self.low) if self.log else self.high - self.low

    def _make_scale(self) -> Scale:
        if self.step is not None:
            return LatticeScale(self.low, self.high, self.step, self._n, self._power)
        return FloatScale(self.low, self.high, self.log)

    def _arguments(self) -> str:
        log = ", log=True" if self.log else ""
        return f"{self.low!r}, {self.high!r}{log}" + ("" if self.step is None else f", step={self.step!r}")


class Int(_Range):
    """A whole number from `low` to `high`, both included.

    Args:
        low, high: bounds, at most 2**53 in size and 2**50 values in all; equal bounds make a constant.
        log: uniform in the logarithm (1 <= `low`, `high` <= 2**40).
        step: spacing of the valid values; it must divide `high - low`.
        prior, prior_width: the value that you believe to be good, and how far from it; see :class:`Float`.

    Raises:
        SpaceError: the arguments fit no range; the message says what was given and what is valid.
    """

    __slots__ = ("high", "log", "low", "step")
    low: int
    high: int
    log: bool
    step: int

    def __init__(
        self,
        low: int,
        high: int,
        log: bool = False,
        step: int = 1,
        *,
        prior: int | None = None,
        prior_width: float | None = None,
    ) -> None:
        log = read_log(log, "Int")
        low = low if type(low) is int else read_whole(low, "low")
        high = high if type(high) is int else read_whole(high, "high")
        step = step if type(step) is int else read_whole(step, "step")
        if low > high:
            refuse_range("Int", low, high)
        if max(abs(low), abs(high)) > 2**53:
            raise SpaceError(f"Int({low}, {high}): bounds beyond 2**53 lose digits; use smaller bounds, or a Float")
        if step < 1:
            raise SpaceError(f"Int({low}, {high}, step={step}): step must be at least 1")
        if (high - low) // step >= MAX_CELLS:
            raise SpaceError(f"Int({low}, {high}): more than 2**50 values; use a narrower range, or a Float")
        if (high - low) % step:
            fits = high - (high - low) % step
            raise SpaceError(
                f"Int({low}, {high}, step={step}): step does not divide the range; "
                f"valid is high={fits} or {fits + step}"
            )
        if log:
            if low < 1:
                raise SpaceError(f"Int({low}, {high}, log=True): log needs low >= 1, got low={low}")
            if step != 1:
                raise SpaceError(f"Int({low}, {high}): log=True and step={step} exclude each other; drop one")
            if high > MAX_LOG_INT:
                raise SpaceError(f"Int({low}, {high}, log=True): high must be at most 2**40; use a Float with log=True")
        _set(self, "low", low)
        _set(self, "high", high)
        _set(self, "log", bool(log))
        _set(self, "step", step)
        _set(self, "condition", None)
        _set(self, "_key", (low, high, bool(log), step))
        _set(self, "_scale_cache", None)
        _set(self, "_prior", None)
        _set(self, "prior_width", None)
        if prior is not None or prior_width is not None:
            self._believe(prior, prior_width)

    @property
    def n_values(self) -> int | float:
        return (self.high - self.low) // self.step + 1

    def to_internal(self, value: Any) -> float:
        x = value if type(value) is int else as_number(value, self)
        if x != x or not self.low <= x <= self.high:
            raise SpaceError(f"{shown(value)} is out of range; valid is {self.valid()}")
        if (x - self.low) % self.step:
            raise SpaceError(f"{shown(value)} is not on the lattice; valid is {self.valid()}")
        return float(x)

    def to_external(self, x: float) -> int:
        return int(x)

    def cells(self, k: NDArray[np.int64]) -> FloatArray:
        return self.low + np.asarray(k, dtype=np.float64) * self.step

    def cell_of(self, x: float) -> int | None:
        inside = self.low <= x <= self.high and (x - self.low) % self.step == 0
        return int((x - self.low) // self.step) if inside else None

    def valid(self) -> str:
        step = "" if self.step == 1 else f" in steps of {self.step}"
        return f"a whole number from {self.low} to {self.high}{step}"

    def _span(self) -> float:
        if self.log:
            return math.log(self.high + 0.5) - math.log(self.low - 0.5)
        return float(self.high - self.low + self.step)

    def _make_scale(self) -> Scale:
        if self.log:
            return LogIntScale(self.low, self.high)
        return LatticeScale(self.low, self.high, self.step, int(self.n_values), 0.0)

    def _arguments(self) -> str:
        log = ", log=True" if self.log else ""
        return f"{self.low}, {self.high}{log}" + ("" if self.step == 1 else f", step={self.step}")
