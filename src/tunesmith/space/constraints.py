"""Constraints: functions of several parameters that say whether a point is feasible."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import did_you_mean, listing, shown


class _Inactive(KeyError):
    """A constraint asked for a parameter that is inactive."""


class _Active(dict[str, Any]):
    """The active parameters; asking for an inactive one raises `_Inactive`."""

    __slots__ = ("known",)

    def __init__(self, config: Mapping[str, Any], known: frozenset[str]) -> None:
        super().__init__(config)
        self.known = known

    def __missing__(self, name: str) -> Any:
        if name in self.known:
            raise _Inactive(name)
        raise SpaceError(f"no parameter is called {name!r}{did_you_mean(name, self.known)}")


class Constraint:
    """A callable that says whether a point is feasible.

    The callable gets the parameters that its arguments are named after, or all active ones as a dict if it has one
    argument called `params`. It counts as satisfied where a parameter that it asks for is inactive.

    Args:
        fn: the callable; None: it was lost when the space was stored as text.
        label: its name in errors, for example `low_below_high(low, high)`.
        known: the names of the parameters of the space.
    """

    __slots__ = ("_known", "_needs", "_optional", "_whole", "fn", "label")

    @checked()
    def __init__(self, fn: Callable[..., Any] | None, label: str, known: Iterable[str]) -> None:
        self.fn = fn
        self.label = label
        self._known = frozenset(known)
        self._needs: tuple[str, ...] = ()
        self._optional: tuple[str, ...] = ()
        self._whole = False
        if fn is not None:
            self._read_arguments(fn)

    def _read_arguments(self, fn: Callable[..., Any]) -> None:
        import inspect  # here and not above: most spaces have no constraints

        try:
            arguments = inspect.signature(fn).parameters.values()
        except (TypeError, ValueError):
            raise SpaceError(f"constraint {shown(fn)}: its arguments cannot be read; wrap it in a function") from None
        named = [a for a in arguments if a.kind in (a.POSITIONAL_OR_KEYWORD, a.KEYWORD_ONLY)]
        needs = [a.name for a in named if a.default is a.empty]
        name = getattr(fn, "__name__", type(fn).__name__)
        self.label = f"{'lambda' if name == '<lambda>' else name}({', '.join(needs)})"
        if needs == ["params"] and "params" not in self._known:
            self._whole = True
            return
        if any(a.kind is a.POSITIONAL_ONLY for a in arguments) or not needs:
            raise SpaceError(
                f"constraint {self.label}: name its arguments after parameters ({listing(sorted(self._known))}), "
                "or take one argument called params"
            )
        for argument in needs:
            if argument not in self._known:
                raise SpaceError(
                    f"constraint {self.label}: {argument!r} is no parameter{did_you_mean(argument, self._known)} "
                    f"(parameters: {listing(sorted(self._known))}; or take one argument called params)"
                )
        self._needs = tuple(needs)
        self._optional = tuple(a.name for a in named if a.default is not a.empty and a.name in self._known)

    def holds(self, config: Mapping[str, Any]) -> bool:
        """Return whether the active parameters `config` (external values) satisfy the constraint.

        Raises:
            SpaceError: the callable raised; its error is the cause.
        """
        if self.fn is None:
            return True
        try:
            if self._whole:
                return bool(self.fn(_Active(config, self._known)))
            if not all(name in config for name in self._needs):
                return True
            names = (*self._needs, *(name for name in self._optional if name in config))
            return bool(self.fn(**{name: config[name] for name in names}))
        except _Inactive:
            return True
        except Exception as error:
            raise SpaceError(
                f"constraint {self.label} raised {type(error).__name__}: {error} (at {shown(dict(config), 300)})"
            ) from error

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Constraint) and self.fn == other.fn and self.label == other.label

    def __hash__(self) -> int:
        return hash(self.label)

    def __repr__(self) -> str:
        return self.label if self.fn is not None else f"{self.label} [lost]"


def read_constraints(given: Any, known: Iterable[str]) -> tuple[Constraint, ...]:
    """Return the constraints of a space from one callable or several."""
    known = tuple(known)
    if callable(given):
        given = (given,)
    if not isinstance(given, Iterable) or isinstance(given, (str, bytes, Mapping)):
        raise SpaceError(f"constraints must be a callable or a list of callables, got {shown(given)}")
    constraints = []
    for fn in given:
        if not (isinstance(fn, Constraint) or callable(fn)):
            raise SpaceError(
                f"a constraint is a function of parameters, as in `lambda low, high: low < high`; got {shown(fn)}"
            )
        constraints.append(fn if isinstance(fn, Constraint) else Constraint(fn, "", known))
    return tuple(constraints)
