"""What a longer search could gain as the search went on, by any of the terminator's evaluators."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.compat.optuna.terminator.erroreval import BaseErrorEvaluator
from tunesmith.compat.optuna.terminator.improvement.evaluator import BaseImprovementEvaluator, RegretBoundEvaluator
from tunesmith.compat.optuna.terminator.terminator import default_error
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.compat.optuna.visualization.shown import OPTUNAS_NAME
from tunesmith.errors import NothingToDrawError
from tunesmith.visualization.figures.terminator_improvement import MOST_LOOKS, TerminatorImprovement


def improvement(
    study: Any,
    plot_error: bool,
    improvement_evaluator: BaseImprovementEvaluator | None,
    error_evaluator: BaseErrorEvaluator | None,
    min_n_trials: int,
) -> TerminatorImprovement:
    """Return what the evaluators said after more and more trials.

    Args:
        study: with one objective.
        plot_error: whether the error is drawn.
        improvement_evaluator: None: the regret bound.
        error_evaluator: None: as the terminator has it.
        min_n_trials: complete trials at the first look.

    Returns:
        The arrays, for twelve looks at most.

    Raises:
        NothingToDrawError: there are fewer trials.
    """
    evaluator = improvement_evaluator or RegretBoundEvaluator()
    error = error_evaluator or default_error(evaluator)
    trials = [trial for trial in study.trials if trial.state == TrialState.COMPLETE]
    if len(trials) < max(min_n_trials, 1):
        raise NothingToDrawError(
            f"plot_terminator_improvement: it takes {max(min_n_trials, 1)} complete trials; the study has {len(trials)}"
        )
    counts = np.unique(np.linspace(max(min_n_trials, 1), len(trials), MOST_LOOKS).round().astype(np.int64))
    gaps = [float(evaluator.evaluate(trials[:k], study.direction)) for k in counts]
    errors = [float(error.evaluate(trials[:k], study.direction)) if plot_error else np.nan for k in counts]
    return TerminatorImprovement(
        title="What is left to gain",
        summary=f"After {int(counts[-1]):,} trials {type(evaluator).__name__} gives {gaps[-1]:.3g}; after "
        f"{int(counts[0]):,} it was {gaps[0]:.3g}.",
        target=(study.metric_names or [OPTUNAS_NAME])[0],
        number=counts,
        gap=np.array(gaps),
        noise=np.array(errors),
        plot_error=plot_error,
    )
