"""Coverage: the part of the largest scales that the intervals held when these were left out, by factor."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.scaling import ScalingLaw
from tunesmith.scaling.figures.scales import as_law
from tunesmith.visualization.columns import Floats, Ints
from tunesmith.visualization.figure import FigureData, four_digits, join, short
from tunesmith.visualization.plotly_style import BLUE, GREY, INK, Dict, axis, framed, scatter

PROMISED = 0.95


@dataclass(frozen=True, eq=False, kw_only=True)
class ScalingCoverage(FigureData):
    """Coverage of the joint 95 % region, by factor of extrapolation; f folds.

    Attributes:
        factor: the largest scale over the largest one that was fitted [f].
        left_out: number of scales that were predicted, int64[f].
        before: part of them in the region of the law as it was fitted [f].
        after: the same with the inflation that the law has now [f].
        inflation: of standard deviations.
    """

    kind: ClassVar[str] = "scaling_coverage"
    factor: Floats
    left_out: Ints
    before: Floats
    after: Floats
    inflation: float

    def by_plotly(self) -> Dict:
        """Return both coverages as lines with points, and the promised one as a dashed line."""
        hover: Dict = {"text": [f"{n}" for n in self.left_out.tolist()], "textposition": "top center"}
        grey: Dict = {"color": GREY, "size": 9, "symbol": "circle-open"}
        dashed: Dict = {"color": INK, "dash": "dash", "width": 1}
        ends = [float(self.factor[0]) / 1.3, float(self.factor[-1]) * 1.3]
        traces = [
            scatter(ends, [PROMISED] * 2, "promised", mode="lines", line=dashed),
            scatter(short(self.factor), short(self.before), "as fitted", mode="lines+markers", marker=grey),
            scatter(short(self.factor), short(self.after), "as given now", mode="lines+markers+text", **hover),
        ]
        traces[1]["line"] = {"color": GREY}
        traces[2] |= {"marker": {"color": BLUE, "size": 8}, "line": {"color": BLUE}}
        layout: Dict = {
            "xaxis": axis(
                "factor of extrapolation", type="log", tickvals=short(self.factor), range=np.log10(ends).tolist()
            ),
            "yaxis": axis("coverage", range=[0, 1.12], tickvals=[0, 0.2, 0.4, 0.6, 0.8, 1]),
            "height": 420,
        }
        layout["yaxis"]["ticktext"] = [f"{part:.0%}" for part in layout["yaxis"]["tickvals"]]
        layout["xaxis"]["ticktext"] = [f"{factor:.3g}" for factor in self.factor.tolist()]
        return framed(self, traces, layout)


@checked()
def plot_scaling_coverage(law: ScalingLaw, *, backend: str = "plotly") -> Any:
    """Plot which part of the largest scales the 95 % regions held when these scales were left out, by factor.

    Args:
        law: a fitted `tunesmith.scaling.ScalingLaw`.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. The numbers are those of the scales that were left out.

    Raises:
        TypeError: it is no fitted law.
        NothingToDrawError: there were too few scales to leave any out.
        MissingDependencyError: the backend is not installed.
    """
    calibration = as_law(law, "plot_scaling_coverage").fitted.calibration
    folds = sorted(calibration.folds, key=lambda fold: fold.factor)
    if not folds:
        raise NothingToDrawError(
            say("{}: there are too few scales to leave the largest ones out", "plot_scaling_coverage")
        )
    held = sum(fold.after * fold.left_out for fold in folds) / sum(fold.left_out for fold in folds)
    return ScalingCoverage(
        title="Coverage of the intervals",
        summary=join(
            [
                say(
                    "The largest scales were left out {} times and predicted over factors of {} to {}; the 95 % "
                    "regions held {} of them.",
                    len(folds),
                    four_digits(folds[0].factor),
                    four_digits(folds[-1].factor),
                    f"{held:.0%}",
                ),
                say("For that, standard deviations were multiplied by {}.", f"{calibration.inflation:.3g}")
                if calibration.inflation > 1
                else None,
            ]
        ),
        notes=(say("numbers: scales that were left out"),),
        factor=np.array([fold.factor for fold in folds]),
        left_out=np.array([fold.left_out for fold in folds], np.int64),
        before=np.array([fold.before for fold in folds]),
        after=np.array([fold.after for fold in folds]),
        inflation=calibration.inflation,
    ).drawn(backend)


scaling_coverage: Callable[..., ScalingCoverage] = partial(plot_scaling_coverage, backend="arrays")
