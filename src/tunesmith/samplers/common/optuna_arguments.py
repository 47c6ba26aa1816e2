"""Arguments that samplers of these names have in Optuna and not here, so that porting stays a change of import.

An argument that asks for what is done anyway is accepted. One that would change the search is accepted with a warning
that says what happens instead. One without which the search would not be the user's is refused, with what to write.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, TypeVar

from tunesmith.caution import caution

C = TypeVar("C", bound=type)


class OptunaArgument:
    """What happens instead of what an argument asks for.

    Args:
        instead: says it; the end of the warning or the error.
        harmless: values that ask for what is done anyway.
        refused: whether to raise and not to warn.
    """

    def __init__(self, instead: str, *harmless: Any, refused: bool = False) -> None:
        self.instead, self.harmless, self.refused = instead, harmless, refused


INDEPENDENT_SAMPLER = OptunaArgument(
    "parameters that come and go are part of the model, so no other sampler is needed", None
)
NO_WARNING = OptunaArgument("there is no such warning here", None, True, False)
CONSTRAINTS_FUNC = OptunaArgument(
    "call trial.set_constraint(key, value) in the objective; a trial is feasible where all are at most 0",
    None,
    refused=True,
)


def accepts_optuna_arguments(arguments: Mapping[str, OptunaArgument]) -> Callable[[C], C]:
    """Return a class decorator: the constructor takes these keywords besides its own."""

    def decorate(cls: C) -> C:
        own = cls.__init__  # type: ignore[misc]  # of this class, and of no other

        @wraps(own)
        def init(self: Any, *args: Any, **options: Any) -> None:
            for name in [name for name in options if name in arguments]:
                _check(cls.__name__, name, options.pop(name), arguments[name])
            own(self, *args, **options)

        cls.__init__ = init  # type: ignore[misc]  # the same signature, for all who read it
        return cls

    return decorate


def _check(sampler: str, name: str, value: Any, argument: OptunaArgument) -> None:
    if any(value is same or (type(value) is type(same) and value == same) for same in argument.harmless):
        return
    if argument.refused:
        raise TypeError(f"{sampler} takes no {name}: {argument.instead}")
    caution(f"{sampler}: {name}={value!r} is not followed: {argument.instead}")
