"""Maps between internal values and the unit interval, for one parameter or for many columns at once.

Symbols and shapes
    x       internal values, float64[n, g] (or [n] for one parameter); NaN passes through every map
    u       the same in [0, 1]
    g       number of columns that share a scale; the constants of a scale are scalars or float64[g]
    low, high, step   bounds and spacing in the parameter's own unit
    n       number of cells of a lattice

A scale serves a single parameter and, stacked, all columns of its kind. The layout of a space then costs a handful of
array operations, whatever the number of parameters.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    FloatArray = NDArray[np.float64]
    BoolArray = NDArray[np.bool_]


# A decimal of a range of size 1 to 10 has so many behind its point: steps of 1e-7 to 1e-8 of the range.
DECIMAL_DIGITS = 7
SMALLEST_DECIMAL_RANGE = 1e-290  # ranges below it have no room for the digits
MOST_SIZE_BESIDE_RANGE = 1e7  # of numbers beside their range: beyond, a float64 has hardly more digits than these
LN10 = math.log(10.0)
_TENS = np.array([float(f"1e{k}") for k in range(-308, 309)])  # 10.0**k is not the nearest number for each k


def _powers(decade: FloatArray) -> FloatArray:
    """Return the powers of ten that make whole numbers of the digits wanted, for logarithms of sizes; NaN: any."""
    with np.errstate(invalid="ignore"):
        at = (DECIMAL_DIGITS + 308 - np.floor(decade)).astype(np.intp)
    powers: FloatArray = _TENS.take(at, mode="clip")
    return powers


class Scale:
    """A map between internal values and the unit interval: arrays in, new arrays of the same shape out."""

    __slots__ = ()

    def to_unit(self, x: FloatArray) -> FloatArray:
        """Internal values to [0, 1]; values out of range go to the nearest end."""
        raise NotImplementedError

    def from_unit(self, u: FloatArray) -> FloatArray:
        """[0, 1] to valid internal values."""
        raise NotImplementedError

    def contains(self, x: FloatArray) -> BoolArray:
        """Which internal values are valid; NaN never is."""
        raise NotImplementedError


class StackableScale(Scale):
    """A scale that several columns can share: its constants are then arrays, with one entry a column."""

    __slots__ = ()
    constants: ClassVar[tuple[str, ...]]  # the arguments of the constructor, and the attributes that hold them

    @classmethod
    def stack(cls, scales: Sequence[Scale]) -> Self:
        """One scale for several columns."""
        return cls(*([getattr(scale, name) for scale in scales] for name in cls.constants))


class FloatScale(StackableScale):
    """Continuous: u = (t - t_low) / (t_high - t_low) with t = x or log x. A constant (low = high) sits at u = 1/2.

    From the unit interval come decimal numbers of about `DECIMAL_DIGITS` digits more than the range's own size has:
    0.4716141 and not 0.47161414062813573. No result resolves more, flags and reports are read by people, and the last
    bits of matrix products, which differ from one processor to the next, end here instead of growing from trial to
    trial. Where a float64 has no such decimals (a range of 1e-12 at 1, say), numbers are as they come.
    """

    __slots__ = ("bias", "decade", "divisor", "exact", "high", "log", "low", "mask", "offset", "power", "width")
    constants = ("low", "high", "mask")
    is_rounded: ClassVar[bool] = True  # to decimals

    def __init__(self, low: ArrayLike, high: ArrayLike, log: ArrayLike) -> None:
        self.low = np.asarray(low, dtype=np.float64)
        self.high = np.asarray(high, dtype=np.float64)
        self.mask = np.asarray(log, dtype=np.bool_)
        self.offset = np.array(self.low)
        top = np.array(self.high)
        np.log(self.low, out=self.offset, where=self.mask)
        np.log(self.high, out=top, where=self.mask)
        self.width = np.asarray(top - self.offset)
        constant = self.width <= 0
        self.divisor = np.where(constant, 1.0, self.width)
        self.bias = np.where(constant, 0.5, 0.0) if constant.any() else None
        # False: no column, True: every column, else the mask; a mask costs time, True and False none.
        self.log: bool | BoolArray = bool(self.mask.all()) if self.mask.all() or not self.mask.any() else self.mask
        self.decade = np.log10(self.divisor)  # of dx/du, with log of dx/du / x
        self.power = _powers(self.decade)
        size = np.where(self.mask, 1.0 / self.divisor, np.maximum(np.abs(self.low), np.abs(self.high)) / self.divisor)
        tiny = np.where(self.mask, self.low, self.divisor) < SMALLEST_DECIMAL_RANGE
        exact = constant | tiny | (size > MOST_SIZE_BESIDE_RANGE) | (not self.is_rounded)
        self.exact = exact if exact.any() else None

    def to_unit(self, x: FloatArray) -> FloatArray:
        t = np.maximum(x, self.low)
        np.minimum(t, self.high, out=t)
        if self.log is not False:
            np.log(t, out=t, where=self.log)
        t -= self.offset
        t /= self.divisor
        if self.bias is not None:
            t += self.bias
        return t

    def from_unit(self, u: FloatArray) -> FloatArray:
        x = u * self.width
        x += self.offset
        power = self.power
        if self.log is not False:
            own = _powers(x / LN10 + self.decade)
            power = own if self.log is True else np.where(self.mask, own, power)
            np.exp(x, out=x, where=self.log)
        raw = x if self.exact is None else x.copy()
        x *= power
        np.rint(x, out=x)
        x /= power
        if self.exact is not None:
            x = np.where(self.exact, raw, x)
        # Rounding may step over a bound.
        np.maximum(x, self.low, out=x)
        np.minimum(x, self.high, out=x)
        return x

    def contains(self, x: FloatArray) -> BoolArray:
        inside: BoolArray = (x >= self.low) & (x <= self.high)
        return inside


class WideIntScale(FloatScale):
    """Integers of a range that is too wide to count its cells in float64: the nearest whole number of a real one."""

    __slots__ = ()
    is_rounded = False

    def from_unit(self, u: FloatArray) -> FloatArray:
        x = super().from_unit(u)
        np.rint(x, out=x)
        np.maximum(x, self.low, out=x)
        np.minimum(x, self.high, out=x)
        return x

    def contains(self, x: FloatArray) -> BoolArray:
        inside: BoolArray = super().contains(x) & (x == np.rint(x))
        return inside


class LatticeScale(StackableScale):
    """Evenly spaced values x = low + k step, k = 0..n-1, each at the centre of its cell: u = (k + 1/2) / n.

    `power` is 10^digits where low and step are short decimals: low + 3 * 0.1 is then 0.3 and not
    0.30000000000000004 (an integer below 2^53 divided by a power of ten below 10^22 rounds correctly); 0 elsewhere.
    """

    __slots__ = ("divisor", "high", "low", "n", "power", "step", "top")
    constants = ("low", "high", "step", "n", "power")

    def __init__(self, low: ArrayLike, high: ArrayLike, step: ArrayLike, n: ArrayLike, power: ArrayLike) -> None:
        self.low = np.asarray(low, dtype=np.float64)
        self.high = np.asarray(high, dtype=np.float64)
        self.step = np.asarray(step, dtype=np.float64)
        self.n = np.asarray(n, dtype=np.float64)
        self.top = np.asarray(self.n - 1.0)
        self.power = np.asarray(power, dtype=np.float64)
        self.divisor = np.where(self.power > 0, self.power, 1.0)

    def to_unit(self, x: FloatArray) -> FloatArray:
        k = x - self.low
        k /= self.step
        np.maximum(k, 0.0, out=k)
        np.minimum(k, self.top, out=k)
        k += 0.5
        k /= self.n
        return k

    def from_unit(self, u: FloatArray) -> FloatArray:
        x = u * self.n
        np.floor(x, out=x)
        np.maximum(x, 0.0, out=x)
        np.minimum(x, self.top, out=x)
        x *= self.step
        x += self.low
        if self.power.any():
            x = np.where(self.power > 0, np.rint(x * self.divisor) / self.divisor, x)
        np.minimum(x, self.high, out=x)
        return x

    def contains(self, x: FloatArray) -> BoolArray:
        inside: BoolArray = np.abs(self.from_unit(self.to_unit(x)) - x) <= 1e-9 * self.step
        return inside


class LogIntScale(StackableScale):
    """Integers in log space: k covers [log(k - 1/2), log(k + 1/2)] of [log(low - 1/2), log(high + 1/2)]."""

    __slots__ = ("high", "low", "offset", "width")
    constants = ("low", "high")

    def __init__(self, low: ArrayLike, high: ArrayLike) -> None:
        self.low = np.asarray(low, dtype=np.float64)
        self.high = np.asarray(high, dtype=np.float64)
        self.offset = np.asarray(np.log(self.low - 0.5))
        self.width = np.asarray(np.log(self.high + 0.5) - self.offset)

    def to_unit(self, x: FloatArray) -> FloatArray:
        t = np.maximum(x, self.low)
        np.minimum(t, self.high, out=t)
        np.log(t, out=t)
        t -= self.offset
        t /= self.width
        return t

    def from_unit(self, u: FloatArray) -> FloatArray:
        x: FloatArray = u * self.width
        x += self.offset
        np.exp(x, out=x)
        np.rint(x, out=x)
        np.maximum(x, self.low, out=x)
        np.minimum(x, self.high, out=x)
        return x

    def contains(self, x: FloatArray) -> BoolArray:
        inside: BoolArray = (x >= self.low) & (x <= self.high) & (x == np.rint(x))
        return inside


class Layout:
    """All columns of a space, grouped by the kind of their scale."""

    __slots__ = ("d", "groups")

    def __init__(self, scales: Sequence[Scale]) -> None:
        self.d = len(scales)
        self.groups: list[tuple[slice | NDArray[np.intp], Scale]] = []
        for kind in (FloatScale, LatticeScale, LogIntScale, WideIntScale):
            columns = [j for j, scale in enumerate(scales) if type(scale) is kind]
            if columns:
                self.groups.append((_slice_or_index(columns), kind.stack([scales[j] for j in columns])))
        self.groups += [(slice(j, j + 1), s) for j, s in enumerate(scales) if not isinstance(s, StackableScale)]

    def to_unit(self, x: FloatArray) -> FloatArray:
        """x[n, d] to u[n, d]."""
        if len(self.groups) == 1:
            return self.groups[0][1].to_unit(x)
        u = np.empty(x.shape)
        for columns, scale in self.groups:
            u[:, columns] = scale.to_unit(x[:, columns])
        return u

    def from_unit(self, u: FloatArray) -> FloatArray:
        """u[n, d] to valid x[n, d]."""
        if len(self.groups) == 1:
            return self.groups[0][1].from_unit(u)
        x = np.empty(u.shape)
        for columns, scale in self.groups:
            x[:, columns] = scale.from_unit(u[:, columns])
        return x

    def contains(self, x: FloatArray) -> BoolArray:
        """Which cells of x[n, d] are valid, bool[n, d]."""
        inside = np.empty(x.shape, dtype=np.bool_)
        for columns, scale in self.groups:
            inside[:, columns] = scale.contains(x[:, columns])
        return inside


def _slice_or_index(index: list[int]) -> slice | NDArray[np.intp]:
    """Contiguous columns as a slice: no copy, and several times faster on few rows."""
    if index == list(range(index[0], index[0] + len(index))):
        return slice(index[0], index[0] + len(index))
    return np.array(index, dtype=np.intp)
