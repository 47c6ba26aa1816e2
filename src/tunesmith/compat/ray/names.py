"""Ray's names that cannot be had here: why, and what to use instead; and where the paths below ``ray.tune`` lead."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from tunesmith.foundation.lazy import name_error
from tunesmith.foundation.text import did_you_mean

RAY_ROOM = "tunesmith.compat.ray"
NO_CLUSTER = "trials run in processes of this machine; docs/parallel.md has clusters"
OTHER_SEARCH = "search_alg=OptunaSearch() (TPE), BayesOptSearch() (a Gaussian process) and HyperOptSearch() are there"
OWN_CALLBACK = "call tune.report({...}, checkpoint=...) in the training loop or in a callback of your own"
METRICS_KEPT = "all metrics are kept in the study: results[i].metrics_dataframe, or `tunesmith dashboard study.db`"
OWN_SEARCH = "a sampler of your own is a subclass of tunesmith.samplers.Sampler; see docs/add-sampler.md"
NO_EXPERIMENT = "use tune.Tuner(...), or tune.run(...)"
NO_TABLE = "progress is shown on standard error; RunConfig(verbose=0) hides it"
# Names by their full name in Ray, or ``module.*`` -> why, and what to use instead.
REFUSED: dict[str, str] = {
    **dict.fromkeys(("ray.remote", "ray.get", "ray.put", "ray.wait", "ray.kill", "ray.nodes"), NO_CLUSTER),
    "ray.data": "load the data in the trainable, or give them with tune.with_parameters(trainable, data=data)",
    "ray.rllib": "RLlib's algorithms run on Ray alone",
    "ray.air": "use tune.report, tune.RunConfig and tune.Checkpoint",
    "ray.serve": "it is Ray's own",
    "ray.util": NO_CLUSTER,
    "ray.train.*": "Ray Train trains one model on a cluster; a trial of tune trains its model itself",
    "ray.tune.register_env": "RLlib's environments are Ray's own",
    "ray.tune.run_experiments": NO_EXPERIMENT,
    "ray.tune.Experiment": NO_EXPERIMENT,
    "ray.tune.CLIReporter": NO_TABLE,
    "ray.tune.JupyterNotebookReporter": NO_TABLE,
    "ray.tune.ProgressReporter": NO_TABLE,
    "ray.tune.ResumeConfig": "give Tuner.restore(path, trainable, resume_errored=True) or restart_errored=True",
    "ray.tune.SyncConfig": "nothing is copied anywhere: leave it out",
    "ray.tune.schedulers.PB2": "use PopulationBasedTraining, which takes tune.uniform(low, high) in place of bounds",
    "ray.tune.schedulers.PopulationBasedTrainingReplay": (
        "results[i].schedule says which config a member had from which iteration on"
    ),
    "ray.tune.schedulers.ResourceChangingScheduler": "a trial keeps its resources; leave it out",
    "ray.tune.search.Repeater": "report the mean of several runs from one trial; samplers of this library allow noise",
    **dict.fromkeys(
        (
            "ray.tune.search.SearchAlgorithm", "ray.tune.search.SearchGenerator",
            "ray.tune.search.UNDEFINED_METRIC_MODE", "ray.tune.search.UNDEFINED_SEARCH_SPACE",
            "ray.tune.search.UNRESOLVED_SEARCH_SPACE",
        ),
        OWN_SEARCH,
    ),
    **dict.fromkeys((f"ray.tune.search.{name}Search" for name in ("Ax", "HEBO", "Nevergrad", "ZOOpt")), OTHER_SEARCH),
    "ray.tune.search.BOHB": OTHER_SEARCH,
    "ray.tune.search.bohb.BOHB": OTHER_SEARCH,
    **{
        f"ray.tune.{module}.{name}": METRICS_KEPT
        for module in ("logger", "callback")
        for name in ("CSVLoggerCallback", "JsonLoggerCallback", "TBXLoggerCallback", "pretty_print")
    },
    "ray.tune.integration.lightgbm.TuneReportCallback": "use TuneReportCheckpointCallback, as in Ray",
    "ray.tune.integration.xgboost.TuneReportCallback": "use TuneReportCheckpointCallback, as in Ray",
}  # fmt: skip
# Modules of Ray that cannot be had, below ``ray.tune`` -> why, and what to use instead.
REFUSED_MODULES: dict[str, str] = {
    "integration.keras": OWN_CALLBACK,
    "integration.pytorch_lightning": OWN_CALLBACK,
    "schedulers.pb2": "use PopulationBasedTraining",
    "schedulers.resource_changing_scheduler": "a trial keeps its resources; leave it out",
    "search.ax": OTHER_SEARCH,
    "search.hebo": OTHER_SEARCH,
    "search.nevergrad": OTHER_SEARCH,
    "search.zoopt": OTHER_SEARCH,
}
REFUSED |= {f"ray.tune.{module}.*": reason for module, reason in REFUSED_MODULES.items()}
# Ray's modules below ``ray.tune`` -> the module of this package that has their names.
PATHS: dict[str, str] = {
    "analysis": "results",
    "analysis.experiment_analysis": "results",
    "context": "session",
    "experiment": "callback",
    "logger": "callback",
    "result": "session",
    "result_grid": "results",
    "schedulers.async_hyperband": "schedulers",
    "schedulers.hb_bohb": "schedulers",
    "schedulers.hyperband": "schedulers",
    "schedulers.median_stopping_rule": "schedulers",
    "schedulers.pbt": "schedulers",
    "schedulers.trial_scheduler": "schedulers",
    "search.basic_variant": "search",
    "search.bayesopt": "search",
    "search.bohb": "search",
    "search.concurrency_limiter": "search",
    "search.hyperopt": "search",
    "search.optuna": "search",
    "search.sample": "sample",
    "search.searcher": "search",
    "tune_config": "config",
}


def lead_here(package: str) -> None:
    """Let Ray's paths below a package lead to the modules of this one, which are imported by then, or to a refusal."""
    for path, home in PATHS.items():
        module = sys.modules[f"{package}.{home}"]
        sys.modules[f"{package}.{path}"] = module
        above, _, last = path.rpartition(".")
        outer: ModuleType = sys.modules[f"{package}.{above}" if above else package]
        setattr(outer, last, module)
        if above and not hasattr(outer, "__path__"):
            outer.__path__ = []  # what the import system asks of a module with others below it
    for path, reason in REFUSED_MODULES.items():
        refused = sys.modules[f"{package}.{path}"] = ModuleType(f"{package}.{path}", reason)
        refused.__getattr__ = refuser(refused.__name__)  # type: ignore[method-assign]  # a module's own, PEP 562


def reason_for(name: str) -> str | None:
    """Return why a name of Ray cannot be had, and what to use instead; None: it is not known to be refused."""
    return REFUSED.get(name) or REFUSED.get(f"{name.rpartition('.')[0]}.*")


def check_ours(value: Any) -> None:
    """Raise a TypeError if a value is of Ray itself: both in one program understand nothing of one another."""
    home = getattr(type(value), "__module__", "")
    if home.partition(".")[0] == "ray":
        raise TypeError(f"{value!r} is Ray's own; import all from one place: from {RAY_ROOM} import tune")


def refuser(module: str) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module of this package: a name that it lacks is refused with the reason.

    Returns:
        the function, which raises an AttributeError; an ImportError in ``from module import name``.
    """

    def missing(name: str) -> Any:
        rays = f"{module}.{name}".replace(RAY_ROOM, "ray", 1)
        reason = None if name.startswith("__") else reason_for(rays)
        if reason is None:
            known = [n for n in vars(sys.modules[module]) if not n.startswith("_")]
            text = f"module {module!r} has no attribute {name!r}{did_you_mean(name, known)}"
        else:
            text = f"{rays} cannot be had here: {reason}"
        raise name_error(text, module)

    return missing
