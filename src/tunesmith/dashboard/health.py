"""What a search suffers from, in words: failures, lost workers, points tried twice, a bound that is in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tunesmith.dashboard.studies import OpenStudy
from tunesmith.languages import Words
from tunesmith.space import Categorical
from tunesmith.state import FailureKind, TrialState
from tunesmith.text import printable

LOOKED_AT = 200  # failed trials whose reasons are read
NEAR = 0.02  # of an axis's length: what counts as lying on its end
BEST_SHARE, LEAST = 0.1, 10  # of the trials are looked at for bounds, and how many at least
STUCK = 0.5  # of them lie on one end
BOUNDS = {
    end: f"{{0:.0%}} of the best {{1}} trials lie at the {end} bound of {{2}}: a wider range may hold better points."
    for end in ("lower", "upper")
}
LOST = (FailureKind.LOST, FailureKind.OOM, FailureKind.LEASE)


@dataclass(frozen=True)
class Finding:
    """One sentence.

    Attributes:
        level: "good", "note" or "bad".
        text: the sentence, translated.
        where: the expression of the trials that it is about; empty: there is none.
    """

    level: str
    text: str
    where: str = ""


def findings(opened: OpenStudy, words: Words) -> list[Finding]:
    """Return what is to be said of a study's search; that nothing is wrong, if so.

    Args:
        opened: the study.
        words: translate the sentences.
    """
    found = [*_failures(opened, words), *_lost(opened, words), *_twice(opened, words), *_bounds(opened, words)]
    if (reason := opened.study.stop_reason) is not None:
        found.append(Finding("note", words("The search stopped by itself: {}.", printable(reason))))
    return found or [Finding("good", words("Nothing stands out."))]


def _failures(opened: OpenStudy, words: Words) -> Iterator[Finding]:
    history = opened.history
    n = len(history)
    failed = np.flatnonzero(history.state[:n] == TrialState.FAIL)
    if not len(failed):
        return
    share = len(failed) / n
    kinds = Counter(history.failure[failed].tolist())
    named = ", ".join(
        f"{count:,} {FailureKind(kind)}" if kind else words("{} of unknown kind", f"{count:,}")
        for kind, count in kinds.most_common()
    )
    sentence = words("{0} of {1} finished trials failed ({2:.1%}): {3}.", f"{len(failed):,}", f"{n:,}", share, named)
    reasons = Counter(
        (t.reason or "").strip().split("\n")[0][:160]
        for t in opened.study.get_trials(numbers=history.number[failed[-LOOKED_AT:]].tolist())
    )
    reason, times = reasons.most_common(1)[0]
    if reason:
        sentence += " " + words("The most frequent reason ({} times) is: {}", times, printable(reason))
    yield Finding("bad" if share > 0.1 else "note", sentence, "state == fail")


def _lost(opened: OpenStudy, words: Words) -> Iterator[Finding]:
    history = opened.history
    dead = int(np.isin(history.failure, LOST).sum())
    if dead:
        yield Finding("bad", words("{} trials were lost with their workers.", f"{dead:,}"), "state == fail")
    expired = opened.study.storage.expired(opened.study.study_id)
    if expired:
        numbers = ", ".join(str(t.number) for t in expired[:10])
        sentence = words("{0} running trials belong to workers that seem to be dead: {1}.", len(expired), numbers)
        yield Finding("bad", sentence, "state == running")


def _twice(opened: OpenStudy, words: Words) -> Iterator[Finding]:
    history = opened.history
    n = len(history)
    if history.space is None or n < 2 or not len(history.space):
        return
    points = np.nan_to_num(history.x[:n], nan=np.inf) + 0.0
    keys = np.ascontiguousarray(points).view(np.dtype((np.void, points.dtype.itemsize * points.shape[1])))
    again = n - len(np.unique(keys))
    if again:
        sentence = words("{0} of {1} points were tried before ({2:.1%}).", f"{again:,}", f"{n:,}", again / n)
        yield Finding("note" if again / n < 0.2 else "bad", sentence)


def _bounds(opened: OpenStudy, words: Words) -> Iterator[Finding]:
    history, space = opened.history, opened.history.space
    if space is None or history.n_objectives > 1:
        return
    good = np.flatnonzero(history.complete & history.feasible & np.isfinite(history.y[:, 0]))
    k = max(LEAST, int(BEST_SHARE * len(good)))
    if len(good) < 2 * LEAST:
        return
    best = good[np.argsort(history.y[good, 0], kind="stable")[:k]]
    unit = history.unit(space)[best]
    active = ~np.isnan(history.points(space)[best])
    for i, (name, parameter) in enumerate(space.params.items()):
        if isinstance(parameter, Categorical) or parameter.n_values < 20 or active[:, i].sum() < LEAST:
            continue
        at = unit[active[:, i], i]
        for word, share in (("lower", float((at < NEAR).mean())), ("upper", float((at > 1 - NEAR).mean()))):
            if share >= STUCK:
                sentence = words(BOUNDS[word], share, len(at), printable(name))
                yield Finding("bad", sentence)
