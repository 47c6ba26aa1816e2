"""Skill: by how much a candidate predicts better than one that sees no feature. It says how much of a gain is luck.

Symbols: S skill, the loss of the best prediction without features less the candidate's; e its standard error; n rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

SKILL_DOUBT = 4.0  # a skill of as many squared standard errors makes half of a gain luck
# The last fit adds LEARNING_CURVE_SLOPE · (√(rows / rows trained on) − 1) / √rows of the skill. Measured without any
# search on ten data sets with four models, 50 to 300 rows: 4.5 ± 0.3.
LEARNING_CURVE_SLOPE = 4.0


def full_fit_gain(n_rows: int, test_to_train: float) -> float:
    """Return which part of its skill a model gains when it is fitted on all rows, not on the training rows of a split.

    Losses are taken to follow a learning curve L(m) = L(∞) + a·m^−1/2.

    Args:
        n_rows: how many rows there are.
        test_to_train: n_test / n_train of a split.
    """
    return LEARNING_CURVE_SLOPE * (math.sqrt(1.0 + min(test_to_train, 1.0)) - 1.0) / math.sqrt(max(n_rows, 1))


@dataclass(frozen=True)
class GainShrinkage:
    """How much of a gain over the default is to be expected.

    Attributes:
        below: by how much the default is worse than a prediction without features; a gain of that size takes no skill.
        share: which part of a gain beyond that is to be expected.
    """

    below: float = 0.0
    share: float = 1.0

    @classmethod
    def of(cls, no_skill: float | None, default: float, loss: float, error: float) -> GainShrinkage:
        """Return the shrinkage S² / (S² + 4e²) for a candidate's corrected loss and its error, beside the default's.

        `no_skill` is the loss of the best prediction without features; None: not known, gains stay as they are.
        """
        if no_skill is None or not math.isfinite(no_skill):
            return cls()
        skill = max(no_skill - loss, 0.0) ** 2
        return cls(max(default - no_skill, 0.0), skill / (skill + SKILL_DOUBT * error**2) if skill > 0.0 else 0.0)

    def expected(self, gain: float) -> float:
        """Return the expected part of a gain."""
        if gain <= 0.0:
            return gain
        free = min(gain, self.below)
        return free + self.share * (gain - free)
