"""The progress line of a loop that runs trials of a study."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TextIO

from tunesmith.foundation.languages import joined_texts, say, told
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import printable
from tunesmith.storage.redact import HIDDEN, redact_within
from tunesmith.study.progress.line import ProgressLine
from tunesmith.trial.record import FrozenTrial


class Progress:
    """The display of one call of ``study.optimize``, or of any other loop that runs trials of a study.

    Args:
        study: the `tunesmith.Study`, which lies in a higher layer; its best trial so far is where the best begins.
        n_trials: how many trials this call will run; None: no limit.
        timeout: seconds after which no trial is started; None: no limit.
        go_on: what a user does to go on after an interruption; by default, load the study and optimize it.
        rivals: the trials that the best is one of to begin with; all of the study if None.
        pruned: what to call pruned trials.
        above: gives what rich draws above the line of a terminal; None: nothing.

    Attributes:
        line: the class of the line.
        best: how the line says which trial is the best, with its {value} and {number}.
    """

    line: ClassVar[type[ProgressLine]] = ProgressLine
    best: ClassVar[str] = "best {value:.6g} (trial {number})"

    def __init__(
        self,
        study: Any,
        n_trials: int | None,
        timeout: float | None,
        *,
        stream: TextIO | None = None,
        go_on: str | None = None,
        rivals: Iterable[FrozenTrial] | None = None,
        pruned: str = "pruned",
        above: Callable[[], Any] | None = None,
    ) -> None:
        self._study = study
        self._n_trials = n_trials
        self._go_on = go_on
        self._sign = 0.0 if len(study.directions) > 1 else 1.0 if study.directions[0] == "minimize" else -1.0
        self._best = math.inf
        self._paused: set[int] = set()
        self._line = self.line(n_trials, "trial", timeout=timeout, stream=stream, above=above)
        self._pruned = pruned
        self._line.notes = {"failed": 0, pruned: 0}
        if self._sign:
            try:
                for trial in [study.best_trial] if rivals is None else rivals:
                    self._note_value(trial)
            except ValueError:  # there is none yet
                return
            self._line.tick()

    def update(self, study: Any, trial: FrozenTrial) -> None:
        """Count a finished trial; to be called as a callback of the study."""
        self.count(trial)

    def count(self, trial: FrozenTrial, advance: bool = True) -> None:
        """Note a trial that finished, or was paused.

        Args:
            advance: whether it is one more; else it was counted when it was paused, or begun by an earlier call.
        """
        self._paused.discard(trial.number)
        if trial.state is TrialState.PAUSED:
            self._paused.add(trial.number)
        elif trial.state is not TrialState.COMPLETE:
            self._line.notes[self._pruned if trial.state is TrialState.PRUNED else "failed"] += 1
        elif self._sign:
            self._note_value(trial)
        if self._paused or "paused" in self._line.notes:
            self._line.notes["paused"] = len(self._paused)
        if advance:
            self._line.advance()
        else:
            self._line.tick()

    def note(self, what: str, n: int) -> None:
        """Count something that is shown at the end of the line.

        Args:
            what: its name.
            n: how many more there are.
        """
        self._line.notes[what] = self._line.notes.get(what, 0) + n

    def _note_value(self, trial: FrozenTrial) -> None:
        value = trial.values[0] * self._sign if trial.values is not None else math.inf
        if value < self._best and trial.feasible:
            self._best = value
            self._line.best = self.best.format(value=value * self._sign, number=trial.number)

    def tick(self) -> None:
        """Show that time passes, where a trial takes long."""
        self._line.tick()

    def close(self, error: BaseException | None = None) -> None:
        """Close the line; after an interruption, say what is kept and how to go on.

        Args:
            error: what ended the loop before its time, if anything did.
        """
        message = self._how_to_go_on() if isinstance(error, KeyboardInterrupt) else ""
        if error is None and (reason := self._study.stop_reason) is not None:
            message = told(
                f"Stopped {reason}; a longer search is expected to gain at most {self._study.regret_bound:.3g}."
            )
        if error is None and (saved := self._study.savings) is not None:
            message = f"{message}\n{saved}" if message else str(saved)
        self._line.close(message)

    def _how_to_go_on(self) -> str:
        """Return what is kept after Ctrl-C, and what to do with it."""
        study = self._study
        try:
            count = study.counts
        except Exception as error:  # the interruption is what the user must see
            return told(say("Interrupted; the storage does not answer ({}).", printable(redact_within(str(error)))))
        waiting = count.get(TrialState.WAITING, 0)
        finished = sum(n for state, n in count.items() if state.is_finished())
        url = printable(str(getattr(study.storage, "url", None) or ""))
        url = redact_within(url) if "@" in url else url
        left = "..." if self._n_trials is None else f"..., n_trials={max(0, self._n_trials - self._line.done)}"
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
        return f"{first}\n{then}\n  {self._go_on or again}"


def _kept_words(is_one: bool, is_stored: bool) -> str:
    trials = "{:,} finished trial of {} is" if is_one else "{:,} finished trials of {} are"
    return f"Interrupted. {trials} kept in {'{}' if is_stored else 'memory, for as long as this Python runs'}"
