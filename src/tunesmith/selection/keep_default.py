"""The rule by which a candidate replaces the default, whatever it was compared by."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.numerics.arrays import Mask


def replaces_default(
    seen: ArrayLike,
    corrected: ArrayLike,
    error: ArrayLike,
    *,
    prefer_default: bool = True,
    caution: float = 1.0,
    usual: float = math.inf,
    simpler: ArrayLike = False,
    ties: bool = False,
) -> Mask:
    """Tell whether a candidate replaces the default.

    It does if it looks better and, where the default is preferred, if its corrected gain exceeds
    caution · e · √(1 + e²/τ²). One that is simpler replaces it also if it looks worse by no more than a standard error.
    Where the error is not known (NaN), no gain is credible.

    Args:
        seen: gain over the default, as seen: a number, or an array for several comparisons.
        corrected: the same, corrected for having been chosen for it.
        error: e, the standard error of the gain.
        prefer_default: whether the default is kept in case of doubt.
        caution: how many standard errors the corrected gain has to exceed; below 0 it may fall short by as many.
        usual: τ, the gains that tuning usually brings; infinite: any gain is as usual as any other.
        simpler: whether the candidate is simpler than the default.
        ties: whether a candidate that looks exactly as good as the default looks better.

    Returns:
        One bool for each comparison.
    """
    gain, e = np.asarray(seen), np.asarray(error)
    better = gain >= 0.0 if ties else gain > 0.0
    if prefer_default:
        better = better & (np.asarray(corrected) > caution * e * np.sqrt(1.0 + (e / usual) ** 2))
    return np.asarray(better | (np.asarray(simpler) & (gain >= -e)))
