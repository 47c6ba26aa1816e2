"""`Parameter`: the contract of everything that can be a dimension of a space.

A value has three forms: *external*, what the user's function gets; *internal*, a float64 (the value itself, or the
index of a choice); *unit*, a number in [0, 1] in which distances make sense (log parameters in log space).
Parameters are immutable and hashable. They are plain slotted classes: define-by-run makes and compares ten of them a
trial, and a dataclass would cost more at import than all of them together.
"""

from __future__ import annotations

import copyreg
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
    """One dimension of a space: the base class of all parameters.

    Attributes:
        condition: when the parameter is active; None: always.
        is_numeric: whether values are numbers (`Float`, `Int`, distributions).
        is_ordered: whether distances between internal values make sense (not of `Categorical`, nor of those below).
        is_combinatorial: whether values are arrangements of items, whose distances are told by features of them
            (`Permutation`, `Subset`).
        prior_width: how far from `prior` good values are believed to lie, see `Float`; None: the default.
    """

    __slots__ = ("_key", "_prior", "_scale_cache", "condition", "prior_width")
    is_numeric: bool = False
    is_ordered: bool = True
    is_combinatorial: bool = False
    condition: Condition | None
    prior_width: float | None
    _key: tuple[Any, ...]
    _prior: Any
    _scale_cache: Scale | None

    def _start(self, key: tuple[Any, ...]) -> None:
        """Set what every parameter has; `key` tells those of one type apart."""
        _set(self, "_key", key)
        _set(self, "_scale_cache", None)
        _set(self, "_prior", None)
        _set(self, "condition", None)
        _set(self, "prior_width", None)

    @property
    def is_nominal(self) -> bool:
        """Whether values are labels that have no relation to one another."""
        return not (self.is_ordered or self.is_combinatorial)

    @property
    def prior(self) -> Any:
        """The value that is believed to be good, or for choices a dict of weights by label; None: there is none."""
        return self._prior

    @property
    def n_values(self) -> int | float:
        """Number of different values; `math.inf` if continuous."""
        return math.inf

    def to_internal(self, value: Any) -> float:
        """Return the internal value that stands for `value`.

        Raises:
            SpaceError: the value is not valid; the message says what is.
        """
        raise NotImplementedError

    def to_external(self, x: float) -> Any:
        """Return the value that the internal value `x` stands for; `x` has to be valid."""
        raise NotImplementedError

    def to_label(self, x: float) -> Any:
        """Return the value as `to_external` does, but the name in place of an object that has one."""
        return self.to_external(x)

    def valid(self) -> str:
        """Return the valid values in words, for errors."""
        raise NotImplementedError

    def contains(self, value: Any) -> bool:
        """Return whether `value` is a valid external value."""
        try:
            self.to_internal(value)
        except ValueError:
            return False
        return True

    def to_unit(self, x: ArrayLike) -> FloatArray:
        """Map internal values to [0, 1], same shape; values out of range go to the nearest end, NaN stays."""
        array = np.asarray(x, dtype=np.float64)
        return self.scale().to_unit(array.reshape(-1)).reshape(array.shape)

    def from_unit(self, u: ArrayLike) -> FloatArray:
        """Map [0, 1] to valid internal values, same shape; NaN stays."""
        array = np.asarray(u, dtype=np.float64)
        return self.scale().from_unit(array.reshape(-1)).reshape(array.shape)

    def cells(self, k: NDArray[np.int64]) -> FloatArray:
        """Return the internal values of cells k = 0 … n_values - 1 of a finite parameter, in order."""
        return self.from_unit((np.asarray(k) + 0.5) / self.n_values)

    def cell_of(self, x: float) -> int | None:
        """Return the cell of the internal value x; None: x is not valid."""
        k = int(self.to_unit(x) * self.n_values)
        return k if self.cells(np.array(k)) == x else None

    def scale(self) -> Scale:
        """Return the map between internal values and the unit interval."""
        scale = self._scale_cache
        if scale is None:  # made late: comparing parameters needs none
            scale = self._make_scale()
            _set(self, "_scale_cache", scale)
        return scale

    def _make_scale(self) -> Scale:
        raise NotImplementedError

    def when(self, parents: Mapping[str, Any] | None = None, /, **by_name: Any) -> Self:
        """Return a copy that is active only while each parent has the given value, or one of the values of a list.

        A parent that is inactive itself makes its children inactive. If called twice, both conditions must hold.

        Args:
            parents: values by name, for names that are not Python identifiers: `.when({"model.kind": "svm"})`.
            **by_name: values by name.

        Returns:
            the copy.

        Raises:
            SpaceError: no parent is given, or no value for one.
        """
        condition = Condition.given(parents, by_name)
        return self.with_condition(condition if self.condition is None else self.condition & condition)

    def with_condition(self, condition: Condition | None) -> Self:
        """Return a copy with this condition in place of the present one."""
        if condition is self.condition:
            return self
        copy = self._copy()
        _set(copy, "condition", condition)
        return copy

    def with_prior(self, prior: Any, prior_width: float | None = None) -> Self:
        """Return a copy with this prior in place of the present one.

        Args:
            prior: as for the constructor; None: no prior.
            prior_width: as for the constructor.

        Returns:
            the copy.

        Raises:
            SpaceError: the value or the width is not valid, or parameters of this type take none.
        """
        copy = self._copy()
        if self._prior is not None:
            _set(copy, "_key", self._key[:-1])
        _set(copy, "_prior", None)
        _set(copy, "prior_width", None)
        if prior is not None or prior_width is not None:
            copy._read_prior(prior, prior_width)
        return copy

    def unit_prior(self) -> UnitPrior | None:
        """Return the prior as a density over the unit interval; None: there is none."""
        return None

    def stored_prior(self) -> Any:
        """Return the prior as JSON keeps it: the number; for choices an index, or a list of weights."""
        return self._prior

    def with_stored_prior(self, prior: Any, prior_width: float | None) -> Self:
        """Return a copy with a prior that `stored_prior` returned.

        Args:
            prior: what `stored_prior` returned.
            prior_width: the width that belongs to it.

        Returns:
            the copy.

        Raises:
            SpaceError: as for `with_prior`.
        """
        return self.with_prior(prior, prior_width)

    def _read_prior(self, prior: Any, width: float | None) -> None:
        """Check and set the arguments `prior` and `prior_width`, at least one of which is not None."""
        raise SpaceError(f"{self!r} takes no prior: it is a distribution itself; give a Float or an Int with prior=")

    def _set_prior(self, prior: Any, width: float | None) -> None:
        _set(self, "_prior", prior)
        _set(self, "prior_width", width)
        _set(self, "_key", (*self._key, ("prior", prior, width)))

    def _copy(self) -> Self:
        copy = object.__new__(type(self))
        copy.__setstate__(_slot_values(self))
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
        return {**_slot_values(self), "_scale_cache": None}

    def __reduce__(self) -> tuple[Any, ...]:  # what a class with slots has for new protocols alone; skops asks for it
        return (copyreg.__newobj__, (type(self),), self.__getstate__())  # type: ignore[attr-defined]  # not in typeshed

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


def _slot_values(param: Parameter) -> dict[str, Any]:
    slots = [name for cls in type(param).__mro__ for name in getattr(cls, "__slots__", ())]
    return {name: getattr(param, name) for name in slots if hasattr(param, name)}


def priors_of(params: Sequence[Parameter]) -> dict[int, UnitPrior]:
    """Return the priors of those parameters that have one, by their place."""
    return {j: prior for j, p in enumerate(params) if (prior := p.unit_prior()) is not None}
