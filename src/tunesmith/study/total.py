"""How many trials a study has in all, whoever runs them: they are numbered from 0, and none from a limit on starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.errors import TrialsSpentError
from tunesmith.state import TrialState

if TYPE_CHECKING:
    from tunesmith.study.core import StudyCore

NEAR = 64  # numbers before the limit: from there on none is reserved that may turn out to lie beyond


def check_left(study: StudyCore, below: int) -> None:
    """Look whether a trial with a number below a limit is left to be started, as far as that is known here.

    Raises:
        TrialsSpentError: there is none.
    """
    if study._version < 0:
        study._sync()
    if study._next >= below:
        waiting = study._storage.trials(study._id, states=[TrialState.WAITING])
        if not any(t.number < below for t in waiting):
            raise spent(below)


def spent(below: int) -> TrialsSpentError:
    """Return the error that says that there is none."""
    return TrialsSpentError(f"the study has the {below} trials that it is to have in all")
