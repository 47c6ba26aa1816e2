"""`Condition`: when a parameter is active, by the values of other parameters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import listing, shown
from tunesmith.space.labels import label_key


class Condition:
    """A list of clauses, all of which must hold. Immutable; equality and hash tell `True`, `1` and `1.0` apart.

    Args:
        clauses: pairs (parent, values): the parent is active and has one of the values.
    """

    __slots__ = ("_key", "clauses")
    clauses: tuple[tuple[str, tuple[Any, ...]], ...]
    _key: tuple[object, ...]

    @checked()
    def __init__(self, clauses: Iterable[tuple[str, Iterable[Any]]]) -> None:
        kept = tuple((parent, tuple(values)) for parent, values in clauses)
        object.__setattr__(self, "clauses", kept)
        object.__setattr__(self, "_key", tuple((p, tuple(_hashable(v) for v in values)) for p, values in kept))

    @classmethod
    @checked()
    def of(cls, parents: Mapping[Any, Any]) -> Condition:
        """Return the condition of a dict: parent to value, or to a list of alternative values."""
        if not parents:
            raise SpaceError("a condition needs at least one parent, as in .when(model='svm')")
        clauses = []
        for parent, given in parents.items():
            if not isinstance(parent, str) or not parent:
                raise SpaceError(f"a condition names its parent by a string, got {shown(parent)}")
            values = _alternatives(given)
            if not values:
                raise SpaceError(f"the condition on {parent!r} lists no value: the parameter would never be active")
            clauses.append((parent, values))
        return cls(clauses)

    @classmethod
    def given(cls, parents: Any, by_name: Mapping[str, Any]) -> Condition:
        """Return the condition that ``when`` was given.

        Args:
            parents: a mapping of parents to values, or None.
            by_name: values by name.

        Returns:
            the condition.

        Raises:
            SpaceError: it is not a mapping, no parent is given, or no value for one.
        """
        if parents is not None and not isinstance(parents, Mapping):
            raise SpaceError(
                f"when takes a mapping of parents to values, or names as in when(model='svm'); got {shown(parents)}"
            )
        return cls.of({**(parents or {}), **by_name})

    def __and__(self, other: Condition) -> Condition:
        return Condition(self.clauses + other.clauses)

    @property
    def parents(self) -> tuple[str, ...]:
        """Names of the parameters that it depends on."""
        return tuple(parent for parent, _ in self.clauses)

    def holds(self, params: Mapping[str, Any]) -> bool:
        """Return whether it holds for values by name; a parent that is missing is not active."""
        return all(
            parent in params and any(_hashable(params[parent]) == _hashable(v) for v in values)
            for parent, values in self.clauses
        )

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("conditions cannot be changed")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Condition) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __reduce__(self) -> tuple[Any, ...]:
        return (Condition, (self.clauses,))

    def __repr__(self) -> str:
        return " and ".join(
            f"{parent} == {shown(values[0])}" if len(values) == 1 else f"{parent} in ({listing(values)})"
            for parent, values in self.clauses
        )


def _alternatives(given: Any) -> tuple[Any, ...]:
    if isinstance(given, np.ndarray):
        return tuple(given.tolist())
    if isinstance(given, (list, tuple, set, frozenset, range)):
        return tuple(given)
    return (given,)


def _hashable(value: Any) -> object:
    key = label_key(value)
    return key if key is not None else ("object", id(value))
