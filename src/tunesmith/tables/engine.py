"""The search of `tunesmith.tune`: cheap fits first, and each next one only if it can end in time.

The first candidates, each family as it is, are fitted on a few hundred rows. The better part of them goes on to as
many rows as there is time for (successive halving: Jamieson and Talwalkar 2016), and is compared by what its two scores
let expect of all rows. A later candidate is fitted on that many rows too, and goes on if it is among the better third.
On the folds a candidate races against the best one (`tunesmith.selection.when_to_stop.Race`), each beginning with
another fold.

Where the sampler has no more to propose, as with few rows, the time that is left goes to the leaders: they are tested
on further folds of the same rows, dealt anew, which takes the luck of the dealing out of the choice. Over 26 searches
the single choice got better by 0.4 ± 0.2 points, and its honest score lost a bias of 1.2.

`Standings` say who leads, `Budget` what there is time for, and `TableSearch` what comes next. A search that is run
again goes its way from the beginning, and is told what is known (`tunesmith.tables.store`).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tunesmith.errors import SpaceExhaustedError
from tunesmith.foundation.formats import duration_text
from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.states import TrialState
from tunesmith.sklearn.evaluate.pool import Batch
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import Params
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.study import Policy, Study
from tunesmith.study.progress.trials import TrialLog
from tunesmith.tables.budget import LEADING_FAMILIES, Budget, Clock
from tunesmith.tables.candidates import Candidate, Standings
from tunesmith.tables.families import Family, of_params, to_params
from tunesmith.tables.folds import ENOUGH_TESTED, GROWTH_OF_LEVELS
from tunesmith.tables.store import Call, Kept, Reading, Recalled
from tunesmith.trial import Trial
from tunesmith.trial.record import FrozenTrial

TOO_DEAR = "a fit would take about {}"


class TableSearch(Policy[Batch, "list[Outcome]"]):
    """One search: the policy of its loop.

    Args:
        study: asked for candidates, and told of them.
        standings: of the candidates; none yet.
        clock: the time.
        pool: what runs the fits.
        kept: what is known of earlier calls, and of this one.
        may_cut: whether candidates may be tested on fewer folds where there is no time for all.
    """

    def __init__(
        self, study: Study, standings: Standings, clock: Clock, pool: Recalled, kept: Kept, may_cut: bool
    ) -> None:
        self.study, self.standings, self.clock, self.pool, self.kept = study, standings, clock, pool, kept
        self.budget = Budget(standings, clock, pool)
        self._candidates, self._n_levels = standings.candidates, len(standings.levels)
        self._further = self._n_levels + len(standings.folds)  # from this split on they were dealt anew
        self._sign = -study.signs[0]  # of scores in the study, where an error is a positive number
        self._to_settle = may_cut  # how many folds are used
        self._open: list[Candidate] = []
        self._waiting: list[Candidate] = []  # of the first ones, those that have come to the end of their level
        self._postponed: list[Candidate] = []  # there was no time for them; they go on in the next call
        self._tried: dict[str, Candidate] = {}  # by their places
        self._portfolio = {f.name: f.first() for f in standings.families}
        self._first: list[tuple[Family, Params]] = []
        self._later = [(f, self._portfolio[f.name].pop(0)) for f in standings.families]  # there is no room so far
        self._over = self._exhausted = False  # there are no more candidates; the sampler has no more to propose
        self._screen = 0  # the level that later candidates begin at
        self._due: list[tuple[Candidate, int]] = []  # fits on further folds
        self._no_more: set[int] = set()  # candidates of which a fit on further folds failed
        self._call: Call | None = None
        self._log = TrialLog.of(study)
        self._turn_to(0)

    # -- what earlier calls did ------------------------------------------------------------------------------------

    def _turn_to(self, seq: int, came: Reading | None = None) -> None:
        """Search as the call did that a fit belongs to: this one, if none of earlier calls is left.

        Args:
            seq: the place of the fit among all.
            came: the time of that call when the fit came; None: it is to be made.
        """
        call = self.kept.call(seq)
        if came is not None or call != self._call:
            self.clock.reading = came or (0.0, 1.0)
        if call == self._call:
            return
        self._call = call
        self.pool.n_workers = call.n_workers
        self.clock.seconds = math.inf if call.timeout is None else float(call.timeout)
        self._over = self._exhausted
        every = self._first + self._later
        room = len(every) if call.n_trials is None else max(call.n_trials - len(self._candidates), 0)
        self._first, self._later = every[:room], every[room:]
        for family, _ in self._first:
            self.standings.spared.pop(family.name, None)
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
        if self.kept.left:
            stored = self.kept.left.popleft()
            return stored if stored.state.is_finished() else self.study.ask()
        if point is not None:
            self.study.enqueue_trial(point)
        return self.study.ask()

    # -- which fit comes next --------------------------------------------------------------------------------------

    def next(self) -> Batch | None:
        while (piece := self._next_piece()) is None and not self.pool.under_way:
            if self.kept.n_left:  # it was not asked for
                self._leave_the_past()
            elif not self._admit_left_out():
                break
        return piece

    def _next_piece(self) -> Batch | None:
        while True:
            for candidate in sorted(self._open, key=lambda c: (-c.stage, c.number)):
                if (split := self._next_split(candidate)) is not None:
                    candidate.sent.add(split)
                    return self._batch(candidate, split)
            if self._over:
                return None if self._open else self._next_further()
            if self.pool.under_way >= self.pool.n_workers or not (self._begin() or self._over):
                return None

    def _next_split(self, candidate: Candidate) -> int | None:
        """Return the split on which a candidate is to be fitted now; None: none, it waits, or was given up."""
        n, used = self._n_levels, self.standings.used
        if candidate.state is not TrialState.RUNNING or candidate in self._waiting:
            return None
        if candidate.stage < n:
            wanted, done = [candidate.stage], set(candidate.screens)
        else:  # each begins with another fold, so that a hard one drops no one first
            wanted, done = [n + (k + candidate.number) % used for k in range(used)], {n + k for k in candidate.scores}
        left = [split for split in wanted if split not in done | candidate.sent]
        if not left or (candidate.sent and self.pool.n_workers == 1):
            return None
        is_known = self.kept.has(candidate.number, left[0])
        if isinstance(candidate.trial, FrozenTrial) and not is_known:
            if not candidate.sent:
                self._end_as_before(candidate)
            return None
        takes_time = not is_known or self.kept.n_left > 0
        if takes_time and not candidate.sent and not self.budget.has_time(candidate, left):
            self._postpone(candidate, say("there was no time for its next fit"))
            return None
        return left[0]

    def _batch(self, candidate: Candidate, split: int) -> Batch:
        n_first = len(self._first) + sum(c.led for c in self._candidates)
        config = (candidate.family.name, candidate.params, self.budget.ends(candidate, split, n_first))
        return [Unit(candidate.number, {"config": config}, (split,), lenient=True, partial=True, explains=True)]

    def _next_further(self) -> Batch | None:
        """Return the next fit of a leader on folds that were dealt anew; None: there is none, or no time for it."""
        if not self._due and not self.pool.under_way:
            self._deal()
        if not self._due or self.budget.left_for_further() < self.budget.further_seconds(*self._due[0]):
            self._due.clear()
            return None
        return self._batch(*self._due.pop(0))

    def _deal(self) -> None:
        """Settle which fits are due on the next further folds, for as many of twelve leaders as there is time for.

        Who leads now and did not before makes up for the folds that it missed.
        """
        standings, budget = self.standings, self.budget
        none_left = standings.n_dealt == len(standings.dealt) or standings.used < len(standings.folds)
        if not self.clock.limited or none_left or self._is_full:
            return
        order = sorted((c for c in standings.complete() if c.number not in self._no_more), key=lambda c: -c.merit)
        ranked = standings.ranked()[: LEADING_FAMILIES + 1]
        firsts = [next((c for c in order if c.family is family), None) for family in ranked]
        leaders = sorted(order, key=lambda c: c not in firsts)[:12]
        leaders.sort(key=lambda c: -c.merit)
        left = budget.left_for_further() * self.pool.n_workers
        numbers = [k for dealt in range(standings.n_dealt + 1) for k in standings.numbers(dealt)]
        while len(leaders) > 1:
            due = [(c, k) for k in numbers for c in leaders if k not in c.further]
            if sum(budget.further_seconds(*one) for one in due) <= left:
                self._due = due
                standings.n_dealt += 1
                return
            leaders.pop()

    # -- which candidate comes next --------------------------------------------------------------------------------

    @property
    def _is_full(self) -> bool:
        """Whether there are as many candidates as there may be."""
        most = None if self._call is None else self._call.n_trials
        return most is not None and len(self._candidates) >= most

    def _affordable(self, family: Family) -> bool:
        return self.budget.affordable(family, self._screen)

    def _begin(self) -> bool:
        """Open the next candidate; return whether there is one."""
        if self._candidates and self.budget.spare <= 0.0:
            self._over = True
            return False
        if self._first:
            family, values = self._first[0]
            if (seconds := self.budget.usual_seconds(family)) > 0.3 * self.clock.seconds:
                self.standings.spared[family.name] = say(TOO_DEAR, duration_text(seconds))
                self._later.append(self._first.pop(0))
                self._go_on_together()
            elif self._open_as(family, values, first=True):
                self._first.pop(0)
            return True
        if self._waiting or any(c.first and c.stage < self._n_levels for c in self._open):
            n_waiting = len(self._waiting)  # the first ones go on together, and the last of them may have failed
            self._go_on_together()
            return len(self._waiting) < n_waiting
        leading = self.standings.ranked()[:LEADING_FAMILIES]
        if self._is_full or not (self._open or any(map(self._affordable, leading))):
            self._over = True
            return False
        # Five usual configurations of the leading families take turns, before the sampler proposes any.
        turns = [
            (place + 5 - len(self._portfolio[family.name][:5]), place, family)
            for place, family in enumerate(leading)
            if self._portfolio[family.name]
        ]
        if turns:
            family = min(turns, key=lambda turn: turn[:2])[2]
            if self._open_as(family, self._portfolio[family.name][0], first=False):
                self._portfolio[family.name].pop(0)
            return True
        return self._from_sampler()

    def _from_sampler(self) -> bool:
        """Open what the sampler proposes, unless something near was tried, or there is no time; return whether.

        After twenty proposals in a row that were tried already, a space has no more to offer.
        """
        for _ in range(20):
            try:
                trial = self._next_trial()
            except SpaceExhaustedError:
                break
            if self._admit(trial, None, first=False):
                return True
        self._over = self._exhausted = True
        return False

    def _place(self, family: Family, values: Params) -> str:
        """Return where a point lies, so that those that are nearly the same have the same place."""
        found: list[Any] = [family.name]
        for name, value in sorted(values.items()):
            param = family.params[name]
            u = float(param.to_unit(np.array([param.to_internal(value)]))[0])
            found.append((name, round(u * 40)) if param.n_values == math.inf else (name, repr(value)))
        return repr(found)

    def _open_as(self, family: Family, values: Params, first: bool) -> bool:
        """Open a candidate at a point, or one that came before it; return whether the point is done with."""
        place = self._place(family, values)
        if place in self._tried or not (first or self._affordable(family)):
            return True
        is_new = not self.kept.left
        self._admit(self._next_trial(to_params(family, values, len(self._portfolio) == 1)), place, first)
        return is_new or place in self._tried

    def _admit_left_out(self) -> bool:
        """Open a candidate of an earlier call that this one did not come to by itself; return whether there is one."""
        found = next((t for t in self.kept.left if t.state.is_finished() and self.kept.has(t.number)), None)
        if found is not None:
            self.kept.left.remove(found)
            self._admit(found, None, first=False)
        return found is not None

    def _admit(self, trial: Trial | FrozenTrial, wanted: str | None, first: bool) -> bool:
        """Open a candidate for a trial, if it is worth that; return whether.

        Args:
            wanted: the place for which the trial was asked for; None: the sampler proposed it.
            first: whether that one is to be one of the first.
        """
        family, values = of_params(self.standings.families, trial.params)
        place = self._place(family, values)
        if (twin := self._tried.get(place)) is not None:
            known = None
            if twin.scored:
                known = twin.mean if twin.state is TrialState.COMPLETE else self.standings.estimate(twin)
            self._tell(trial, TrialState.PRUNED, known, say("trial {} is nearly the same", twin.number))
            return False
        if place != wanted and not self.kept.has(trial.number):
            if isinstance(trial, FrozenTrial):  # there was no time for it
                return False
            if wanted is None and not self._affordable(family):
                self._tell(trial, TrialState.PRUNED, None, say("there was no time for it"))  # it has not failed
                return False
        first = first and place == wanted
        candidate = Candidate(trial.number, trial, family, values, first, first, 0 if first else self._screen)
        self._tried[place] = candidate
        self._candidates.append(candidate)
        self._open.append(candidate)
        return True

    # -- what came of a fit ----------------------------------------------------------------------------------------

    def ended(self, events: list[list[Outcome]]) -> BaseException | None:
        for outcome in [o for batch in events for o in batch]:
            if (known := self.kept.when(outcome)) is None:
                self._leave_the_past()  # what is known is told before
                # It is this time until the next fit ends: what is decided now is decided in the next call again.
                self.kept.note(outcome, self.clock.read())
            elif self.kept.n_left:
                self._turn_to(*known)
            candidate = next(c for c in self._candidates if c.number == outcome.candidate)
            candidate.sent.discard(outcome.split)
            self.standings.n_fits += 1
            if candidate.state is TrialState.RUNNING:
                self._take(candidate, outcome)
            elif outcome.split >= self._further:
                self._take_further(candidate, outcome)
            if known is not None and self.kept.n_left:
                self.kept.n_left -= 1
                self._turn_to(known[0] + 1)
        return None

    def _take_further(self, candidate: Candidate, outcome: Outcome) -> None:
        """Keep the answers of a leader on further folds; one of which a fit fails keeps to those that it has."""
        if _answers_of(outcome) is None:
            self._no_more.add(candidate.number)
            self._due = [(c, k) for c, k in self._due if c is not candidate]
        else:
            self._enter(candidate, outcome)

    def _take(self, candidate: Candidate, outcome: Outcome) -> None:
        """Take in the outcome of a fit at a level or of a fold, and decide what becomes of the candidate."""
        split, standings = outcome.split, self.standings
        if not self._enter(candidate, outcome):
            candidate.state, candidate.why = TrialState.FAIL, standings.failures[candidate.family.name][0]
            self._close(candidate)
        elif split < self._n_levels and candidate.first and candidate in self._open:
            self._waiting.append(candidate)
            self._go_on_together()
        elif split < self._n_levels:
            scores = sorted((c.screens[split] for c in self._candidates if split in c.screens), reverse=True)
            if candidate.screens[split] >= scores[math.ceil(len(scores) / GROWTH_OF_LEVELS) - 1]:
                candidate.stage = self._n_levels
            else:
                rows = f"{standings.rows(split):,}"
                self._drop(candidate, say("it was not among the better third on {} rows", rows))
        else:
            self._settle_folds()
            if set(range(standings.used)) <= candidate.scores.keys():
                candidate.state = TrialState.COMPLETE
                self._close(candidate)
            elif self._is_hopeless(candidate):
                done = len(candidate.scores)
                self._drop(candidate, say("it was hopeless after {} of {} folds", done, standings.used))

    def _enter(self, candidate: Candidate, outcome: Outcome) -> bool:
        """Enter the outcome of a fit; return whether there are answers, and a score of them."""
        split, n, standings = outcome.split, self._n_levels, self.standings
        train, test = standings.split(split)
        candidate.seconds.append((len(train), outcome.fit_seconds + outcome.score_seconds))
        if (known := _answers_of(outcome)) is None:
            error = (outcome.error or outcome.unscored or "").strip().rpartition("\n")[2]
            error = error or "it predicts no finite numbers, or has no finite score"
            name = candidate.family.name
            standings.failures[name] = error, standings.failures.get(name, ("", 0))[1] + 1
            return False
        candidate.known[split], candidate.rounds[split] = known, outcome.figure("rounds")
        if split >= self._further:
            candidate.further[split] = outcome.figure("score")
            return True
        # of few rows nearly all of the time is that of the call
        candidate.answering = outcome.figure("seconds") * min(1.0, 1000 / len(test))
        if math.isfinite(size := outcome.figure("bytes")):
            candidate.size = size
        if split < n:
            candidate.screens[split] = outcome.figure("score")
        else:
            candidate.scores[split - n] = outcome.figure("score")
        return True

    def _go_on_together(self) -> None:
        """Let the better part of the first candidates go on once all of them have come to the end of their level."""
        standings = self.standings
        if self._first or not self._waiting or any(c.first and c.sent for c in self._open):
            return
        waiting = [c for c in self._waiting if c.state is TrialState.RUNNING]
        if len(waiting) < sum(c.first and c.state is TrialState.RUNNING for c in self._open):
            return
        for candidate in [c for c in waiting if self.budget.too_slow(c)]:
            waiting.remove(candidate)
            seconds = standings.predicted(candidate.family, standings.n_rows)
            self._postpone(candidate, say(TOO_DEAR, duration_text(seconds)))
        if not waiting:
            return
        stage = waiting[0].stage
        share, least = (0.67, 4) if stage == 0 else (0.4, 2)
        kept = min(max(least, math.ceil(share * len(waiting))), len(waiting))
        waiting.sort(key=standings.expected, reverse=True)
        self._waiting.clear()
        for candidate in waiting[kept:]:
            self._drop(candidate, say("{} others were better on {} rows", kept, f"{standings.rows(stage):,}"))
        goal = self.budget.goal(stage, waiting[:kept])
        self._screen = min(goal, self._n_levels - 1)
        for candidate in waiting[:kept]:
            candidate.stage, candidate.first = goal, goal < self._n_levels
        self._settle_folds()

    def _settle_folds(self) -> None:
        """Settle how many folds are used, once."""
        if self._to_settle:
            self._to_settle = False
            self.budget.settle_folds(math.ceil(ENOUGH_TESTED / len(self.standings.folds[0][1])))

    def _is_hopeless(self, candidate: Candidate) -> bool:
        standings = self.standings
        if standings.used < 2 or (found := standings.race(candidate)) is None:
            return False
        rows = len(standings.folds[0][0])
        seconds = standings.used * standings.predicted(candidate.family, rows, candidate)
        if candidate.led and seconds < 0.12 * self.clock.seconds:
            return False  # an average may need the best of a family that leads nowhere by itself
        race, scores = found
        return race.hopeless(scores)

    # -- how a candidate ends --------------------------------------------------------------------------------------

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
        for group in (self._open, self._waiting):
            if candidate in group:
                group.remove(candidate)

    def _end_as_before(self, candidate: Candidate) -> None:
        """End a candidate as it did in an earlier call, with all that is known of it."""
        for outcome in self.kept.outcomes(candidate.number):
            if outcome.split < self._further and outcome.split not in candidate.known:
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
            is_known = state is TrialState.PRUNED and candidate.scored
            self._tell(trial, state, self.standings.estimate(candidate) if is_known else None, candidate.why)

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
        record = self.study.tell(trial, own if state is TrialState.COMPLETE else None, state=state, reason=why)
        if self._log is not None:
            self._log.tell(record)

    def close(self) -> None:
        """End what was left open when the time was up; a later call of the search goes on with it."""
        for candidate in list(self._open):
            self._postpone(candidate, say("the time was up"))
        for candidate in self._postponed:
            if isinstance(candidate.trial, FrozenTrial):
                self._end_as_before(candidate)
        self.study.release([c.number for c in self._postponed if not isinstance(c.trial, FrozenTrial)])
        self.clock.reading = None  # what comes now is not decided again


def _answers_of(outcome: Outcome) -> Floats | None:
    """Return what a fit answered for its test rows; None: it failed, or its answers or its score are not finite."""
    if outcome.error is not None or outcome.predictions is None or not math.isfinite(outcome.figure("score")):
        return None
    known = np.asarray(outcome.predictions.values)
    return known if np.isfinite(known).all() else None
