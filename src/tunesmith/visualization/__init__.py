"""Figures of studies: by Plotly, with ``backend="matplotlib"`` by Matplotlib, and in pages as SVG of our own.

Each figure is one file in ``figures/`` and one line in ``foundation/registry.py``. It is imported where it is first
used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation import registry
from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:  # for type checkers; tests/visualization compares these names with the registry
    from tunesmith.scaling.figures.scaling_bowls import plot_scaling_bowls as plot_scaling_bowls
    from tunesmith.scaling.figures.scaling_coverage import plot_scaling_coverage as plot_scaling_coverage
    from tunesmith.scaling.figures.scaling_optimum import plot_scaling_optimum as plot_scaling_optimum
    from tunesmith.scaling.figures.scaling_plan import plot_scaling_plan as plot_scaling_plan
    from tunesmith.tables.figures.calibration import plot_calibration as plot_calibration
    from tunesmith.tables.figures.column_importances import plot_column_importances as plot_column_importances
    from tunesmith.tables.figures.confusion import plot_confusion as plot_confusion
    from tunesmith.tables.figures.learning_curve import plot_learning_curve as plot_learning_curve
    from tunesmith.tables.figures.predictions import plot_predictions as plot_predictions
    from tunesmith.tables.figures.residuals import plot_residuals as plot_residuals
    from tunesmith.visualization.figures.ablation import plot_ablation as plot_ablation
    from tunesmith.visualization.figures.belief import plot_belief as plot_belief
    from tunesmith.visualization.figures.contour import plot_contour as plot_contour
    from tunesmith.visualization.figures.edf import plot_edf as plot_edf
    from tunesmith.visualization.figures.honest_score import plot_honest_score as plot_honest_score
    from tunesmith.visualization.figures.hypervolume_history import plot_hypervolume_history as plot_hypervolume_history
    from tunesmith.visualization.figures.intermediate_values import plot_intermediate_values as plot_intermediate_values
    from tunesmith.visualization.figures.leaderboard import plot_leaderboard as plot_leaderboard
    from tunesmith.visualization.figures.metrics import plot_metrics as plot_metrics
    from tunesmith.visualization.figures.optimization_history import (
        plot_optimization_history as plot_optimization_history,
    )
    from tunesmith.visualization.figures.parallel_coordinate import plot_parallel_coordinate as plot_parallel_coordinate
    from tunesmith.visualization.figures.param_importances import plot_param_importances as plot_param_importances
    from tunesmith.visualization.figures.pareto_front import plot_pareto_front as plot_pareto_front
    from tunesmith.visualization.figures.racing import plot_racing as plot_racing
    from tunesmith.visualization.figures.rank import plot_rank as plot_rank
    from tunesmith.visualization.figures.slice import plot_slice as plot_slice
    from tunesmith.visualization.figures.terminator_improvement import (
        plot_terminator_improvement as plot_terminator_improvement,
    )
    from tunesmith.visualization.figures.timeline import plot_timeline as plot_timeline

_TARGETS = {target.partition(":")[2]: target for target in registry.FIGURES.values()}
__all__ = sorted(_TARGETS)  # made from the registry: a new figure is one line there

__getattr__, __dir__ = lazy(__name__, _TARGETS)
