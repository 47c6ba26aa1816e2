"""Arguments that samplers of these names have in Optuna and not here, so that porting stays a change of import.

One that asks for what is done anyway is accepted in silence. One that would change the search is accepted too, with a
warning that says what happens instead; one without which the search would not be the user's is refused, with what to
write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from tunesmith.caution import caution

C = TypeVar("C", bound=type)

CONSTRAINTS = "call trial.set_constraint(key, value) in the objective; a trial is feasible where all are at most 0"


class Instead:
    """What happens instead of what an argument asks for.

    Args:
        sentence: says it; the end of the warning or the error.
        same: values that ask for what is done anyway.
        refused: whether to raise and not to warn.
    """

    def __init__(self, sentence: str, *same: Any, refused: bool = False) -> None:
        self.sentence = sentence
        self.same = same
        self.refused = refused


INDEPENDENT = Instead("parameters that come and go are part of the model, so no other sampler is needed", None)
SILENT = Instead("there is no such warning here", None, True, False)
REFUSED = Instead(CONSTRAINTS, None, refused=True)


def also_takes(arguments: Mapping[str, Instead]) -> Callable[[C], C]:
    """Return a class decorator: the constructor takes these keywords besides its own.

    Args:
        arguments: name to what happens instead.
    """

    def decorate(cls: C) -> C:
        own = cls.__init__  # type: ignore[misc]  # of this class, and of no other

        @wraps(own)
        def init(self: Any, *args: Any, **options: Any) -> None:
            for name in [name for name in options if name in arguments]:
                _say(cls.__name__, name, options.pop(name), arguments[name])
            own(self, *args, **options)

        cls.__init__ = init  # type: ignore[misc]  # the same signature, for all who read it
        return cls

    return decorate


def _say(sampler: str, name: str, value: Any, instead: Instead) -> None:
    if any(value is same or (type(value) is type(same) and value == same) for same in instead.same):
        return
    if instead.refused:
        raise TypeError(f"{sampler} takes no {name}: {instead.sentence}")
    caution(f"{sampler}: {name}={value!r} is not followed: {instead.sentence}")
