"""The metric that decides, as a function of predictions."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tunesmith.selection.row_losses import RowLoss
from tunesmith.selection.splits import Splits, in_time_order


@dataclass(frozen=True, slots=True)
class Metric:
    """The metric that decides, as a function of predictions; a score is `offset` less the mean of the row losses.

    Attributes:
        name: what it is called.
        function: (y, predictions) -> number.
        sign: -1 if the function is a loss.
        options: further arguments of the function.
        offset: of the score.
        bounds: between which a mean loss lies.
        row_loss: the loss whose mean over rows it is; None: it is no such mean.
        kind: "r2", "roc_auc" or "average_precision", for which there are formulas; None else.
        pools: whether it is biased where it is computed from few rows, and so is computed from the predictions of all
            splits together.
    """

    name: str
    function: Callable[..., Any]
    sign: int
    options: dict[str, Any]
    offset: float
    bounds: tuple[float, float]
    row_loss: RowLoss | None = None
    kind: str | None = None
    pools: bool = False

    @property
    def quick(self) -> bool:
        """Whether its row losses are worked out at once, and not by leaving out blocks of rows."""
        return self.row_loss is not None or self.kind in ("r2", "roc_auc")

    @property
    def ranks(self) -> bool:
        """Whether it compares ranks of two classes."""
        return self.kind in ("roc_auc", "average_precision")

    @property
    def width(self) -> float:
        """Of its range; 1 where that is not bounded."""
        low, high = self.bounds
        return high - low if math.isfinite(high - low) else 1.0

    def together(self, splits: Splits) -> bool:
        """Tell whether it is computed from the predictions of all these splits together, and not for each of them.

        Of splits in the order of time each is a period of its own, whose rows are judged by that period.
        """
        return len(splits) > 1 and self.pools and not in_time_order(splits)
