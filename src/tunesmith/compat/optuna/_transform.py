"""Search spaces as boxes of numbers: samplers and evaluators of other libraries import this from Optuna."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from tunesmith.compat.optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from tunesmith.foundation.numerics.arrays import Floats, Ints


class _SearchSpaceTransform:
    """Points of a space as rows of numbers, and back: a choice is a column of 0 and 1 for each of its values.

    Args:
        search_space: distributions by name.
        transform_log: take logarithms where the scale is logarithmic.
        transform_step: let a range with steps reach half a step beyond its ends, so that all values are as wide.
        transform_0_1: scale each column to [0, 1].

    Attributes:
        bounds: the lowest and the highest number of each column, shape [columns, 2].
        column_to_encoded_columns: of each parameter, its columns.
        encoded_column_to_column: of each column, the place of its parameter.

    Raises:
        ValueError: the space is empty.
    """

    def __init__(
        self,
        search_space: Mapping[str, BaseDistribution],
        transform_log: bool = True,
        transform_step: bool = True,
        transform_0_1: bool = False,
    ) -> None:
        if not search_space:
            raise ValueError("the search space is empty: give at least one distribution")
        self._space, self._log = dict(search_space), transform_log
        ends: list[tuple[float, float]] = []
        self.column_to_encoded_columns: list[Ints] = []
        for distribution in self._space.values():
            own = self._ends(distribution, transform_step)
            self.column_to_encoded_columns.append(np.arange(len(ends), len(ends) + len(own)))
            ends += own
        widths = list(map(len, self.column_to_encoded_columns))
        self.encoded_column_to_column: Ints = np.repeat(np.arange(len(widths)), widths)
        # Each column is (number - shift) / scale; a column with one number in it is scaled to the middle.
        self._ends_of_all: Floats = np.array(ends, float)
        low, width = self._ends_of_all[:, 0], np.ptp(self._ends_of_all, axis=1)
        one = transform_0_1 & (width == 0)
        self._scale: Floats = np.where(transform_0_1 & ~one, width, 1.0)
        self._shift: Floats = np.where(one, low - 0.5, low) if transform_0_1 else np.zeros(len(low))
        self.bounds: Floats = np.tile([0.0, 1.0], (len(low), 1)) if transform_0_1 else self._ends_of_all

    def transform(self, params: Mapping[str, Any]) -> Floats:
        """Return a point as a row of numbers."""
        row = np.zeros(len(self._scale))
        for (name, distribution), columns in zip(self._space.items(), self.column_to_encoded_columns, strict=True):
            if isinstance(distribution, CategoricalDistribution):
                row[columns[int(distribution.to_internal_repr(params[name]))]] = 1.0
            else:
                row[columns[0]] = self._number(distribution, float(params[name]))
        return (row - self._shift) / self._scale

    def untransform(self, trans_params: Floats) -> dict[str, Any]:
        """Return the point of a row of numbers: the nearest value of each range, the choice with the largest number."""
        row = np.asarray(trans_params, float) * self._scale + self._shift
        point = {}
        for (name, distribution), columns in zip(self._space.items(), self.column_to_encoded_columns, strict=True):
            if isinstance(distribution, CategoricalDistribution):
                point[name] = distribution.to_external_repr(int(row[columns].argmax()))
            else:
                point[name] = self._value(distribution, float(row[columns[0]]))
        return point

    def _ends(self, distribution: Any, reaches_on: bool) -> list[tuple[float, float]]:
        if isinstance(distribution, CategoricalDistribution):
            return [(0.0, 1.0)] * len(distribution.choices)
        half = 0.5 * distribution.step if reaches_on and distribution.step is not None else 0.0
        low, high = distribution.low - half, distribution.high + half
        return [(self._number(distribution, low), self._number(distribution, high))]

    def _number(self, distribution: Any, value: float) -> float:
        return math.log(value) if distribution.log and self._log else float(value)

    def _value(self, distribution: Any, number: float) -> float:
        low, high, step = distribution.low, distribution.high, distribution.step
        value = math.exp(number) if distribution.log and self._log else number
        if step is not None:
            value = low + math.floor((value - low) / step + 0.5) * step
        elif not distribution.single():
            high = float(np.nextafter(high, low))  # of a continuous range the end itself is left out
        value = min(max(value, low), high)
        return value if isinstance(distribution, FloatDistribution) else int(value)
