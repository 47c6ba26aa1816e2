"""No pruning."""

from __future__ import annotations

from typing import ClassVar

from tunesmith.history import Curves
from tunesmith.pruners.base import Decision, Pruner


class NopPruner(Pruner):
    """Lets every trial run to its end."""

    name: ClassVar[str] = "nop"

    def decide(self, curves: Curves, trial_number: int, step: int) -> Decision:
        """Return CONTINUE."""
        return Decision.CONTINUE
