"""Optuna's `TrackioCallback`, for Trackio, cannot be had here; the error says what to use instead."""

from __future__ import annotations

from tunesmith.compat.optuna.names import ROOM, refuser

__getattr__ = refuser(f"{ROOM}.integration", ())
