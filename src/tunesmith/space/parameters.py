"""Numeric parameters: `Float` and `Int`."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter
from tunesmith.space.encoding import FloatScale, LatticeScale, LogIntScale, WideIntScale
from tunesmith.space.priors import DEFAULT_PRIOR_WIDTH, NormalPrior, read_width

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tunesmith.space.encoding import FloatArray, Scale
    from tunesmith.space.priors import UnitPrior


_set = object.__setattr__

MAX_INT = 2**53  # a float64 has all whole numbers up to here
MAX_WIDE_INT = 2**1000
MAX_LOG_INT = 2**40  # up to here the maps to and from the unit interval are exact: logarithms lose a few of 53 bits


class _Range(Parameter):
    """Numbers from `low` to `high`, evenly spread in the value or in its logarithm: the base of `Float` and `Int`."""

    __slots__ = ()
    is_numeric = True
    default_step: ClassVar[int | None] = None
    _kind: ClassVar[str] = "a number"
    low: float
    high: float
    log: bool
    step: float | None
    words: tuple[tuple[Any, float], ...] = ()  # `FloatOr` and `IntOr` have some, see `tunesmith.space.words`

    def valid(self) -> str:
        step = "" if self.step == self.default_step else f" in steps of {self.step!r}"
        return f"{self._kind} from {self.low!r} to {self.high!r}{step}"

    def _arguments(self) -> str:
        log = ", log=True" if self.log else ""
        step = "" if self.step == self.default_step else f", step={self.step!r}"
        return f"{self.low!r}, {self.high!r}{log}{step}"

    def unit_prior(self) -> UnitPrior | None:
        if self._prior is None:
            return None
        best, width = float(self._prior), self.prior_width
        span, sd = self._span(), DEFAULT_PRIOR_WIDTH
        if width is not None and span > 0.0:
            sd = (math.log(width) if self.log else width) / span
        return NormalPrior(best, float(self.to_unit(best)), sd, 1.0 / self.n_values)

    def _span(self) -> float:
        """Return the length of the unit interval in the parameter's own unit; with `log`, in the logarithm."""
        raise NotImplementedError

    def _read_prior(self, prior: Any, width: float | None) -> None:
        if prior is None:
            raise SpaceError(f"{self!r}: prior_width={width!r} is given without a prior; give prior=value too")
        try:
            value = self.to_external(self.to_internal(prior))
            spread = None if width is None else read_width(width, self.log)
        except SpaceError as error:
            raise SpaceError(f"{self!r} with prior={shown(prior)}: {error}") from None
        self._set_prior(value, spread)


class Float(_Range):
    """A real number from `low` to `high`, both included.

    Args:
        low: the lower bound, finite.
        high: the upper bound, finite; equal bounds make a constant.
        log: whether values are spread evenly in the logarithm (`low` > 0).
        step: spacing of the valid values `low, low + step, …, high`; it must divide the range.
        prior: the value that you believe to be good. It is tried early, values near it are preferred, and the
            preference fades as results come in.
        prior_width: how far from it good values may lie, as one standard deviation: in the parameter's own unit or,
            with `log`, as a factor (> 1). By default a quarter of the range.

    Raises:
        SpaceError: the arguments are not valid; the message says what was given and what is valid.

    Example:
        ```python
        from tunesmith import Float, Space

        space = Space(lr=Float(1e-5, 1e-1, log=True, prior=1e-3), dropout=Float(0.0, 0.5, step=0.1))
        space.validate({"lr": 0.003, "dropout": 0.2})
        ```
    """

    __slots__ = ("_n", "_power", "high", "log", "low", "step")
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
        _set(self, "log", log)
        _set(self, "step", step)
        _set(self, "_n", n)
        _set(self, "_power", power)
        self._start((low, high, log, step))
        if prior is not None or prior_width is not None:
            self._read_prior(prior, prior_width)

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

    def _span(self) -> float:
        if self.step is not None:
            return self._n * self.step
        return math.log(self.high) - math.log(self.low) if self.log else self.high - self.low

    def _make_scale(self) -> Scale:
        if self.step is not None:
            return LatticeScale(self.low, self.high, self.step, self._n, self._power)
        return FloatScale(self.low, self.high, self.log)


class Int(_Range):
    """A whole number from `low` to `high`, both included.

    Args:
        low: the lower bound.
        high: the upper bound; equal bounds make a constant. Of a range with bounds beyond 2**53, or of more than 2**50
            values (with `log`, beyond 2**40), those whole numbers are proposed that a float64 holds.
        log: whether values are spread evenly in the logarithm (1 <= `low`).
        step: spacing of the valid values; it must divide `high - low`. A range as wide as that takes none.
        prior: the value that you believe to be good, see `Float`.
        prior_width: how far from it good values may lie, see `Float`.

    Raises:
        SpaceError: the arguments are not valid; the message says what was given and what is valid.

    Example:
        ```python
        from tunesmith import Int, Space

        space = Space(layers=Int(1, 8), units=Int(16, 1024, log=True), batch=Int(32, 256, step=32))
        space.validate({"layers": 2, "units": 100, "batch": 64})
        ```
    """

    __slots__ = ("high", "log", "low", "step")
    default_step = 1
    _kind = "a whole number"
    low: int
    high: int
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
        if step < 1:
            raise SpaceError(f"Int({low}, {high}, step={step}): step must be at least 1")
        if max(abs(low), abs(high), step) > MAX_INT and step > 1:
            raise SpaceError(
                f"Int({low}, {high}, step={step}): bounds beyond 2**53 lose digits, and take no step; use smaller ones"
            )
        if (high - low) // step >= MAX_STEPS and step > 1:
            raise SpaceError(f"Int({low}, {high}, step={step}): more than 2**50 values; use a wider step, or none")
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
        _set(self, "low", low)
        _set(self, "high", high)
        _set(self, "log", log)
        _set(self, "step", step)
        if self._is_wide():
            self._check_wide()
        self._start((low, high, log, step))
        if prior is not None or prior_width is not None:
            self._read_prior(prior, prior_width)

    def _is_wide(self) -> bool:
        """Tell whether the range is too wide to count its values in float64."""
        low, high = self.low, self.high
        return (high - low) // self.step >= MAX_STEPS or max(-low, high) > MAX_INT or (self.log and high > MAX_LOG_INT)

    def _check_wide(self) -> None:
        if max(-self.low, self.high) > MAX_WIDE_INT:
            raise SpaceError(f"Int({shown(self.low)}, {shown(self.high)}): bounds must be at most 2**1000 in size")
        low, high = self._ends()
        if low > high:
            raise SpaceError(f"Int({self.low}, {self.high}): a float64 holds no whole number of this range; widen it")

    def _ends(self) -> tuple[float, float]:
        """Return the smallest and the largest float64 of the range; of a constant, the one that stands for it."""
        low, high = float(self.low), float(self.high)
        if self.low == self.high:
            return low, low
        return (
            low if low >= self.low else math.nextafter(low, math.inf),
            high if high <= self.high else math.nextafter(high, -math.inf),
        )

    @property
    def n_values(self) -> int | float:
        if self.low == self.high:
            return 1
        return math.inf if self._is_wide() else (self.high - self.low) // self.step + 1

    def to_internal(self, value: Any) -> float:
        x = value if type(value) is int else as_number(value, self)
        if x != x or not self.low <= x <= self.high:
            raise SpaceError(f"{shown(value)} is out of range; valid is {self.valid()}")
        if (x - self.low) % self.step:
            raise SpaceError(f"{shown(value)} is not on the lattice; valid is {self.valid()}")
        if float(x) != x and self.low != self.high:  # beyond 2**53
            raise SpaceError(f"{shown(value)} has more digits than a float64 holds; the nearest is {int(float(x))}")
        return float(x)

    def to_external(self, x: float) -> int:
        return self.low if self.low == self.high else int(x)

    def cells(self, k: NDArray[np.int64]) -> FloatArray:
        return self.low + np.asarray(k, dtype=np.float64) * self.step

    def cell_of(self, x: float) -> int | None:
        if self.low == self.high:
            return 0 if x == float(self.low) else None
        inside = self.low <= x <= self.high and (x - self.low) % self.step == 0
        return int((x - self.low) // self.step) if inside else None

    def _span(self) -> float:
        if self.log:
            return math.log(self.high + 0.5) - math.log(self.low - 0.5)
        return float(self.high - self.low + self.step)

    def _make_scale(self) -> Scale:
        if self._is_wide():
            return WideIntScale(*self._ends(), self.log)
        if self.log:
            return LogIntScale(self.low, self.high)
        return LatticeScale(self.low, self.high, self.step, int(self.n_values), 0.0)


# ----------------------------------------------------------------------------------------------------------------------
# Checks of the numbers that users give: bounds, steps and values.

# The maps to and from the unit interval are exact up to this size (float64 has 53 bits).
MAX_STEPS = 2**50


def _is_scalar(value: Any) -> bool:
    if isinstance(value, (bool, np.bool_, str, bytes)) or not hasattr(value, "__float__"):
        return False
    return np.ndim(value) == 0


def read_number(value: Any, what: str, kind: str) -> float:
    """Return an argument of a range as a float; `what` and `kind` name it in errors."""
    if not _is_scalar(value):
        raise SpaceError(f"{kind}: {what} must be a number, got {shown(value)}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise SpaceError(f"{kind}: {what} must be a finite number, got {shown(value)}") from None


def read_log(value: Any, kind: str) -> bool:
    """Return the argument `log` of a range. It may be positional, so a number there was meant for `step`."""
    if not isinstance(value, bool | np.bool_):
        raise SpaceError(f"{kind}: log must be True or False, got {shown(value)}; name the others: step={shown(value)}")
    return bool(value)


def read_whole(value: Any, what: str) -> int:
    """Return an argument of an `Int` as an int."""
    number = read_number(value, what, "Int")
    if not number.is_integer():
        raise SpaceError(f"Int: {what} must be a whole number, got {shown(value)}; use Float for real numbers")
    return int(value)


def as_number(value: Any, param: Parameter) -> float:
    """Return a value of a numeric parameter as a float; every type of number but bool is taken."""
    if not _is_scalar(value):
        raise SpaceError(f"{shown(value)} is not a number; valid is {param.valid()}")
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise SpaceError(f"{shown(value)} is out of range; valid is {param.valid()}") from None


def refuse_range(kind: str, low: float, high: float) -> None:
    """Raise the error that says why low and high are not bounds."""
    if low > high:
        raise SpaceError(
            f"{kind}({low!r}, {high!r}): low={low!r} is greater than high={high!r}; "
            f"did you mean {kind}({high!r}, {low!r})?"
        )
    for what, bound in (("low", low), ("high", high)):
        if not math.isfinite(bound):
            raise SpaceError(f"{kind}({low!r}, {high!r}): {what} must be a finite number, got {bound!r}")
    raise SpaceError(f"{kind}({low!r}, {high!r}): the width of the range overflows; use narrower bounds")


def lattice(low: float, high: float, step: float) -> tuple[int, float]:
    """Return the number of values and the power of ten (0: not decimal) of the lattice low, low + step, …, high."""
    if not 0 < step < math.inf:
        raise SpaceError(f"Float({low!r}, {high!r}, step={step!r}): step must be a finite number > 0")
    count = (high - low) / step
    if count >= MAX_STEPS:
        raise SpaceError(f"Float({low!r}, {high!r}, step={step!r}): more than 2**50 values; drop the step")
    whole = round(count)
    if abs(count - whole) > 1e-9 * max(1.0, count):
        fits = float(np.round(low + math.floor(count) * step, 12))
        raise SpaceError(
            f"Float({low!r}, {high!r}, step={step!r}): step does not divide the range; "
            f"valid is high={fits!r} or {float(np.round(fits + step, 12))!r}"
        )
    digits = max(_decimals(low), _decimals(high), _decimals(step))
    power = 10.0**digits if digits <= 15 else 0.0
    return whole + 1, power if max(abs(low), abs(high)) * power < 2**52 else 0.0


def _decimals(x: float) -> int:
    """Return the number of digits after the point in the shortest decimal of x."""
    mantissa, _, exponent = repr(x).partition("e")
    fraction = mantissa.partition(".")[2].rstrip("0")
    return max(0, len(fraction) - int(exponent or 0))
