"""The parameters that all trials have, with the same distribution in each."""

from __future__ import annotations

from collections.abc import Iterable

from tunesmith.compat.optuna.distributions import BaseDistribution
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import lead_here
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.compat.optuna.trial_state import TrialState

__all__ = ["IntersectionSearchSpace", "intersection_search_space"]


def intersection_search_space(
    trials: Iterable[FrozenTrial], include_pruned: bool = False
) -> dict[str, BaseDistribution]:
    """Return the distributions that all complete trials have, by name, in alphabetical order.

    Args:
        trials: of one study.
        include_pruned: look at pruned trials as well.
    """
    states = (TrialState.COMPLETE, TrialState.PRUNED) if include_pruned else (TrialState.COMPLETE,)
    found: dict[str, BaseDistribution] | None = None
    for trial in trials:
        if trial.state in states:
            own = trial.distributions
            found = dict(own) if found is None else {n: d for n, d in found.items() if own.get(n) == d}
    return dict(sorted((found or {}).items()))


class IntersectionSearchSpace:
    """The distributions that all complete trials of one study have.

    Args:
        include_pruned: look at pruned trials as well.
    """

    def __init__(self, include_pruned: bool = False) -> None:
        self._include_pruned = include_pruned
        self._study_id: int | None = None

    def calculate(self, study: StudyLike, use_cache: bool = False) -> dict[str, BaseDistribution]:
        """Return the distributions by name, in alphabetical order.

        Args:
            study: always the same.
            use_cache: accepted for porting.

        Raises:
            ValueError: it is another study than before.
        """
        if self._study_id is None:
            self._study_id = study._study_id
        if self._study_id != study._study_id:
            raise ValueError("an IntersectionSearchSpace is for one study; make another one for this study")
        return intersection_search_space(study.get_trials(deepcopy=False), self._include_pruned)


__getattr__ = refuser(__name__, __all__)
lead_here(__name__)
