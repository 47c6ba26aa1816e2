"""Functions of a trial, such as ``target=``, as this library calls them: on its own records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from tunesmith.trial.record import TrialRecord

T = TypeVar("T")


def of_records(study: Any, function: Callable[[Any], T] | None) -> Callable[[TrialRecord], T] | None:
    """Return a function of a `FrozenTrial` as one of a record of this library; None: there is none.

    Args:
        study: whose trials they are.
        function: what the program gave.
    """
    if function is None:
        return None
    return lambda record: function(study._frozen(record))
