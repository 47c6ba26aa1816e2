"""The default: pauses runs that are unlikely to become the best, and stops the worst where they could not go on.

With checkpoints, each run is looked at at rungs that grow by the factor three. It pauses where a model of learning
curves gives it next to no chance of becoming the best, if a start costs little beside what is left of it; a paused run
whose chance has grown goes on before a new one begins (`tunesmith.history.fidelity.decision`). Without checkpoints, a run that
goes on would repeat its steps, so this is asynchronous successive halving in the form that stops (Li et al., "A System
for Massively Parallel Hyperparameter Tuning", MLSys 2020), with two safeguards: a rung stops nothing while the order of
runs there was not seen to be that of their ends, and every tenth run goes to its end. With several objectives it stops
in any case, since the model of curves is of one.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.cache import Cache
from tunesmith.foundation.numerics.rank_tests import tau_error
from tunesmith.foundation.warnings import caution
from tunesmith.history import History
from tunesmith.history.curves import Curves, FrontRung, Rung
from tunesmith.history.fidelity.decision import outlook
from tunesmith.history.fidelity.ladder import FIRST, GROWTH, LAST_GAP
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.space import Space

RECENT = 20  # full runs whose falls are looked at
LATE_FALL = 1.5  # times the middle third of a full run, from which on a fall in its last third is suspicious
MIN_COMPLETE = 5  # runs that came to their end before any is stopped
MOST_COMPLETE = 100  # of them that are looked at
KEPT_EVERY, KEPT_FIRST = 10, 3  # runs that are never stopped, so that a rung is not learnt of runs alone that it chose
MIN_AGREEMENT = 0.3  # Kendall's τ between a rung and the ends, less its error, from which on a rung stops runs
_log = logging.getLogger("tunesmith")


class AutoPruner(Pruner):
    """Decides from what the objective does: it saves checkpoints, or it does not.

    Rungs are numbers of reports: 2, 6, 18, and so on up to the length of a full run, which becomes known when the first
    run completes. One report alone orders runs hardly better than chance. The logger ``tunesmith`` tells at level INFO
    what was inferred. There is a warning where full runs fall fastest in their last third, as with a learning rate that
    decays over the whole length: then a run that is cut short says little about its end.

    Example:
        ```python
        import tunesmith

        def objective(trial):
            rate = trial.suggest_float("rate", 0, 1)
            for epoch in range(1, 28):
                trial.report((1 - rate) ** epoch, epoch)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return (1 - rate) ** 27

        study = tunesmith.create_study(pruner="auto", seed=0)
        study.optimize(objective, n_trials=20)
        ```
    """

    name: ClassVar[str] = "auto"
    resumes = True
    weighs_starts = True
    several = True

    def __init__(self) -> None:
        self._said: set[str] = set()
        self._agreements: Cache[float] = Cache()
        self._late: Cache[bool] = Cache()

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        """Decide at rungs.

        Args:
            curves: the reports of all trials.
            number: the trial in question.
            step: the step of its last report.

        Returns:
            PAUSE at each rung where the objective saves checkpoints (see `goes_on`); else STOP where the trial is not
            among the best third there; else CONTINUE.
        """
        count, end = curves.size(number), curves.longest_complete
        if not is_rung(count, end):
            return Decision.CONTINUE
        self._tell(curves, end)
        if _pauses(curves):
            return Decision.PAUSE
        if curves.n_complete < MIN_COMPLETE or number % KEPT_EVERY == KEPT_FIRST:
            return Decision.CONTINUE
        return Decision.STOP if self._is_behind(curves, number, step) else Decision.CONTINUE

    def _tell(self, curves: Curves, end: int) -> None:
        """Log what is inferred, and warn of schedules that mislead; each once."""
        length = f"a full run makes {end} reports" if end else "how long a full run is shows when the first completes"
        how = (
            "runs pause that are unlikely to become the best, and may go on from their checkpoints"
            if _pauses(curves)
            else f"runs that are behind are stopped, once {MIN_COMPLETE} are complete"
            + ("; with trial.checkpoint_dir they would be paused" if curves.objectives == 1 else "")
        )
        self._once(f"pruner auto: {length}; at rungs ({_rungs(end)} reports) {how}", _log.info)
        if self._late.get((curves, curves.n_complete), lambda: _falls_late(curves)):
            self._once(
                "the losses of full runs fall fastest near the end, as with a learning rate that decays over the whole "
                "length: a run that is cut short says little about its end. Use a schedule that does not depend on the "
                "length, or pruner='nop'",
                caution,
            )

    def _is_behind(self, curves: Curves, number: int, step: int) -> bool:
        """Tell whether a run is not among the best third of those at its step, where that means anything."""
        rung = curves.rung(step)
        if len(rung) < GROWTH or number not in rung or rung.value(number) <= rung.cut(max(1, len(rung) // GROWTH)):
            return False
        agreement = self._agreements.get((curves, curves.n_complete, step), lambda: _agreement_at(curves, rung))
        return agreement >= MIN_AGREEMENT

    def _once(self, text: str, say: Callable[[str], None], what: str | None = None) -> None:
        if (what or text) not in self._said:
            self._said.add(what or text)
            say(text)

    def goes_on(self, history: History, number: int) -> bool:
        """Tell whether a pause would not pay: the run may become the best, or it would cost more to come back.

        Args:
            history: the study so far.
            number: the trial in question.

        Returns:
            Whether it goes on.
        """
        found = outlook(history, history.space or Space({}))
        row = int(np.searchsorted(found.runs.number, number))
        if (why := found.why_no_pause(row)) is not None:
            text = f"pruner auto: runs do not pause where that would be a loss: {why}"
            self._once(text, _log.info, "why no pause")
        return found.goes_on(row)

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        """Choose the paused trial that is most likely to become the best, if that is likely enough.

        Args:
            history: the study so far.
            rng: its random numbers.
            may_begin: whether a new trial may begin.

        Returns:
            The number of a paused trial; None: a new one begins.
        """
        space = history.space
        if not history.paused or space is None or not len(space) or history.n_objectives > 1:
            return None
        found = outlook(history, space)
        row = found.next(may_begin)
        return None if row is None else int(found.runs.number[row])


def _pauses(curves: Curves) -> bool:
    """Tell whether runs pause at rungs."""
    return curves.can_resume and curves.objectives == 1


def is_rung(count: int, end: int) -> bool:
    """Tell whether a run of so many reports is at a rung.

    Args:
        count: its reports.
        end: those of a full run; 0: not known.
    """
    rung = FIRST
    while rung < count:
        rung *= GROWTH
    return rung == count and (not end or count * LAST_GAP <= end or count > end)


def _rungs(end: int) -> str:
    found = [FIRST * GROWTH**k for k in range(20)]
    shown = [str(count) for count in found if not end or count * LAST_GAP <= end]
    return ", ".join(shown[:4] + (["..."] if len(shown) > 4 else [])) or "none"


def _falls_late(curves: Curves) -> bool:
    """Tell whether the median full run of the latest falls more in its last third than a usual curve does."""
    ratios = []
    for number in curves.ends.numbers[-RECENT:]:
        values = curves.of(number)[1].reshape(-1, curves.objectives)
        if len(values) >= 9 and np.isfinite(values).all():
            first, second = values[len(values) // 3], values[2 * len(values) // 3]
            middle, late = first - second, second - values[-1]
            # Of the objective that falls latest; one that does not change does not fall.
            ratios.append(max(b / a if a > 0 else np.inf if b > 0 else 0.0 for a, b in zip(middle, late, strict=True)))
    return len(ratios) >= MIN_COMPLETE and float(np.median(ratios)) > LATE_FALL


def _agreement_at(curves: Curves, rung: Rung | FrontRung) -> float:
    """Return how far the order at a rung is that of the ends, over the latest complete runs.

    With several objectives: of that one where it is least so, since a front is made of all. One that is the same in all
    runs has no order, and leaves it to the others.
    """
    there = [number for number in curves.ends.numbers if number in rung][-MOST_COMPLETE:]
    ends = [curves.of(n)[1][-1] for n in there]
    if isinstance(rung, Rung):
        return _agreement(np.array([(rung.value(n), end) for n, end in zip(there, ends, strict=True)]).reshape(-1, 2))
    pairs = np.array([(rung.values(n), end) for n, end in zip(there, ends, strict=True)])
    ordered = [own for own in np.moveaxis(pairs, -1, 0) if (own != own[:1]).any()] if len(pairs) else []
    return min(map(_agreement, ordered), default=-1.0)


def _agreement(pairs: Floats) -> float:
    """Return a cautious estimate of Kendall's τ between values [k, 2] at a rung and at the end; -1 for few."""
    k = len(pairs)
    if k < MIN_COMPLETE:
        return -1.0
    pairs = np.where(np.isnan(pairs), np.inf, pairs)
    first, second = (np.greater(*pair).astype(float) - np.less(*pair) for pair in _pairs(pairs))
    tau = float((first * second).sum() / (k * (k - 1)))
    return tau - tau_error(k)


def _pairs(values: Floats) -> list[tuple[Floats, Floats]]:
    return [(column[:, None], column[None, :]) for column in values.T]
