"""Optuna's progress bar: its text, which tqdm writes there, on this library's displays."""

from __future__ import annotations

from typing import Any, ClassVar

from tunesmith.compat.optuna.names import refuser
from tunesmith.foundation.warnings import caution
from tunesmith.study.progress import Part, Progress, ProgressLine

__all__: list[str] = []

BEST = "Best trial: {number}. Best value: {value:.6g}"
BAR_CHARACTERS = 10  # characters


class TqdmLine(ProgressLine):
    """A line that says how far a search is in tqdm's words."""

    has_bar: ClassVar[bool] = False

    def parts(self, now: float, ended: bool) -> list[Part]:
        """Return the best trial, and the share that is done with trials, their time and rate, or the time alone.

        Args:
            now: the time by this line's clock.
            ended: whether nothing more is to come.
        """
        elapsed, done, limit = now - self.began, self.done, self.timeout
        if self.total is None:
            share = elapsed / limit if limit else 1.0
            counted = f"{_clock(min(elapsed, limit or 0.0))}/{_clock(limit or 0.0)}"
            said: list[str] = []
        else:
            rate = done / elapsed if elapsed > 0 else 0.0
            each = f"{rate:.2f}it/s" if rate >= 1 or not done else f"{1 / rate:.2f}s/it"
            share, counted = done / self.total if self.total else 1.0, f"{done}/{self.total}"
            left = f"{_clock((self.total - done) / rate)}" if done else "?"
            said = [f"{_clock(elapsed)}<{left}", each]
            said += [] if limit is None else [f"{elapsed:.02f}/{limit} seconds"]
        share = min(1.0, share)
        more = [f"{n} {what}" for what, n in self.notes.items() if n] + list(filter(None, [self.saved]))
        bar = "█" * round(share * BAR_CHARACTERS)
        parts = [Part(self.best or "Best trial: none", 1), Part(f"{share:4.0%}|", 0)]
        parts += [Part(f"{bar:<{BAR_CHARACTERS}}|", 4, ""), Part(counted, 0, " ")]
        if said or more:
            parts.append(Part(f"[{', '.join(said + more)}]", 2, " "))
        return parts


class StudyProgress(Progress):
    """The display of one call of ``optimize`` under Optuna's names; see `Progress`."""

    line = TqdmLine

    def say_best(self, value: float, number: int) -> None:
        """Put the best trial into the line.

        Args:
            value: its value.
            number: of the trial.
        """
        self.shown.best = BEST.format(number=number, value=value)


def has_end(n_trials: int | None, timeout: float | None) -> bool:
    """Tell whether a search has an end that a bar can show; warn if not."""
    if n_trials is None and timeout is None:
        caution("no progress bar is shown: neither n_trials= nor timeout= is given")
    return n_trials is not None or timeout is not None


class _ProgressBar:
    """A line that counts the trials of a study.

    Args:
        is_valid: whether it is shown.
        n_trials: how many there will be.
        timeout: seconds after which no trial begins any more.
    """

    def __init__(self, is_valid: bool, n_trials: int | None = None, timeout: float | None = None) -> None:
        self._line = TqdmLine(n_trials, timeout=timeout) if is_valid and has_end(n_trials, timeout) else None

    def update(self, elapsed_seconds: float, study: Any) -> None:
        """Count one more trial.

        Args:
            elapsed_seconds: accepted for porting; the line has its own clock.
        """
        if self._line is None:
            return
        best = None if study._is_multi_objective() else study.native.find_best()
        if best is not None:
            self._line.best = BEST.format(value=best.value, number=best.number)
        self._line.advance()

    def close(self) -> None:
        """Show the last line."""
        if self._line is not None:
            self._line.close()


def _clock(seconds: float) -> str:
    """Write a time as 00:07 or 240:00:00."""
    minutes, s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{s:02}" if hours else f"{minutes:02}:{s:02}"


__getattr__ = refuser(__name__, __all__)
