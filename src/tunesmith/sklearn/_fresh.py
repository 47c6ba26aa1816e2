"""Fresh splits of the same rows, for leaders to be tried again on; where rows may not be reshuffled there are none."""

from __future__ import annotations

from collections.abc import Callable
from copy import copy
from numbers import Integral
from typing import Any

Splitter = Callable[[int], Any]


def resplitter(given: Any, checked: Any) -> Splitter | str:
    """Return what makes a splitter with fresh splits of a seed, or why there is none.

    Args:
        given: ``cv`` as the user gave it. A number of folds says nothing of an order of the rows, so it is taken to
            allow a reshuffle.
        checked: the splitter that scikit-learn made of it.
    """
    number = given is None or isinstance(given, Integral)
    held = vars(checked) if hasattr(checked, "__dict__") else {}
    name = type(checked).__name__
    if name == "_CVIterableWrapper":
        return "a list of splits always gives the same ones"
    if "random_state" not in held:
        return f"{name} always gives the same ones"
    if not number and held.get("shuffle") is False:
        return f"{name} always gives the same ones unless shuffle=True"

    def fresh(seed: int) -> Any:
        other = copy(checked)
        other.random_state = seed
        if "shuffle" in held:
            other.shuffle = True
        return other

    return fresh
