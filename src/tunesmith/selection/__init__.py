"""Honest choice of a winner, and an honest figure for it, from arrays of losses alone; this package runs nothing."""

from __future__ import annotations

from tunesmith.selection.choice import Choice, Rule, choose
from tunesmith.selection.honest import Honest, honest
from tunesmith.selection.losses import LossTable
from tunesmith.selection.report import Estimate, HonestScore, Report

__all__ = ["Choice", "Estimate", "Honest", "HonestScore", "LossTable", "Report", "Rule", "choose", "honest"]
