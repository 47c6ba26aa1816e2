"""Which samplers, pruners, storages, executors, stores of artifacts, evaluators, reports and figures there are.

Each table is name to ``"module:Class"``.

A new one is one line here, or an entry point of the group ``tunesmith.<kind>`` in a package of its own. The
conformance suites, the documentation check and the command line all read this table. Nothing of ours is imported
until a name is loaded.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, ParamSpec, Self, TypeVar

from tunesmith.foundation.text import did_you_mean

SAMPLERS: dict[str, str] = {
    "auto": "tunesmith.samplers.auto:AutoSampler",
    "random": "tunesmith.samplers.random:RandomSampler",
    "grid": "tunesmith.samplers.grid:GridSampler",
    "qmc": "tunesmith.samplers.qmc:QMCSampler",
    "cmaes": "tunesmith.samplers.evolutionary.cmaes:CmaEsSampler",
    "evolution": "tunesmith.samplers.evolutionary.evolution:EvolutionSampler",
    "nsga2": "tunesmith.samplers.evolutionary.nsga2:NSGA2Sampler",
    "nsga3": "tunesmith.samplers.evolutionary.nsga3:NSGA3Sampler",
    "gp": "tunesmith.samplers.gp:GPSampler",
    "tpe": "tunesmith.samplers.tpe:TPESampler",
    "pbt": "tunesmith.samplers.evolutionary.population_based:PopulationBasedTraining",
}
PRUNERS: dict[str, str] = {
    "auto": "tunesmith.pruners.auto:AutoPruner",
    "interval": "tunesmith.pruners.interval:IntervalPruner",
    "nop": "tunesmith.pruners.nop:NopPruner",
    "median": "tunesmith.pruners.median:MedianPruner",
    "percentile": "tunesmith.pruners.percentile:PercentilePruner",
    "patient": "tunesmith.pruners.patient:PatientPruner",
    "threshold": "tunesmith.pruners.threshold:ThresholdPruner",
    "halving": "tunesmith.pruners.successive_halving:SuccessiveHalvingPruner",
    "hyperband": "tunesmith.pruners.hyperband:HyperbandPruner",
    "wilcoxon": "tunesmith.pruners.wilcoxon:WilcoxonPruner",
    "learning-curve": "tunesmith.pruners.learning_curve:LearningCurvePruner",
}
STORAGES: dict[str, str] = {
    "memory": "tunesmith.storage.memory:MemoryStorage",
    "sql": "tunesmith.storage.sql:SQLStorage",
}
EXECUTORS: dict[str, str] = {
    "inline": "tunesmith.executors.inline:InlineExecutor",
    "asyncio": "tunesmith.executors.event_loop:AsyncioExecutor",
    "threads": "tunesmith.executors.threads:ThreadExecutor",
    "processes": "tunesmith.executors.processes:ProcessExecutor",
    "dask": "tunesmith.executors.dask:DaskExecutor",
    "ray": "tunesmith.executors.ray:RayExecutor",
    "futures": "tunesmith.executors.futures:FuturesExecutor",
    "simulated": "tunesmith.testing.simulated:SimulatedExecutor",
}
ARTIFACTS: dict[str, str] = {  # by the scheme of their URLs; "fsspec" has all others
    "file": "tunesmith.artifacts.local:LocalStore",
    "fsspec": "tunesmith.artifacts.remote:FsspecStore",
}
EVALUATORS: dict[str, str] = {  # of importance
    "ped-anova": "tunesmith.importance.ped_anova:PedAnova",
    "fanova": "tunesmith.importance.fanova:Fanova",
    "shapley": "tunesmith.importance.shapley:Shapley",
    "ablation": "tunesmith.importance.ablation:Ablation",
}
REPORTS: dict[str, str] = {  # formats of reports
    "html": "tunesmith.report.page:write",
    "md": "tunesmith.report.markdown:write",
    "card": "tunesmith.report.markdown:write_card",
}
FIGURES: dict[str, str] = {
    "ablation": "tunesmith.visualization.figures.ablation:plot_ablation",
    "belief": "tunesmith.visualization.figures.belief:plot_belief",
    "calibration": "tunesmith.tables.figures.calibration:plot_calibration",
    "column_importances": "tunesmith.tables.figures.column_importances:plot_column_importances",
    "confusion": "tunesmith.tables.figures.confusion:plot_confusion",
    "contour": "tunesmith.visualization.figures.contour:plot_contour",
    "edf": "tunesmith.visualization.figures.edf:plot_edf",
    "honest_score": "tunesmith.visualization.figures.honest_score:plot_honest_score",
    "hypervolume_history": "tunesmith.visualization.figures.hypervolume_history:plot_hypervolume_history",
    "intermediate_values": "tunesmith.visualization.figures.intermediate_values:plot_intermediate_values",
    "leaderboard": "tunesmith.visualization.figures.leaderboard:plot_leaderboard",
    "learning_curve": "tunesmith.tables.figures.learning_curve:plot_learning_curve",
    "metrics": "tunesmith.visualization.figures.metrics:plot_metrics",
    "optimization_history": "tunesmith.visualization.figures.optimization_history:plot_optimization_history",
    "parallel_coordinate": "tunesmith.visualization.figures.parallel_coordinate:plot_parallel_coordinate",
    "param_importances": "tunesmith.visualization.figures.param_importances:plot_param_importances",
    "pareto_front": "tunesmith.visualization.figures.pareto_front:plot_pareto_front",
    "predictions": "tunesmith.tables.figures.predictions:plot_predictions",
    "racing": "tunesmith.visualization.figures.racing:plot_racing",
    "rank": "tunesmith.visualization.figures.rank:plot_rank",
    "residuals": "tunesmith.tables.figures.residuals:plot_residuals",
    "scaling_bowls": "tunesmith.scaling.figures.scaling_bowls:plot_scaling_bowls",
    "scaling_coverage": "tunesmith.scaling.figures.scaling_coverage:plot_scaling_coverage",
    "scaling_optimum": "tunesmith.scaling.figures.scaling_optimum:plot_scaling_optimum",
    "scaling_plan": "tunesmith.scaling.figures.scaling_plan:plot_scaling_plan",
    "slice": "tunesmith.visualization.figures.slice:plot_slice",
    "terminator_improvement": "tunesmith.visualization.figures.terminator_improvement:plot_terminator_improvement",
    "timeline": "tunesmith.visualization.figures.timeline:plot_timeline",
}
REGISTRIES: dict[str, dict[str, str]] = {
    "samplers": SAMPLERS,
    "pruners": PRUNERS,
    "storages": STORAGES,
    "executors": EXECUTORS,
    "artifacts": ARTIFACTS,
    "evaluators": EVALUATORS,
    "reports": REPORTS,
    "figures": FIGURES,
}


class Made:
    """Base class of what keeps what it was made with.

    Attributes:
        made_with: the arguments of its constructor, by place and by name; None: that is not known.
    """

    made_with: tuple[tuple[Any, ...], dict[str, Any]] | None = None

    def __new__(cls, *args: Any, **options: Any) -> Self:
        """Make an object; one that is unpickled gets what it had."""
        made = super().__new__(cls)
        made.made_with = (args, options)
        return made


def names(kind: str) -> dict[str, str]:
    """Return name to ``"module:Class"`` of everything of a kind, entry points included.

    Args:
        kind: "samplers", "pruners", "storages", "executors", "artifacts", "evaluators", "reports" or "figures".
    """
    from importlib.metadata import entry_points

    found = {e.name: e.value for e in entry_points(group=f"tunesmith.{kind}")}
    return {**found, **REGISTRIES[kind]}


def load_registered(kind: str, name: str) -> Any:
    """Import and return the class registered under a name.

    Raises:
        ValueError: nothing is registered under the name.
    """
    target = REGISTRIES[kind].get(name)
    if target is None:
        known = names(kind)
        if name not in known:
            raise ValueError(
                f"there is no {kind[:-1]} {name!r}{did_you_mean(name, known)} (known: {', '.join(sorted(known))})"
            )
        target = known[name]
    return _imported(target)


def report_writer() -> Any:
    """Import and return `tunesmith.report.write_report`, which `Study.report` calls though reports stand above it."""
    return _imported("tunesmith.report:write_report")


def _imported(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


# -- hooks: what tunesmith asks other packages, those of its own that stand above the core among them ------------------

P = ParamSpec("P")
Answer = TypeVar("Answer")
HOOKS: dict[str, Callable[..., Any]] = {}


def hook(declared: Callable[P, Answer]) -> Callable[P, Answer]:
    """Make a declaration a hook: its name, what it is given and returns, and when it fires.

    Who answers names a function with the same arguments as an entry point of the group ``tunesmith.hooks``, under the
    hook's name. They are looked up when the hook fires, which takes milliseconds and is on the way to an error. The
    first answer that is not None counts; where there is none, what the declaration itself returns.
    """

    @wraps(declared)
    def fire(*args: P.args, **options: P.kwargs) -> Answer:
        from importlib.metadata import entry_points

        for entry in entry_points(group="tunesmith.hooks", name=declared.__name__):
            answer: Answer | None = entry.load()(*args, **options)
            if answer is not None:
                return answer
        return declared(*args, **options)

    HOOKS[declared.__name__] = fire
    return fire


@hook
def where_name_is(name: str) -> str | None:
    """Return what to use in place of a name, as the end of an error: "use tunesmith.minimize(...)"; None: not known.

    It fires when a package of tunesmith is asked for a name that it does not have.
    """
    return None


@hook
def accepts_argument(sampler: str, name: str, value: Any) -> bool | None:
    """Tell whether an argument is left out, after a warning of what happens instead; raise TypeError to refuse it.

    It fires when a sampler is made with a keyword that its constructor does not have.

    Args:
        sampler: the name of its class.
    """
    return None


@hook
def what_file_is(head: bytes) -> tuple[str, str | None] | None:
    """Return what a file is ("a table as text"), and the program whose trials it holds; None: not known.

    It fires when a storage is opened from a file that is not an SQLite database.

    Args:
        head: its first 4096 bytes.
    """
    return None


@hook
def whose_tables_are(tables: Collection[str]) -> tuple[str, str | None] | None:
    """Return the program that has tables of these names, and the SQL that lists its studies by name; None: not known.

    It fires when a storage is opened from a database that has tables, and none of ours.
    """
    return None


@hook
def how_to_import(place: str, program: str) -> str | None:
    """Return a sentence on how to bring along what another program has stored.

    It fires after `what_file_is` or `whose_tables_are` has named the program.

    Args:
        place: the file or the URL, without a password.
    """
    return None


@hook
def where_command_is(command: str) -> str | None:
    """Return what to use in place of a command: "tunesmith upgrade STORAGE"; None: not known.

    It fires when the command line is given a command that it does not have.
    """
    return None
