"""Optuna's `TrackioCallback`, for Trackio, cannot be had here; the error says what to use instead."""

from __future__ import annotations

from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import ROOM

__getattr__ = refuser(f"{ROOM}.integration", ())
