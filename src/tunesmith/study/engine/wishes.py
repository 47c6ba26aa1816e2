"""What people ask of the programs that run a study's trials, from elsewhere: to pause, go on, stop, or stop one trial.

Each wish is a system attribute of the study. Whoever runs trials looks at them once a second: between two trials, while
trials run in other processes, and when an objective asks ``should_prune``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tunesmith.errors import StorageError, StudyNotFoundError
from tunesmith.state import TrialState
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.text import did_you_mean

if TYPE_CHECKING:
    from tunesmith.study.engine.replica import StudyReplica

ASKED = "asked"  # the system attribute: {"word": one of WORDS, "at": unix time in seconds}
GO, PAUSE, STOP = WORDS = ("go", "pause", "stop")
STOP_TRIAL = "stop trial "  # and its number: the system attribute of each wish, so that none overwrites another
LOOK = 1.0  # seconds between two looks


def ask_programs(storage: Storage, study_id: int, word: str) -> None:
    """Ask all programs that run trials of a study for something.

    Args:
        storage: where the study is.
        study_id: the study.
        word: "pause": begin no trial until "go". "stop": end after the running trials; programs that begin later are
            not meant.

    Raises:
        ValueError: it is another word.
        StudyNotFoundError: there is no such study.
    """
    if word not in WORDS:
        raise ValueError(f"programs can be asked for {', '.join(WORDS)}; got {word!r}{did_you_mean(word, WORDS)}")
    storage.set_attr(study_id, None, ASKED, {"word": word, "at": time.time()}, system=True)


def asked_of(record: StudyRecord) -> str:
    """Return what was asked last: "go", "pause" or "stop"."""
    return _word_and_time(record.system.get(ASKED))[0]


def ask_to_stop(storage: Storage, study_id: int, number: int) -> None:
    """Ask the program that runs a trial to stop it.

    It ends as PRUNED at its next ``should_prune``. One that does not ask soon is ended, where its executor can do that.

    Args:
        storage: where the study is.
        study_id: the study.
        number: the trial.

    Raises:
        KeyError: the study has no such trial.
        ValueError: it does not run.
    """
    (trial,) = storage.trials(study_id, [number])
    if trial.state is not TrialState.RUNNING:
        raise ValueError(f"only a running trial can be stopped; trial {number} is {trial.state.name}")
    storage.set_attr(study_id, None, f"{STOP_TRIAL}{number}", time.time(), system=True)


def is_wish(key: str) -> bool:
    """Tell whether a system attribute of a study is a wish; a copy of the study has none of them."""
    return key == ASKED or key.startswith(STOP_TRIAL)


def is_asked_to_stop(record: StudyRecord, number: int) -> bool:
    """Tell whether somebody asked for a trial to be stopped."""
    return f"{STOP_TRIAL}{number}" in record.system


def _word_and_time(stored: Any) -> tuple[str, float]:
    if not isinstance(stored, dict) or stored.get("word") not in WORDS:
        return GO, -math.inf
    return str(stored["word"]), float(stored.get("at", -math.inf))


class Wishes:
    """What is asked of a program that runs trials of a study.

    Args:
        study: whose trials it runs.

    Attributes:
        due: when to look the next time, by the monotonic clock.
        asks: whether anything but to go on was asked the last time.
    """

    def __init__(self, study: StudyReplica) -> None:
        self._study = study
        self.begin()

    def begin(self) -> None:
        """Begin a call of ``optimize``, which is not meant by a "stop" of before."""
        self._since = time.time()
        self.due = time.monotonic() + LOOK  # what was asked before is looked at when the first second is over
        self._word = GO
        self.asks = False
        self._stops: frozenset[int] = frozenset()

    def word(self) -> str:
        """Return "go", "pause" or "stop", at most a second old; the last one while the storage is away."""
        self._look()
        return self._word

    def stops(self) -> frozenset[int]:
        """Return the numbers of the trials that were asked to stop, ended ones among them; at most a second old."""
        self._look()
        return self._stops

    def _look(self) -> None:
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + LOOK
        try:
            system = self._stored()
        except StorageError:
            return
        word, at = _word_and_time(system.get(ASKED))
        self._word = GO if word == STOP and at < self._since else word
        self.asks = self._word != GO
        numbers = (key.removeprefix(STOP_TRIAL) for key in system if key.startswith(STOP_TRIAL))
        self._stops = frozenset(int(n) for n in numbers if n.isdecimal())

    def _stored(self) -> Mapping[str, Any]:
        study = self._study
        try:
            found = [study.storage.load_study(study.study_name)]
        except StudyNotFoundError:  # it has another name by now
            found = study.storage.list_studies()
        return next((record.system for record in found if record.id == study.study_id), {})
