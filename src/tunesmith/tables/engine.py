"""The search of `tunesmith.tune`: cheap fits first, and each next one only if it can end in time.

The first candidates, each family as it is, are fitted on a few hundred rows. The better part of them goes on to as
many rows as there is time for (successive halving: Jamieson and Talwalkar 2016), and is compared by what its two scores
let expect of all rows: errors fall like one over the square root of the rows, to a limit. A later candidate is fitted
on that many rows too, and goes on if it is among the better third. On the folds a candidate races against the best one
(`tunesmith.selection.when_to_stop.Race`), each beginning with another fold.

Where the sampler has no more to propose, as with few rows, the time that is left goes to the leaders: they are tested
on further folds of the same rows, dealt anew, which takes the luck of the dealing out of the choice.

Time is spent by prediction: a fit takes as long as the same candidate took on fewer rows, by the power that its family
grows with; else as its family usually takes. What the last fit will need is kept back. Without a timeout nothing is
decided by a clock.

A search that is run again goes its way from the beginning, and is told what is known (`tunesmith.tables.store`).
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, takewhile
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import SpaceExhaustedError
from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import span
from tunesmith.selection.when_to_stop import Race
from tunesmith.sklearn.evaluate.pool import Batch
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import Params, Split
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.study import Study
from tunesmith.study.engine.loop import Policy
from tunesmith.tables.families import Family, of_params, to_params
from tunesmith.tables.store import Call, Kept, Reading, Recalled
from tunesmith.trial import Trial
from tunesmith.trial.record import FrozenTrial

FEWEST = 500  # training rows of the lowest level
GROWTH = 3
TESTED = 5000  # rows that a level is tested on, at most
KEPT = (0.67, 0.4)  # of the first candidates, which part goes on from the lowest level, and from a higher one
LEAST_KEPT = (4, 2)
FOR_LEVEL = 0.25  # of what is left of the time, for the next level of the first candidates
HALVED = 0.5  # of what a learning curve lets expect beyond the rows that were seen
MANY = 10  # candidates that there has to be time for on all folds; else they are tested on fewer
ENOUGH = 8000  # tested rows, beyond which further folds are worth less than further candidates
FOR_FOLDS = 0.7  # of what is left of the time, for these
FOR_FIRST = 0.5  # of the time, for the first candidates at the lowest level: each has an equal part of it
LAST = 1.7  # a fit on all rows, and what comes with it, takes so many times that on a fold
FOR_SCREEN = 0.1  # of the time, after which rounds are added no more to a fit on few rows
TOO_SLOW = 0.6  # of the time, that a fold and a last fit of one family may take
SAFETY = 1.25  # a fit may take so many times what was predicted
CONCLUSION = 0.7  # seconds that the conclusion takes
JUDGING = 0.001  # seconds that the conclusion takes longer for each fit on further folds
MOST_STRETCH = 5.0  # times by which busy cores are taken to lengthen it
CHOOSING = 0.05  # of the time, that the weights of an average may take to choose
FOR_OTHERS = 0.15  # of the time, that is kept back for further members of an average
MOST_FOR_LAST = 0.4  # of the time, that is kept back for the last fits
PORTFOLIO = 5  # configurations of a family that are tried before the sampler proposes any
LED_BY = 3  # of so many leading families
SHOWN = 1000  # rows that the time of a prediction is told of
SPARED = 0.12  # of the time, which one of the first candidates may take on the folds without a race
NEARBY = 40  # so many places along a continuous parameter are told apart
REPEATED = 20  # proposals in a row that were tried already, after which a space has no more to offer
LEADERS = 12  # candidates that are tested on further folds, once there are no others to try
MOST_DEALT = 10  # times that folds are dealt anew, at most
DEAR = "a fit would take about {}"


def times_dealt(n_rows: int) -> int:
    """Return how often folds of so many rows are worth to be dealt anew: the more rows, the less they vary."""
    return min(MOST_DEALT, math.ceil(ENOUGH / n_rows)) if n_rows < ENOUGH else 0


def levels_of(train: NDArray[Any], test: NDArray[Any], ordered: bool, seed: int) -> list[Split]:
    """Return the splits of the levels below a fold, the smallest first; none: the fold is small itself.

    Args:
        train: rows of the fold.
        test: likewise.
        ordered: whether rows are in the order of time: the last ones are taken then.
    """
    rng = np.random.default_rng([seed, 77])
    sizes = []
    size = len(train) / GROWTH
    while size >= FEWEST:
        sizes.append(int(size))
        size /= GROWTH
    if not sizes:
        return []
    order = train[::-1] if ordered else rng.permutation(train)
    tested = test if len(test) <= TESTED else np.sort(rng.permutation(test)[:TESTED])
    return [(np.sort(order[:n]), tested) for n in reversed(sizes)]


@dataclass(slots=True, eq=False)
class Candidate:
    """One configuration, and what is known of it.

    Attributes:
        number: of its trial.
        trial: its trial; the record of one that ended in an earlier call.
        family: of models.
        params: its values by the family's own names.
        led: whether it is the first of its family.
        first: whether it is one of those that go on together.
        stage: the level at which it is, or the number of levels while it is on the folds.
        screens: the score at each level that it came to.
        scores: the score of each fold.
        further: the score of each fold that was dealt anew, by split.
        known: its answers at each level (before 0: -1 is the highest) and of each fold, by split.
        rounds: of boosted trees or of forests, by split.
        seconds: rows and time of each fit.
        answering: seconds that a prediction of `SHOWN` rows takes.
        size: bytes of a fitted model; NaN: not known.
        sent: splits under way.
        state: what became of it; RUNNING while it is open.
        why: it was given up, in words.
    """

    number: int
    trial: Trial | FrozenTrial
    family: Family
    params: Params
    led: bool = False
    first: bool = False
    stage: int = 0
    screens: dict[int, float] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    further: dict[int, float] = field(default_factory=dict)
    known: dict[int, Floats] = field(default_factory=dict)
    rounds: dict[int, float] = field(default_factory=dict)
    seconds: list[tuple[int, float]] = field(default_factory=list)
    answering: float = math.nan
    size: float = math.nan
    sent: set[int] = field(default_factory=set)
    state: TrialState = TrialState.RUNNING
    why: str = ""

    @property
    def mean(self) -> float:
        """The mean score of the folds."""
        return math.fsum(self.scores.values()) / len(self.scores) if self.scores else math.nan

    @property
    def evaluated(self) -> bool:
        """Whether a fit of it was made, if only one that failed."""
        return bool(self.screens or self.scores) or self.state is TrialState.FAIL

    @property
    def merit(self) -> float:
        """The mean score of the folds and of those that were dealt anew."""
        every = [*self.scores.values(), *self.further.values()]
        return math.fsum(every) / len(every) if every else math.nan


@dataclass(slots=True)
class Clock:
    """The time that a search has.

    Attributes:
        start: by ``time.monotonic``.
        seconds: in all; infinite: there is no limit.
        computed: what the process had computed by then, by ``time.process_time``.
        reading: what it shows: seconds since the start, and `stretch`; None: the time as it is.
    """

    start: float
    seconds: float
    computed: float = field(default_factory=time.process_time)
    reading: Reading | None = None

    @property
    def stretch(self) -> float:
        """How many seconds pass while this process computes for one, on average since the start: on busy cores more."""
        if self.reading is not None:
            return self.reading[1]
        computed = time.process_time() - self.computed
        passed = time.monotonic() - self.start
        return min(max(passed / computed, 1.0), MOST_STRETCH) if computed > 0.0 else 1.0

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start if self.reading is None else self.reading[0]

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - self.passed

    @property
    def ends(self) -> float | None:
        """When the time is up; None: never."""
        return self.start + self.seconds if math.isfinite(self.seconds) else None


class TableSearch(Policy[Batch, "list[Outcome]"]):
    """One search: the policy of its loop.

    Args:
        study: asked for candidates, and told of them.
        families: to choose from.
        levels: splits of few rows, the smallest first.
        folds: splits of all rows.
        n_rows: of the data.
        clock: the time.
        pool: what runs the fits.
        kept: what is known of earlier calls, and of this one.
        may_cut: whether candidates may be tested on fewer folds where there is no time for all.
        dealt: further folds of the same rows, for the leaders.

    Attributes:
        candidates: all, in their order.
        used: how many of the folds each candidate is tested on.
        failures: why a fit of a family failed, by its name, and how many candidates of it did.
        spared: why no candidate of a family was tried, by its name.
    """

    def __init__(
        self,
        study: Study,
        families: Sequence[Family],
        levels: list[Split],
        folds: list[Split],
        n_rows: int,
        clock: Clock,
        pool: Recalled,
        kept: Kept,
        may_cut: bool,
        dealt: Sequence[list[Split]] = (),
    ) -> None:
        self.study, self.families, self.levels, self.folds = study, list(families), levels, folds
        self.n_rows, self.clock, self.pool, self.kept, self.may_cut = n_rows, clock, pool, kept, may_cut
        self.candidates: list[Candidate] = []
        self.used = len(folds)
        self.settled = False  # how many folds are used
        self.failures: dict[str, tuple[str, int]] = {}
        self.spared: dict[str, str] = {}
        self.n_fits = 0
        self._sign = -study.signs[0]  # of scores in the study, where an error is a positive number
        self._open: list[Candidate] = []
        self._waiting: list[Candidate] = []  # of the first ones, those that have come to the end of their level
        self._portfolio = {f.name: f.first() for f in self.families}
        self._tried: dict[str, Candidate] = {}
        self._postponed: list[Candidate] = []  # there was no time for them; they go on in the next call
        self._over = False
        self._exhausted = False  # whether the sampler has no more to propose
        self._first: list[tuple[Family, Params]] = []
        self._later = [(f, self._portfolio[f.name].pop(0)) for f in self.families]  # for which there is no room so far
        self._screen = 0  # the level that later candidates begin at
        self._dealt = dealt
        self._n_dealt = 0  # how many of them were begun
        self._call: Call | None = None
        self._due: list[tuple[Candidate, int]] = []
        self._no_more: set[int] = set()  # candidates of which a fit on further folds failed
        self._turn_to(0)

    # -- what earlier calls did ------------------------------------------------------------------------------------

    def _turn_to(self, seq: int, came: Reading | None = None) -> None:
        """Search as the call did that a fit belongs to: this one, if none of earlier calls is left.

        Args:
            seq: the place of the fit among all.
            came: the time of that call when the fit came; None: it is to be made.
        """
        call = self.kept.call(seq)
        if not self.kept.n_left:
            self.clock.reading = None
        elif came is not None or call != self._call:
            self.clock.reading = came or (0.0, 1.0)
        if call == self._call:
            return
        self._call = call
        self.pool.n_workers = call.n_workers
        self.clock.seconds = math.inf if call.timeout is None else float(call.timeout)
        self._over = self._exhausted
        every = self._first + self._later
        room = len(every) if call.n_trials is None else max(call.n_trials - len(self.candidates), 0)
        self._first, self._later = every[:room], every[room:]
        for family, _ in self._first:
            self.spared.pop(family.name, None)
        for candidate in self._postponed:
            candidate.state, candidate.why = TrialState.RUNNING, ""
            if candidate.first and candidate.stage in candidate.screens:
                self._waiting.append(candidate)
        self._open += self._postponed
        self._postponed.clear()

    def _leave_the_past(self) -> None:
        """Search as this call does from now on."""
        self.kept.n_left = 0
        self._turn_to(0)

    def _next_trial(self, point: Params | None = None) -> Trial | FrozenTrial:
        """Return the next trial: one of an earlier call, which may have ended, or else a new one.

        Args:
            point: of the new one; None: the sampler proposes it.

        Raises:
            SpaceExhaustedError: the sampler has nothing left to propose.
        """
        left = self.kept.left
        if left:
            stored = left.popleft()
            return stored if stored.state.is_finished() else self.study.ask()
        if point is not None:
            self.study.enqueue_trial(point)
        return self.study.ask()

    def _tell(self, trial: Trial | FrozenTrial, state: TrialState, value: float | None, why: str | None) -> None:
        """Tell the study how a trial ended, unless it did in an earlier call.

        Args:
            value: of a complete trial; what that of a pruned one would have been.
        """
        if isinstance(trial, FrozenTrial):
            return
        own = None if value is None else self._sign * value
        if state is TrialState.PRUNED and own is not None:
            trial.report(own, 0)  # to be learned from
        self.study.tell(trial, own if state is TrialState.COMPLETE else None, state=state, reason=why)

    # -- what comes next -------------------------------------------------------------------------------------------

    def next(self) -> Batch | None:
        while (piece := self._next_piece()) is None and not self.pool.under_way:
            if self.kept.n_left:  # it was not asked for
                self._leave_the_past()
            elif (before := self._left_out()) is not None:
                self._admit(before, None, first=False)
            else:
                break
        return piece

    def _next_piece(self) -> Batch | None:
        while True:
            for candidate in sorted(self._open, key=lambda c: (-c.stage, c.number)):
                if (split := self._next_split(candidate)) is not None:
                    candidate.sent.add(split)
                    return [self._unit(candidate, split)]
            if self._over:
                return None if self._open else self._next_further()
            if self.pool.under_way >= self.pool.n_workers or not (self._begin() or self._over):
                return None

    def _next_split(self, candidate: Candidate) -> int | None:
        """Return the split on which a candidate is to be fitted now; None: none, it waits, or was given up."""
        n = len(self.levels)
        if candidate.state is not TrialState.RUNNING or candidate in self._waiting:
            return None
        turned = [n + (k + candidate.number) % self.used for k in range(self.used)]  # a hard fold drops no one first
        wanted = [candidate.stage] if candidate.stage < n else turned
        done = candidate.screens if candidate.stage < n else {n + k for k in candidate.scores}
        left = [split for split in wanted if split not in done and split not in candidate.sent]
        if not left or (candidate.sent and self.pool.n_workers == 1):
            return None
        is_known = self.kept.has(candidate.number, left[0])
        if isinstance(candidate.trial, FrozenTrial) and not is_known:
            if not candidate.sent:
                self._end_as_before(candidate)
            return None
        takes_time = not is_known or self.kept.n_left > 0
        if takes_time and not candidate.sent and not self._has_time(candidate, left):
            self._postpone(candidate, say("there was no time for its next fit"))
            return None
        return left[0]

    def _next_further(self) -> Batch | None:
        """Return the next fit of a leader on folds that were dealt anew; None: there is none, or no time for it."""
        if not self._due and not self.pool.under_way:
            self._deal()
        if not self._due or self._left_for_further() < self._seconds_of(*self._due[0]):
            self._due.clear()
            return None
        return [self._unit(*self._due.pop(0))]

    def _left_for_further(self) -> float:
        judged = JUDGING * self._stretch * sum(len(c.further) for c in self.candidates)
        return self.clock.left - self.reserve() - CHOOSING * self.clock.seconds - judged

    def _seconds_of(self, candidate: Candidate, split: int) -> float:
        fit = self.predicted(candidate.family, len(self.split(split)[0]), candidate)
        return SAFETY * fit + JUDGING * self._stretch

    @property
    def _stretch(self) -> float:
        return self.clock.stretch if self.pool.inline else 1.0  # what workers compute is not known

    def _deal(self) -> None:
        """Settle which fits are due on the next further folds, for as many of the leaders as there is time for.

        Who leads now and did not before makes up for the folds that it missed.
        """
        if math.isinf(self.clock.seconds) or self._n_dealt == len(self._dealt) or self.used < len(self.folds):
            return
        if self._is_full:
            return
        order = sorted((c for c in self.complete() if c.number not in self._no_more), key=lambda c: -c.merit)
        firsts = [next((c for c in order if c.family is f), None) for f in self.ranked()[: LED_BY + 1]]
        leaders = [c for c in order if c in firsts]
        leaders = (leaders + [c for c in order if c not in leaders])[:LEADERS]
        leaders.sort(key=lambda c: -c.merit)
        left = self._left_for_further() * self.pool.n_workers
        numbers = [k for dealt in range(self._n_dealt + 1) for k in self._numbers(dealt)]
        while len(leaders) > 1:
            due = [(c, k) for k in numbers for c in leaders if k not in c.further]
            if sum(self._seconds_of(*one) for one in due) <= left:
                self._due, self._n_dealt = due, self._n_dealt + 1
                return
            leaders.pop()

    def _numbers(self, dealt: int) -> range:
        """Return the splits of folds that were dealt anew, by their numbers."""
        start = len(self.levels) + len(self.folds) + sum(len(folds) for folds in self._dealt[:dealt])
        return range(start, start + len(self._dealt[dealt]))

    def further(self, candidate: Candidate) -> list[range]:
        """Return the further folds that a candidate was tested on, dealing by dealing."""
        every = (self._numbers(dealt) for dealt in range(self._n_dealt))
        return list(takewhile(lambda own: all(k in candidate.further for k in own), every))

    def _has_time(self, candidate: Candidate, splits: Sequence[int]) -> bool:
        """Tell whether the fits of a candidate that are left at its stage would end in time."""
        if math.isinf(self.clock.seconds) or (candidate is self.candidates[0] and not candidate.seconds):
            return True  # however little time there is, one fit is made
        seconds = [self.predicted(candidate.family, len(self.split(s)[0]), candidate) for s in splits]
        needed = SAFETY * sum(seconds) / len(seconds) * math.ceil(len(splits) / self.pool.n_workers)
        if not any(c.scores for c in self.candidates) or (candidate.scores and candidate.mean >= self._best()):
            needed = SAFETY * seconds[0]  # one fold of one candidate is better than none
        kept, part = self.reserve(), candidate.family.least_part
        if candidate.stage == len(self.levels):  # if it wins, it is fitted on all rows
            last = SAFETY * self.predicted(candidate.family, self.n_rows, candidate) + CONCLUSION
            kept = max(kept, min(last * part, MOST_FOR_LAST * self.clock.seconds))
        return self.clock.left - kept > needed * part

    @property
    def _is_full(self) -> bool:
        """Whether there are as many candidates as there may be."""
        most = None if self._call is None else self._call.n_trials
        return most is not None and len(self.candidates) >= most

    def _begin(self) -> bool:
        """Open the next candidate; return whether there is one."""
        if self.clock.left - self.reserve() <= 0.0 and self.candidates:
            self._over = True
            return False
        if self._first:
            family, values = self._first[0]
            if (seconds := self._usual_seconds(family)) > TOO_SLOW * self.clock.seconds / 2:
                self.spared[family.name] = say(DEAR, span(seconds))
                self._later.append(self._first.pop(0))
                self._go_on_together()
            elif self._open_as(family, values, first=True):
                self._first.pop(0)
            return True
        if self._waiting or any(c.first and c.stage < len(self.levels) for c in self._open):
            n_waiting = len(self._waiting)  # the first ones go on together, and the last of them may have failed
            self._go_on_together()
            return len(self._waiting) < n_waiting
        if self._is_full or not (self._open or any(self._affordable(f) for f in self.ranked()[:LED_BY])):
            self._over = True
            return False
        if (leading := self._next_family()) is not None:
            usual = self._portfolio[leading.name]
            if self._open_as(leading, usual[0], first=False):
                usual.pop(0)
            return True
        return self._from_sampler()

    def _left_out(self) -> FrozenTrial | None:
        """Return a candidate of an earlier call that this one did not come to by itself; None: there is none."""
        left = self.kept.left
        found = next((t for t in left if t.state.is_finished() and self.kept.has(t.number)), None)
        if found is not None:
            left.remove(found)
        return found

    def _usual_seconds(self, family: Family) -> float:
        """Return how long a fit on all rows of a family takes that was not tried yet, by what others took."""
        known = [self.predicted(f, self.n_rows) / f.cost for f in self.families if f.cost >= 1.0]
        known = [seconds for seconds in known if seconds > 0.0]
        return family.cost * min(known) if known and self.levels else 0.0

    def _next_family(self) -> Family | None:
        """Return which of the leading families is next with one of its usual configurations; None: they were tried."""
        best: tuple[int, int, Family] | None = None
        for place, family in enumerate(self.ranked()[:LED_BY]):
            turn = PORTFOLIO - len(self._portfolio[family.name][:PORTFOLIO])
            if self._portfolio[family.name] and (best is None or place + turn < best[0]):
                best = place + turn, place, family
        return None if best is None else best[2]

    def _from_sampler(self) -> bool:
        """Open what the sampler proposes, unless something near was tried, or there is no time; return whether."""
        for _ in range(REPEATED):
            try:
                trial = self._next_trial()
            except SpaceExhaustedError:
                break
            if self._admit(trial, None, first=False):
                return True
        self._over = self._exhausted = True
        return False

    def _affordable(self, family: Family) -> bool:
        """Tell whether there is time for another candidate of a family."""
        if math.isinf(self.clock.seconds):
            return True
        n = 1 if self.levels else math.ceil(self.used / self.pool.n_workers)
        needed = SAFETY * self.predicted(family, len(self.split(self._screen)[0])) * n
        return self.clock.left - self.reserve() > needed

    def _place(self, family: Family, values: Params) -> str:
        """Return where a point lies, so that those that are nearly the same have the same place."""
        found: list[Any] = [family.name]
        for name, value in sorted(values.items()):
            param = family.params[name]
            u = float(param.to_unit(np.array([param.to_internal(value)]))[0])
            found.append((name, round(u * NEARBY)) if param.n_values == math.inf else (name, repr(value)))
        return repr(found)

    def _open_as(self, family: Family, values: Params, first: bool) -> bool:
        """Open a candidate at a point, or one that came before it; return whether the point is done with."""
        place = self._place(family, values)
        if place in self._tried or not (first or self._affordable(family)):
            return True
        is_new = not self.kept.left
        self._admit(self._next_trial(to_params(family, values, len(self.families) == 1)), place, first)
        return is_new or place in self._tried

    def _admit(self, trial: Trial | FrozenTrial, wanted: str | None, first: bool) -> bool:
        """Open a candidate for a trial, if it is worth that; return whether.

        Args:
            wanted: the place for which the trial was asked for; None: the sampler proposed it.
            first: whether that one is to be one of the first.
        """
        family, values = of_params(self.families, trial.params)
        place = self._place(family, values)
        if (twin := self._tried.get(place)) is not None:
            known = None
            if twin.scores or twin.screens:
                known = twin.mean if twin.state is TrialState.COMPLETE else self._estimate(twin)
            self._tell(trial, TrialState.PRUNED, known, say("trial {} is nearly the same", twin.number))
            return False
        if place != wanted and not self.kept.has(trial.number):
            if isinstance(trial, FrozenTrial):  # there was no time for it
                return False
            if wanted is None and not self._affordable(family):
                self._tell(trial, TrialState.PRUNED, None, say("there was no time for it"))  # it has not failed
                return False
        first = first and place == wanted
        candidate = Candidate(trial.number, trial, family, values, first, first)
        if not first and self.levels:
            candidate.stage = self._screen
        self._tried[place] = candidate
        self.candidates.append(candidate)
        self._open.append(candidate)
        return True

    def _unit(self, candidate: Candidate, split: int) -> Unit:
        ends = self.clock.ends
        if ends is not None:
            if candidate.first and candidate.stage == 0 and self.levels:
                led = len(self._first) + sum(c.led for c in self.candidates)
                most = FOR_FIRST * self.clock.seconds / led
            elif split < len(self.levels):
                most = FOR_SCREEN * self.clock.seconds
            else:  # so that there is time for its other folds, and for the last fit
                folds = math.ceil((self.used - len(candidate.scores)) / self.pool.n_workers)
                most = max(self.clock.left - CONCLUSION, 0.0) / (folds + LAST)
            ends = min(ends, time.monotonic() + most)
        config = (candidate.family.name, candidate.params, ends)
        return Unit(candidate.number, {"config": config}, (split,), lenient=True, partial=True, explains=True)

    # -- what came of it -------------------------------------------------------------------------------------------

    def ended(self, events: list[list[Outcome]]) -> BaseException | None:
        for outcome in [o for batch in events for o in batch]:
            if (known := self.kept.when(outcome)) is None:
                self._leave_the_past()  # what is known is told before
                self.kept.note(outcome, (self.clock.passed, self.clock.stretch))
            elif self.kept.n_left:
                self._turn_to(*known)
            candidate = next(c for c in self.candidates if c.number == outcome.candidate)
            candidate.sent.discard(outcome.split)
            self.n_fits += 1
            if candidate.state is TrialState.RUNNING:
                self._take(candidate, outcome)
            elif outcome.split >= len(self.levels) + len(self.folds):
                self._take_further(candidate, outcome)
            if known is not None and self.kept.n_left:
                self.kept.n_left -= 1
                self._turn_to(known[0] + 1)
        return None

    def _take_further(self, candidate: Candidate, outcome: Outcome) -> None:
        """Keep the answers of a leader on further folds; one of which a fit fails keeps to those that it has."""
        if (known := _answers_of(outcome)) is None:
            self._no_more.add(candidate.number)
            self._due = [(c, k) for c, k in self._due if c is not candidate]
            return
        candidate.seconds.append((len(self.split(outcome.split)[0]), outcome.fit_seconds + outcome.score_seconds))
        candidate.known[outcome.split] = known
        candidate.further[outcome.split] = outcome.figure("score")
        found = outcome.test if isinstance(outcome.test, dict) else {}
        candidate.rounds[outcome.split] = float(found.get("rounds", math.nan))

    def _enter(self, candidate: Candidate, outcome: Outcome) -> bool:
        """Enter the outcome of a fit at a level or of a fold; return whether there are answers, and a score of them."""
        split, n = outcome.split, len(self.levels)
        candidate.seconds.append((len(self.split(split)[0]), outcome.fit_seconds + outcome.score_seconds))
        if (known := _answers_of(outcome)) is None:
            error = (outcome.error or outcome.unscored or "").strip().rpartition("\n")[2]
            error = error or "it predicts no finite numbers, or has no finite score"
            self.failures[candidate.family.name] = error, self.failures.get(candidate.family.name, ("", 0))[1] + 1
            return False
        candidate.known[split] = known
        found = outcome.test if isinstance(outcome.test, dict) else {}
        tested = len(self.split(split)[1])  # of few rows nearly all of the time is that of the call
        candidate.answering = float(found.get("seconds", math.nan)) * min(1.0, SHOWN / tested)
        candidate.rounds[split] = float(found.get("rounds", math.nan))
        if math.isfinite(size := float(found.get("bytes", math.nan))):
            candidate.size = size
        if split < n:
            candidate.screens[split] = outcome.figure("score")
        else:
            candidate.scores[split - n] = outcome.figure("score")
        return True

    def _take(self, candidate: Candidate, outcome: Outcome) -> None:
        """Take in the outcome of a fit at a level or of a fold, and decide what becomes of the candidate."""
        split, n = outcome.split, len(self.levels)
        if not self._enter(candidate, outcome):
            candidate.state, candidate.why = TrialState.FAIL, self.failures[candidate.family.name][0]
            self._close(candidate)
            return
        if split < n:
            if candidate.first and candidate in self._open:
                self._waiting.append(candidate)
                self._go_on_together()
            elif self._among_the_best(candidate, split):
                candidate.stage = n
            else:
                rows = len(self.split(split)[0])
                self._drop(candidate, say("it was not among the better third on {} rows", f"{rows:,}"))
            return
        if not self.settled:
            self._settle_folds()
        if set(range(self.used)) <= candidate.scores.keys():
            candidate.state = TrialState.COMPLETE
            self._close(candidate)
        elif self._hopeless(candidate):
            self._drop(candidate, say("it was hopeless after {} of {} folds", len(candidate.scores), self.used))

    def _go_on_together(self) -> None:
        """Let the better part of the first candidates go on once all of them have come to the end of their level."""
        if self._first or not self._waiting or any(c.first and c.sent for c in self._open):
            return
        waiting = [c for c in self._waiting if c.state is TrialState.RUNNING]
        if len(waiting) < sum(c.first and c.state is TrialState.RUNNING for c in self._open):
            return
        for candidate in [c for c in waiting if self._too_slow(c)]:
            waiting.remove(candidate)
            self._postpone(candidate, say(DEAR, span(self.predicted(candidate.family, self.n_rows))))
        if not waiting:
            return
        stage = waiting[0].stage
        later = int(stage > 0)
        kept = min(max(LEAST_KEPT[later], math.ceil(KEPT[later] * len(waiting))), len(waiting))
        waiting.sort(key=self.expected, reverse=True)
        self._waiting.clear()
        rows = len(self.split(stage)[0])
        for candidate in waiting[kept:]:
            self._drop(candidate, say("{} others were better on {} rows", kept, f"{rows:,}"))
        n, left = len(self.levels), FOR_LEVEL * (self.clock.left - self.reserve()) * self.pool.n_workers
        goal = n if later else stage + 1  # by what it costs, the first ones are compared at one higher level at most
        for level in range(stage + 1, n):
            size = len(self.split(level)[0])
            if not later and sum(self.predicted(c.family, size, c) for c in waiting[:kept]) <= left:
                goal = level
        self._screen = min(goal, n - 1)
        for candidate in waiting[:kept]:
            candidate.stage = goal
            candidate.first = goal < n
        if not self.settled:
            self._settle_folds()

    def _too_slow(self, candidate: Candidate) -> bool:
        """Tell whether a fold and a last fit take too much of the time that is left; those of the quickest never do."""
        if math.isinf(self.clock.seconds) or candidate.family is min(
            self.families, key=lambda f: self.predicted(f, self.n_rows) or math.inf
        ):
            return False
        seconds = sum(self.predicted(candidate.family, n, candidate) for n in (len(self.folds[0][0]), self.n_rows))
        return seconds * candidate.family.least_part > TOO_SLOW * self.clock.left

    def expected(self, candidate: Candidate) -> float:
        """Return what score is to be expected of a candidate on the folds, by its scores on fewer rows."""
        if candidate.scores:
            return candidate.mean
        known = sorted(candidate.screens)
        if not known:
            return -math.inf
        score = candidate.screens[known[-1]]
        if len(known) < 2:
            return score
        few, many, full = (len(self.split(s)[0]) ** -0.5 for s in (known[0], known[-1], len(self.levels)))
        return float(score + HALVED * max(score - candidate.screens[known[0]], 0.0) * (many - full) / (few - many))

    def _among_the_best(self, candidate: Candidate, level: int) -> bool:
        scores = sorted((c.screens[level] for c in self.candidates if level in c.screens), reverse=True)
        return candidate.screens[level] >= scores[math.ceil(len(scores) / GROWTH) - 1]

    def _settle_folds(self) -> None:
        """Settle how many folds there is time for."""
        self.settled = True
        if not self.may_cut or math.isinf(self.clock.seconds):
            return
        rows = len(self.folds[0][0])
        seconds = [self.predicted(f, rows) for f in self.ranked()[:LED_BY]]
        left = FOR_FOLDS * (self.clock.left - self.reserve()) * self.pool.n_workers
        enough = math.ceil(ENOUGH / len(self.folds[0][1]))
        for n in (len(self.folds), *(k for k in (3, 2, 1) if k <= max(enough, 1))):
            self.used = min(n, len(self.folds))
            if MANY * self.used * median(seconds) <= left:
                return

    def _best(self) -> float:
        return max((c.mean for c in self.candidates if c.scores), default=-math.inf)

    def _hopeless(self, candidate: Candidate) -> bool:
        complete = [c for c in self.candidates if c.state is TrialState.COMPLETE]
        if not complete or self.used < 2:
            return False
        seconds = self.used * self.predicted(candidate.family, len(self.folds[0][0]), candidate)
        if candidate.led and seconds < SPARED * self.clock.seconds:
            return False  # an average may need the best of a family that leads nowhere by itself
        best = max(complete, key=lambda c: c.mean)
        race = Race("forgiving", tuple(best.scores[k] for k in sorted(best.scores)))
        return race.hopeless([candidate.scores.get(k, math.nan) for k in sorted(best.scores)])

    def _drop(self, candidate: Candidate, why: str) -> None:
        candidate.state, candidate.why = TrialState.PRUNED, why
        self._close(candidate)

    def _postpone(self, candidate: Candidate, why: str) -> None:
        """Give a candidate up for lack of time: for this call, where another one can go on with it."""
        if not self.kept.persistent:
            self._drop(candidate, why)
            return
        candidate.state, candidate.why = TrialState.PRUNED, why
        self._set_aside(candidate)
        self._postponed.append(candidate)

    def _set_aside(self, candidate: Candidate) -> None:
        if candidate in self._open:
            self._open.remove(candidate)
        if candidate in self._waiting:
            self._waiting.remove(candidate)

    def _end_as_before(self, candidate: Candidate) -> None:
        """End a candidate as it did in an earlier call, with all that is known of it."""
        for outcome in self.kept.outcomes(candidate.number):
            if outcome.split < len(self.levels) + len(self.folds) and outcome.split not in candidate.known:
                self._enter(candidate, outcome)
        self._close(candidate)

    def _close(self, candidate: Candidate) -> None:
        """Tell the study how a candidate ended."""
        self._set_aside(candidate)
        trial, state = candidate.trial, candidate.state
        if isinstance(trial, FrozenTrial):
            if trial.state is not state:
                candidate.state, candidate.why = trial.state, trial.reason or ""
        elif state is TrialState.COMPLETE:
            trial.set_user_attr("scores", [self._sign * candidate.scores[k] for k in sorted(candidate.scores)])
            self._tell(trial, state, candidate.mean, None)
        else:
            known = candidate.screens or candidate.scores
            value = self._estimate(candidate) if state is TrialState.PRUNED and known else None
            self._tell(trial, state, value, candidate.why)

    def _estimate(self, candidate: Candidate) -> float:
        """Return what the mean of a candidate that was given up would have been; never above that of the best one."""
        complete = [c for c in self.complete() if c is not candidate]
        if not complete:
            return self.expected(candidate)
        best = max(complete, key=lambda c: c.mean)
        if candidate.scores:
            behind = [s - best.scores[k] for k, s in candidate.scores.items() if k in best.scores]
            return best.mean + min(float(np.mean(behind)), 0.0) if behind else min(candidate.mean, best.mean)
        level = max(candidate.screens)
        gains = [c.mean - c.screens[level] for c in complete if level in c.screens]
        return min(candidate.screens[level] + (median(gains) if gains else 0.0), best.mean)

    def close(self) -> None:
        """End what was left open when the time was up; a later call of the search goes on with it."""
        for candidate in list(self._open):
            self._postpone(candidate, say("the time was up"))
        for candidate in self._postponed:
            if isinstance(candidate.trial, FrozenTrial):
                self._end_as_before(candidate)
        self.study.release([c.number for c in self._postponed if not isinstance(c.trial, FrozenTrial)])

    # -- time ------------------------------------------------------------------------------------------------------

    def split(self, split: int) -> Split:
        """Return the rows of a split by its number: the levels come before the folds."""
        n = len(self.levels)
        if split < n:
            return self.levels[split]
        return next(islice(chain(self.folds, *self._dealt), split - n, None))

    def predicted(self, family: Family, rows: int, candidate: Candidate | None = None) -> float:
        """Return how many seconds a fit on so many rows takes, 0 where nothing is known.

        Args:
            candidate: whose own fits are the best witness; None: one that was never fitted.
        """
        own = [] if candidate is None else candidate.seconds
        fits = own or [pair for c in self.candidates if c.family is family for pair in c.seconds]
        if not fits:
            return 0.0
        most = max(n for n, _ in fits)
        near = [(n, s) for n, s in fits if n == most]
        return float(median(s * (rows / max(n, 1)) ** family.power for n, s in near))

    def reserve(self) -> float:
        """Return how many seconds are kept back for the last fit, of the best candidate so far."""
        if math.isinf(self.clock.seconds):
            return 0.0
        leader = self.leader()
        if leader is None:
            return 0.0
        own = SAFETY * self.predicted(leader.family, self.n_rows, leader)
        others = 0.0
        complete = {c.family.name for c in self.complete()}
        for family in self.ranked()[: LED_BY + 1]:  # an average of the best of each needs them all
            if family is not leader.family and family.name in complete:
                others += SAFETY * self.predicted(family, self.n_rows)
        conclusion = min(CONCLUSION * self._stretch, 0.1 * self.clock.seconds)
        needed = own + min(others, FOR_OTHERS * self.clock.seconds) + conclusion
        return min(needed, MOST_FOR_LAST * self.clock.seconds)

    def leader(self) -> Candidate | None:
        """Return the best candidate of those that came furthest; None: there is none with a score."""
        done = [c for c in self.candidates if c.scores or c.screens]
        if not done:
            return None
        return max(done, key=lambda c: (len(c.scores), max(c.screens, default=-1), self.expected(c)))

    def ranked(self) -> list[Family]:
        """Return the families, the one with the best candidate first."""

        def place(family: Family) -> tuple[float, ...]:
            own = [c for c in self.candidates if c.family is family and (c.scores or c.screens)]
            return max(((bool(c.scores), max(c.screens, default=-1), self.expected(c)) for c in own), default=(-1,))

        return sorted(self.families, key=place, reverse=True)

    def complete(self) -> Iterator[Candidate]:
        """Yield the candidates that were tested on all folds that are used."""
        own = set(range(self.used))
        return (c for c in self.candidates if c.state is TrialState.COMPLETE and own <= c.scores.keys())


def _answers_of(outcome: Outcome) -> Floats | None:
    """Return what a fit answered for its test rows; None: it failed, or its answers or score are no numbers."""
    if outcome.error is not None or outcome.predictions is None or not math.isfinite(outcome.figure("score")):
        return None
    known = np.asarray(outcome.predictions.values)
    return known if np.isfinite(known).all() else None
