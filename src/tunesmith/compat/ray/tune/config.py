"""What a `Tuner` is told: `TuneConfig`, `RunConfig`, `CheckpointConfig` and `FailureConfig`."""

from __future__ import annotations

import datetime
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.foundation.text import shown

MODES = ("min", "max")
STORAGE_PATH = "~/ray_results"


@dataclass
class CheckpointConfig:
    """Which checkpoints are made and kept.

    Args:
        num_to_keep: how many a trial keeps, the last one among them; None: all.
        checkpoint_score_attribute: the metric by which they are kept; None: the last ones are.
        checkpoint_score_order: "max" or "min".
        checkpoint_frequency: iterations between two checkpoints of a `Trainable`; 0: none is made.
        checkpoint_at_end: whether a `Trainable` saves one at its end.
    """

    num_to_keep: int | None = None
    checkpoint_score_attribute: str | None = None
    checkpoint_score_order: str | None = "max"
    checkpoint_frequency: int | None = 0
    checkpoint_at_end: bool | None = None

    def __post_init__(self) -> None:
        if self.num_to_keep is not None and self.num_to_keep <= 0:
            raise ValueError(f"num_to_keep must be 1 or more, or None for all; got {self.num_to_keep!r}")
        if self.checkpoint_score_order not in MODES:
            raise ValueError(f"checkpoint_score_order is 'max' or 'min'; got {self.checkpoint_score_order!r}")


@dataclass
class FailureConfig:
    """What happens where a trial fails.

    Args:
        max_failures: how often in a row a trial is run again, from its last checkpoint; -1: without end.
        fail_fast: True: no trial is begun after one that failed. "raise": its error is raised.
    """

    max_failures: int = 0
    fail_fast: bool | str = False

    def __post_init__(self) -> None:
        if self.fail_fast not in (True, False, "raise"):
            raise ValueError(f"fail_fast is True, False or 'raise'; got {shown(self.fail_fast)}")
        if self.fail_fast and self.max_failures:
            raise ValueError("max_failures must be 0 with fail_fast; give one of them")


@dataclass
class RunConfig:
    """How trials run, and where results are kept.

    Args:
        name: of the experiment; None: that of the trainable and the time.
        storage_path: the folder of experiments; None: ``~/ray_results``.
        failure_config: see `FailureConfig`.
        checkpoint_config: see `CheckpointConfig`.
        verbose: 0: no progress is shown.
        stop: a dict of metrics, at whose values a trial ends, a function of (trial_id, result), or a `Stopper`.
        callbacks: see `Callback`. With callbacks, trials run in threads of this process.
        progress_reporter: without effect.
        sync_config: without effect: nothing is copied anywhere.
    """

    name: str | None = None
    storage_path: str | os.PathLike[str] | None = None
    failure_config: FailureConfig | None = None
    checkpoint_config: CheckpointConfig | None = None
    verbose: int | None = None
    stop: Mapping[str, Any] | Callable[[str, Any], bool] | Any = None
    callbacks: Sequence[Any] | None = None
    progress_reporter: Any = None
    sync_config: Any = None

    def __post_init__(self) -> None:
        self.failure_config = self.failure_config or FailureConfig()
        self.checkpoint_config = self.checkpoint_config or CheckpointConfig()
        if "://" in str(self.storage_path or ""):
            raise ValueError(
                f"storage_path={self.storage_path!r}: experiments are kept in a folder of this machine "
                "or of a network drive; mount the bucket, or copy the folder afterwards"
            )

    @property
    def folder(self) -> Path:
        """The folder of experiments."""
        return Path(self.storage_path or os.environ.get("RAY_AIR_LOCAL_CACHE_DIR") or STORAGE_PATH).expanduser()


@dataclass
class TuneConfig:
    """What is optimised, and how.

    Args:
        mode: "min" or "max".
        metric: the metric that counts.
        search_alg: who proposes; None: at random, and a grid is tried ``num_samples`` times.
        scheduler: who stops trials early; None: nobody.
        num_samples: how many trials there are, or how often each cell of a grid is tried. -1: no limit.
        max_concurrent_trials: how many run at once, at most; None or 0: as many as there is room for.
        time_budget_s: seconds, or a timedelta, after which trials end at their next report.
        reuse_actors: without effect: processes are reused, and a `Trainable` is made anew for each trial.
        trial_name_creator: returns the name of a trial.
        trial_dirname_creator: returns the name of its folder.
    """

    mode: str | list[str] | None = None
    metric: str | list[str] | None = None
    search_alg: Any = None
    scheduler: Any = None
    num_samples: int = 1
    max_concurrent_trials: int | None = None
    time_budget_s: float | datetime.timedelta | None = None
    reuse_actors: bool = False
    trial_name_creator: Callable[[Any], str] | None = None
    trial_dirname_creator: Callable[[Any], str] | None = None

    def __post_init__(self) -> None:
        if self.num_samples != -1 and self.num_samples < 1:
            raise ValueError(f"num_samples must be 1 or more, or -1 for no limit; got {self.num_samples!r}")
        if self.max_concurrent_trials is not None and self.max_concurrent_trials < 0:
            raise ValueError(f"max_concurrent_trials must be 0 or more; got {self.max_concurrent_trials!r}")

    @property
    def seconds(self) -> float | None:
        """The time budget in seconds."""
        budget = self.time_budget_s
        return budget.total_seconds() if isinstance(budget, datetime.timedelta) else budget


def checked_mode(mode: Any) -> str:
    """Return "min" or "max".

    Raises:
        ValueError: it is neither.
    """
    if mode not in MODES:
        raise ValueError(f"mode is 'min' or 'max'; got {shown(mode)}")
    return str(mode)
