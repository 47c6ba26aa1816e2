"""Whether keeping the default in case of doubt costs more than it spares: ``prefer_default="auto"``.

A bootstrap makes the free choice again on each resample, and says what it is worth on the units left out, over the
default: w. Keeping the default forgoes max(w, 0), and spares max(-w, 0):

    loss of caution  = P(the free choice is better) · how much better = E max(w, 0)
    harm of choosing = P(the free choice is worse)  · how much worse  = E max(-w, 0)

Who is cautious by k standard errors keeps the default until the loss is as many times the harm as it is of a normal w
whose mean is k standard deviations: 4.6 times for 0.6. So caution goes on as it is where gains scatter like that. It
ends where they do not, since the default's own losses make the noise: there the standard error of a gain is large, and
the free choice is hardly ever worse.

What resamples do not show may be there: of few units, one more that the free choice loses as much on as on its worst.
"""

from __future__ import annotations

import math

import numpy as np

from tunesmith.numerics.arrays import Floats


def odds(caution: float) -> float:
    """Return how many times the harm the loss of caution is, of a normal gain of so many standard deviations."""
    density = math.exp(-0.5 * caution**2) / math.sqrt(2.0 * math.pi)
    above = 0.5 * math.erfc(-caution / math.sqrt(2.0))
    return (density + caution * above) / max(density - caution * (1.0 - above), 1e-12)


def caution_costs_more(worth: Floats, worst: float, n_units: float, caution: float) -> bool:
    """Tell whether the default is kept at a loss that is out of proportion to the harm that this spares.

    Args:
        worth: [B], what the free choice of each resample gains over the default on the units left out.
        worst: the largest loss of the free choice against the default on one unit, 0 or more.
        n_units: the effective number of units.
        caution: how many standard errors a gain has to exceed.
    """
    if not len(worth):
        return False
    loss = float(np.maximum(worth, 0.0).mean())
    harm = float(np.maximum(-worth, 0.0).mean()) + max(worst, 0.0) / n_units
    return loss > odds(caution) * harm
