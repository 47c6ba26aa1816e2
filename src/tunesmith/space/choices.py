"""Parameters that take one of several labels: unordered (`Categorical`) and ordered (`Ordinal`)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from operator import is_
from typing import TYPE_CHECKING, Any, Self, TypeGuard

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.space.base import Parameter
from tunesmith.space.encoding import LatticeScale
from tunesmith.space.labels import label_key, object_name, python_scalar, same_object
from tunesmith.space.nested_choice import Choice, holds_parameter
from tunesmith.space.priors import DEFAULT_PRIOR_WIDTH, NormalPrior, read_width, weighted

if TYPE_CHECKING:
    from collections.abc import Hashable

    from tunesmith.space.encoding import Scale
    from tunesmith.space.priors import UnitPrior

_set = object.__setattr__


class Categorical(Parameter):
    """One of `choices`, which have no order.

    Choices made of None, bool, int, float, str, and tuples, lists and dicts of these stand for themselves; `True`, `1`
    and `1.0` are three different choices. Any other object has a name: the key if `choices` is a dict `{name: object}`,
    else its `__name__` or its `repr`. The name is stored and compared; the function that is tuned gets the object.
    Choices that hold parameters, ``[{"type": "svm", "C": Float(0.1, 10)}, ...]``, make a `Choice`.

    Args:
        choices: the values.
        prior: the choice that you believe to be good, which gets half of the probability before any result, or a dict
            of weights by label (0 for those that are left out, which are tried all the same).

    Attributes:
        choices: the values, in the order of their index.
        labels: the same, with the name in place of each object.

    Raises:
        SpaceError: there are no choices, a choice is given twice, or two objects have one name.

    Example:
        ```python
        from tunesmith import Categorical, Float, Space

        space = Space(
            kernel=Categorical(["linear", "rbf"], prior="rbf"),
            gamma=Float(1e-4, 1e2, log=True).when(kernel="rbf"),
        )
        space.validate({"kernel": "linear"})
        ```
    """

    __slots__ = ("_index", "_named", "choices", "labels")
    is_ordered = False
    choices: tuple[Any, ...]
    labels: tuple[Any, ...]
    _index: dict[Hashable, int]
    _named: frozenset[int]

    def __new__(cls, choices: Iterable[Any] | Mapping[str, Any] = (), *, prior: Any = None) -> Any:
        """Return a parameter; or a `Choice`, if the choices hold parameters."""
        return Choice(choices, prior=prior) if _are_nested(choices) else object.__new__(cls)

    def __init__(self, choices: Iterable[Any] | Mapping[str, Any], *, prior: Any = None) -> None:
        self._read(choices)
        if prior is not None:
            self._read_prior(prior, None)

    def _read(self, choices: Iterable[Any] | Mapping[str, Any]) -> None:
        kind = type(self).__name__
        values, names = _choices_and_names(kind, choices)
        if not isinstance(choices, list | tuple | Mapping) and holds_parameter(values):  # those were looked at
            raise SpaceError(f"{kind}: choices that hold parameters are given as a list or a dict")
        given: list[str | None] = list(names) if names else [None] * len(values)
        for i, value in enumerate(values):
            if given[i] is None and label_key(value) is None:
                given[i] = _free_name(kind, value, values[:i], given[:i])
        self._fill(values, given)

    @classmethod
    def with_names(cls, values: Sequence[Any], names: Sequence[str | None]) -> Self:
        """Return a parameter whose objects have the given names.

        Args:
            values: the choices.
            names: the name of each; None: the choice stands for itself.

        Returns:
            the parameter.

        Raises:
            SpaceError: as for the constructor.
        """
        param = object.__new__(cls)
        param._fill(values, names)
        return param

    def _fill(self, values: Sequence[Any], names: Sequence[str | None]) -> None:
        kind = type(self).__name__
        if not values:
            raise SpaceError(f"{kind}: choices are empty; give at least one")
        labels = [value if name is None else name for value, name in zip(values, names, strict=True)]
        keys = [label_key(value) if name is None else ("name", name) for value, name in zip(values, names, strict=True)]
        index: dict[Hashable, int] = {}
        texts: set[str] = set()
        for label, key in zip(labels, keys, strict=True):
            if key is None:
                raise SpaceError(f"{kind}: {shown(label)} needs a name, as in {kind}({{'name': object}})")
            # A text and an object's name are written alike wherever a choice is referred to: they must differ too.
            if key in index or (type(label) is str and label in texts):
                raise SpaceError(
                    f"{kind}: duplicate choices: {shown(label)} is given more than once in ({listing(labels)}); "
                    "drop one, or name objects by a dict {name: object}"
                )
            index[key] = len(index)
            if type(label) is str:
                texts.add(label)
        _set(self, "choices", tuple(values))
        _set(self, "labels", tuple(labels))
        _set(self, "_index", index)
        _set(self, "_named", frozenset(i for i, name in enumerate(names) if name is not None))
        self._start(tuple(index))

    @property
    def n_values(self) -> int | float:
        return len(self.choices)

    @property
    def names(self) -> tuple[str | None, ...]:
        """The name of each choice; None for those that stand for themselves."""
        return tuple(self.labels[i] if i in self._named else None for i in range(len(self.labels)))

    def to_internal(self, value: Any) -> float:
        value = python_scalar(value)
        key = label_key(value)
        i = self._index.get(key) if key is not None else None
        if i is None:
            i = self._search(value)
        if i is None:
            raise SpaceError(
                f"{shown(value)} is not among the choices{did_you_mean(value, self.labels)}; valid is {self.valid()}"
            )
        return float(i)

    def _search(self, value: Any) -> int | None:
        """Return the index of an object, of an object's name, or of a number of the other type (1 for 1.0)."""
        if type(value) is str and ("name", value) in self._index:
            return self._index["name", value]
        if type(value) in (int, float):
            same = [i for i, c in enumerate(self.choices) if type(c) in (int, float) and c == value]
            return same[0] if len(same) == 1 else None
        for i, choice in enumerate(self.choices):
            if choice is value:
                return i
        return next((i for i in sorted(self._named) if same_object(self.choices[i], value)), None)

    def to_external(self, x: float) -> Any:
        return self.choices[int(x)]

    def to_label(self, x: float) -> Any:
        return self.labels[int(x)]

    def valid(self) -> str:
        return f"one of {listing(self.labels)}"

    @property
    def prior(self) -> Any:
        given = self._prior  # an index, or a weight for each choice
        if given is None or isinstance(given, int):
            return given if given is None else self.labels[given]
        return {label: weight for label, weight in zip(self.labels, given, strict=True) if weight > 0}

    def unit_prior(self) -> UnitPrior | None:
        return None if self._prior is None else weighted(self._prior, len(self.choices))

    def stored_prior(self) -> Any:
        return list(self._prior) if isinstance(self._prior, tuple) else self._prior

    def with_stored_prior(self, prior: Any, prior_width: float | None) -> Self:
        n = len(self.choices)
        weights = isinstance(prior, list) and len(prior) == n and not self.is_ordered
        if not weights and not (type(prior) is int and 0 <= prior < n):
            raise SpaceError(f"{shown(prior)} is no prior of {n} choices")
        copy = self.with_prior(None)
        copy._set_prior(tuple(map(float, prior)) if weights else prior, prior_width)
        return copy

    def _read_prior(self, prior: Any, width: float | None) -> None:
        if width is not None:
            raise SpaceError(f"{self!r}: choices without an order have no prior_width; give prior={{label: weight}}")
        if isinstance(prior, Mapping) and not self.contains(prior):
            try:
                self._set_prior(_read_weights(self, prior), None)
            except SpaceError as error:
                raise SpaceError(f"{self!r}: {error}") from None
            return
        try:
            self._set_prior(int(self.to_internal(prior)), None)
        except SpaceError as error:
            raise SpaceError(f"{self!r} with prior={shown(prior)}: {error}") from None

    def is_spelled(self, choices: Sequence[Any]) -> bool:
        """Return quickly whether `choices` are these very objects; False: they may be equal all the same."""
        return len(choices) == len(self.choices) and all(map(is_, choices, self.choices))

    def extended(self, other: Categorical) -> Categorical:
        """Return a parameter with the further choices of `other` appended; the indices of its own stay."""
        extra = [i for key, i in other._index.items() if key not in self._index]
        if not extra:
            return self
        both = self.with_names(
            (*self.choices, *(other.choices[i] for i in extra)),
            (*self.names, *(other.names[i] for i in extra)),
        ).with_condition(self.condition)
        if self._prior is not None:
            same = self._prior if isinstance(self._prior, int) else (*self._prior, *[0.0] * len(extra))
            both._set_prior(same, self.prior_width)
        return both

    def _make_scale(self) -> Scale:
        n = len(self.choices)
        return LatticeScale(0.0, n - 1.0, 1.0, n, 0.0)

    def _arguments(self) -> str:
        return f"[{listing(self.labels)}]"


class Ordinal(Categorical):
    """One of `choices`, whose order counts: neighbours are alike. See `Categorical` for what a choice may be.

    Args:
        choices: the values, in their order.
        prior: the choice that you believe to be good.
        prior_width: how many steps from it good ones may lie, as one standard deviation; by default a quarter of the
            choices.

    Example:
        ```python
        from tunesmith import Ordinal, Space

        space = Space(size=Ordinal(["small", "medium", "large"], prior="medium"))
        space.validate({"size": "large"})
        ```
    """

    __slots__ = ()
    is_ordered = True

    def __new__(
        cls, choices: Iterable[Any] | Mapping[str, Any] = (), *, prior: Any = None, prior_width: float | None = None
    ) -> Any:
        """Return a parameter."""
        if _are_nested(choices):
            raise SpaceError(f"Ordinal: a choice that holds parameters has no order; write Choice({shown(choices)})")
        return object.__new__(cls)

    def __init__(
        self, choices: Iterable[Any] | Mapping[str, Any], *, prior: Any = None, prior_width: float | None = None
    ) -> None:
        self._read(choices)
        if prior is not None or prior_width is not None:
            self._read_prior(prior, prior_width)

    def unit_prior(self) -> UnitPrior | None:
        if self._prior is None:
            return None
        n = len(self.choices)
        sd = DEFAULT_PRIOR_WIDTH if self.prior_width is None else self.prior_width / n
        return NormalPrior(float(self._prior), (self._prior + 0.5) / n, sd, 1.0 / n)

    def _read_prior(self, prior: Any, width: float | None) -> None:
        if prior is None:
            raise SpaceError(f"{self!r}: prior_width={width!r} is given without a prior; give prior=choice too")
        try:
            self._set_prior(int(self.to_internal(prior)), None if width is None else read_width(width, log=False))
        except SpaceError as error:
            raise SpaceError(f"{self!r} with prior={shown(prior)}: {error}") from None


def _are_nested(choices: Any) -> TypeGuard[Mapping[str, Any] | Sequence[Any]]:
    """Return whether choices hold parameters."""
    try:
        return holds_parameter(choices)
    except RecursionError:
        raise SpaceError(f"{shown(choices)} holds itself; give plain values") from None


def _choices_and_names(kind: str, choices: Any) -> tuple[list[Any], list[str]]:
    """Return the values, and their names if a dict gives them."""
    if isinstance(choices, Mapping):
        for name in choices:
            if not isinstance(name, str):
                raise SpaceError(f"{kind}: a dict of choices maps names to objects; {shown(name)} is not a text")
        return list(choices.values()), list(choices)
    if isinstance(choices, (str, bytes)):
        raise SpaceError(f"{kind}: choices must be a list, got the text {shown(choices)}; did you mean [{choices!r}]?")
    if isinstance(choices, (set, frozenset)):
        raise SpaceError(f"{kind}: a set has no order, and the index of a choice must not change; give a list")
    if isinstance(choices, np.ndarray):
        if choices.ndim != 1:
            raise SpaceError(f"{kind}: an array of choices must have one dimension, got shape {choices.shape}")
        return list(choices.tolist()), []
    if not isinstance(choices, Iterable):
        raise SpaceError(f"{kind}: choices must be a list, got {shown(choices)}; did you mean [{shown(choices)}]?")
    return [python_scalar(value) for value in choices], []


def _free_name(kind: str, value: Any, before: Sequence[Any], taken: Sequence[str | None]) -> str:
    """Return the name of an object; names that do not tell objects apart (`<lambda>`) are numbered in order."""
    if any(value is other for other in before):
        raise SpaceError(f"{kind}: duplicate choices: {shown(value)} is given more than once")
    name, distinct = object_name(value)
    if distinct or name not in taken:
        return name
    number = 2
    while f"{name}#{number}" in taken:
        number += 1
    return f"{name}#{number}"


def _read_weights(param: Categorical, weights: Mapping[object, float]) -> tuple[float, ...]:
    """Return a weight for each choice, 0 for those that are not named."""
    found = [0.0] * int(param.n_values)
    for label, weight in weights.items():
        try:
            i = int(param.to_internal(label))
        except SpaceError as error:
            raise SpaceError(f"prior: {error}") from None
        if isinstance(weight, bool) or not hasattr(weight, "__float__") or not 0.0 <= float(weight) < math.inf:
            raise SpaceError(f"prior: the weight of {shown(label)} must be a finite number >= 0, got {shown(weight)}")
        found[i] = float(weight)
    if not sum(found) > 0.0:
        raise SpaceError(f"prior: at least one weight must be > 0, got {shown(dict(weights))}")
    return tuple(found)
