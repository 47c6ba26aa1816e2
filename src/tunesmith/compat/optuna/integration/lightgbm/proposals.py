"""What a step of the tuner tries next: the next point of its grid, or what TPE proposes after the step's own trials."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import tunesmith
from tunesmith.compat.optuna.integration.lightgbm.steps import Step
from tunesmith.compat.optuna.parameters import parameter_of
from tunesmith.compat.optuna.study_direction import StudyDirection
from tunesmith.compat.optuna.trial_state import TrialState


class Proposals:
    """The points of one step.

    The trials of all steps are in the user's study, and TPE is to learn from those of its own step alone, since the
    others were run with other values of everything else. So a study in memory holds them, and is asked.

    Args:
        step: the step.
        direction: of the metric.
        seed: of TPE; None: another one each time.
    """

    def __init__(self, step: Step, direction: StudyDirection, seed: int | None) -> None:
        self._step = step
        self._known: set[int] = set()
        self._space = {name: parameter_of(distribution) for name, distribution in step.space.items()}
        self._study = tunesmith.create_study(
            direction=direction.name.lower(), sampler="tpe", seed=seed, space=self._space
        )

    def next(self, trials: Iterable[Any]) -> dict[str, Any]:
        """Return the point to try next.

        Args:
            trials: those of the step so far, of all processes that tune together.

        Returns:
            Values by name.
        """
        done = list(trials)
        if self._step.points:
            tried = [self._part(trial.params) for trial in done]
            left = [point for point in self._step.points if point not in tried]
            return dict((left or self._step.points)[0])
        for trial in done:
            if trial.number not in self._known and trial.state == TrialState.COMPLETE:
                self._known.add(trial.number)
                self._study.add_trial(
                    tunesmith.create_trial(
                        params=self._part(trial.params), distributions=self._space, value=trial.value
                    )
                )
        asked = self._study.ask()
        self._study.tell(asked, state=tunesmith.TrialState.FAIL)  # its result comes with the user's trial
        return dict(asked.params)

    def _part(self, params: Mapping[str, Any]) -> dict[str, Any]:
        return {name: params[name] for name in self._step.space}
