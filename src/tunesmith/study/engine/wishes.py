"""What people ask of the programs that run a study's trials, from elsewhere: to pause, to go on, to stop.

It is a system attribute of the study. Whoever runs trials looks at it once a second, between two trials.
"""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

from tunesmith.errors import StorageError, StudyNotFoundError
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.text import did_you_mean

if TYPE_CHECKING:
    from tunesmith.study.engine.data import StudyData

ASKED = "asked"  # the system attribute: {"word": one of WORDS, "at": unix time in seconds}
GO, PAUSE, STOP = WORDS = ("go", "pause", "stop")
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


def _word_and_time(stored: Any) -> tuple[str, float]:
    if not isinstance(stored, dict) or stored.get("word") not in WORDS:
        return GO, -math.inf
    return str(stored["word"]), float(stored.get("at", -math.inf))


class Wishes:
    """What is asked of one call of ``optimize``.

    Args:
        study: whose trials it runs.
    """

    def __init__(self, study: StudyData) -> None:
        self._study = study
        self._since = time.time()
        self._looked = time.monotonic()  # what was asked before is looked at when the first second is over
        self._word = GO

    def word(self) -> str:
        """Return "go", "pause" or "stop", at most a second old; the last one while the storage is away."""
        if time.monotonic() - self._looked >= LOOK:
            self._looked = time.monotonic()
            try:
                word, at = _word_and_time(self._stored())
            except StorageError:
                return self._word
            self._word = GO if word == STOP and at < self._since else word
        return self._word

    def _stored(self) -> Any:
        study = self._study
        try:
            found = [study.storage.load_study(study.study_name)]
        except StudyNotFoundError:  # it has another name by now
            found = study.storage.list_studies()
        return next((record.system.get(ASKED) for record in found if record.id == study.study_id), None)
