"""Fewer threads for models that take all cores, where fits run beside each other.

joblib tells its worker processes by ``OMP_NUM_THREADS`` which share of the cores is theirs, and most libraries keep to
it. LightGBM and CatBoost count the cores themselves, and XGBoost does so in threads of one process: then the threads of
one fit wait for those of another. On two busy cores, 569 rows and two workers, LightGBM took 44 times as long so.
"""

from __future__ import annotations

import os
import sys
from typing import Any

import joblib

# Of each library, the parameter that says how many threads a fit takes; and its other names, by which it may be set.
THREAD_PARAMETERS = {
    "lightgbm": ("n_jobs", ("num_threads", "num_thread", "nthread", "nthreads")),
    "xgboost": ("n_jobs", ("nthread",)),
    "catboost": ("thread_count", ()),
}


def share_of(n_workers: int) -> int:
    """Return how many threads each of some workers on this machine may take."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    return int(asked) if asked.isdecimal() and int(asked) else max(1, joblib.cpu_count() // max(n_workers, 1))


def keep_to(estimator: Any, n_threads: int) -> None:
    """Let the models in an unfitted estimator take so many threads, unless somebody set another number.

    Args:
        estimator: changed in place.
        n_threads: how many a fit takes.
    """
    if sys.modules.keys().isdisjoint(THREAD_PARAMETERS):
        return  # no model of theirs is here: their classes would have been imported
    for one in (estimator, *estimator.get_params(deep=True).values()):
        library = THREAD_PARAMETERS.get(type(one).__module__.partition(".")[0])
        if library is None or not hasattr(one, "set_params"):
            continue
        own = one.get_params(deep=False)
        if all(own.get(name) is None for name in (library[0], *library[1])):
            one.set_params(**{library[0]: n_threads})
