"""The study: one search, and everything a user does with it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.history import History
from tunesmith.numerics.pareto import non_dominated
from tunesmith.pruners.base import Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storable import storable, storable_items
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.core import StudyCore, StudyDirection
from tunesmith.study.earlier import adopted
from tunesmith.study.shown import study_html
from tunesmith.study.stopping import STOPPED
from tunesmith.study.tell import TellCore
from tunesmith.text import name_and_message, saferepr
from tunesmith.trial import FrozenTrial

if TYPE_CHECKING:
    import pandas as pd

    from tunesmith.selection import Report
    from tunesmith.selection.simplest import Complexity
    from tunesmith.study.recommend import Recommendation

Callback = Callable[["Study", FrozenTrial], None]
COLUMNS = ("number", "value", "datetime_start", "datetime_complete", "duration", "params", "user_attrs", "state")


class Study(TellCore):
    """One search: a space, a sampler, and every trial so far. Made by :func:`tunesmith.create_study`.

    Several processes may hold a study on the same storage, each with its own object. An object may be used from
    several threads.
    """

    def __init__(self, record: StudyRecord, storage: Storage, sampler: Sampler, pruner: Pruner) -> None:
        super().__init__(record, storage, sampler, pruner)
        self._stop = False
        self._optimizing = False
        self._stopped: dict[str, Any] | None = record.system.get(STOPPED)

    def __sklearn_clone__(self) -> Study:
        """Return itself: a scikit-learn estimator that has a study as a parameter shares it with its clones."""
        return self

    # -- run ---------------------------------------------------------------------------------------------------

    def optimize(
        self,
        objective: Callable[..., Any] | None = None,
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        callbacks: Iterable[Callback] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool = False,
        *,
        space: Any = None,
        stop: str | None = None,
        n_trials_total: int | None = None,
        func: Callable[..., Any] | None = None,
    ) -> None:
        """Run trials until `n_trials` are done, the time is over, a callback stops it or the space is exhausted.

        Args:
            objective: gets a :class:`Trial` and returns its value(s); with `space`, gets the parameters instead, as
                one dict or as keywords, whichever it is written for.
            n_trials: how many trials to run in this call; None: no limit.
            timeout: seconds after which no trial is started any more; None: no limit.
            n_jobs: how many trials run at once, each in a process of its own where more than 1; -1: one a core.
            catch: exceptions that make a trial FAIL but do not stop the study. A NaN never stops it; any other thing
                that is no value is an ``ObjectiveError``.
            callbacks: called with (study, finished trial) in this process after each trial.
            gc_after_trial: collect garbage after each trial.
            show_progress_bar: show trial n/N, the best so far, the rate and the time left.
            space: what to search, in any form that :class:`Space` takes.
            stop: "converged": end as well when what can still be gained is less than the noise of a result;
                ``study.stop_reason`` then says so. For one objective.
            n_trials_total: how many trials the study is to have in all, whatever became of them: those of earlier
                calls and those that other processes run on the same storage are counted. None: no limit.
            func: the objective, by the name that it has in Optuna; give one of the two.

        Raises:
            TypeError: no objective is given, or both.
            ObjectiveError: the objective returned something that is no value.
            Exception: whatever the objective raised and `catch` does not name; the trial is FAIL by then.
        """
        from tunesmith.study.optimize import run

        given = [f for f in (objective, func) if f is not None]
        if len(given) != 1:
            raise TypeError("optimize() takes one objective: the first argument, or by name objective= or func=")
        if space is not None:
            self.declare(space if isinstance(space, Space) else Space(space))
        self._takes_params = space is not None
        run(
            self,
            given[0],
            declared=space is not None,
            n_trials=n_trials,
            timeout=timeout,
            n_jobs=n_jobs,
            catch=tuple(catch) if isinstance(catch, Iterable) else (catch,),
            callbacks=_callbacks(callbacks),
            gc_after_trial=gc_after_trial,
            show_progress=show_progress_bar,
            stop=stop,
            n_trials_total=n_trials_total,
        )

    def declare(self, space: Space) -> None:
        """Declare the space that is searched from now on; trials made before keep their own."""
        with self._lock:
            if self._history.space != space or self._version < 0:
                self._storage.set_space(self._id, space)
                self._reset(space)

    def stop(self) -> None:
        """Let ``optimize`` end after the running trials; to be called from a callback or the objective.

        Raises:
            RuntimeError: no ``optimize`` runs in this object.
        """
        if not self._optimizing:
            raise RuntimeError("stop() ends a running optimize(); none is running in this study object")
        self._stop = True

    @property
    def stop_reason(self) -> str | None:
        """Why the last ``optimize(stop="converged")`` ended by itself; None if it did not."""
        return None if self._stopped is None else str(self._stopped["reason"])

    @property
    def left_on_table(self) -> float | None:
        """How much better, at most, a longer search was expected to get when it ended by itself; None if it did not."""
        return None if self._stopped is None else float(self._stopped["left"])

    def confirm(
        self,
        objective: Callable[..., Any],
        top_k: int = 5,
        repeats: int = 3,
        *,
        default: Mapping[str, Any] | None = None,
        prefer_default: bool = True,
        level: float = 0.95,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        resume: bool = True,
        show_progress_bar: bool = False,
        takes_params: bool | None = None,
    ) -> Report:
        """Run the best points and the default again with fresh seeds, and choose among them; print what is returned.

        Each repeat gives ``trial.seed`` another value, the same for all points, so that differences are paired; the
        objective must draw its random numbers from it. The choice weighs the search's model and the fresh runs by
        their precision. The default is kept unless the best other point is better by more than one standard error.

        The runs are no trials of the study: no sampler learns from them and ``best_trial`` stays. Their results are
        stored when they end, so an interrupted call goes on, and a second call makes only the runs that are missing.
        ``trial.number`` counts from 1,000,000, and ``trial.should_prune()`` is never true.

        Args:
            objective: as for ``optimize``.
            top_k: how many points to run again, the best ones by expected value.
            repeats: how often each of them is run.
            default: the configuration to beat; by default the first enqueued trial that gave all parameters, if any.
            prefer_default: keep the default in case of doubt; if false, the best one is returned in any case.
            level: of the intervals, between 0 and 1.
            n_jobs: how many runs at once, each in a process of its own where more than 1; -1: one a core.
            catch: exceptions that put a point out but do not end the call. NaN, infinity, a violated constraint and
                ``TrialPruned`` put it out in any case.
            resume: use the results of earlier calls; if false they are dropped, as is right for another objective.
            show_progress_bar: show how many runs are done.
            takes_params: whether the objective takes parameters, as with ``optimize(space=...)``, and not a trial; by
                default as in this object's last ``optimize``.

        Raises:
            ValueError: no trial is complete and feasible yet, the default is no point of the space, or the level none.
            RuntimeError: the study has several objectives.
            ObjectiveError: the objective returned something that is no value.
            Exception: whatever the objective raised and `catch` does not name.
        """
        from tunesmith.study.again import forget, run_again
        from tunesmith.study.confirm import check, leaders, report
        from tunesmith.study.objective import Declared
        from tunesmith.study.optimize import check as check_run

        self._single("confirm()", "best_trials")
        check(top_k, repeats, level)
        errors = tuple(catch) if isinstance(catch, Iterable) else (catch,)
        jobs = check_run(None, None, n_jobs, errors, objective)
        points, at, found = leaders(self, top_k, default, level)
        if (self._takes_params if takes_params is None else takes_params) and self.space is not None:
            objective = Declared(objective, self.space)
        if not resume:
            forget(self)
        runs = run_again(self, objective, points, repeats, jobs, errors, show_progress_bar)
        return report(self, points, at, found, runs, repeats, prefer_default, level)

    # -- add ---------------------------------------------------------------------------------------------------

    def enqueue_trial(
        self, params: Mapping[str, Any], user_attrs: Mapping[str, Any] | None = None, skip_if_exists: bool = False
    ) -> None:
        """Put a point first in line; parameters that are not named are proposed by the sampler.

        Args:
            params: values by name.
            user_attrs: notes to keep with the trial.
            skip_if_exists: do nothing if a trial with these parameters is there or waits.

        Raises:
            SpaceError: a value lies outside the declared space, or a name is not in it.
            TypeError: the parameters are no mapping, or a name is no text.
            ValueError: an attribute cannot be kept.
        """
        _check_enqueued(params)
        fixed = dict(params)
        if self._declared and self._history.space is not None:
            self._history.space.validate(fixed, partial=True)
        if skip_if_exists and any(t.params == fixed or t.fixed == fixed for t in self.trials):
            return
        waiting = FrozenTrial(-1, TrialState.WAITING, fixed=fixed, user=storable_items(user_attrs))
        self._storage.add(self._id, [waiting])

    def add_trial(self, trial: FrozenTrial) -> None:
        """Add a finished (or waiting) trial, for example from :func:`tunesmith.create_trial`, under a new number.

        Raises:
            ValueError: the trial is running, or has another number of values than the study has directions.
        """
        self.add_trials([trial])

    def add_trials(self, trials: Iterable[FrozenTrial] | Study) -> None:
        """Add several finished (or waiting) trials, or those of another study that have values; all or none.

        From another study its complete and pruned trials are taken, in order, and mapped to the declared space by
        name. A trial that is no point of it (a value out of range, a parameter that is missing or unknown) is left
        out, with a warning that says how many and why; its value would stand for something else.

        Raises:
            TypeError: it is no trial of tunesmith's.
            ValueError: a trial is running, or has another number of values than the study has directions; or the
                other study has other directions.
        """
        if isinstance(trials, StudyCore):
            trials = adopted(trials, self._history.space if self._declared else None, self.directions)
        trials = list(trials)
        for t in trials:
            if not isinstance(t, FrozenTrial):
                raise TypeError(
                    f"add_trial takes what tunesmith.create_trial(...) makes or a study's trials; got {saferepr(t)} "
                    "(of another library? docs/porting.md, 'Old results come along', shows how)"
                )
            if t.state is TrialState.RUNNING:
                raise ValueError("add_trial: the trial is RUNNING; only finished and waiting trials can be added")
            if t.state is TrialState.COMPLETE and (t.values is None or len(t.values) != len(self._signs)):
                raise ValueError(f"add_trial: {len(self._signs)} value(s) expected; got {t.values}")
            if t.values is not None and any(map(math.isnan, t.values)):
                raise ValueError(f"add_trial: values must be numbers; got {t.values}")
        if trials:
            self._storage.add(self._id, trials)

    # -- read --------------------------------------------------------------------------------------------------

    @property
    def space(self) -> Space | None:
        """The declared space, or all that the trials suggested so far."""
        return self.history.space

    @property
    def history(self) -> History:
        """The columnar record of finished trials, up to date."""
        with self._lock:
            self._sync()
            return self._history

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective."""
        self._single("direction", "directions")
        return self.directions[0]

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials by number."""
        return self._storage.trials(self._id)

    def get_trials(self, deepcopy: bool = True, states: Iterable[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials by number, optionally only those in some states (`deepcopy` is accepted for porting)."""
        return self._storage.trials(self._id, states=None if states is None else list(states))

    @property
    def best_trial(self) -> FrozenTrial:
        """The feasible complete trial with the best value, the first among equals.

        Raises:
            ValueError: no trial is complete and feasible yet.
            RuntimeError: the study has several objectives.
        """
        self._single("best_trial", "best_trials")
        best = self._storage.best(self._id, self.directions[0].value)
        if best is None:
            raise ValueError(f"the study {self.study_name!r} has no complete feasible trial yet: {self._tally()}")
        return best

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the best trial."""
        self._single("best_params", "best_trials")
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """Value of the best trial."""
        self._single("best_value", "best_trials")
        return self.best_trial.values[0]  # type: ignore[index]  # a complete trial has values

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The feasible complete trials that no other one dominates (the Pareto front), by number."""
        history = self.history
        rows = np.flatnonzero(history.complete & history.feasible)
        front = rows[non_dominated(history.y[rows])]
        return self._storage.trials(self._id, sorted(history.number[front].tolist())) if len(front) else []

    def recommend(
        self, *, simplest: str | None = None, complexity: Complexity | None = None, level: float = 0.95
    ) -> Recommendation:
        """Return the point to use where the objective is noisy: the one with the best expected value.

        The expectation is the posterior mean of a Gaussian process at the points of complete feasible trials; the best
        value seen is mostly luck. With few trials (fewer than 5, or than parameters + 1) there is no model, and the
        answer says so.

        Args:
            simplest: "one-se": the simplest of the points whose expected value is within one standard error of the
                best one.
            complexity: with that, what is simple: a parameter's name (a lower value is simpler; "-name": a higher
                one), a list of names, the first counts most, or a function of the parameters that returns a number.
            level: of the interval, between 0 and 1.

        Raises:
            ValueError: no trial is complete and feasible yet, the complexity cannot be told, or the level is none.
            RuntimeError: the study has several objectives.
        """
        from tunesmith.study.recommend import recommend

        self._single("recommend()", "best_trials")
        return recommend(self, simplest, complexity, level)

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """What the user noted about the study (read-only)."""
        return MappingProxyType(self._storage.load_study(self.study_name).user)

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """What tunesmith noted about the study (read-only)."""
        return MappingProxyType(self._storage.load_study(self.study_name).system)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Note something about the study, at once; in the form that ``trial.set_user_attr`` explains.

        Raises:
            ValueError: the value cannot be kept, or the key is no text.
        """
        self._storage.set_attr(self._id, None, key, storable(key, value))

    def set_system_attr(self, key: str, value: Any) -> None:
        """Note something for tunesmith's own use."""
        self._storage.set_attr(self._id, None, key, storable(key, value), system=True)

    def trials_dataframe(
        self,
        attrs: Sequence[str] = COLUMNS,
        multi_index: bool = False,
    ) -> pd.DataFrame:
        """Return one row a trial; see :func:`tunesmith.study.frame.to_frame`.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        from tunesmith.study.frame import to_frame

        return to_frame(self.trials, len(self._signs), attrs, multi_index)

    _repr_html_ = study_html

    def __repr__(self) -> str:
        directions = ", ".join(d.value for d in self.directions)
        try:
            tally = self._tally()
        except Exception as error:  # a debugger asks for it in the middle of what went wrong
            tally = f"no trials to be read ({name_and_message(error)})"
        return f"Study({self.study_name!r}, {directions}, sampler={self.sampler.name!r}, {tally})"

    def _tally(self) -> str:
        count = self._storage.count(self._id)
        return ", ".join(f"{n} {s.name}" for s, n in sorted(count.items()) if n) or "no trials"

    def _single(self, name: str, instead: str) -> None:
        if len(self._signs) > 1:
            raise RuntimeError(f"study.{name} is for one objective; this study has {len(self._signs)}: use .{instead}")


def _check_enqueued(params: Any) -> None:
    """Raise TypeError unless it is a mapping by name."""
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise TypeError(f"enqueue_trial takes a dict of values by parameter name; got {saferepr(params)}")


def _callbacks(given: Any) -> list[Callback]:
    """Return the callbacks as a list.

    Raises:
        TypeError: it is no list of callables.
    """
    if callable(given):
        raise TypeError(f"callbacks takes a list of callables; got the one callable {given!r}: put it into a list")
    listed = list(given or ())
    for callback in listed:
        if not callable(callback):
            raise TypeError(f"callbacks takes callables (study, trial) -> None; got {callback!r}")
    return listed
