"""Optuna's public names: which module here has each, and for those that cannot be had, why and what to use instead.

A test holds this table against a recorded list of all public names of Optuna.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from typing import Any

from tunesmith.compat.optuna.paths import ROOM
from tunesmith.lazy import name_error
from tunesmith.text import did_you_mean

# Modules of Optuna that are here under the same name, imported when they are first asked for.
MODULES = (
    "artifacts", "distributions", "exceptions", "importance", "integration", "logging", "progress_bar", "pruners",
    "samplers", "search_space", "storages", "study", "terminator", "trial", "version", "visualization",
)  # fmt: skip
# Modules of Optuna's inside that other libraries use, with or without an import of their own.
INNER = ("_deprecated", "_experimental", "_imports", "_transform", "_typing")
# Names that stand on ``optuna`` itself -> the module that has them.
TOP: dict[str, str] = {
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
SERVER = (
    "workers of several machines share a database server, such as storages.RDBStorage('postgresql://user@host/name'), "
    "which holds thousands of them"
)
REDIS = "there is no storage in Redis: use storages.RDBStorage with an SQLite file or a database server"
# Names that cannot be had, by their full name in Optuna -> why, and what to use instead.
REFUSED: dict[str, str] = {
    "optuna.cli": "the command line is `tunesmith`; see `tunesmith --help`",
    "optuna.samplers.BaseGASampler": (
        "subclass tunesmith.samplers.Sampler, whose ask() sees all trials; or samplers.BaseSampler"
    ),
    "optuna.samplers.nsgaii.BaseCrossover": "samplers.NSGAIISampler has its own crossover, set by SBXCrossover(eta)",
    "optuna.samplers.nsgaii.BaseMutation": (
        "samplers.NSGAIISampler has its own mutation, set by PolynomialMutation(eta)"
    ),
    "optuna.storages.BaseJournalLogStorage": "a storage of your own is a subclass of tunesmith.storage.Storage",
    "optuna.storages.GrpcStorageProxy": SERVER,
    "optuna.storages.JournalRedisStorage": REDIS,
    "optuna.storages.journal.BaseJournalBackend": "a storage of your own is a subclass of tunesmith.storage.Storage",
    "optuna.storages.journal.JournalRedisBackend": REDIS,
    "optuna.storages.run_grpc_proxy_server": SERVER,
}


def refusal(module: str, name: str, known: Iterable[str]) -> AttributeError | ImportError:
    """Return the error for a name that a module's ``__getattr__``, which calls this, does not have.

    Args:
        module: the module that was asked.
        name: what was asked for.
        known: the names that the module has.
    """
    optunas = f"{module.replace(ROOM, 'optuna')}.{name}"
    if optunas in REFUSED:
        text = f"{optunas} cannot be had here: {REFUSED[optunas]}"
    else:
        text = f"module {module!r} has no attribute {name!r}{did_you_mean(name, known)}"
    return name_error(text, module, depth=3)


def refuser(module: str, known: Iterable[str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module of this package: each name that it lacks is refused with the reason.

    Args:
        module: its name.
        known: the names that it has.
    """

    def missing(name: str) -> Any:
        raise refusal(module, name, known)

    return missing


def submodule(name: str) -> Any:
    """Import a module of this package by its name there, such as "samplers"."""
    return importlib.import_module(f"{ROOM}.{name}")
