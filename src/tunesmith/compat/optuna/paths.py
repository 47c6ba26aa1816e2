"""Optuna's module paths: where Optuna keeps a name below one of its public modules, the path leads to that module.

So ``from optuna.study.study import Study`` and ``from optuna.trial._state import TrialState`` find what they name,
though the files here are others.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOM = "tunesmith.compat.optuna"
# A public module -> Optuna's modules below it whose names the public module has here.
BELOW: Mapping[str, tuple[str, ...]] = {
    "artifacts": (
        "_backoff", "_boto3", "_download", "_filesystem", "_gcs", "_list_artifact_meta", "_protocol", "_upload",
    ),
    "importance": (
        "_base", "_fanova", "_fanova._evaluator", "_mean_decrease_impurity", "_ped_anova", "_ped_anova.evaluator",
    ),
    "pruners": (
        "_base", "_hyperband", "_median", "_nop", "_patient", "_percentile", "_successive_halving", "_threshold",
        "_wilcoxon",
    ),
    "samplers": (
        "_base", "_brute_force", "_cmaes", "_gp", "_gp.sampler", "_grid", "_nsgaiii", "_nsgaiii._sampler",
        "_partial_fixed", "_qmc", "_random", "_tpe", "_tpe.sampler",
    ),
    "samplers.nsgaii": (
        "_crossovers", "_crossovers._blxalpha", "_crossovers._sbx", "_crossovers._spx", "_crossovers._undx",
        "_crossovers._uniform", "_crossovers._vsbx", "_mutations", "_mutations._polynomial",
    ),
    "search_space": ("group_decomposed", "intersection"),
    "storages": (
        "_base", "_cached_storage", "_callbacks", "_heartbeat", "_in_memory", "_rdb", "_rdb.storage",
    ),
    "storages.journal": ("_file", "_storage"),
    "study": ("_dataframe", "_frozen", "_multi_objective", "_study_direction", "_study_summary", "study"),
    "terminator": (
        "callback", "erroreval", "improvement", "improvement.emmr", "improvement.evaluator", "median_erroreval",
        "terminator",
    ),
    "trial": ("_base", "_fixed", "_frozen", "_state", "_trial"),
    "visualization": (
        "_contour", "_edf", "_hypervolume_history", "_intermediate_values", "_optimization_history",
        "_parallel_coordinate", "_param_importances", "_pareto_front", "_rank", "_slice", "_terminator_improvement",
        "_timeline",
    ),
}  # fmt: skip
BELOW = {**BELOW, "visualization.matplotlib": BELOW["visualization"]}


def lead_here(module: str) -> None:
    """Let Optuna's paths below a module lead to it; each of them calls this when it is imported.

    Args:
        module: its name.
    """
    here = sys.modules[module]
    for path in BELOW[module.removeprefix(f"{ROOM}.")]:
        sys.modules[f"{module}.{path}"] = here
        setattr(here, path.rpartition(".")[2], here)
    if not hasattr(here, "__path__"):
        here.__path__ = []  # what the import system asks of a module with others below it
