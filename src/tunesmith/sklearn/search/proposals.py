"""Where the candidates of `SearchCV` come from: the estimator's own configuration first, then the sampler."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tunesmith.errors import SpaceExhaustedError, TrialsSpentError
from tunesmith.sklearn.evaluate.callbacks import has_callbacks, split_contexts
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import CallbackContext, Params
from tunesmith.sklearn.search.candidate import Candidate
from tunesmith.sklearn.search.candidate_table import CandidateTable
from tunesmith.sklearn.search.choices import n_values, restore_objects
from tunesmith.sklearn.search.default import default_row
from tunesmith.sklearn.search.evaluation import Evaluation
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL
from tunesmith.trial import Trial

DEFAULT_NOTE = "the estimator's own configuration"


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

    Attributes:
        exhausted: whether the sampler has no point left.
    """

    evaluate: Evaluation
    table: CandidateTable
    split_order: Callable[[int, int], tuple[int, ...]]
    n_trials: int | None
    context: CallbackContext | None
    default: Params | None
    exhausted: bool = False
    _default_waits: bool = False  # it is no point of the space, and was not run yet
    _planned: tuple[int, list[float]] | None = None  # the number of the default's trial, and its point

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
        """See to it that the default is tried; return it if it is no trial and an earlier run ended it.

        Args:
            timeout: after which the search ends; None: it tries all that it can.
        """
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
        every_cell = timeout is None and self.n_cells <= (self.n_trials or math.inf)
        if not (store.study.sampler.name == "grid" and every_cell):  # else it is one of the cells
            self._plan(row)
        return None

    def _plan(self, row: list[float]) -> None:
        """Plan the default's point as the next trial, unless it is among those of the study."""
        number = self.table.store.study.engine.plan_next(
            row, DEFAULT_NOTE, unless=lambda p: self.table.is_default(restore_objects(self.table.space, p))
        )
        self._planned = None if number is None else (number, row)

    def outside_default(self) -> Candidate | None:
        """Return the default if it lies outside the space and was not run yet; once."""
        if not self._default_waits:
            return None
        self._default_waits = False
        return self._make(NOT_A_TRIAL, self.default or {}, None)

    def propose(self) -> Candidate | None:
        """Return the next candidate that the study proposes; None if there is none."""
        try:
            trial = self.table.store.study.ask(below=self.n_trials)
            trial.connect(None)  # what is noted is written just before the end: once is enough
            if self._planned is not None and trial.number >= self._planned[0]:
                self._plan(self._planned[1])  # another process may have that number
        except TrialsSpentError:
            return None
        except SpaceExhaustedError:
            self.exhausted = True
            return None
        candidate = self._make(trial.number, restore_objects(self.table.space, trial.take_whole()), trial)
        self.table.restore(candidate)
        return candidate

    def _make(self, number: int, params: Params, trial: Trial | None) -> Candidate:
        """Return a candidate with all splits to be sent."""
        evaluate, table = self.evaluate, self.table
        evaluate.checker.check_names(params)
        position, n_splits, begin = len(table.candidates), table.n_splits, table.first_split(number)
        order = tuple(begin + split for split in self.split_order(max(number, 0), n_splits))
        unit = Unit(position, params, order, lenient=number == NOT_A_TRIAL)
        if self.context is not None and has_callbacks(evaluate.search, evaluate.task.estimator, [params]):
            unit.caller = evaluate.search
            unit.contexts = split_contexts(self.context, position, unit.splits, n_splits)
        else:
            unit.prefix = evaluate.planner.plan([params], evaluate.planner.likely(n_values(table.space)))[0]
        exempt = table.is_default(params)
        screening = None if exempt else table.screens.begin(unit)
        candidate = Candidate(position, number, params, [None] * n_splits, trial, unit, exempt, screening)
        table.candidates.append(candidate)
        return candidate
