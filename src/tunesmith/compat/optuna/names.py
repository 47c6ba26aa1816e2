"""Optuna's public names: which module here has each, and for those that cannot be had, why and what to use instead.

A test holds this table against a recorded list of all public names of Optuna.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tunesmith.foundation.lazy import name_error
from tunesmith.foundation.text import did_you_mean

# Where Optuna keeps a name below one of its public modules, the path leads to that module: ``from optuna.study.study
# import Study`` and ``from optuna.trial._state import TrialState`` find what they name, though the files are others.
OPTUNA_ROOM = "tunesmith.compat.optuna"
# A public module -> Optuna's modules below it whose names the public module has here.
NAMES_BELOW: Mapping[str, tuple[str, ...]] = {
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
        "_base", "_brute_force", "_cmaes", "_ga", "_ga._base", "_gp", "_gp.sampler", "_grid", "_nsgaiii",
        "_nsgaiii._sampler",
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
NAMES_BELOW = {**NAMES_BELOW, "visualization.matplotlib": NAMES_BELOW["visualization"]}


def lead_here(module: str) -> None:
    """Let Optuna's paths below a module lead to it; each of them calls this when it is imported."""
    here = sys.modules[module]
    below = NAMES_BELOW.get(module.removeprefix(f"{OPTUNA_ROOM}."), ())
    for path in below:
        sys.modules[f"{module}.{path}"] = here
        setattr(here, path.rpartition(".")[2], here)
    if below and not hasattr(here, "__path__"):
        here.__path__ = []  # what the import system asks of a module with others below it


# Modules of Optuna that are here under the same name, imported when they are first asked for.
OPTUNA_MODULES = (
    "artifacts", "distributions", "exceptions", "importance", "integration", "logging", "progress_bar", "pruners",
    "samplers", "search_space", "storages", "study", "terminator", "trial", "version", "visualization",
)  # fmt: skip
# Modules of Optuna's inside that other libraries use, with or without an import of their own.
INNER_MODULES = ("_deprecated", "_experimental", "_imports", "_transform", "_typing")
# Names that stand on ``optuna`` itself -> the module that has them.
TOP_NAMES: dict[str, str] = {
    "TrialPruned": "exceptions",
    "Study": "study",
    "copy_study": "study",
    "create_study": "study",
    "delete_study": "study",
    "get_all_study_names": "study",
    "get_all_study_summaries": "study",
    "load_study": "study",
    "Trial": "trial",
    "create_trial": "trial",
    "install": "installation",  # these two are this package's own
    "uninstall": "installation",
}
NO_SERVER_NEEDED = (
    "workers of several machines share a database server, such as storages.RDBStorage('postgresql://user@host/name'), "
    "which holds thousands of them"
)
NO_REDIS = "there is no storage in Redis: use storages.RDBStorage with an SQLite file or a database server"
# Names that cannot be had, by their full name in Optuna -> why, and what to use instead.
REFUSED_NAMES: dict[str, str] = {
    "optuna.cli": "the command line is `tunesmith`; see `tunesmith --help`",
    "optuna.samplers.nsgaii.BaseCrossover": "samplers.NSGAIISampler has its own crossover, set by SBXCrossover(eta)",
    "optuna.samplers.nsgaii.BaseMutation": (
        "samplers.NSGAIISampler has its own mutation, set by PolynomialMutation(eta)"
    ),
    "optuna.storages.BaseJournalLogStorage": "a storage of your own is a subclass of tunesmith.storage.Storage",
    "optuna.storages.GrpcStorageProxy": NO_SERVER_NEEDED,
    "optuna.storages.JournalRedisStorage": NO_REDIS,
    "optuna.storages.journal.BaseJournalBackend": "a storage of your own is a subclass of tunesmith.storage.Storage",
    "optuna.storages.journal.JournalRedisBackend": NO_REDIS,
    "optuna.storages.run_grpc_proxy_server": NO_SERVER_NEEDED,
}


def refusal(module: str, name: str, known: Iterable[str]) -> AttributeError | ImportError:
    """Return the error for a name that a module's ``__getattr__``, which calls this, does not have.

    Args:
        module: the module that was asked.
        known: the names that the module has.
    """
    optunas = f"{module.replace(OPTUNA_ROOM, 'optuna')}.{name}"
    if optunas in REFUSED_NAMES:
        text = f"{optunas} cannot be had here: {REFUSED_NAMES[optunas]}"
    else:
        text = f"module {module!r} has no attribute {name!r}{did_you_mean(name, known)}"
    return name_error(text, module, depth=3)


def refuser(module: str, known: Iterable[str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module of this package: each name that it lacks is refused with the reason.

    Optuna's paths below the module lead to it from now on; see `lead_here`.
    """
    lead_here(module)

    def missing(name: str) -> Any:
        raise refusal(module, name, known)

    return missing


def submodule(name: str) -> Any:
    """Import a module of this package by its name there, such as "samplers"."""
    return importlib.import_module(f"{OPTUNA_ROOM}.{name}")
