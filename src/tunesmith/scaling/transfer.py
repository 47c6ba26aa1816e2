"""Whether a parametrisation transfers: does the optimum stand still while the model grows?

µP (Yang et al., arXiv 2203.03466) and CompleteP (arXiv 2505.01618) promise so for the learning rate. The slope of the
optimum against the size says whether the runs agree: its interval, and the Bayes factor of "0" against "0 ± 0.3"
(Savage and Dickey: posterior over prior density at 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import norm

from tunesmith.foundation.languages import told
from tunesmith.foundation.text import printable
from tunesmith.scaling.fitted import Fitted

CLEAR = 3.0  # a Bayes factor above it, or below its inverse, says something (Jeffreys)


@dataclass(frozen=True, slots=True)
class Transfer:
    """What the runs say of one slope.

    Attributes:
        hyperparameter: whose optimum is meant to stand still.
        scale: the variable that says how large the model is.
        slope: d log optimum / d log scale.
        interval: 95 % of it.
        bayes_factor: of "does not move" against "moves": above 3 it transfers, below 1/3 it does not.
    """

    hyperparameter: str
    scale: str
    slope: float
    interval: tuple[float, float]
    bayes_factor: float

    @property
    def verdict(self) -> bool | None:
        """True: it transfers; False: it does not; None: the runs do not say."""
        if self.bayes_factor >= CLEAR:
            return True
        return False if self.bayes_factor <= 1 / CLEAR else None

    def __str__(self) -> str:
        said = {True: "the optimum does not move", False: "the optimum moves", None: "the runs do not say"}
        return told(
            f"{printable(self.hyperparameter)} against {printable(self.scale)}: {said[self.verdict]} "
            f"(slope {self.slope:+.3f}, 95 % {self.interval[0]:+.3f} to {self.interval[1]:+.3f}; "
            f"Bayes factor of no movement {self.bayes_factor:.3g})"
        )


def test_transfer(fitted: Fitted, pairs: Sequence[tuple[str, str]]) -> tuple[Transfer, ...]:
    """Return the test of each slope.

    Args:
        pairs: hyperparameters and scale variables.
    """
    trend, runs = fitted.trend, fitted.runs
    found = []
    for name, variable in pairs:
        j, i = runs.names.index(name), 1 + runs.scale.index(variable)
        means, sds = trend.coefficients[:, i, j], np.sqrt(trend.covariance[:, i, j, i, j])
        after = float(trend.weight @ norm.pdf(0.0, means, sds))
        before = float(norm.pdf(0.0, fitted.priors.mean[i, j], fitted.priors.sd[i, j]))
        mean = float(trend.weight @ means)
        sd = float(np.sqrt(trend.weight @ (sds**2 + (means - mean) ** 2)))
        found.append(Transfer(name, variable, mean, (mean - 1.96 * sd, mean + 1.96 * sd), after / before))
    return tuple(found)
