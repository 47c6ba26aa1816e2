"""The progress line of a loop that runs trials of a study."""

from __future__ import annotations

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, TextIO

from tunesmith.errors import StorageUnavailableError
from tunesmith.foundation.languages import joined_texts, say, told
from tunesmith.foundation.states import StudyDirection, TrialState
from tunesmith.foundation.text import printable
from tunesmith.storage.redact import HIDDEN, redact_within
from tunesmith.study.progress.line import ProgressLine
from tunesmith.trial.record import FrozenTrial, TrialRecord

STOPPED_EARLY = "stopped early"
_log = logging.getLogger("tunesmith")


class Progress:
    """The display of one call of ``study.optimize``, or of any other loop that runs trials of a study.

    Args:
        study: the `tunesmith.Study`, which lies in a higher layer; its best trial so far is where the best begins.
        n_trials: how many trials this call will run; None: no limit.
        timeout: seconds after which no trial is started; None: no limit.
        stream: where to write; standard error if None.
        go_on: what a user does to go on after an interruption; by default, load the study and optimize it.
        rivals: the trials that the best is one of to begin with; all of the study if None.
        above: gives what rich draws above the line of a terminal; None: nothing.
        always: whether the last line is shown although the trials took less than a second.

    Attributes:
        ends: trials that ended or were paused, and whether each is one more: what a loop appends to in place of a call
            of ``count``, which then is made by the thread that draws.
        line: the class of the line.
        shown: the line.
    """

    line: ClassVar[type[ProgressLine]] = ProgressLine

    def __init__(
        self,
        study: Any,
        n_trials: int | None,
        timeout: float | None,
        *,
        stream: TextIO | None = None,
        go_on: str | None = None,
        rivals: Iterable[FrozenTrial] | None = None,
        above: Callable[[int, int], Any] | None = None,
        always: bool = True,
    ) -> None:
        self.ends: deque[tuple[FrozenTrial, bool]] = deque()
        self._study = study
        self._n_trials = n_trials
        self._go_on = go_on
        self._sign = 0.0 if len(study.directions) > 1 else 1.0 if study.directions[0] == "minimize" else -1.0
        self._best = math.inf
        self._paused: set[int] = set()
        self.shown = self.line(
            n_trials, "trial", timeout=timeout, stream=stream, look=self._look, above=above, always=always
        )
        self.shown.notes = {"failed": 0, STOPPED_EARLY: 0}
        if self._sign:
            try:
                for trial in [study.best_trial] if rivals is None else rivals:
                    self._note_value(trial)
            except ValueError:  # there is none yet
                return

    def update(self, study: Any, trial: FrozenTrial) -> None:
        """Count a finished trial; to be called as a callback of the study."""
        self.ends.append((trial, True))

    def count(self, trial: FrozenTrial, advance: bool = True) -> None:
        """Note a trial that finished, or was paused.

        Args:
            trial: its record.
            advance: whether it is one more; else it was counted when it was paused, or begun by an earlier call.
        """
        self._paused.discard(trial.number)
        if trial.state is TrialState.PAUSED:
            self._paused.add(trial.number)
        elif trial.state is not TrialState.COMPLETE:
            self.shown.notes[STOPPED_EARLY if trial.state is TrialState.PRUNED else "failed"] += 1
        elif self._sign:
            self._note_value(trial)
        if self._paused or "paused" in self.shown.notes:
            self.shown.notes["paused"] = len(self._paused)
        self.shown.advance(advance)

    def _look(self) -> None:
        """Bring the line up to date."""
        while self.ends:
            self.count(*self.ends.popleft())
        self.shown.running = len(self._study.running)

    def _note_value(self, trial: FrozenTrial) -> None:
        value = trial.values[0] * self._sign if trial.values is not None else math.inf
        if value < self._best and trial.feasible:
            self._best = value
            self.say_best(value * self._sign, trial.number)

    def say_best(self, value: float, number: int) -> None:
        """Put the best trial into the line.

        Args:
            value: its value.
            number: of the trial.
        """
        self.shown.best, self.shown.best_of = say("best {}", f"{value:.5g}"), say("trial {}", number)

    def close(self, error: BaseException | None = None) -> None:
        """Close the line; after an interruption, say what is kept and how to go on.

        Args:
            error: what ended the loop before its time, if anything did.
        """
        self.shown.close(partial(self._last_words, error))

    def _last_words(self, error: BaseException | None) -> str:
        """Return what is written under the last line."""
        if isinstance(error, KeyboardInterrupt):
            left = "..." if self._n_trials is None else f"..., n_trials={max(0, self._n_trials - self.shown.done)}"
            return how_to_go_on(self._study, self._go_on, left)
        message = ""
        if error is None and (reason := self._study.stop_reason) is not None:
            message = told(
                f"Stopped {reason}; a longer search is expected to gain at most {self._study.regret_bound:.3g}."
            )
        if error is None and (saved := self._study.savings) is not None:
            message = f"{message}\n{saved}" if message else str(saved)
        return message


def how_to_go_on(study: Any, go_on: str | None, left: str = "...") -> str:
    """Return what is kept after Ctrl-C, and what to do with it.

    Args:
        study: the `tunesmith.Study`.
        go_on: what a user does; None: load the study and optimize it.
        left: the arguments of ``optimize``.
    """
    try:
        count = study.counts
    except Exception as error:  # the interruption is what the user must see
        return told(say("Interrupted; the storage does not answer ({}).", printable(redact_within(str(error)))))
    waiting = count.get(TrialState.WAITING, 0)
    finished = sum(n for state, n in count.items() if state.is_finished())
    url = printable(str(getattr(study.storage, "url", None) or ""))
    url = redact_within(url) if "@" in url else url
    again = f"study.optimize({left})"
    if url:
        given = "URL" if HIDDEN in url else repr(url)  # what is hidden, only the user can put in again
        again = f"study = tunesmith.load_study(study_name={study.study_name!r}, storage={given})\n  {again}"
    kept = [say(_kept_words(finished == 1, bool(url)), finished, repr(study.study_name), url)]
    if waiting:
        one, many = "{:,} trial is waiting to be run", "{:,} trials are waiting to be run"
        kept.append(say(one if waiting == 1 else many, waiting))
    if paused := count.get(TrialState.PAUSED, 0):
        kept.append(say("{:,} trial is paused" if paused == 1 else "{:,} trials are paused", paused))
    first, then = told(say("{}.", joined_texts(kept, "; "))), told("To go on:")
    return f"{first}\n{then}\n  {go_on or again}"


def _kept_words(is_one: bool, is_stored: bool) -> str:
    trials = "{:,} finished trial of {} is" if is_one else "{:,} finished trials of {} are"
    return f"Interrupted. {trials} kept in {'{}' if is_stored else 'memory, for as long as this Python runs'}"


# -- what the logger tells ---------------------------------------------------------------------------------------------


class TrialLog:
    """Tells the logger ``tunesmith`` at level INFO how trials ended.

    Args:
        directions: of the objectives.
        best: the best trial so far; None: there is none.
    """

    def __init__(self, directions: Sequence[StudyDirection], best: TrialRecord | None) -> None:
        self._sign = 0.0 if len(directions) > 1 else 1.0 if directions[0] == "minimize" else -1.0
        self._best = best

    @classmethod
    def of(cls, study: Any) -> TrialLog | None:
        """Return that of a study; None: nobody reads what it would say.

        Args:
            study: a study or its replica, which lie in a higher layer.
        """
        if not _log.isEnabledFor(logging.INFO):
            return None
        try:
            best = study.best() if hasattr(study, "best") else study.find_best()
        except StorageUnavailableError:  # the search says so, if it lasts
            best = None
        return cls(study.directions, best)

    def tell(self, trial: TrialRecord) -> None:
        """Tell of a trial."""
        number, params = trial.number, trial.params
        if trial.state is TrialState.FAIL:
            reason = (trial.reason or "no reason is known").splitlines()[0]
            _log.info("trial %d failed: %s; parameters: %s", number, printable(reason), params)
        elif trial.state is TrialState.PRUNED:
            reason = f" ({printable(trial.reason)})" if trial.reason else ""
            _log.info("trial %d was stopped early%s; parameters: %s", number, reason, params)
        elif trial.state is TrialState.COMPLETE and trial.values is not None:
            values = ", ".join(f"{value:.6g}" for value in trial.values)
            _log.info("trial %d ended with %s; parameters: %s%s", number, values, params, self._compared(trial))

    def _compared(self, trial: TrialRecord) -> str:
        """Return which trial is the best now."""
        if not self._sign or trial.values is None:
            return ""
        value, best = trial.values[0], None if self._best is None else self._best.values
        if trial.feasible and (best is None or self._sign * value < self._sign * best[0]):
            self._best = trial
            return "; it is the best so far"
        return "" if self._best is None or best is None else f"; best: trial {self._best.number} with {best[0]:.6g}"
