"""`answer`: what can be said of a study: what to use, how sure that is, what it took, and what to do next.

It is decided here alone; the command line, reports and pages show it. How sure it is and what to do next go together:
what is sure is not to be confirmed, and what is not sure is not simply to be used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import say
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import printable, shorten
from tunesmith.study.recommend import NOISY, Recommendation, recommend
from tunesmith.study.savings import Savings, savings
from tunesmith.study.snapshot import Snapshot
from tunesmith.study.summary import FailureReason, failure_reasons, middle
from tunesmith.trial.record import FrozenTrial

SURE, FAIRLY = 0.5, 1.5  # the interval's width, in gains over a typical trial, up to which a result is called so
LATE = 0.8  # a best trial after this share of the search came late
MANY_FAILED = 0.5  # a share of failed trials that is to be mended before anything else

USE_IT = "Use it. A longer search, or more folds or runs of each candidate, would narrow the interval."
NO_SCORE = "No figure is known for new data: fit it again with an honest score to get one."
MORE = "Run more trials: from {} complete ones on, a model tells what to expect, with an interval."
CONFIRM = "Run the best points again with fresh seeds before you rely on it: study.confirm(...), or tunesmith confirm."
WIDE = "Search on: the interval is wide beside the gain over a typical trial, and more trials narrow it."
SEARCH_ON = "Search on: the best trial came late (trial {} of {}), so there may be more to gain."
ENOUGH = "Use it. The best trial came early (trial {} of {}), so a longer search may add little."
NO_SKILL = (
    "Do not rely on it yet: more rows, or columns that tell more of the target, would help; a longer search rarely "
    "does."
)
ENDED = "Use it: the search ended because little was left to gain."
BETTER = "About {} better than a typical trial; the value is known to ± {}."
NO_BETTER = "It is no better than a typical trial; the value is known to ± {}."
NEITHER_BETTER = "Choose one of them by what matters more to you; none is better in all objectives."
MEND = "First mend what fails: {} of {} trials did, most often for this reason: {}"


@dataclass(frozen=True, slots=True)
class Sureness:
    """How sure the expected value is.

    Attributes:
        name: in a few words.
        level: "good", "note" or "bad" as that is.
        why: the reason, as a sentence.
    """

    name: str
    level: str
    why: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What can be said of a study, in the order in which it is asked.

    Attributes:
        found: what to use, and what to expect of it; None: there are several objectives, or nothing to recommend.
        missing: why there is nothing to recommend; None: there is something, or there are several objectives.
        front: of several objectives, the trials that no other one dominates.
        sure: how sure the expected value is; None where `found` is.
        saved: what pruning saved or lost; None: nothing was stopped early.
        next: what to do next.
        stopped: why the search ended by itself, in English; None: it did not.
        failures: why trials failed, the most frequent reason first.
        many_failed: whether so many did that they are to be looked at first.
    """

    found: Recommendation | None
    missing: str | None
    front: list[FrozenTrial]
    sure: Sureness | None
    saved: Savings | None
    next: str
    stopped: str | None
    failures: list[FailureReason]
    many_failed: bool


def answer(seen: Snapshot) -> Answer:
    """Return what can be said of a study; ``seen.once(answer)`` works it out once.

    Raises:
        StorageError: what the search decided cannot be read.
    """
    found, missing = None, None
    front = seen.best_trials if len(seen.directions) > 1 else []
    if len(seen.directions) == 1:
        try:
            found = seen.once(recommend)
        except ValueError as error:  # no trial is complete yet
            missing = str(error)
    sure = None if found is None else sureness(seen, found)
    failures, state = failure_reasons(seen), seen.history.state
    many_failed = bool(len(state)) and float((state == TrialState.FAIL).mean()) > MANY_FAILED
    if front:
        todo: str = say(NEITHER_BETTER)
    elif many_failed:
        todo = _mend(failures, len(state))
    else:
        todo = next_step(seen, found, sure)
    return Answer(found, missing, front, sure, savings(seen), todo, seen.stored_stop_reason, failures, many_failed)


def sureness(seen: Snapshot, found: Recommendation) -> Sureness:
    """Return how sure the expected value of a study with one objective is."""
    width = abs(found.interval[1] - found.interval[0])
    if not math.isfinite(width):
        return Sureness(say("Not known"), "note", say("There are too few trials for a model."))
    score = None if found.report is None else found.report.score
    if score is not None and score.has_skill is False:
        return Sureness(say("Not sure"), "bad", say("It may be no better than a guess that sees no feature."))
    if score is not None and score.beats_default is not None:
        if score.beats_default:
            return Sureness(say("Sure"), "good", say("It beats the default."))
        return Sureness(say("Not sure"), "note", say("It may not beat the default."))
    if score is not None and score.has_skill:
        return Sureness(say("Sure"), "good", say("It is better than a guess that sees no feature."))
    gain = (middle(seen) + found.best_of - found.value) * seen.signs[0]  # over a typical trial, the middle one
    share = width / gain if gain > 0 else math.inf
    known = _about(width / 2.0)
    why = say(BETTER, _about(gain), known) if gain > 0 else say(NO_BETTER, known)
    if share <= SURE:
        return Sureness(say("Sure"), "good", why)
    return Sureness(say("Fairly sure"), "note", why) if share <= FAIRLY else Sureness(say("Not sure"), "bad", why)


def _about(size: float) -> str:
    """Return a size as text, with two digits."""
    return number_text(float(f"{size:.2g}"))


def _mend(failures: list[FailureReason], n: int) -> str:
    """Return what to do first where many of n trials failed, as a sentence."""
    why = shorten(printable(failures[0].text), 200)
    failed = sum(reason.trials for reason in failures)
    return say(MEND, f"{failed:,}", f"{n:,}", why or say("no reason is known"))


def next_step(seen: Snapshot, found: Recommendation | None, sure: Sureness | None) -> str:
    """Return what to do next, as a sentence; without a recommendation, how to come to one."""
    history, n = seen.history, len(seen.history)
    if found is not None and found.report is not None:
        score = found.report.score
        return say(NO_SCORE if score is None else NO_SKILL if score.has_skill is False else USE_IT)
    if found is None or sure is None or found.trial is None or found.method != "posterior":
        d = 0 if history.space is None else len(history.space)
        return say(MORE, max(5, d + 1))  # as `tunesmith.samplers.gp.surrogate.has_enough_trials` has it
    if sure.level != "good" and any(getattr(note, "pattern", "") == NOISY for note in found.notes):
        return say(CONFIRM)
    if seen.stored_stop_reason is not None:
        return say(ENDED)
    if sure.level == "bad":
        return say(WIDE)
    at = int(np.flatnonzero(history.number == found.trial.number)[0]) + 1
    return say(SEARCH_ON if at > LATE * n else ENOUGH, f"{at:,}", f"{n:,}")
