"""How strict a choice is, from the share of searches that may return something worse than the default.

No rule can keep that share for every kind of data. It is an average over searches on ten kinds of data, with four
models and 50 to 300 rows. Each step was measured by making the choice again with another strictness, among the same
candidates.
"""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np

from tunesmith.errors import SelectionError

USUAL_RISK = 0.04  # the risk of the rule as it is
# The risk that was measured, and how many standard errors a corrected gain had to exceed for it; see `choice.Rule`.
# Below 0: it may fall short by so many. The last one is no condition: any candidate that is better is taken.
MEASURED = (
    (0.0, 3.0),
    (0.015, 2.0),
    (0.02, 1.5),
    (0.03, 1.0),
    (USUAL_RISK, 0.6),
    (0.065, 0.45),
    (0.085, 0.3),
    (0.11, 0.15),
    (0.135, 0.0),
    (0.16, -0.3),
    (0.21, -1.0),
    (0.24, -2.0),
)


def caution(risk: Any) -> float:
    """Return how many standard errors a gain over the default has to exceed, once it is corrected.

    Args:
        risk: the share of searches that may return a candidate worse than the default by half a point of accuracy, 0 to
            1. Between measured risks the caution is interpolated; a risk beyond the largest one counts as that.

    Raises:
        SelectionError: it is no number from 0 to 1.
    """
    if isinstance(risk, bool) or not isinstance(risk, Real) or not 0.0 <= float(risk) <= 1.0:
        raise SelectionError(
            f"risk is the share of searches that may be worse than the default, a number from 0 to 1 ({USUAL_RISK} is "
            f"usual); {risk!r} was given"
        )
    risks, cautions = zip(*MEASURED, strict=True)
    return float(np.interp(float(risk), risks, cautions))


def relative_caution(risk: float) -> float:
    """Return the caution as a multiple of the usual one, for choices that usually require one standard error."""
    return caution(risk) / caution(USUAL_RISK)


def check_risk(risk: float, prefer_default: bool | str | None) -> None:
    """Raise a SelectionError unless this is a risk as for `caution`, and one that has an effect."""
    caution(risk)
    if risk != USUAL_RISK and not prefer_default:
        raise SelectionError(
            f"risk={risk!r} says when the default is given up, and prefer_default={prefer_default!r} that it is not "
            "preferred at all; leave one of them out (risk=1 does what prefer_default=False does)"
        )
