"""Optuna's journal files: one operation a line, replayed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from tunesmith.errors import SourceError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import shown
from tunesmith.interchange.limits import DAMAGE, Limits, number, parsed, texts, whole
from tunesmith.interchange.optuna.trials import RawStudy, RawTrial, imported
from tunesmith.interchange.study import MOST_OBJECTIVES, ImportedStudy
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
_T = TypeVar("_T")
_FINISHED = frozenset(int(state) for state in TrialState if state.is_finished())  # asked once a line


class Journal:
    """What a journal file tells.

    A last line that is cut off is left out: a process was writing it, or was killed while it did.

    Attributes:
        studies: name to study, oldest first.

    Raises:
        SourceError: a line is no operation of a journal, or there is more than is read.
    """

    def __init__(self, path: Path, limits: Limits) -> None:
        self._place = shown_spec(path)
        self._names: set[str] = set()
        self._by_id: list[RawStudy | None] = []
        self._trials: list[RawTrial | None] = []
        self._torn = False
        for place, line in enumerate(self._lines(path, limits), 1):
            try:
                self._apply(texts(line, "it"))
            except DAMAGE as error:
                told = f"there is no {error}" if isinstance(error, KeyError) else str(error)
                raise SourceError(
                    f"{self._place}, line {place}: this is no line of an Optuna journal ({told}); if the file was "
                    "damaged, cut it before this line"
                ) from error
        self.studies = {study.name: study for study in self._by_id if study is not None}

    def study(self, name: str, facts: bool = False) -> ImportedStudy:
        """Return a study.

        Args:
            facts: whether what Optuna says of each trial is kept beside.

        Raises:
            SourceError: something in it cannot be understood.
        """
        found = self.studies[name]
        note = "the last line of the journal is cut off and was left out; all lines before it count"
        return imported(name, self._place, facts, lambda: found, note if self._torn else None)

    def _lines(self, path: Path, limits: Limits) -> Iterator[Any]:
        for place, line in enumerate(limits.lines(path), 1):
            try:
                yield parsed(line)
            except ValueError as error:
                if not line.endswith(b"\n"):
                    self._torn = True
                    return
                raise SourceError(
                    f"{self._place}, line {place}: this is no JSON, as each line of an Optuna journal is ({error}); if "
                    "the file was damaged, cut it before this line"
                ) from None

    def _apply(self, log: dict[str, Any]) -> None:
        code = log["op_code"]
        if code == CREATE_STUDY:
            name, directions = log["study_name"], log["directions"]
            if not isinstance(name, str) or not isinstance(directions, list) or len(directions) > MOST_OBJECTIVES:
                raise ValueError(f"a study called {shown(name)} with the directions {shown(directions)} is none")
            if name not in self._names:
                self._names.add(name)
                self._by_id.append(RawStudy(name, [whole(d, "a direction") for d in directions]))
        elif code in (DELETE_STUDY, STUDY_USER, STUDY_SYSTEM, CREATE_TRIAL):
            self._on_study(code, log)
        elif code in (PARAM, STATE, REPORT, USER, SYSTEM):
            # As in Optuna, what comes after a trial's end changes nothing.
            trial = self._of(self._trials, log, "trial_id")
            if trial is not None and trial.state not in _FINISHED:
                _on_trial(trial, code, log)
        elif code != DISCARD:
            raise ValueError(f"there is no operation {shown(code)}")

    def _of(self, kept: list[_T], log: dict[str, Any], key: str) -> _T | None:
        """Return the study or the trial that a line is about; None: there is none, or none any more."""
        at = whole(log[key], key)
        if at < 0:
            raise ValueError(f"{key} is {at}")
        return kept[at] if at < len(kept) else None

    def _on_study(self, code: int, log: dict[str, Any]) -> None:
        study = self._of(self._by_id, log, "study_id")
        if study is None:  # it was deleted meanwhile
            return
        if code == DELETE_STUDY:
            self._by_id[log["study_id"]] = None
            self._names.discard(study.name)
        elif code == STUDY_USER:
            study.user |= texts(log["user_attr"], "user_attr")
        elif code == STUDY_SYSTEM:
            study.system |= texts(log["system_attr"], "system_attr")
        else:
            trial = _created(log, len(study.trials))
            study.trials.append(trial)
            self._trials.append(trial)


def _created(log: dict[str, Any], place: int) -> RawTrial:
    distributions = _mapping(log, "distributions")
    values = log.get("values")
    if values is None and log.get("value") is not None:
        values = [log["value"]]
    return RawTrial(
        place,
        _state(log.get("state", TrialState.RUNNING)),
        [
            (name, number(x, f"the parameter {shown(name)}"), distributions[name])
            for name, x in _mapping(log, "params").items()
        ],
        _values(values),
        {int(step): number(value, "a report") for step, value in _mapping(log, "intermediate_values").items()},
        dict(_mapping(log, "user_attrs")),
        dict(_mapping(log, "system_attrs")),
        _time(log.get("datetime_start")),
        _time(log.get("datetime_complete")),
    )


def _on_trial(trial: RawTrial, code: int, log: dict[str, Any]) -> None:
    if code == PARAM:
        name = log["param_name"]
        if not isinstance(name, str):
            raise ValueError(f"a parameter is called {shown(name)}")
        held = number(log["param_value_internal"], f"the parameter {shown(name)}")
        trial.params = [p for p in trial.params if p[0] != name]
        trial.params.append((name, held, log["distribution"]))
    elif code == STATE:
        trial.state = _state(log["state"])
        if log.get("values") is not None:
            trial.values = _values(log["values"])
        if log.get("datetime_start") is not None:
            trial.started = _time(log["datetime_start"])
        if log.get("datetime_complete") is not None:
            trial.finished = _time(log["datetime_complete"])
    elif code == REPORT:
        trial.reports[whole(log["step"], "a step")] = number(log["intermediate_value"], "a report")
    elif code == USER:
        trial.user |= texts(log["user_attr"], "user_attr")
    else:
        trial.system |= texts(log["system_attr"], "system_attr")


def _mapping(log: dict[str, Any], key: str) -> dict[str, Any]:
    return {} if log.get(key) is None else texts(log[key], key)


def _state(value: Any) -> int:
    return int(TrialState(whole(value, "a state")))


def _values(values: Any) -> tuple[float, ...] | None:
    if values is None:
        return None
    if not isinstance(values, list):
        raise ValueError(f"the values of a trial are {shown(values)}, and no list")
    return tuple([number(value, "a value") for value in values])


def _time(text: str | None) -> float:
    """Return a moment as unix time; without a time zone, as Optuna wrote up to 4, it is local."""
    return math.nan if text is None else datetime.fromisoformat(text).timestamp()
