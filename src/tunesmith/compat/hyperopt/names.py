"""Names of Hyperopt that cannot be had here: why, and what to use instead.

A test holds this table against a recorded list of Hyperopt's public names.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from types import ModuleType
from typing import Any

from tunesmith.foundation.lazy import name_error
from tunesmith.foundation.text import did_you_mean

HYPEROPT_ROOM = "tunesmith.compat.hyperopt"
HYPEROPT_VERSION = "0.3.0"  # of the Hyperopt whose names these are
_GRAPH = "spaces are compiled by dimensions.py of this package, and no expression is rewritten for many trials at once"
_TPE = "tunesmith.samplers.TPESampler is the model here; it has other parts"
_PARALLEL = (
    "tunesmith.minimize(fn, space, n_trials=..., n_jobs=4) runs trials in processes of this machine, and "
    "executor='dask' or 'ray' on a cluster"
)
# Whole modules -> why, and what to use instead.
HYPEROPT_MODULES: dict[str, str] = {
    "mongoexp": "several machines share a study by a database: tunesmith.create_study(storage='postgresql://...') and "
    f"`tunesmith worker`; {_PARALLEL}",
    "ipy": _PARALLEL,
    "spark": f"no trial would run on Spark; {_PARALLEL}",
    "vectorize": _GRAPH,
    "algobase": f"{_GRAPH}; an algorithm of yours is a function (new_ids, domain, trials, seed) that returns documents",
    "criteria": "the acquisition functions of tunesmith are inside its samplers",
    "graph_viz": "print(pyll.as_apply(space)) shows a space",
    "sklearn": "tunesmith.sklearn.SearchCV searches any scikit-learn estimator",
    "main": "the command line is `tunesmith`; see `tunesmith --help`",
    "atpe_models": "the sampler 'auto' has no learned models",
    "std_out_err_redirect_tqdm": "progress is shown by tunesmith.study.progress, which needs no tqdm",
}
# Single names, or all that are missing in a module ("tpe.*") -> why, and what to use instead.
HYPEROPT_NAMES: dict[str, str] = {
    "tpe.*": _TPE,
    "rand.suggest_batch": "rand.suggest takes any number of new_ids",
    "anneal.*": "anneal.suggest uses TPE, for there is no annealing here",
    "atpe.*": "atpe.suggest uses the sampler 'auto', which has no learned models",
    "pyll.clone_merge": _GRAPH,
    "pyll.base.*": "expressions here are calls of functions of `scope`, evaluated by rec_eval; lambdas and partial "
    "calls of expressions are not known: write a function with @scope.define",
    "pyll.stochastic.*": _GRAPH,
    "pyll_utils.hyperopt_param": "scope.hyperopt_param makes the node",
    "base.*": _GRAPH,
    "rdists.*": "scipy.stats has loguniform, lognorm and others, and a Space takes them frozen",
    "utils.*": "Hyperopt's helpers are not part of its interface; Python and NumPy have what they do",
}


def reason_for(name: str) -> str | None:
    """Return why a name of Hyperopt's, without "hyperopt.", cannot be had; None: it is not known, or is here."""
    module, _, last = name.rpartition(".")
    first = name.partition(".")[0]
    return (
        HYPEROPT_NAMES.get(name)
        or HYPEROPT_MODULES.get(first)
        or (HYPEROPT_NAMES.get(f"{module}.*") if last[:1] != "_" else None)
    )


def refuser(module: str, known: Iterable[str] = ()) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a module of this package: a name that it lacks is refused with the reason.

    Returns:
        the function, which raises an AttributeError; an ImportError in ``from module import name``.
    """

    def missing(name: str) -> Any:
        full = f"{module}.{name}".removeprefix(f"{HYPEROPT_ROOM}.")
        reason = None if name.startswith("__") else reason_for(full)
        if reason is None:
            text = f"module {module!r} has no attribute {name!r}{did_you_mean(name, known)}"
        else:
            text = f"hyperopt.{full} cannot be had here: {reason}"
        raise name_error(text, module)

    return missing


def check_ours(value: Any, what: str) -> None:
    """Raise a TypeError if a value is of Hyperopt itself: both in one program understand nothing of one another.

    Args:
        what: how the program would import it.
    """
    home = value if callable(value) and not isinstance(value, type) and hasattr(value, "__name__") else type(value)
    if str(getattr(home, "__module__", "")).partition(".")[0] == "hyperopt":
        raise TypeError(f"{value!r} is Hyperopt's own; import all from one place: from {HYPEROPT_ROOM} import {what}")


def register_refused_modules() -> None:
    """Let modules that cannot be had be imported, so that the first name taken from one says why."""
    for name, reason in HYPEROPT_MODULES.items():
        if f"{HYPEROPT_ROOM}.{name}" in sys.modules:
            continue  # a module with a class that says so itself
        module = ModuleType(f"{HYPEROPT_ROOM}.{name}", reason)
        module.__getattr__ = refuser(module.__name__)  # type: ignore[method-assign]  # a module's own, PEP 562
        sys.modules[module.__name__] = module
