"""Optuna's journal files: one operation a line, replayed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from tunesmith.compat.sources.optuna.trials import NAMES, PROGRAM, RawTrial, Records, others_of
from tunesmith.compat.sources.study import ImportedStudy
from tunesmith.errors import SourceError
from tunesmith.state import TrialState
from tunesmith.storage.redact import shown_spec

# The operations, by their number in a line.
(
    CREATE_STUDY,
    DELETE_STUDY,
    STUDY_USER,
    STUDY_SYSTEM,
    CREATE_TRIAL,
    PARAM,
    STATE,
    REPORT,
    USER,
    SYSTEM,
    DISCARD,
) = range(11)
_FINISHED = frozenset(int(state) for state in TrialState if state.is_finished())  # asked once a line


@dataclass(slots=True)
class RawStudy:
    """A study as the journal tells it; a direction is 1 (minimize), 2 (maximize) or 0 (not set)."""

    name: str
    directions: list[int]
    user: dict[str, Any] = field(default_factory=dict)
    system: dict[str, Any] = field(default_factory=dict)
    trials: list[RawTrial] = field(default_factory=list)


class Journal:
    """What a journal file tells.

    A last line that is cut off is left out: a process was writing it, or was killed while it did.

    Args:
        path: the file.

    Attributes:
        studies: name to study, oldest first.

    Raises:
        SourceError: a line is no operation of a journal.
    """

    def __init__(self, path: Path) -> None:
        self._place = shown_spec(path)
        self._by_id: list[RawStudy | None] = []
        self._trials: list[RawTrial | None] = []
        self._torn = False
        for number, line in enumerate(self._lines(path), 1):
            try:
                self._apply(line)
            except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
                raise SourceError(
                    f"{self._place}, line {number}: this is no line of an Optuna journal ({type(error).__name__}: "
                    f"{error}); if the file was damaged, cut it before this line"
                ) from error
        self.studies = {study.name: study for study in self._by_id if study is not None}

    def study(self, name: str) -> ImportedStudy:
        """Return a study.

        Raises:
            SourceError: something in it cannot be understood.
        """
        found = self.studies[name]
        records = Records(len(found.directions))
        try:
            trials = records.all_of(found.trials)
        except (ValueError, TypeError, KeyError) as error:
            raise SourceError(f"{self._place}: the study {name!r} cannot be read: {error}") from error
        others = others_of(found.system)
        notes = records.notes()
        if self._torn:
            notes.append("the last line of the journal is cut off and was left out; all lines before it count")
        return ImportedStudy(
            name,
            tuple("maximize" if d == 2 else "minimize" for d in found.directions),
            trials,
            PROGRAM,
            self._place,
            user_attrs=found.user,
            system_attrs={"optuna": others} if others else {},
            metric_names=found.system.get(NAMES),
            notes=notes,
        )

    def _lines(self, path: Path) -> Iterator[dict[str, Any]]:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                try:
                    yield json.loads(line.decode())  # of bytes, json guesses the encoding each time
                except ValueError:
                    if not line.endswith(b"\n"):
                        self._torn = True
                        return
                    raise SourceError(
                        f"{self._place}, line {number}: this is no JSON, as each line of an Optuna journal is; if the "
                        "file was damaged, cut it before this line"
                    ) from None

    def _apply(self, log: dict[str, Any]) -> None:
        code = log["op_code"]
        if code == CREATE_STUDY:
            if all(study is None or study.name != log["study_name"] for study in self._by_id):
                self._by_id.append(RawStudy(log["study_name"], list(log["directions"])))
        elif code in (DELETE_STUDY, STUDY_USER, STUDY_SYSTEM, CREATE_TRIAL):
            self._on_study(code, log)
        elif code in (PARAM, STATE, REPORT, USER, SYSTEM):
            # As in Optuna, what comes after a trial's end changes nothing.
            trial = self._trials[log["trial_id"]] if log["trial_id"] < len(self._trials) else None
            if trial is not None and trial.state not in _FINISHED:
                _on_trial(trial, code, log)
        elif code != DISCARD:
            raise ValueError(f"there is no operation {code!r}")

    def _on_study(self, code: int, log: dict[str, Any]) -> None:
        study_id = log["study_id"]
        study = self._by_id[study_id] if study_id < len(self._by_id) else None
        if study is None:  # it was deleted meanwhile
            return
        if code == DELETE_STUDY:
            self._by_id[study_id] = None
        elif code == STUDY_USER:
            study.user |= log["user_attr"]
        elif code == STUDY_SYSTEM:
            study.system |= log["system_attr"]
        else:
            trial = _created(log, len(study.trials))
            study.trials.append(trial)
            self._trials.append(trial)


def _created(log: dict[str, Any], number: int) -> RawTrial:
    texts = log.get("distributions") or {}
    values = log.get("values")
    if values is None and log.get("value") is not None:
        values = [log["value"]]
    return RawTrial(
        number,
        int(log.get("state", TrialState.RUNNING)),
        [(name, value, texts[name]) for name, value in (log.get("params") or {}).items()],
        None if values is None else tuple(map(float, values)),
        {int(step): float(value) for step, value in (log.get("intermediate_values") or {}).items()},
        dict(log.get("user_attrs") or {}),
        dict(log.get("system_attrs") or {}),
        _time(log.get("datetime_start")),
        _time(log.get("datetime_complete")),
    )


def _on_trial(trial: RawTrial, code: int, log: dict[str, Any]) -> None:
    if code == PARAM:
        name = log["param_name"]
        trial.params = [p for p in trial.params if p[0] != name]
        trial.params.append((name, float(log["param_value_internal"]), log["distribution"]))
    elif code == STATE:
        trial.state = int(TrialState(log["state"]))
        if log.get("values") is not None:
            trial.values = tuple(map(float, log["values"]))
        if log.get("datetime_start") is not None:
            trial.started = _time(log["datetime_start"])
        if log.get("datetime_complete") is not None:
            trial.finished = _time(log["datetime_complete"])
    elif code == REPORT:
        trial.reports[int(log["step"])] = float(log["intermediate_value"])
    elif code == USER:
        trial.user |= log["user_attr"]
    else:
        trial.system |= log["system_attr"]


def _time(text: str | None) -> float:
    """Return a moment as unix time; without a time zone, as Optuna wrote up to 4, it is local."""
    return math.nan if text is None else datetime.fromisoformat(text).timestamp()
