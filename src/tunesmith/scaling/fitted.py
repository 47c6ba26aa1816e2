"""What a fitted law knows of the optimum at a scale, for predictions and plans."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.stats import norm, qmc

from tunesmith.errors import ScalingError
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.text import did_you_mean, printable, shown
from tunesmith.scaling.bowls import Bowls, fit_bowls
from tunesmith.scaling.calibration import Calibration, calibrate
from tunesmith.scaling.runs import Runs
from tunesmith.scaling.trend import Priors, Trend, fit_trend, priors_of

DRAWS = 512  # of the optimum at the target; a power of two


@dataclass(frozen=True, slots=True, eq=False)
class Belief:
    """What is known of the optimum at a scale.

    Attributes:
        mean: [k].
        covariance: of the optimum [k, k]: of the law, between scales, and inflated by calibration.
        steepness: of the bowl.
    """

    mean: Floats
    covariance: Floats
    steepness: float


@dataclass(frozen=True, eq=False)
class Fitted:
    """A law and what it was fitted to.

    Attributes:
        runs: the runs.
        groups: names of the groups; one empty text without groups.
        bowls: of the scales.
        priors: of the trend.
        trend: of the optimum.
        calibration: of the trend.
    """

    runs: Runs
    groups: tuple[str, ...]
    bowls: Bowls
    priors: Priors
    trend: Trend
    calibration: Calibration

    @classmethod
    def to(cls, runs: Runs, published: bool, slopes: dict[tuple[str, str], tuple[float, float]]) -> Fitted:
        """Fit to runs.

        Args:
            runs: at three scales or more.
            published: whether published slopes are priors.
            slopes: priors that go before them: (hyperparameter, scale variable) to mean and standard deviation.
        """
        bowls = fit_bowls(runs)
        groups = tuple(sorted(set(runs.groups)))
        priors = priors_of(runs.scale, runs.names, runs.forms, bowls.unit, len(groups), published, slopes)
        features = _features(bowls.centre, groups, runs.scales, runs.groups)
        trend = fit_trend(bowls.optimum, bowls.covariance, features, priors)
        return cls(runs, groups, bowls, priors, trend, calibrate(runs, bowls, features, priors))

    def features(self, scales: Floats, groups: Sequence[str]) -> Floats:
        """Return φ of scales [r, p].

        Args:
            scales: [r, q].
            groups: of each [r].
        """
        return _features(self.bowls.centre, self.groups, scales, groups)

    def point(self, target: Mapping[str, float], group: str | None = None) -> tuple[Floats, str]:
        """Return a scale as an array [q], and its group.

        Args:
            target: scale variable to value.
            group: which of the groups.

        Raises:
            ScalingError: the scale is not complete or not above 0, or the group is unknown.
        """
        unknown = [name for name in target if name not in self.runs.scale]
        missing = [name for name in self.runs.scale if name not in target]
        if unknown or missing:
            raise ScalingError(
                f"a target has a value for each of {', '.join(map(printable, self.runs.scale))}; got {dict(target)}"
                + (did_you_mean(unknown[0], self.runs.scale) if unknown else "")
            )
        try:
            point = np.array([float(target[name]) for name in self.runs.scale])
        except (TypeError, ValueError) as error:
            raise ScalingError(f"a target has numbers; got {shown(dict(target))}") from error
        if not (np.isfinite(point) & (point > 0)).all():
            raise ScalingError(f"a target is finite and above 0; got {dict(target)}")
        label = self.groups[0] if group is None and len(self.groups) == 1 else group
        if label not in self.groups:
            raise ScalingError(f"group is one of {', '.join(map(repr, self.groups))}; got {group!r}")
        return point, label

    def belief(self, point: Floats, label: str) -> Belief:
        """Return what is known of the optimum at a scale, however far it is.

        Args:
            point: the scale [q].
            label: its group.
        """
        mean, law = self.trend.predict(self.features(point[None], [label]))
        steepness = float(self.bowls.steepness(np.log(point)[None])[0])
        return Belief(mean[0], self.calibration.inflation**2 * (law[0] + self.trend.mean_between), steepness)

    def seen(self, beliefs: Sequence[Belief]) -> Floats:
        """Return the covariance of where the best run of a sweep will be: of the optimum, and of that run [r, k, k].

        Args:
            beliefs: of the optima [r].
        """
        sweeps = self.bowls.sweeps(np.array([belief.steepness for belief in beliefs]))
        return self.calibration.best_run**2 * (np.array([belief.covariance for belief in beliefs]) + sweeps)

    def least_expected(self, belief: Belief, draws: Floats) -> Floats:
        """Return the setting [k] with the least expected excess loss.

        A bowl that is steep towards high learning rates asks for a rate below its most likely optimum, the more so the
        less is known.

        Args:
            belief: of the optimum.
            draws: of the optimum [m, k].
        """
        unit, shape = self.bowls.unit, self.bowls.shape

        def expected(z: Floats) -> tuple[float, Floats]:
            d = z - draws / unit
            return float(shape.value(d).mean()), shape.slope(d).mean(axis=0)

        found = minimize(expected, belief.mean / unit, jac=True, method="L-BFGS-B")
        return np.asarray(found.x * unit)


def _features(centre: Floats, known: Sequence[str], scales: Floats, groups: Sequence[str]) -> Floats:
    logs = np.log(scales) - centre
    marks = np.array([[float(group == other) for other in known[1:]] for group in groups]).reshape(len(scales), -1)
    i, j = np.triu_indices(logs.shape[1])
    return np.column_stack([np.ones(len(scales)), logs, marks, logs[:, i] * logs[:, j]])


def normal_draws(mean: Floats, covariance: Floats) -> Floats:
    """Return draws of a normal distribution [512, k], spread evenly and the same each time.

    Args:
        mean: [k].
        covariance: [k, k].
    """
    u = qmc.Sobol(len(mean), rng=np.random.default_rng(0)).random(DRAWS)
    values, vectors = np.linalg.eigh(covariance)
    return np.asarray(mean + (norm.ppf(np.clip(u, 1e-6, 1 - 1e-6)) * np.sqrt(np.maximum(values, 0.0))) @ vectors.T)
