"""`Parameter`: the contract of everything that can be a dimension of a space.

A value has three forms: *external*, what the user's function gets; *internal*, a float64 (the value itself, or the
index of a choice); *unit*, a number in [0, 1] in which distances make sense (log parameters in log space).
Parameters are immutable and hashable. They are plain slotted classes: define-by-run makes and compares ten of them a
trial, and a dataclass would cost more at import than all of them together.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.space.conditions import Condition

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from tunesmith.space.encoding import FloatArray, Scale
    from tunesmith.space.priors import UnitPrior

_set = object.__setattr__


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


def _state(param: Parameter) -> dict[str, Any]:
    slots = [name for cls in type(param).__mro__ for name in getattr(cls, "__slots__", ())]
    return {name: getattr(param, name) for name in slots if hasattr(param, name)}


def priors_of(params: Sequence[Parameter]) -> dict[int, UnitPrior]:
    """Return the priors of those parameters that have one, by their place."""
    found = {j: p.unit_prior() for j, p in enumerate(params) if p.prior is not None}
    return {j: prior for j, prior in found.items() if prior is not None}
