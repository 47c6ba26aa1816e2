"""Candidates of a search in a study: one trial each, with the scores of every split.

A candidate is written when its last split is done, in one transaction. A search that is started again with the same
estimator, data, scoring and splits finds it there and does not fit it again; any other search is refused. The
candidates may change: a grid can be extended.
"""

from __future__ import annotations

import math
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from tunesmith.errors import ResumeError, SpaceError
from tunesmith.foundation.states import TrialState
from tunesmith.sklearn.protocols import Data, Estimator, Params, Split
from tunesmith.sklearn.store.fingerprint import (
    describe,
    describe_data,
    describe_estimator,
    describe_params,
    describe_splits,
    differences,
    digest,
)
from tunesmith.sklearn.store.outcome import Outcome, pack_predictions, unpack_predictions
from tunesmith.space import Space
from tunesmith.study import Study
from tunesmith.trial import Trial
from tunesmith.trial.record import TrialRecord

# ----------------------------------------------------------------------------------------------------------------------

NOT_A_TRIAL = -1  # the number of a candidate that is not a trial
ENDED_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)
DEFAULT_ATTR = "sklearn default"  # the attribute of the study that holds the default where that is not a trial
RERUN_ATTR = "sklearn again"  # begins the names of those that hold candidates run on other splits
CANDIDATE_ATTR = "sklearn"  # under which attribute it is kept, of the study and of each trial
Row = list[Outcome]
Record = dict[str, Any]  # a candidate as it is stored


class CandidateStore:
    """Writes candidates to a study, and finds those that are there.

    Args:
        study: where to keep them.
        metric: which metric is the trial's value, if there are several; None: the first.
        train_scores: whether training scores are wanted.
        where: the name of the storage in messages.

    Attributes:
        note: attributes that the trial of each further candidate gets.
        where: the name of the storage in messages.
    """

    def __init__(self, study: Study, metric: str | None, train_scores: bool, where: str) -> None:
        self.study = study
        self.space: Space | None = None
        self.note: Params = {}
        self.metric = metric
        self._train_scores = train_scores
        self.where = where
        self._splits = ""
        self._known: dict[str, list[tuple[int, Record]]] | None = None

    # -- is it the same search -------------------------------------------------------------------------------------

    def open(self, fingerprint: Record, splits: list[Split]) -> None:
        """Check that the study was made by the same search; write the search's fingerprint to a new study.

        Args:
            fingerprint: of everything but the splits.

        Raises:
            ResumeError: the study belongs to another search, or is damaged.
        """
        self._splits = describe_splits(splits)
        if self._known is not None:
            return  # a search may go on with other splits, which are part of each candidate's key
        new = {**fingerprint, "cv": self._splits}
        # Trials first: a search that opens the study at this moment writes its fingerprint before its first trial.
        trials = self.study.get_trials(states=list(ENDED_STATES))
        old = self.study.system_attrs.get(CANDIDATE_ATTR)
        name = f"the study {self.study.study_name!r} in {self.where}"
        if old is None:
            if trials:
                raise ResumeError(f"{name} holds {len(trials)} trials that no search made; give another study_name")
            self.study.set_system_attr(CANDIDATE_ATTR, new)
        else:
            changed = differences(old, new)
            if changed:
                hint = ""
                if all(text.startswith("cv:") for text in changed):
                    hint = " (a splitter that shuffles needs a random_state, or its splits are others each time)"
                raise ResumeError(
                    f"{name} was made by another search; what differs:\n  "
                    + "\n  ".join(changed)
                    + f"\nGive another study_name, or go back to what it was{hint}"
                )
        self._known = defaultdict(list)
        records = [
            (trial.number, kept) for trial in trials if (kept := trial.user_attrs.get(CANDIDATE_ATTR)) is not None
        ]
        for number, kept in records:
            _check_kept(kept, name)
            if "splits" not in kept:  # one that was given up lacks splits: a grid search has to fit it
                self._known[kept["key"]].append((number, kept))
        if self._train_scores and any(kept["train"] is None for _, kept in records):
            raise ResumeError(f"{name} has no training scores; return_train_score=True needs another study_name")

    # -- candidates ------------------------------------------------------------------------------------------------

    def key(self, params: Params, splits: list[Split] | None = None) -> str:
        """Return what identifies a candidate on the present splits, or on others."""
        return f"{describe_params(params)} on {self._splits if splits is None else describe_splits(splits)}"

    def check(self, number: int, params: Params, kept: Record) -> None:
        """Check that a stored candidate still means the same: the study knows estimators by their names alone.

        Args:
            params: its parameters, with the objects that the names stand for now.

        Raises:
            ResumeError: an object is not what it was, or no longer a choice.
        """
        _check_kept(kept, f"the study {self.study.study_name!r} in {self.where}")
        now = self.key(params)
        if now != kept["key"]:
            what = "the default configuration" if number < 0 else f"candidate {number}"
            raise ResumeError(
                f"the choices of the study {self.study.study_name!r} in {self.where} have changed; {what} "
                f"was\n  {kept['key']}\nand would now be\n  {now}\nGive another study_name, or go back to what it was"
            )

    def take(self, candidate: int, params: Params, failed: Any) -> tuple[int, Row] | None:
        """Return the number of a candidate's trial and what is kept of it, or None; each record is given out once.

        Args:
            candidate: the position to give it.
            failed: the scores of a fit that failed.
        """
        kept = (self._known or {}).get(self.key(params))
        if not kept or (failed == "raise" and any(kept[0][1]["error"])):
            return None
        number, record = kept.pop(0)
        return number, from_record(candidate, record, failed)

    def add(self, rows: list[tuple[Params, Row]]) -> list[TrialRecord]:
        """Keep candidates whose splits are all done, in one transaction."""
        trials = [self._trial(params, row) for params, row in rows]
        numbers = self.study.add_trials(trials)
        for trial, number in zip(trials, numbers, strict=True):
            trial.number = number
        return trials

    # -- candidates of a search that asks and tells ----------------------------------------------------------------

    def finished(self) -> Iterator[tuple[TrialRecord, Record]]:
        """Yield the ended trials of the study that hold a candidate, and what they hold."""
        for trial in self.study.get_trials(states=list(ENDED_STATES)):
            if (record := self.record_of(trial)) is not None:
                yield trial, record

    def record_of(self, trial: Trial | TrialRecord) -> Record | None:
        """Return what a trial holds of its candidate; None: nothing."""
        record: Record | None = trial.user_attrs.get(CANDIDATE_ATTR)
        return record

    def record(self, params: Params, row: Row, n_splits: int, screens: Mapping[str, Row] | None = None) -> Record:
        """Return a candidate's outcomes on the present splits in the form that is stored; see `to_record`."""
        return to_record(self.key(params), row, n_splits, screens)

    # -- candidates that are not trials ----------------------------------------------------------------------------

    def rerun_records(self, keys: Sequence[str]) -> list[Record | None]:
        """Return what is stored of candidates on other splits, by their keys; None: nothing."""
        attrs = self.study.system_attrs
        found = [attrs.get(_rerun_name(key), {}) for key in keys]
        return [r if r.get("key") == key else None for r, key in zip(found, keys, strict=True)]

    def add_rerun(self, key: str, record: Record) -> None:
        """Store a candidate on other splits under its key."""
        self.study.set_system_attr(_rerun_name(key), record)

    # -- their form ------------------------------------------------------------------------------------------------

    def _trial(self, params: Params, row: Row) -> TrialRecord:
        value, reason = self.value(row)
        space, x, fixed = self._point(params)
        now = time.time()
        cost = sum(o.fit_seconds + o.score_seconds for o in row)
        return TrialRecord(
            -1,
            TrialState.COMPLETE if value is not None else TrialState.FAIL,
            space=space,
            x=x,
            fixed=fixed,
            values=None if value is None else (value,),
            cost=cost,
            reason=reason,
            started=now - cost,
            finished=now,
            user={**self.note, CANDIDATE_ATTR: to_record(self.key(params), row)},
        )

    def value(self, row: Row) -> tuple[float | None, str | None]:
        """Return the mean of the deciding metric over the splits, or None and the reason why there is none."""
        scores = [o.test for o in row]
        if any(isinstance(s, dict) for s in scores):
            named = next(s for s in scores if isinstance(s, dict))
            metric = self.metric if self.metric in named else next(iter(named))
            scores = [s[metric] if isinstance(s, dict) else s for s in scores]
        error = next((o.error for o in row if o.error is not None), None)
        mean = float(np.mean(scores))
        if math.isnan(mean):
            return None, error or "a score is NaN"
        return mean, None

    def _point(self, params: Params) -> tuple[Space | None, list[float] | None, Params | None]:
        """Return a candidate as a point of the search's space if there is one, else as plain values."""
        if self.space is not None:
            try:
                return self.space, self.space.encode([params])[0].tolist(), None
            except SpaceError:
                self.space = None  # a user's own search tried something outside the declared space
        return None, None, {name: storable_value(value) for name, value in params.items()}


def _rerun_name(key: str) -> str:
    return f"{RERUN_ATTR} {digest(key.encode())}"


def storable_value(value: Any) -> Any:
    """Return a value that every storage can keep: itself, or its description."""
    value = value.item() if isinstance(value, np.generic) else value
    simple = value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value))
    return value if simple else describe(value)


def to_record(key: str, row: Row, n_splits: int | None = None, screens: Mapping[str, Row] | None = None) -> Record:
    """Return a candidate's outcomes in the form that is kept.

    Args:
        key: of the candidate.
        n_splits: how many there would have been, if it was given up before all were made.
        screens: its outcomes at lower fidelities, by what these are called, the lowest first.
    """
    row = sorted(row, key=lambda o: o.split)
    any_outcome = next(iter(row or next(iter((screens or {}).values()), [])), None)
    kept: Record = {
        "key": key,
        "test": [_writable(None if o.error else o.test) for o in row],
        "train": None
        if any_outcome is None or any_outcome.train is None
        else [_writable(None if o.error else o.train) for o in row],
        "fit": [o.fit_seconds for o in row],
        "score": [o.score_seconds for o in row],
        "error": [o.error for o in row],
    }
    if n_splits is not None and len(row) < n_splits:
        kept["splits"] = [o.split for o in row]
    if screens:
        kept["screens"] = [
            to_record(label, [o._replace(predictions=None) for o in at]) for label, at in screens.items()
        ]
    if (seen := pack_predictions([o.predictions for o in row])) is not None:
        kept["predictions"] = seen
    return kept


def _check_kept(kept: Any, name: str) -> None:
    """Check the form of a record before it is read: a file may be damaged or edited.

    Raises:
        ResumeError: it is none.
    """
    for screen in kept.get("screens", ()) if isinstance(kept, dict) else ():
        _check_kept(screen, name)
    lengths = set()
    if isinstance(kept, dict) and isinstance(kept.get("key"), str):
        columns = [kept.get(name) for name in ("test", "fit", "score", "error")]
        columns += [] if kept.get("train") is None else [kept["train"]]
        lengths = {len(column) if isinstance(column, list) else None for column in columns}
    if len(lengths) != 1 or None in lengths:
        raise ResumeError(f"{name} is damaged: what it keeps of a candidate cannot be read; give another study_name")


def from_record(candidate: int, kept: Record, failed: Any) -> Row:
    """Return the outcomes of what was kept, with `failed` as the scores of each fit that failed."""

    def read(score: Any) -> Any:
        if score is None:
            return dict(failed) if isinstance(failed, dict) else failed
        return {k: float(v) for k, v in score.items()} if isinstance(score, dict) else float(score)

    train = [None] * len(kept["test"]) if kept["train"] is None else [read(score) for score in kept["train"]]
    splits = kept.get("splits", range(len(kept["test"])))
    seen = unpack_predictions(kept.get("predictions"), len(kept["test"]))
    columns = zip(splits, kept["test"], train, kept["fit"], kept["score"], kept["error"], seen, strict=True)
    return [Outcome(candidate, split, read(test), *rest) for split, test, *rest in columns]


def _writable(score: Any) -> Any:
    """Return a score for JSON, which has no NaN and no infinity: those become words."""
    if isinstance(score, dict):
        return {k: _writable(v) for k, v in score.items()}
    if score is None:
        return None
    return float(score) if math.isfinite(score) else repr(float(score))


def fingerprint(search: Any, base: Estimator, X: Data, y: Data, routed: Any) -> Record:
    """Return what must be the same for a search to be resumed: estimator, data, scoring, and arguments of ``fit``."""
    return {
        "estimator": describe_estimator(base),
        "X": describe_data(X),
        "y": describe_data(y),
        "scoring": describe(search.scoring),
        "fit parameters": {name: describe(value) for name, value in routed.estimator.fit.items()},
        "score parameters": {name: describe(value) for name, value in routed.scorer.score.items()},
    }
