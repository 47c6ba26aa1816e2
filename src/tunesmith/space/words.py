"""Ranges in which single places have a word of the estimator's own: ``gamma="scale"``, ``max_depth=None``.

Estimators mix numbers and words in one parameter. A word has a place among the numbers: ``max_depth=None`` is as deep
as a tree can become, ``gamma="scale"`` is a number that follows from the rows. So a search needs no further parameter
for it, and a model learns from the word as from any other number. The point at that place is the word itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter
from tunesmith.space.parameters import Float, Int
from tunesmith.space.priors import read_width

_set = object.__setattr__
Words = tuple[tuple[Any, float], ...]


class _WithWords(Parameter):
    """What `FloatOr` and `IntOr` have in common; it stands before the range among their bases."""

    __slots__ = ()
    words: Words
    log: bool

    def to_internal(self, value: Any) -> float:
        place = _number_of_word(self.words, value)
        return super().to_internal(value) if place is None else place

    def to_external(self, x: float) -> Any:
        for word, place in self.words:
            if place == x:
                return word
        return super().to_external(x)

    def valid(self) -> str:
        numbers = super().valid()
        return f"{numbers}, or {' or '.join(shown(word) for word, _ in self.words)}" if self.words else numbers

    def _complete(self, words: Mapping[Any, float], prior: Any, width: float | None) -> None:
        """Set the words and the prior, which may be one of them, when the range is set."""
        _set(self, "words", ())  # a place is a number
        pairs = []
        for word, place in words.items():
            try:
                x = self.to_internal(place)
                pairs.append((word, int(x) if isinstance(self, Int) else x))
            except SpaceError as error:
                raise SpaceError(f"{type(self).__name__}: the place of the word {shown(word)}: {error}") from None
        _set(self, "words", tuple(pairs))
        _set(self, "_key", (*self._key, ("words", tuple(pairs))))
        if prior is None and width is None:
            return
        if prior is None:
            raise SpaceError(f"{self!r}: a prior_width is given without a prior; give prior=value too")
        self._set_prior(self.to_internal(prior), None if width is None else read_width(width, self.log))

    def _arguments(self) -> str:
        return f"{super()._arguments()}, words={dict(self.words)!r}"


class FloatOr(_WithWords, Float):
    """A real number from `low` to `high`, or one of some words, each of which stands at a place of the range.

    Args:
        low: the lower bound, finite.
        high: the upper bound, finite.
        log: whether values are spread evenly in the logarithm (`low` > 0).
        words: what stands at which number: ``{"scale": 0.05}``, ``{None: 6}``, or ``{0.0: 1e-8}`` for the zero that a
            logarithmic range lacks.
        prior: as for `Float`.
        prior_width: as for `Float`.

    Attributes:
        words: pairs of word and number.

    Raises:
        SpaceError: the arguments are not valid; the message says what was given and what is valid.

    Example:
        ```python
        from tunesmith import Space
        from tunesmith.space.estimators import FloatOr

        space = Space(gamma=FloatOr(1e-4, 10, log=True, words={"scale": 0.05}))
        print(space.decode(space.encode([{"gamma": "scale"}])))
        ```
    """

    __slots__ = ("words",)

    @checked()
    def __init__(
        self,
        low: float,
        high: float,
        log: bool = False,
        *,
        words: Mapping[Any, float],
        prior: float | None = None,
        prior_width: float | None = None,
    ) -> None:
        super().__init__(low, high, log)
        self._complete(words, prior, prior_width)


class IntOr(_WithWords, Int):
    """A whole number from `low` to `high`, or one of some words, each of which stands at a place of the range.

    Args:
        low: the lower bound.
        high: the upper bound.
        log: whether values are spread evenly in the logarithm (`low` >= 1).
        words: what stands at which number: ``{None: 64}``.
        prior: as for `Int`.
        prior_width: as for `Int`.

    Attributes:
        words: pairs of word and number.

    Raises:
        SpaceError: the arguments are not valid; the message says what was given and what is valid.

    Example:
        ```python
        from tunesmith import Space
        from tunesmith.space.estimators import IntOr

        space = Space(max_depth=IntOr(1, 32, words={None: 32}))
        print(space.decode(space.encode([{"max_depth": 3}, {"max_depth": None}])))
        ```
    """

    __slots__ = ("words",)

    @checked()
    def __init__(
        self,
        low: int,
        high: int,
        log: bool = False,
        *,
        words: Mapping[Any, float],
        prior: int | None = None,
        prior_width: float | None = None,
    ) -> None:
        super().__init__(low, high, log)
        self._complete(words, prior, prior_width)


def words_of_parameter(param: Parameter) -> Words:
    """Return the words of a parameter and the numbers that they stand for; most have none."""
    return param.words if isinstance(param, Float | Int) else ()


def without_words(param: Parameter, words: list[Any]) -> Parameter:
    """Return a parameter without some of its words; their numbers stay in the range."""
    if not isinstance(param, Float | Int) or not param.words or not words:
        return param
    left = {word: place for word, place in param.words if not any(word is w or word == w for w in words)}
    return with_range(param, param.low, param.high, left)


def with_range(param: Float | Int, low: float, high: float, words: Mapping[Any, float]) -> Parameter:
    """Return a parameter with another range and other words, everything else being the same.

    Args:
        param: the parameter, without a step.
        words: its words; none: it becomes a plain `Float` or `Int`.
    """
    made: Parameter
    if isinstance(param, Int):
        made = IntOr(int(low), int(high), param.log, words=words) if words else Int(int(low), int(high), param.log)
    else:
        made = FloatOr(low, high, param.log, words=words) if words else Float(low, high, param.log)
    if param.prior is not None:
        made = made.with_prior(param.prior, param.prior_width)
    return made.with_condition(param.condition)


def _number_of_word(words: Words, value: Any) -> float | None:
    """Return the number that a word stands for; None: it is not a word."""
    if value is not None and not isinstance(value, str | int | float):
        return None
    for word, place in words:
        if value is word or (type(value) is type(word) and value == word):
            return place
        if isinstance(word, float) and not isinstance(value, bool | str | None) and value == word:
            return place
    return None
