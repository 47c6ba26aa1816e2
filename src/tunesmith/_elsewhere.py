"""Errors for names that tunesmith does not have: what to use instead, or which name was meant."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterable

from tunesmith.text import did_you_mean

SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "SearchCV")
# name in Optuna, Hyperopt or scikit-learn -> where it is here
ELSEWHERE: dict[str, str] = {
    **{name: f"use tunesmith.sklearn.{name}" for name in SEARCHES},
    "OptunaSearchCV": "use tunesmith.sklearn.SearchCV",
    "exceptions": "the exceptions are in tunesmith.errors, and by their names on tunesmith: tunesmith.TrialPruned",
    "distributions": "use tunesmith.Float, tunesmith.Int and tunesmith.Categorical, which take the same arguments",
    "FloatDistribution": "use tunesmith.Float",
    "IntDistribution": "use tunesmith.Int",
    "CategoricalDistribution": "use tunesmith.Categorical",
    "storages": "the storages are in tunesmith.storage; create_study(storage='sqlite:///tune.db') opens a file",
    "RDBStorage": "use create_study(storage='sqlite:///tune.db')",
    "InMemoryStorage": "create_study() without storage= keeps the trials in memory",
    "JournalStorage": "use create_study(storage='sqlite:///tune.db')",
    "logging": "there is no logger to be quieted; optimize(show_progress_bar=True) and callbacks tell how it goes",
    "progress_bar": "use optimize(show_progress_bar=True)",
    "MaxTrialsCallback": "use optimize(n_trials_total=...), which counts the study's trials, whoever runs them",
    "get_all_study_summaries": "use tunesmith.get_all_study_names and tunesmith.load_study",
    "search_space": "study.space is the space that the study searches",
    "terminator": "use optimize(stop='converged'); study.stop_reason says why it ended",
    "integration": "the callbacks are in tunesmith.integrations, a module for each library",
    "version": "use tunesmith.__version__",
    "BruteForceSampler": "use sampler='grid' with a declared finite space; conditions are followed",
    "PartialFixedSampler": "use a declared space in which the fixed parameters are constants, such as Float(0.1, 0.1)",
    "NSGAIIISampler": "use sampler='nsga2'",
    "BaseSampler": "use tunesmith.samplers.Sampler; docs/samplers.md shows how to write one",
    "fmin": "use tunesmith.minimize(fn, space, n_trials=...)",
    "hp": "use tunesmith.Float, tunesmith.Int and tunesmith.Categorical",
    "Trials": "the study has the trials: study.trials",
    "tpe": "use sampler='tpe'",
    "space_eval": "study.best_params are the values themselves",
}


def missing(name: str, known: Iterable[str], module: str = "tunesmith") -> AttributeError | ImportError:
    """Return the error for a name that a module's ``__getattr__``, which calls this, does not know.

    Args:
        name: what was asked for.
        known: the names that the module has.
        module: its name.
    """
    text = f"module {module!r} has no attribute {name!r}"
    where = ELSEWHERE.get(name)
    for ending, kind in (("Sampler", "sampler"), ("Pruner", "pruner")):
        if where is None and name.endswith(ending) and module == "tunesmith":
            where = f"the {kind}s are in tunesmith.{kind}s, and create_study({kind}=...) takes their names"
    if where is None:
        where = did_you_mean(name, known).removeprefix("; ") or None
    if where is not None:
        text = f"{text}: {where}"
    return name_error(text, module, depth=3)


def name_error(text: str, module: str, depth: int = 2) -> AttributeError | ImportError:
    """Return the error of a module's ``__getattr__``, which calls this: an ImportError in ``from module import name``.

    That statement replaces an AttributeError by an ImportError without its message, so it gets one at once.

    Args:
        text: the message.
        module: its name.
        depth: how many frames below this one the name is asked for.
    """
    asking = sys._getframe(depth)
    imports = asking.f_code.co_code[asking.f_lasti] == dis.opmap["IMPORT_FROM"]
    return ImportError(text, name=module) if imports else AttributeError(text)
