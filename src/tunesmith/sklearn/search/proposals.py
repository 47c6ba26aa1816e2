"""Where the candidates of `SearchCV` come from: the estimator's own configuration, a portfolio, then the sampler."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

from tunesmith.errors import SpaceExhaustedError, TrialsSpentError
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import CallbackContext, Params
from tunesmith.sklearn.search.candidate import Candidate, CandidateTable
from tunesmith.sklearn.search.default import default_row, n_values, restore_objects
from tunesmith.sklearn.search.evaluation import Evaluation, has_callbacks, split_contexts
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL
from tunesmith.state import TrialState
from tunesmith.trial import Trial

DEFAULT_NOTE = "the estimator's own configuration"
PORTFOLIO_NOTE = "a configuration that did well on many data sets"


@dataclass(slots=True)
class Proposals:
    """Makes the candidates of one search.

    Args:
        evaluate: checks candidates and plans shared steps.
        table: where candidates are added.
        split_order: gives the order of a candidate's splits by its number.
        n_trials: how many trials the study shall have; None: no limit.
        context: scikit-learn's callback context of the search, if there is one.
        default: the estimator's own configuration; None: it is not tried. It is a trial of the study if it lies in the
            space, else it is stored with the study, and comes last in the results.
        first: points of the space that are tried after it, in order.

    Attributes:
        exhausted: whether the sampler has no point left.
    """

    evaluate: Evaluation
    table: CandidateTable
    split_order: Callable[[int, int], tuple[int, ...]]
    n_trials: int | None
    context: CallbackContext | None
    default: Params | None
    first: list[list[float]] = field(default_factory=list)
    exhausted: bool = False
    _default_waits: bool = False  # it is no point of the space, and was not run yet
    _to_plan: list[tuple[list[float], str]] = field(default_factory=list)  # what comes first: points and their notes
    _planned: int | None = None  # the number of the trial that the first of them is to be

    @property
    def n_cells(self) -> float:
        """The number of points of the space."""
        space = self.table.space
        return space.n_cells if space.is_finite else math.inf

    @property
    def all_tried(self) -> bool:
        """Whether every point of the space, or of the sampler's grid of it, was tried."""
        return self.exhausted or self.table.n_trials >= self.n_cells

    def plan_default(self, timeout: float | None) -> Candidate | None:
        """See to it that the default and the portfolio are tried; return the default if it is ended, and no trial.

        Args:
            timeout: after which the search ends; None: it tries all that it can.
        """
        every_cell = timeout is None and self.n_cells <= (self.n_trials or math.inf)
        by_itself = self.table.store.study.sampler.name == "grid" and every_cell  # each is one of the cells
        if not by_itself:
            self._to_plan = [(row, PORTFOLIO_NOTE) for row in self.first]
        if self.default is None:
            return None
        table, store, space = self.table, self.table.store, self.table.space
        row = default_row(self.default, space)
        if row is not None:
            self.default = restore_objects(space, space.decode_row(row))
        table.default_key = store.key(self.default)
        if row is None:
            record = store.default_record()
            if record is not None:
                store.check(NOT_A_TRIAL, self.default, record)
                return table.add_finished(NOT_A_TRIAL, self.default, record, exempt=True)
            self._default_waits = True
            return None
        if not by_itself:
            self._to_plan.insert(0, (row, DEFAULT_NOTE))
        return None

    def _plan(self) -> None:
        """Plan the first point that no trial of the study has as the next trial."""
        store, space = self.table.store, self.table.space
        while self._to_plan:
            row, note = self._to_plan[0]
            key = self._key(space.decode_row(row))
            self._planned = store.study.plan_next(row, note, partial(self._is, key))
            if self._planned is not None:
                return
            self._to_plan.pop(0)
        self._planned = None

    def _key(self, params: Params) -> str:
        """Return what identifies a candidate by its parameters as the study knows them."""
        return self.table.store.key(restore_objects(self.table.space, params))

    def _is(self, key: str, params: Params) -> bool:
        return self._key(params) == key

    def outside_default(self) -> Candidate | None:
        """Return the default if it lies outside the space and was not run yet; once."""
        if not self._default_waits:
            return None
        self._default_waits = False
        return self._make(NOT_A_TRIAL, self.default or {}, None)

    def propose(self, only_waiting: bool = False) -> Candidate | None:
        """Return the next candidate that the study proposes; None if there is none.

        Args:
            only_waiting: whether only one that was begun before is wanted, which waits to be run again.
        """
        below = self.n_trials
        if only_waiting:
            waiting = self.table.store.study.get_trials(states=[TrialState.WAITING])
            below = max((t.number + 1 for t in waiting), default=0)
        try:
            if self._to_plan and self._planned is None and not only_waiting:
                self._plan()
            trial = self.table.store.study.ask(below=below)
            trial.link.connect(None)  # what is noted is written just before the end: once is enough
            if self._planned is not None and trial.number >= self._planned:
                self._planned = None  # it is tried now, or another process has that number and it is planned again
        except TrialsSpentError:
            return None
        except SpaceExhaustedError:
            self.exhausted = True
            return None
        candidate = self._make(trial.number, restore_objects(self.table.space, trial.answers.take_whole()), trial)
        self.table.restore(candidate)
        return candidate

    def _make(self, number: int, params: Params, trial: Trial | None) -> Candidate:
        """Return a candidate with all splits to be sent."""
        evaluate, table = self.evaluate, self.table
        evaluate.checker.check_names(params)
        position, n_splits, begin = len(table.candidates), table.n_splits, table.first_split(number)
        order = tuple(begin + split for split in self.split_order(max(number, 0), n_splits))
        exempt = table.is_default(params)
        unit = Unit(position, params, order, lenient=number == NOT_A_TRIAL, explains=exempt)
        if self.context is not None and has_callbacks(evaluate.search, evaluate.task.estimator, [params]):
            unit.caller = evaluate.search
            unit.contexts = split_contexts(self.context, position, unit.splits, n_splits)
        else:
            unit.prefix = evaluate.planner.plan([params], evaluate.planner.likely(n_values(table.space)))[0]
        screening = None if exempt else table.screens.begin(unit)
        candidate = Candidate(position, number, params, [None] * n_splits, trial, unit, exempt, screening)
        table.candidates.append(candidate)
        return candidate
