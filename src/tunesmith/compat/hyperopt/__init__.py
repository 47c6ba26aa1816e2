"""Hyperopt's names over tunesmith: ``from tunesmith.compat.hyperopt import fmin, hp, tpe, Trials``.

Expressions, documents and the loop are Hyperopt's in form; a study and the samplers of tunesmith search.
"""

from __future__ import annotations

from tunesmith.compat.hyperopt import (
    anneal,
    atpe,
    base,
    early_stop,
    exceptions,
    hp,
    mix,
    plotting,
    progress,
    pyll,
    pyll_utils,
    rand,
    rdists,
    tpe,
    utils,
)
from tunesmith.compat.hyperopt.base import (
    JOB_STATE_CANCEL,
    JOB_STATE_DONE,
    JOB_STATE_ERROR,
    JOB_STATE_NEW,
    JOB_STATE_RUNNING,
    JOB_STATES,
    STATUS_FAIL,
    STATUS_NEW,
    STATUS_OK,
    STATUS_RUNNING,
    STATUS_STRINGS,
    STATUS_SUSPENDED,
    Ctrl,
    Domain,
    Trials,
    trials_from_docs,
)
from tunesmith.compat.hyperopt.fmin import FMinIter, fmin, fmin_pass_expr_memo_ctrl, partial, space_eval
from tunesmith.compat.hyperopt.installation import install, uninstall
from tunesmith.compat.hyperopt.names import HYPEROPT_VERSION, refuser, register_refused_modules
from tunesmith.compat.hyperopt.spark import SparkTrials

__version__ = HYPEROPT_VERSION

__all__ = [
    "JOB_STATES",
    "JOB_STATE_CANCEL",
    "JOB_STATE_DONE",
    "JOB_STATE_ERROR",
    "JOB_STATE_NEW",
    "JOB_STATE_RUNNING",
    "STATUS_FAIL",
    "STATUS_NEW",
    "STATUS_OK",
    "STATUS_RUNNING",
    "STATUS_STRINGS",
    "STATUS_SUSPENDED",
    "Ctrl",
    "Domain",
    "FMinIter",
    "SparkTrials",
    "Trials",
    "__version__",
    "anneal",
    "atpe",
    "base",
    "early_stop",
    "exceptions",
    "fmin",
    "fmin_pass_expr_memo_ctrl",
    "hp",
    "install",
    "mix",
    "partial",
    "plotting",
    "progress",
    "pyll",
    "pyll_utils",
    "rand",
    "rdists",
    "space_eval",
    "tpe",
    "trials_from_docs",
    "uninstall",
    "utils",
]

register_refused_modules()
__getattr__ = refuser(__name__, __all__)
