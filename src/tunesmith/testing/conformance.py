"""`Conformance`: the base of the suites. A law that fails says in words what it wants."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any


class Conformance:
    """Adds to the error of each law, a method ``test_...``, what its docstring says."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        for name, law in list(vars(cls).items()):
            if not name.startswith("test_") or not (wanted := inspect.getdoc(law)):
                continue
            if hasattr(law, "hypothesis"):  # it calls this for each example
                law.hypothesis.inner_test = _named_law(law.hypothesis.inner_test, wanted)
            else:
                setattr(cls, name, _named_law(law, wanted))


def _named_law(law: Callable[..., None], wanted: str) -> Callable[..., None]:
    @wraps(law)
    def run(*given: Any, **fixtures: Any) -> None:
        try:
            law(*given, **fixtures)
        except AssertionError as error:
            error.add_note(f"The law: {wanted}")
            raise

    return run
