"""`ImportedStudy`: a study of another program, ready to become one of ours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.errors import DuplicatedStudyError, StudyNotFoundError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.storable import storable
from tunesmith.foundation.text import plain_text, shorten, shown
from tunesmith.interchange.progress import shown as shown_progress
from tunesmith.storage import Storage, open_storage
from tunesmith.study import Study, create_study, load_study
from tunesmith.study.study import METRIC_NAMES
from tunesmith.trial.record import TrialRecord

Facts = dict[str, Any]  # what a source says of a trial, by field
MOST_OBJECTIVES = 255
RAN_AT_IMPORT = "it was running when it was imported"  # the reason of a trial that had not ended
NO_TRIAL = "the source has no trial of this number"
NO_TRIAL_KEY = "unknown"
KEY_CHARACTERS = 200  # characters of a trial's key
FILLED_NUMBERS = 10_000  # numbers that are filled, beyond as many as there are trials
EARLIEST, LATEST = -62_135_596_800.0, 253_402_300_799.0  # unix times of the years 1 and 9999
ORIGIN_KEY = "imported"  # a system attribute of a study: where it comes from; of a waiting trial: its name there
ERROR, UPDATE = "error", "update"


@dataclass(slots=True)
class ImportedStudy:
    """A study that was read from the results of another program.

    Attributes:
        name: its name there; for a file without names, the file's.
        directions: "minimize" or "maximize" for each objective.
        trials: its trials; ``worker`` names each as its program does ("optuna/17"), by which it is known again.
        program: what wrote it: "Optuna", "Hyperopt", ...
        place: where it was read, without passwords.
        user_attrs: the study's attributes.
        system_attrs: what its program noted of it, and what tunesmith keeps of that.
        metric_names: the names of its objectives, if they have some.
        notes: sentences on what was left out, and on what was concluded from the values.
        facts: what the source says of each trial, by its key; None: that was not kept.
        stated: what the source says of the study itself.
        added: how many trials the last ``create_study`` added.

    Example:
        ```python
        import optuna

        from tunesmith import compat

        theirs = optuna.create_study(storage="sqlite:///old.db", study_name="old")
        theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
        (old,) = compat.read("old.db")
        study = old.create_study(storage="tune.db")
        print(study.best_params)
        ```
    """

    name: str
    directions: tuple[str, ...]
    trials: list[TrialRecord] = field(repr=False)
    program: str
    place: str
    user_attrs: dict[str, Any] = field(default_factory=dict, repr=False)
    system_attrs: dict[str, Any] = field(default_factory=dict, repr=False)
    metric_names: list[str] | None = None
    notes: list[str] = field(default_factory=list)
    facts: dict[str, Facts] | None = field(default=None, repr=False)
    stated: Facts = field(default_factory=dict, repr=False)
    added: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        names: Any = self.metric_names
        if names is not None and not (
            isinstance(names, list) and len(names) == len(self.directions) and all(isinstance(n, str) for n in names)
        ):
            self.metric_names = None
            self.notes.append(f"the names of the objectives, {shown(names)}, are not one for each, and were left out")
        for trial in self.trials:
            trial.worker = plain_text(shorten(trial.worker, KEY_CHARACTERS))
            trial.reason = None if trial.reason is None else plain_text(shorten(trial.reason))
            trial.started, trial.finished = _moment(trial.started), _moment(trial.finished)
        self._number()

    def _number(self) -> None:
        """Let the trials have the numbers that they have there; one that is not known has failed."""
        self.trials.sort(key=lambda trial: trial.number)
        numbers = [trial.number for trial in self.trials]
        if not numbers or numbers == list(range(len(numbers))):
            return
        missing = numbers[-1] + 1 - len(numbers)
        if numbers[0] < 0 or len(set(numbers)) < len(numbers) or missing > FILLED_NUMBERS + len(numbers):
            self.notes.append("trials have other numbers here: those there are not counted from 0, each one once")
            return
        there = set(numbers)
        self.trials += [
            TrialRecord(n, TrialState.FAIL, reason=NO_TRIAL, failure=FailureKind.LOST, worker=f"{NO_TRIAL_KEY}/{n}")
            for n in range(numbers[-1])
            if n not in there
        ]
        self.trials.sort(key=lambda trial: trial.number)
        self.notes.append(f"numbers of which the source has no trial, and which failed here: {missing:,}")

    @property
    def counts(self) -> dict[str, int]:
        """The number of trials in each state, by the state's name in small letters."""
        found: dict[str, int] = {}
        for trial in self.trials:
            found[trial.state.name.lower()] = found.get(trial.state.name.lower(), 0) + 1
        return found

    @checked()
    def create_study(
        self,
        storage: str | Path | Storage | None = None,
        study_name: str | None = None,
        if_exists: str = ERROR,
        *,
        progress: bool | None = None,
    ) -> Study:
        """Make a study of ours with these trials.

        All trials are added in one transaction. A study that was made by an import which was interrupted before that
        is gone on with.

        Args:
            storage: where the study goes; as for `tunesmith.create_study`.
            study_name: its name there; None: the same name.
            if_exists: what to do if the storage has a study of that name: "error", or "update": if it was imported
                from this study, add the trials that it does not have yet, such as those that have ended since.
            progress: whether to show, from the first second on, that trials are stored; None: in a terminal or a
                notebook, if no library calls.

        Returns:
            the study.

        Raises:
            DuplicatedStudyError: there is a study of that name, and `if_exists` is "error" or it is another study.
            ValueError: `if_exists` is neither.
        """
        if if_exists not in (ERROR, UPDATE):
            raise ValueError(f'if_exists is "{ERROR}" or "{UPDATE}"; got {if_exists!r}')
        store = open_storage(storage)
        name = study_name or self.name
        try:
            study = load_study(study_name=name, storage=store)
        except StudyNotFoundError:
            study = create_study(storage=store, study_name=name, directions=list(self.directions))
        else:
            self._check_same(study, store, if_exists)
        there = study.trials
        trials = _not_there(self.trials, there)
        self._write_attributes(study, store)
        if trials:
            with shown_progress(progress, say("storing {} trials", f"{len(trials):,}")):
                numbers = study.add_trials(trials)
            moved = [(t.number, n) for t, n in zip(trials, numbers, strict=True) if t.number != n]
            if moved:
                self.notes.append(
                    f"trials with another number here than there, since the study went on: {len(moved):,}, such as "
                    f"{moved[0][1]} for {moved[0][0]}"
                )
        self.added = len(trials)
        return study

    @checked()
    def find_study(self, storage: str | Path | Storage | None = None, study_name: str | None = None) -> Study | None:
        """Find the study that was made of this one by an import.

        Args:
            storage: where it is.
            study_name: its name there; None: the same name.

        Returns:
            the study; None: there is none, or it has no trials yet.
        """
        try:
            study = load_study(study_name=study_name or self.name, storage=storage)
        except StudyNotFoundError:
            return None
        origin = study.system_attrs.get(ORIGIN_KEY)
        same = isinstance(origin, Mapping) and (origin.get("program"), origin.get("study")) == (self.program, self.name)
        return study if same and study.trials else None

    def _origin(self) -> dict[str, str]:
        return {"program": self.program, "study": self.name, "place": self.place}

    def _check_same(self, study: Study, store: Storage, if_exists: str) -> None:
        """Refuse a study that is there already, unless it is to be updated or an import of it was interrupted."""
        record = store.load_study(study.study_name)
        origin = record.system.get(ORIGIN_KEY)
        count = sum(store.count(record.id).values())
        if origin is None and not count and list(record.directions) == list(self.directions):
            return
        if not isinstance(origin, Mapping):
            raise DuplicatedStudyError(
                f"there is a study {record.name!r} already, with {count:,} trials, and it was not imported; choose "
                "another name (study_name=, on the command line --as)"
            )
        if (origin.get("program"), origin.get("study")) != (self.program, self.name):
            raise DuplicatedStudyError(
                f"the study {record.name!r} was imported from {origin.get('study')!r} of {origin.get('program')}, and "
                f"this is {self.name!r} of {self.program}; choose another name (study_name=, on the command line --as)"
            )
        names = record.system.get(METRIC_NAMES)
        if list(record.directions) != list(self.directions) or (count and names != self.metric_names):
            raise DuplicatedStudyError(
                f"the study {record.name!r} was imported with {_goals(record.directions, names)}, and now "
                f"{_goals(self.directions, self.metric_names)} is asked for; choose another name (study_name=, on "
                "the command line --as)"
            )
        if if_exists == ERROR and count:
            raise DuplicatedStudyError(
                f"the study {record.name!r} was imported from {origin.get('place')} already, and has {count:,} trials; "
                'if_exists="update" (on the command line --if-exists update) adds those that it does not have yet'
            )

    def _write_attributes(self, study: Study, store: Storage) -> None:
        system = {ORIGIN_KEY: self._origin(), **self.system_attrs}
        if self.metric_names:
            system[METRIC_NAMES] = list(self.metric_names)
        record = store.load_study(study.study_name)
        for key, value in self.user_attrs.items():
            if record.user.get(key) != value:
                store.set_attr(record.id, None, key, value)
        for key, value in system.items():
            if record.system.get(key) != value:
                store.set_attr(record.id, None, key, value, system=True)


class Conclusions:
    """What was left out of a source, or concluded from it, in words; counted."""

    def __init__(self) -> None:
        self._told: dict[str, int] = {}

    def tell(self, what: str, n: int = 1) -> None:
        """Count something."""
        self._told[what] = self._told.get(what, 0) + n

    def notes(self) -> list[str]:
        """Return it as sentences."""
        return [f"{what}: {n:,}" for what, n in self._told.items()]

    def put(self, into: dict[str, Any], key: str, value: Any) -> None:
        """Put an attribute into a dict, if it can be stored."""
        try:
            into[key] = storable(key, value)
        except ValueError:
            self.tell("attributes that cannot be stored, and were left out")

    def kept(self, attributes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the attributes that can be stored; None: there are none."""
        kept: dict[str, Any] = {}
        for key, value in attributes.items():
            self.put(kept, key, value)
        return kept or None


def _goals(directions: Sequence[str], names: Sequence[str] | None) -> str:
    return ", ".join(" ".join(pair) for pair in zip(directions, names or ["value"] * len(directions), strict=False))


def key_of(trial: TrialRecord) -> str:
    """Return the name that a trial had in the program that it comes from."""
    return str((trial.system or {}).get(ORIGIN_KEY) or trial.worker)


def _not_there(trials: list[TrialRecord], there: list[TrialRecord]) -> list[TrialRecord]:
    """Return the trials that a study does not have; one that was open and has ended there is missing too."""
    finished = {key_of(t) for t in there if not _is_open(t)}
    open_ones = {key_of(t) for t in there if _is_open(t)}
    return [t for t in trials if (key := key_of(t)) not in finished and (key not in open_ones or not _is_open(t))]


def _is_open(trial: TrialRecord) -> bool:
    """Tell whether a trial had not ended when it was imported."""
    return trial.state is TrialState.WAITING or trial.reason == RAN_AT_IMPORT


def _moment(time: float) -> float:
    """Return a time of which there is a date, or NaN."""
    return time if EARLIEST < time < LATEST else math.nan
