"""The parameters that all trials have, with the same distribution in each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from tunesmith.compat.optuna.distributions import BaseDistribution, distribution_of
from tunesmith.compat.optuna.frozen import FrozenTrial, StudyLike
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.states import TrialState, native_state
from tunesmith.history import History

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
            found = _common(found, trial.distributions)
    return dict(sorted((found or {}).items()))


def _common(
    found: Mapping[str, BaseDistribution] | None, own: Mapping[str, BaseDistribution]
) -> dict[str, BaseDistribution]:
    """Return the distributions that are in both; None: no trial was looked at before."""
    return dict(own) if found is None else {name: d for name, d in found.items() if own.get(name) == d}


class IntersectionSearchSpace:
    """The distributions that all complete trials of one study have.

    Args:
        include_pruned: look at pruned trials as well.
    """

    def __init__(self, include_pruned: bool = False) -> None:
        self._states = (TrialState.COMPLETE, TrialState.PRUNED) if include_pruned else (TrialState.COMPLETE,)
        self._study_id: int | None = None
        self._history: History | None = None  # whose first rows were looked at
        self._rows = 0
        self._found: dict[str, BaseDistribution] | None = None

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
        history = study.native.history
        if history is not self._history or len(history) < self._rows:  # it was read anew
            self._history, self._rows, self._found = history, 0, None
        new = history.number[self._rows :].tolist()
        self._rows += len(new)
        if new and self._found != {}:
            for record in study.native.get_trials(numbers=new, states=[native_state(state) for state in self._states]):
                self._found = _common(self._found, {n: distribution_of(p) for n, p in record.distributions.items()})
        return dict(sorted((self._found or {}).items()))


__getattr__ = refuser(__name__, __all__)
