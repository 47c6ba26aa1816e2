"""Arguments that a sampler of the same name has in another library: porting stays a change of import."""

from __future__ import annotations

from functools import wraps
from typing import Any, TypeVar

from tunesmith import registry

C = TypeVar("C", bound=type)


def accepts_foreign_arguments(cls: C) -> C:
    """Decorate a sampler: its constructor also takes the keywords that a guide of the registry accepts for it."""
    own = cls.__init__  # type: ignore[misc]  # of this class, and of no other
    code = own.__code__
    known = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]

    @wraps(own)
    def init(self: Any, *args: Any, **options: Any) -> None:
        for name in [name for name in options if name not in known]:
            if registry.guide("argument")(cls.__name__, name, options[name]):
                del options[name]
        own(self, *args, **options)

    cls.__init__ = init  # type: ignore[misc]  # the same signature, for all who read it
    return cls
