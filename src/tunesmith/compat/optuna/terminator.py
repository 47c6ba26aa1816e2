"""Optuna's ``terminator``: ends a search that has nothing left to gain, by this library's models.

Where there is no need of Optuna's names, ``study.optimize(..., stop="converged")`` does the same.
"""

from __future__ import annotations

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

import tunesmith
from tunesmith.compat.optuna import logging
from tunesmith.compat.optuna._deprecated import warn_deprecated
from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.frozen import record_of
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.states import StudyDirection, TrialState
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.gp import Posterior, Prior, fit
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.history import History
from tunesmith.samplers import SURROGATE_PRIOR
from tunesmith.samplers.finished import infer_conditions
from tunesmith.selection.when_to_stop import bound_width
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap

__all__ = [
    "BaseErrorEvaluator",
    "BaseImprovementEvaluator",
    "BaseTerminator",
    "BestValueStagnationEvaluator",
    "CrossValidationErrorEvaluator",
    "EMMREvaluator",
    "MedianErrorEvaluator",
    "RegretBoundEvaluator",
    "StaticErrorEvaluator",
    "Terminator",
    "TerminatorCallback",
    "report_cross_validation_scores",
]

DEFAULT_MIN_N_TRIALS = 20  # complete trials before a search may end
DEFAULT_TOP_TRIALS_RATIO = 0.5  # share of the trials, the best ones, that the regret bound rests on


class BaseImprovementEvaluator(ABC):
    """What measures how much could still be gained; derive from it for one of your own."""

    @abstractmethod
    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return what could be gained.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The possible gain, in the unit that the error is compared in.
        """


@experimental_class("3.2.0")
class RegretBoundEvaluator(BaseImprovementEvaluator):
    """The most that a longer search can be expected to gain: what ``optimize(stop="converged")`` looks at.

    It is the difference of two bounds of a Gaussian process over the best trials (Makarova et al., "Automatic
    Termination for Hyperparameter Optimization", AutoML 2022): of the best trial, and of the best point of the space.

    Args:
        top_trials_ratio: the share of the trials, the best ones, that the process is fitted to.
        min_n_trials: how many trials these are at least.
        seed: not used: the same trials give the same answer.
    """

    def __init__(
        self,
        top_trials_ratio: float = DEFAULT_TOP_TRIALS_RATIO,
        min_n_trials: int = DEFAULT_MIN_N_TRIALS,
        seed: int | None = None,
    ) -> None:
        self._ratio, self._least = top_trials_ratio, min_n_trials

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the bound, in the unit of the objective; infinite while there are too few trials for a model.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The bound.

        Raises:
            ValueError: no trial is complete, or they have no parameters.
        """
        from tunesmith.samplers import has_enough_trials
        from tunesmith.study.stopping import look_for_convergence

        done = complete(trials)
        sign = -1.0 if study_direction == StudyDirection.MAXIMIZE else 1.0
        count = min(max(int(len(done) * self._ratio), self._least), len(done))
        worst = sorted(sign * trial.value for trial in done)[count - 1]
        history, space = history_of([trial for trial in done if sign * trial.value <= worst], study_direction)
        if not has_enough_trials(history, space):
            return math.inf
        return look_for_convergence(history, space).gap


@experimental_class("3.4.0")
class BestValueStagnationEvaluator(BaseImprovementEvaluator):
    """How many trials may still follow without a better one.

    Args:
        max_stagnation_trials: how many may follow the best one.

    Raises:
        ValueError: the number is below 0.
    """

    @checked()
    def __init__(self, max_stagnation_trials: int = 30) -> None:
        if max_stagnation_trials < 0:
            raise ValueError(f"max_stagnation_trials must be 0 or more; got {shown(max_stagnation_trials)}")
        self._most = max_stagnation_trials

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the number of trials.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The number; below 0 once there were more.

        Raises:
            ValueError: no trial is complete.
        """
        done = complete(trials)
        values = np.array([trial.value for trial in done], float)
        best = int(np.argmax(values) if study_direction == StudyDirection.MAXIMIZE else np.argmin(values))
        return float(self._most - (len(done) - 1 - best))


def complete(trials: list[Any], least: int = 1) -> list[Any]:
    """Return the trials that are complete.

    Args:
        least: how many there must be.

    Raises:
        ValueError: there are fewer.
    """
    found = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    if len(found) < least:
        raise ValueError("no trial is complete yet, so that nothing can be said of what is left to gain")
    return found


def history_of(trials: list[Any], direction: StudyDirection) -> tuple[History, Space]:
    """Return complete trials as a history, and their space.

    Raises:
        ValueError: they have no parameters.
    """
    study = tunesmith.create_study(direction=direction.name.lower())
    study.add_trials([record_of(trial) for trial in trials])
    history = study.history
    if history.space is None or not len(history.space):
        raise ValueError("the trials have no parameters, so that nothing can be said of what is left to gain")
    return history, history.space


N_BOUND_POINTS = 2048  # of the space, at which the upper bound is looked for
NOISELESS = Prior(noise_mean=math.log(1e-6), noise_var=1e-3, noise_bounds=(1e-7, 1e-5))  # of results without noise


def regret(
    x: Floats, loss: Floats, space: Space, delta: float, rng: np.random.Generator, *, deterministic: bool
) -> float:
    """Return the bound after the last trial.

    Args:
        x: internal values [t, d], NaN where inactive, in the order of the trials; two trials at least.
        loss: minimised values [t].
        delta: the bounds hold with probability 1 - delta.
        rng: draws the points of the space.
        deterministic: whether results have no noise.
    """
    tree = infer_conditions(space, x)
    features = FeatureMap(tree)
    z = features(tree.to_unit(tree.mask(x)))
    y = -(loss - loss.mean()) / (loss.std() or 1.0)
    theta = fit(z, features.group, y, NOISELESS if deterministic else SURROGATE_PRIOR)
    # Of the same hyperparameters, since the divergence compares two posteriors of one prior (section 4.4).
    after, before = Posterior(z, features.group, y, theta), Posterior(z[:-1], features.group, y[:-1], theta)
    best, best_before = int(np.argmax(y)), int(np.argmax(y[:-1]))
    mean, _ = after.predict(z[[best]])
    mean_before, _ = before.predict(z[[best_before]])
    gain = float(mean_before[0] - mean[0])
    both = after.covariance(z[[best, best_before]])
    v = math.sqrt(max(1e-10, float(both[0, 0] - 2.0 * both[0, 1] + both[1, 1])))
    g = -gain / v
    density = math.exp(-0.5 * g * g) / math.sqrt(2.0 * math.pi)
    probability = 0.5 * math.erfc(-g / math.sqrt(2.0))
    spread = features(tree.to_unit(tree.sample(rng, N_BOUND_POINTS)))
    kappa = _regret_bound(before, z[:-1], spread, len(space), delta)
    return gain + v * density + v * g * probability + kappa * math.sqrt(0.5 * _divergence(before, z[-1:], y[-1]))


def _divergence(before: Posterior, z: Floats, y: float) -> float:
    """Return the divergence of the process before a result y at z[1, F] from that after it (equation 4)."""
    mean, variance = (float(found[0]) for found in before.predict(z))
    total = variance + before.noise
    return 0.5 * (math.log(total / before.noise) - variance / total + variance * (y - mean) ** 2 / total**2)


def _regret_bound(model: Posterior, z: Floats, spread: Floats, d: int, delta: float) -> float:
    """Return max UCB over the space - max LCB over the trials, of the standardised values."""
    width = bound_width(len(z), d, delta)
    mean, variance = model.predict(np.concatenate([z, spread]))
    upper = float((mean + width * np.sqrt(variance)).max())
    lower = float((mean - width * np.sqrt(variance))[: len(z)].max())
    return upper - lower


MARGIN_FOR_NUMARICAL_STABILITY = 0.1  # which programs import, spelt so
# What is said while nothing is known: nothing ends.
ERROR_WHILE_UNKNOWN = MARGIN_FOR_NUMARICAL_STABILITY * sys.float_info.max


@experimental_class("4.0.0")
class EMMREvaluator(BaseImprovementEvaluator):
    """The expected minimum model regret: by how much the last trial changed what the best point is expected to be.

    The bound of Ishibashi, Karasuyama, Takeuchi & Hino, "A stopping criterion for Bayesian optimization by the gap of
    expected minimum simple regrets" (AISTATS 2023); see `.regret`. It is in units of standardised values, and is
    compared with a `MedianErrorEvaluator`.

    Args:
        deterministic_objective: whether results have no noise.
        delta: the bounds hold with probability 1 - delta.
        min_n_trials: complete trials before there is an answer, 2 or more.
        seed: of the points of the space that are looked at.

    Raises:
        ValueError: ``min_n_trials`` is below 2.
    """

    @checked()
    def __init__(
        self,
        deterministic_objective: bool = False,
        delta: float = 0.1,
        min_n_trials: int = 2,
        seed: int | None = None,
    ) -> None:
        if not 1 < min_n_trials < math.inf:
            raise ValueError(f"min_n_trials must be 2 or more; got {shown(min_n_trials)}")
        self._deterministic, self._delta, self.min_n_trials = deterministic_objective, delta, min_n_trials
        if seed is not None and seed < 0:
            raise ValueError(f"seed must be 0 or more, or None; got {seed!r}")
        self._rng = np.random.default_rng(seed)

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the regret; a huge number while there are too few trials.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The regret, of standardised values.
        """
        done = complete(trials, least=0)
        if len(done) < self.min_n_trials:
            return ERROR_WHILE_UNKNOWN
        if not any(trial.params for trial in done):
            caution("EMMREvaluator: the trials have no parameters, so the search is never ended by it")
            return ERROR_WHILE_UNKNOWN
        history, space = history_of(done, study_direction)
        found = regret(
            history.points(space), history.y[:, 0], space, self._delta, self._rng, deterministic=self._deterministic
        )
        return min(found, 0.5 * sys.float_info.max)


SCORES_ATTRIBUTE = "terminator:cv_scores"  # the system attribute of a trial that has the scores of its folds


class BaseErrorEvaluator(ABC):
    """What measures the error of a result; derive from it for one of your own."""

    @abstractmethod
    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the error, in the unit of the objective.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The error.
        """


@checked()
def report_cross_validation_scores(trial: Any, scores: Sequence[float]) -> None:
    """Report the scores of a trial's folds, from which its error is computed.

    Args:
        trial: the running trial.
        scores: one of each fold, two at least.

    Raises:
        ValueError: there are fewer than two.
    """
    warn_deprecated("optuna.terminator", "4.9.0", "6.0.0")
    if len(scores) < 2:
        raise ValueError(f"report_cross_validation_scores takes the scores of two folds at least; got {shown(scores)}")
    trial.storage.set_trial_system_attr(trial._trial_id, SCORES_ATTRIBUTE, [float(score) for score in scores])


@experimental_class("3.2.0")
class CrossValidationErrorEvaluator(BaseErrorEvaluator):
    """The standard deviation of a cross-validated mean, of the best trial so far.

    Training sets overlap, so the variance of the fold's scores counts (1/k + 1/(k - 1)) times, for k folds (Nadeau and
    Bengio, 2003; Makarova et al., AutoML 2022, section 3.2). The objective reports the scores by
    `report_cross_validation_scores`.
    """

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the error of the best trial.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The standard deviation.

        Raises:
            ValueError: no trial is complete, or the best one did not report its scores.
        """
        sign = -1.0 if study_direction == StudyDirection.MAXIMIZE else 1.0
        best = min(complete(trials), key=lambda trial: sign * trial.value)
        scores = best.system_attrs.get(SCORES_ATTRIBUTE)
        if scores is None:
            raise ValueError(
                f"trial {best.number}, the best one, did not report the scores of its folds: call "
                "report_cross_validation_scores(trial, scores) in the objective, or give another error_evaluator="
            )
        k = len(scores)
        return math.sqrt((1.0 / k + 1.0 / (k - 1)) * float(np.var(scores)))


@experimental_class("3.2.0")
class StaticErrorEvaluator(BaseErrorEvaluator):
    """An error that is known: the search is over when less than that can be gained.

    Args:
        constant: the error, in the unit of the objective.
    """

    def __init__(self, constant: float) -> None:
        self._constant = constant

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the constant.

        Args:
            trials: not looked at.
            study_direction: not looked at.

        Returns:
            The error.
        """
        return self._constant


@experimental_class("4.0.0")
class MedianErrorEvaluator(BaseErrorEvaluator):
    """A hundredth of what could be gained in the beginning: the median of the improvement evaluator's first answers.

    The threshold of Ishibashi et al., "A stopping criterion for Bayesian optimization by the gap of expected minimum
    simple regrets" (AISTATS 2023).

    Args:
        paired_improvement_evaluator: what the terminator measures improvements by.
        warm_up_trials: the first trials, which are left out.
        n_initial_trials: of how many trials after these the median is.
        threshold_ratio: the part of the median.

    Raises:
        ValueError: a number is too small.
    """

    @checked()
    def __init__(
        self,
        paired_improvement_evaluator: BaseImprovementEvaluator,
        warm_up_trials: int = 10,
        n_initial_trials: int = 20,
        threshold_ratio: float = 0.01,
    ) -> None:
        if warm_up_trials < 0:
            raise ValueError(f"warm_up_trials must be 0 or more; got {shown(warm_up_trials)}")
        if n_initial_trials <= 0:
            raise ValueError(f"n_initial_trials must be 1 or more; got {shown(n_initial_trials)}")
        if not 0.0 < threshold_ratio < math.inf:
            raise ValueError(f"threshold_ratio must be a number above 0; got {shown(threshold_ratio)}")
        self._evaluator = paired_improvement_evaluator
        self._first, self._count, self._ratio = warm_up_trials, n_initial_trials, threshold_ratio
        self._threshold: float | None = None

    def evaluate(self, trials: list[Any], study_direction: StudyDirection) -> float:
        """Return the threshold; before there are enough trials, a number below 0, so that nothing ends.

        Args:
            trials: all trials of the study.
            study_direction: its direction.

        Returns:
            The error.
        """
        if self._threshold is None:
            done = sorted(complete(trials, least=0), key=lambda trial: trial.number)
            if len(done) < self._first + self._count:
                return -sys.float_info.min
            parts = [done[self._first : self._first + i] for i in range(1, self._count + 1)]
            found = sorted(self._evaluator.evaluate(part, study_direction) for part in parts)
            self._threshold = min(sys.float_info.max, found[len(found) // 2] * self._ratio)
        return self._threshold


class BaseTerminator(ABC):
    """What says whether a search is over; derive from it for a rule of your own."""

    @abstractmethod
    def should_terminate(self, study: Any) -> bool:
        """Tell whether the search is over."""


class Terminator(BaseTerminator):
    """Ends a search when what could be gained is less than the error of a result (Makarova et al., AutoML 2022).

    Args:
        improvement_evaluator: measures what could be gained; None: `RegretBoundEvaluator`.
        error_evaluator: measures the error; None: `CrossValidationErrorEvaluator`, or with
            `BestValueStagnationEvaluator` the constant 0.
        min_n_trials: complete trials before the search may end.

    Raises:
        ValueError: ``min_n_trials`` is below 1.
    """

    @checked()
    def __init__(
        self,
        improvement_evaluator: BaseImprovementEvaluator | None = None,
        error_evaluator: BaseErrorEvaluator | None = None,
        min_n_trials: int = DEFAULT_MIN_N_TRIALS,
    ) -> None:
        warn_deprecated("optuna.terminator", "4.9.0", "6.0.0")
        if min_n_trials <= 0:
            raise ValueError(f"min_n_trials must be 1 or more; got {shown(min_n_trials)}")
        self._improvement = improvement_evaluator or RegretBoundEvaluator()
        self._error = error_evaluator or default_error(self._improvement)
        self._least = min_n_trials

    def should_terminate(self, study: Any) -> bool:
        """Tell whether the search is over.

        Args:
            study: with one objective.

        Returns:
            Whether there is less to gain than the error of a result.
        """
        trials = study.trials
        if sum(trial.state == TrialState.COMPLETE for trial in trials) < self._least:
            return False
        improvement = self._improvement.evaluate(trials, study.direction)
        return improvement < self._error.evaluate(trials, study.direction)


def default_error(improvement: BaseImprovementEvaluator) -> BaseErrorEvaluator:
    """Return what an improvement is compared with if nothing is said."""
    if isinstance(improvement, BestValueStagnationEvaluator):
        return StaticErrorEvaluator(0)
    return CrossValidationErrorEvaluator()


class TerminatorCallback:
    """A callback of ``study.optimize`` that ends it when a terminator says so.

    Args:
        terminator: None: `Terminator` with its defaults.
    """

    @checked()
    def __init__(self, terminator: BaseTerminator | None = None) -> None:
        warn_deprecated("optuna.terminator", "4.9.0", "6.0.0")
        self._terminator = terminator or Terminator()

    def __call__(self, study: Any, trial: Any) -> None:
        """Look whether the search is over."""
        if self._terminator.should_terminate(study):
            logging.get_logger("optuna.terminator.callback").info("The study has been stopped by the terminator.")
            study.stop()


__getattr__ = refuser(__name__, __all__)
