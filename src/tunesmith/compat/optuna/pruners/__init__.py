"""Optuna's pruners: this library's own under Optuna's names, and `BasePruner` to subclass."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from statistics import fmean as mean
from typing import Literal

import numpy as np

from tunesmith import pruners as native_pruners
from tunesmith.compat.optuna._experimental import experimental_class
from tunesmith.compat.optuna.frozen import FrozenTrial, StudyLike
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.states import StudyDirection
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.rank_tests import signed_rank_p
from tunesmith.foundation.warnings import caution
from tunesmith.history import Curves
from tunesmith.pruners.base import Decision, Pruner

# -- the contract of a pruner as Optuna has it, and what all share that are this library's own ----------------------


class BasePruner(ABC):
    """Decides whether a running trial stops; what programs subclass to decide themselves."""

    @abstractmethod
    def prune(self, study: StudyLike, trial: FrozenTrial) -> bool:
        """Tell whether a trial should stop, each time that the objective asks.

        Args:
            study: the study.
            trial: the trial so far, with its reports.

        Returns:
            Whether it should.
        """


class NativePruner(BasePruner):
    """One of this library's pruners under the name that it has in Optuna.

    A study runs it as its own. ``prune`` is for pruners that are built on it.

    Args:
        native: the pruner of `tunesmith.pruners`.

    Attributes:
        native: the pruner of `tunesmith.pruners`.
    """

    def __init__(self, native: Pruner) -> None:
        self.native = native

    @property
    def is_whole(self) -> bool:
        """Whether it is what its class was written as: a subclass may decide by itself."""
        return type(self).prune is NativePruner.prune

    def prune(self, study: StudyLike, trial: FrozenTrial) -> bool:
        """Tell whether a trial should stop, by the reports of all trials of the study."""
        step = trial.last_step
        if step is None:
            return False
        return self.native.decide(study.native.known_history.curves, trial.number, step) is not Decision.CONTINUE

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"


# -- this library's pruners under Optuna's names --------------------------------------------------------------------


class AutoPruner(NativePruner):
    """This library's own default, which Optuna does not have: it suits what the objectives do."""

    def __init__(self) -> None:
        super().__init__(native_pruners.AutoPruner())


class NopPruner(NativePruner):
    """Stops no trial."""

    def __init__(self) -> None:
        super().__init__(native_pruners.NopPruner())


class MedianPruner(NativePruner):
    """Stops a trial whose best value so far is worse than the median of complete trials at this step.

    Args:
        n_startup_trials: complete trials from which on the rule applies.
        n_warmup_steps: the first step at which a trial may be stopped.
        interval_steps: how many steps lie between two looks.
        n_min_trials: at how many trials' values a step is judged.
    """

    @checked()
    def __init__(
        self, n_startup_trials: int = 5, n_warmup_steps: int = 0, interval_steps: int = 1, *, n_min_trials: int = 1
    ) -> None:
        native = native_pruners.MedianPruner(
            n_startup_trials, n_warmup_steps, interval_steps, n_min_trials=n_min_trials
        )
        super().__init__(native)


class PercentilePruner(NativePruner):
    """Stops a trial that is not among the best part of complete trials at this step.

    Args:
        percentile: the part that goes on, in percent.
        n_startup_trials: complete trials from which on the rule applies.
        n_warmup_steps: the first step at which a trial may be stopped.
        interval_steps: how many steps lie between two looks.
        n_min_trials: at how many trials' values a step is judged.
    """

    @checked()
    def __init__(
        self,
        percentile: float,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        n_min_trials: int = 1,
    ) -> None:
        native = native_pruners.PercentilePruner(
            percentile, n_startup_trials, n_warmup_steps, interval_steps, n_min_trials=n_min_trials
        )
        super().__init__(native)


class SuccessiveHalvingPruner(NativePruner):
    """Stops, at each rung, all but the best part of the trials (asynchronous successive halving).

    Args:
        min_resource: the step of the first rung.
        reduction_factor: one in so many goes on.
        min_early_stopping_rate: how many rungs are left out.
        bootstrap_count: how many trials a rung needs before it stops one.

    Raises:
        ValueError: a count is too small, or `bootstrap_count` is given with a resource that is "auto".
    """

    @checked()
    def __init__(
        self,
        min_resource: int | Literal["auto"] = "auto",
        reduction_factor: int = 4,
        min_early_stopping_rate: int = 0,
        bootstrap_count: int = 0,
    ) -> None:
        _check_bootstrap(bootstrap_count, "min_resource", min_resource)
        native = native_pruners.SuccessiveHalvingPruner(
            min_resource, reduction_factor, min_early_stopping_rate, bootstrap_count, promotion=False
        )
        super().__init__(native)


class HyperbandPruner(NativePruner):
    """Several successive halvings side by side, with other first rungs.

    Args:
        min_resource: the step of the first rung of all.
        max_resource: the last step of a trial.
        reduction_factor: one in so many goes on.
        bootstrap_count: how many trials a rung needs before it stops one.

    Raises:
        ValueError: a count is too small, or `bootstrap_count` is given with a resource that is "auto".
    """

    @checked()
    def __init__(
        self,
        min_resource: int = 1,
        max_resource: int | Literal["auto"] = "auto",
        reduction_factor: int = 3,
        bootstrap_count: int = 0,
    ) -> None:
        _check_bootstrap(bootstrap_count, "max_resource", max_resource)
        native = native_pruners.HyperbandPruner(
            min_resource, max_resource, reduction_factor, bootstrap_count, promotion=False
        )
        super().__init__(native)


class ThresholdPruner(NativePruner):
    """Stops a trial that reports a value outside of fixed limits.

    Args:
        lower: the lowest value that goes on.
        upper: the highest value that goes on.
        n_warmup_steps: the first step at which a trial may be stopped.
        interval_steps: how many steps lie between two looks.

    Raises:
        TypeError: no limit is given, or it is not a number.
        ValueError: `lower` is above `upper`, or a count is too small.
    """

    def __init__(
        self,
        lower: float | None = None,
        upper: float | None = None,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
    ) -> None:
        if lower is None and upper is None:
            raise TypeError("ThresholdPruner needs lower=, upper= or both")
        super().__init__(native_pruners.ThresholdPruner(lower, upper, n_warmup_steps, interval_steps))


@experimental_class("3.6.0")
class WilcoxonPruner(NativePruner):
    """Stops a trial that is worse than the best one on the same instances, by a signed-rank test.

    The best one is the study's best trial. A trial whose mean so far is at least as good as the mean of all that the
    best one reported goes on, whatever the test says.

    Args:
        p_threshold: the probability below which it is stopped.
        n_startup_steps: steps before the first look.
    """

    @checked()
    def __init__(self, *, p_threshold: float = 0.1, n_startup_steps: int = 2) -> None:
        self._rule = native_pruners.WilcoxonPruner(p_threshold, n_startup_steps)
        super().__init__(self._rule)

    def prune(self, study: StudyLike, trial: FrozenTrial) -> bool:
        """Tell whether a trial should stop; a warning says which reports cannot be compared."""
        mine, best = trial.intermediate_values, study.native.find_best()
        if not mine or best is None:
            return False
        theirs = best.intermediate_values
        if not theirs:
            caution(f"WilcoxonPruner stops no trial: trial {best.number}, the best one, has no intermediate values")
            return False
        for number, reported in ((trial.number, mine), (best.number, theirs)):
            if not all(map(math.isfinite, reported.values())):
                caution(f"WilcoxonPruner does not stop trial {trial.number}: trial {number} reported NaN or infinity")
                return False
        steps = [step for step in mine if step in theirs]
        if len(steps) < len(mine):
            caution(f"WilcoxonPruner ignores steps that trial {best.number}, the best one, did not report")
        if len(steps) < max(2, self._rule.n_startup_steps):
            return False
        sign = -1.0 if study.directions[0] == StudyDirection.MAXIMIZE else 1.0
        if sign * mean(mine.values()) <= sign * mean(theirs.values()):
            return False
        better = np.array([sign * (theirs[step] - mine[step]) for step in steps])
        return bool(signed_rank_p(better) < self._rule.p_threshold)


class _Patience(native_pruners.PatientPruner):
    """The rule of this library, but that NaN alone is no reason to stop."""

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Look whether a trial still becomes better; see `Pruner.decide`."""
        _, values = curves.of(number)
        if np.isnan(values[-self.patience - 1 :]).all():
            return Decision.CONTINUE
        return super().decide(curves, number, step)


@experimental_class("2.8.0")
class PatientPruner(NativePruner):
    """Lets another pruner decide only about trials that have not become better for some reports; NaN does not count.

    Args:
        wrapped_pruner: who decides then; None: the trial is stopped.
        patience: for so many reports.
        min_delta: by how much these may be worse and still count as good.
    """

    @checked()
    def __init__(self, wrapped_pruner: BasePruner | None, patience: int, min_delta: float = 0.0) -> None:
        inner: Pruner | None = None
        self._foreign: BasePruner | None = None
        if isinstance(wrapped_pruner, NativePruner) and wrapped_pruner.is_whole:
            inner = wrapped_pruner.native
        else:
            self._foreign = wrapped_pruner
        super().__init__(_Patience(inner, patience, min_delta))

    @property
    def is_whole(self) -> bool:
        """Whether the wrapped pruner is one of this library."""
        return self._foreign is None and type(self) is PatientPruner

    def prune(self, study: StudyLike, trial: FrozenTrial) -> bool:
        """Tell whether a trial should stop."""
        return super().prune(study, trial) and (self._foreign is None or self._foreign.prune(study, trial))


def _check_bootstrap(count: int, name: str, resource: int | str) -> None:
    if count > 0 and resource == "auto":
        raise ValueError(f"bootstrap_count={count} needs a number as {name}=; got {name}='auto'")


__all__ = [
    "AutoPruner",
    "BasePruner",
    "HyperbandPruner",
    "MedianPruner",
    "NopPruner",
    "PatientPruner",
    "PercentilePruner",
    "SuccessiveHalvingPruner",
    "ThresholdPruner",
    "WilcoxonPruner",
]
__getattr__ = refuser(__name__, __all__)
