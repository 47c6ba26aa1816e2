"""`Choice`: one of several options, each of which has parameters of its own."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter
from tunesmith.space.conditions import Condition
from tunesmith.space.labels import PLAIN_TYPES


class Choice:
    """One of several options, with parameters that are active only in their own option.

    An option is usually a dict: its values are parameters, whatever else a `Space` takes (a list is a choice), further
    choices and dicts, and constants. It may also be a parameter or a constant by itself. The function that is tuned
    gets the dict of the option that was chosen, with values in place of the parameters. In the space, an option's
    parameters are columns with a condition: ``model.svm.C``, active while ``model`` is ``"svm"``.

    Args:
        options: a dict of options by name, or a list. Options of a list are named by what they hold under `key`, by
            themselves if they are constants, or else by their place.
        key: the name under which an option of a dict of options finds its own name; None: it is not told.
        prior: the name of the option that you believe to be good, or weights by name; see `Categorical`.

    Raises:
        SpaceError: there are no options, or a name is not a text.

    Example:
        ```python
        from tunesmith import Choice, Float, Int, minimize

        model = Choice({"svm": {"C": Float(1e-2, 1e2, log=True)}, "forest": {"depth": Int(1, 12)}})

        def loss(params):
            model = params["model"]  # {"type": "svm", "C": 0.3} or {"type": "forest", "depth": 5}
            return abs(model["C"] - 1) if model["type"] == "svm" else model["depth"]

        study = minimize(loss, {"model": model}, n_trials=20, seed=0)
        print(study.best_params)
        ```
    """

    __slots__ = ("condition", "key", "options", "prior")

    def __init__(
        self, options: Mapping[str, Any] | Sequence[Any], *, key: str | None = "type", prior: Any = None
    ) -> None:
        if not isinstance(options, Mapping | list | tuple):
            raise SpaceError(f"Choice: options are a dict by name, or a list; got {shown(options)}")
        if not options:
            raise SpaceError("Choice: options are empty; give at least one")
        names: list[Any] = list(options) if isinstance(options, Mapping) else []
        for name in names:
            if not isinstance(name, str) or not name:
                raise SpaceError(f"Choice: the name of an option is a non-empty text; {shown(name)} is none")
        if key is not None and (not isinstance(key, str) or not key):  # type: ignore[redundant-expr]  # users' calls
            raise SpaceError(f"Choice: key is a non-empty text, or None; got {shown(key)}")
        self.options: dict[str, Any] | list[Any] = dict(options) if isinstance(options, Mapping) else list(options)
        self.key = key
        self.prior = prior
        self.condition: Condition | None = None

    def when(self, parents: Mapping[str, Any] | None = None, /, **by_name: Any) -> Choice:
        """Return a copy that is active only while each parent has the given value; see `Parameter.when`.

        Args:
            parents: values by name.
            **by_name: values by name.

        Returns:
            the copy.

        Raises:
            SpaceError: no parent is given, or no value for one.
        """
        condition = Condition.given(parents, by_name)
        copy = Choice(self.options, key=self.key, prior=self.prior)
        copy.condition = condition if self.condition is None else self.condition & condition
        return copy

    def __repr__(self) -> str:
        text = f"Choice({shown(self.options, 300)})"
        return text if self.condition is None else f"{text} if {self.condition!r}"


def is_frozen(value: Any) -> bool:
    """Return whether a value is a frozen scipy distribution."""
    return hasattr(value, "ppf") and hasattr(value, "rvs") and "scipy.stats" in sys.modules


def holds_parameter(value: Any) -> bool:
    """Return whether a parameter stands in a value: it is one, or a dict or list that holds one."""
    if type(value) in PLAIN_TYPES:
        return False
    if isinstance(value, Parameter | Choice):
        return True
    if isinstance(value, Mapping):
        return any(is_frozen(inside) or holds_parameter(inside) for inside in value.values())
    return isinstance(value, list | tuple) and any(holds_parameter(inside) for inside in value)
