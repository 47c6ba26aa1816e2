"""A report as JSON, and read again: what a search decided is stored with its study, in the words it was decided in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.selection.outlook import Outlook
from tunesmith.selection.report import Report
from tunesmith.selection.score import Estimate, HonestScore
from tunesmith.space.serialize import label_from_json, label_to_json

CONFIGURATIONS = ("chosen", "default", "runner_up")  # fields of a report that are parameters
WRITTEN = "shown"  # the one key of a value that JSON cannot hold, such as an estimator: what a report says of it


class Written:
    """Stands for a value that cannot be stored; it prints as the value did.

    Args:
        text: what the value printed.
    """

    def __init__(self, text: str) -> None:
        self.text = text

    def __repr__(self) -> str:
        return self.text

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Written) and other.text == self.text

    def __hash__(self) -> int:
        return hash(self.text)


def params_to_json(params: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return parameters as JSON has them; values keep their types."""
    return None if params is None else {name: _value_to_json(value) for name, value in params.items()}


def params_from_json(data: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return what `params_to_json` was given, with `Written` in the place of what JSON cannot hold."""
    return None if data is None else {name: _value_from_json(value) for name, value in data.items()}


def report_to_json(report: Report) -> dict[str, Any]:
    """Return a report as JSON has it, apart from NaN and infinities."""
    data = {f.name: getattr(report, f.name) for f in fields(report)}
    data |= {name: params_to_json(data[name]) for name in CONFIGURATIONS}
    if report.score is not None:
        score = {f.name: getattr(report.score, f.name) for f in fields(report.score)}
        gain = report.score.gain_over_default
        score["gain_over_default"] = None if gain is None else [gain.value, list(gain.interval)]
        data["score"] = score | {"interval": list(report.score.interval), "notes": list(report.score.notes)}
    if report.outlook is not None:
        data["outlook"] = {f.name: getattr(report.outlook, f.name) for f in fields(report.outlook)}
    return data | {"notes": list(report.notes)}


def report_from_json(data: Mapping[str, Any]) -> Report:
    """Return the report that `report_to_json` wrote.

    Raises:
        TypeError, KeyError, ValueError: it is none.
    """
    found = {f.name: data[f.name] for f in fields(Report) if f.name in data}
    found |= {name: params_from_json(found.get(name)) for name in CONFIGURATIONS}
    if (stored := found.get("score")) is not None:
        score = {f.name: stored[f.name] for f in fields(HonestScore) if f.name in stored}
        if (gain := score.get("gain_over_default")) is not None:
            score["gain_over_default"] = Estimate(gain[0], tuple(gain[1]))
        score |= {"interval": tuple(score["interval"]), "notes": tuple(map(str, score["notes"]))}
        found["score"] = HonestScore(**score)
    if (outlook := found.get("outlook")) is not None:
        found["outlook"] = Outlook(**{f.name: outlook[f.name] for f in fields(Outlook)})
    return Report(**found | {"notes": tuple(map(str, found["notes"]))})


def _value_to_json(value: Any) -> Any:
    try:
        return label_to_json(value)
    except SpaceError:
        try:
            return {WRITTEN: " ".join(repr(value).split())}
        except Exception:  # of somebody's class: a verdict is never lost for it
            return {WRITTEN: f"<{type(value).__name__}>"}


def _value_from_json(data: Any) -> Any:
    if isinstance(data, dict) and data.keys() == {WRITTEN}:
        return Written(str(data[WRITTEN]))
    return label_from_json(data)
