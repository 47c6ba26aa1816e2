"""Ray Tune's names over this library; Ray's paths below ``ray.tune`` lead to the modules here."""

from __future__ import annotations

from tunesmith.compat.ray.names import lead_here, refuser
from tunesmith.compat.ray.tune import (
    callback,
    config,
    integration,
    results,
    sample,
    schedulers,
    search,
    session,
    stopper,
    trainable,
    tuner,
)
from tunesmith.compat.ray.tune.callback import Callback
from tunesmith.compat.ray.tune.config import CheckpointConfig, FailureConfig, RunConfig, TuneConfig
from tunesmith.compat.ray.tune.results import ExperimentAnalysis, Result, ResultGrid, TuneError
from tunesmith.compat.ray.tune.sample import (
    choice,
    grid_search,
    lograndint,
    loguniform,
    qlograndint,
    qloguniform,
    qrandint,
    qrandn,
    quniform,
    randint,
    randn,
    sample_from,
    uniform,
)
from tunesmith.compat.ray.tune.schedulers import create_scheduler
from tunesmith.compat.ray.tune.search import create_searcher
from tunesmith.compat.ray.tune.session import Checkpoint, TuneContext, get_checkpoint, get_context, report
from tunesmith.compat.ray.tune.stopper import Stopper
from tunesmith.compat.ray.tune.trainable import (
    PlacementGroupFactory,
    Trainable,
    register_trainable,
    with_parameters,
    with_resources,
)
from tunesmith.compat.ray.tune.tuner import Tuner, run

__all__ = [
    "Callback", "Checkpoint", "CheckpointConfig", "ExperimentAnalysis", "FailureConfig", "PlacementGroupFactory",
    "Result", "ResultGrid", "RunConfig", "Stopper", "Trainable", "TuneConfig", "TuneContext", "TuneError", "Tuner",
    "callback", "choice", "config", "create_scheduler", "create_searcher", "get_checkpoint", "get_context",
    "grid_search", "integration", "lograndint", "loguniform", "qlograndint", "qloguniform", "qrandint", "qrandn",
    "quniform", "randint", "randn", "register_trainable", "report", "results", "run", "sample", "sample_from",
    "schedulers", "search", "session", "stopper", "trainable", "tuner", "uniform", "with_parameters", "with_resources",
]  # fmt: skip

lead_here(__name__)
__getattr__ = refuser(__name__)
