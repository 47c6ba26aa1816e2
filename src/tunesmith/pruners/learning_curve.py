"""Stopping what will not become the best; the method and its source are in `tunesmith.foundation.numerics.extrapolation`.

Symbols: m complete trials, k points. Values are z = arcsinh((y - target) / scale), so that 0 is what is to be beaten, a
run that diverged is not far away from the others, and which of two values is better stays as it was.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.extrapolation import Extrapolation
from tunesmith.history import Curves
from tunesmith.pruners.arguments import in_range, whole
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.pruners.percentile import Schedule

Floats = NDArray[np.float64]

LEAST_POINTS = 3  # of a curve that is extrapolated
MOST_POINTS = 32  # of a curve that are looked at, so that a decision costs the same for long ones
MOST_CURVES = 48  # complete ones that are learnt from: the latest
FARTHEST = 12.0  # the largest |z|


class LearningCurvePruner(Pruner):
    """Stops a trial that will hardly become better than the best complete one, by where its curve leads.

    The curve is extrapolated to the end of the longest complete trial, with the average of a few families (power law,
    exponential, log-power). How these looked in the complete trials is the prior, and how wrong the same extrapolation
    is for them, from the same steps, is added to the uncertainty: where early values mislead, nothing is stopped.

    What is compared are last reports. A trial goes on, whatever the forecast, once it has reported a value that is
    better than what it has to beat.

    Args:
        threshold: 0 to 1; a trial whose probability to end better is below it is stopped.
        n_startup_trials: the rule applies from this many complete trials (with reports) on; at least three are needed.
        n_warmup_steps: the first step, counted from 0, at which a trial may be stopped.
        interval_steps: how many steps lie between two looks, counted from `n_warmup_steps`; where nothing is reported
            at that step, the next report is looked at.
        top_k: the place among complete trials that a trial has to reach, 1 for the best: more finish for a higher one.

    Raises:
        TypeError: `threshold` is no number, or another argument no whole number.
        ValueError: an argument is out of its range.

    Example:
        ```python
        import tunesmith
        from tunesmith.pruners import LearningCurvePruner

        def objective(trial):
            rate = trial.suggest_float("rate", 0, 1)
            for epoch in range(20):
                loss = rate + (1 + epoch) ** -0.5
                trial.report(loss, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return loss

        study = tunesmith.create_study(pruner=LearningCurvePruner(), seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "learning-curve"

    @checked()
    def __init__(
        self,
        threshold: float = 0.05,
        n_startup_trials: int = 5,
        n_warmup_steps: int = 0,
        interval_steps: int = 1,
        *,
        top_k: int = 1,
    ) -> None:
        own = type(self).__name__
        self.threshold = in_range(own, "threshold", threshold, 0, 1)
        self.n_startup_trials = whole(0, own, "n_startup_trials", n_startup_trials)
        self.top_k = whole(1, own, "top_k", top_k)
        self.schedule = Schedule(
            whole(0, own, "n_warmup_steps", n_warmup_steps), whole(1, own, "interval_steps", interval_steps)
        )

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Extrapolate a trial's curve.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            STOP if it will hardly become better than the best complete trials, else CONTINUE.
        """
        steps, _ = curves.of(number)
        if not self.schedule.due(steps, step):
            return Decision.CONTINUE
        chance = self.chance(curves, number)
        return Decision.STOP if chance is not None and chance < self.threshold else Decision.CONTINUE

    def chance(self, curves: Curves, number: int) -> float | None:
        """Return the probability that a trial ends better than the complete ones.

        Args:
            curves: the reports of all trials.
            number: the trial in question.

        Returns:
            The probability; None: nothing can be said yet.
        """
        numbers = [n for n in curves.ends.numbers if n != number]
        steps, values = _known(*curves.of(number))
        end = curves.ends.last
        if len(numbers) < max(3, self.n_startup_trials, self.top_k) or end is None or len(steps) < LEAST_POINTS:
            return None
        first = min(curves.ends.first or 0, int(steps[0]))
        if steps[-1] >= end:
            return None
        finals = np.sort([values[-1] for values in (_known(*curves.of(n))[1] for n in numbers) if len(values)])
        if len(finals) < self.top_k or not np.isfinite(target := finals[self.top_k - 1]):
            return None
        if np.min(values) < target:
            return 1.0
        found = [c for c in (_known(*curves.of(n)) for n in numbers[-MOST_CURVES:]) if len(c[0]) >= LEAST_POINTS]
        if len(found) < LEAST_POINTS:
            return None
        whole_length = _spread(np.unique(np.concatenate([s for s, _ in found])))
        some = _places(len(steps))
        steps, values = steps[some], values[some]
        with np.errstate(over="ignore", invalid="ignore"):
            scale = float(np.median([np.median(np.abs(v - target)) for _, v in found]))
        scale = min(max(scale, 1e-12 * max(1.0, abs(target))), 1e300)
        return _chance(
            _far(steps, first),
            _scaled(values, target, scale)[None, :],
            _far(whole_length, first),
            np.array([_scaled(np.interp(whole_length, s, _finite(v)), target, scale) for s, v in found]),
            np.array([_scaled(np.interp(steps, s, _finite(v)), target, scale) for s, v in found]),
            float(end - first + 1),
        )


def _chance(u: Floats, z: Floats, whole_u: Floats, whole_z: Floats, earlier_z: Floats, end: float) -> float:
    """The probability of an end below 0.

    Args:
        u: points of the trial, float[k].
        z: its values, float[1, k].
        whole_u: points of the complete trials, float[l].
        whole_z: their values there, float[m, l].
        earlier_z: their values at the points of the trial, float[m, k].
        end: the point of the end.
    """
    from scipy.special import ndtr

    model = Extrapolation(whole_u, whole_z, end)
    mean, variance, weight = model.ends(u, np.concatenate([z, earlier_z]))
    error = np.sum(mean * weight, axis=0)[1:] - whole_z[:, -1]
    spread = np.sqrt(variance[:, 0] + np.mean(error**2))
    return float(np.sum(weight[:, 0] * ndtr(-mean[:, 0] / spread)))


def _known(steps: NDArray[np.int64], values: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Leave NaN out."""
    there = values == values
    return (steps, values) if there.all() else (steps[there], values[there])


def _finite(values: Floats) -> Floats:
    return np.clip(values, -1e300, 1e300)


def _scaled(values: Floats, target: float, scale: float) -> Floats:
    with np.errstate(over="ignore"):
        out: Floats = np.clip(np.arcsinh((values - target) / scale), -FARTHEST, FARTHEST)
    return out


def _far(steps: NDArray[np.int64], first: int) -> Floats:
    out: Floats = (steps - first).astype(float) + 1.0
    return out


def _places(n: int) -> NDArray[np.int64]:
    """Places of at most `MOST_POINTS` of n points, denser at the beginning, where curves bend; the last is included."""
    if n <= MOST_POINTS:
        return np.arange(n)
    return np.unique(np.round(np.geomspace(1, n, MOST_POINTS)).astype(np.int64)) - 1


def _spread(steps: NDArray[np.int64]) -> NDArray[np.int64]:
    return steps[_places(len(steps))]
