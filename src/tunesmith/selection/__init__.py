"""Honest choice of a winner, and an honest figure for it, from arrays of losses alone; this package runs nothing."""

from __future__ import annotations

from tunesmith.selection.report import Estimate, HonestScore, Report

__all__ = ["Estimate", "HonestScore", "Report"]
