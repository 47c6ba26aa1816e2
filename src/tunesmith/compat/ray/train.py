"""What programs of Ray Tune take from ``ray.train``: the same objects as those of ``tune``."""

from __future__ import annotations

from tunesmith.compat.ray.names import refuser
from tunesmith.compat.ray.tune import (
    Checkpoint,
    CheckpointConfig,
    FailureConfig,
    Result,
    RunConfig,
    get_checkpoint,
    get_context,
    report,
)

__all__ = [
    "Checkpoint", "CheckpointConfig", "FailureConfig", "Result", "RunConfig", "get_checkpoint", "get_context", "report",
]  # fmt: skip

__getattr__ = refuser(__name__)
