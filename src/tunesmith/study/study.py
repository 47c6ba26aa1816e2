"""The study: one search, and everything a user does with it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from tunesmith.frozen import FrozenTrial
from tunesmith.space import Parameter, Space
from tunesmith.state import TrialState
from tunesmith.storable import storable_items
from tunesmith.storage.base import Storage
from tunesmith.study.adopt import adopted, checked_trials
from tunesmith.study.engine.enqueued import check_enqueued
from tunesmith.study.view import StudyView
from tunesmith.trial import Trial

if TYPE_CHECKING:
    from tunesmith.selection import Report

Callback = Callable[["Study", FrozenTrial], None]


class Study(StudyView):
    """One search: a space, a sampler, and every trial so far. Made by :func:`tunesmith.create_study`.

    Several processes may hold a study on the same storage, each with its own object. An object may be used from
    several threads.
    """

    def __sklearn_clone__(self) -> Study:
        """Return itself: a scikit-learn estimator that has a study as a parameter shares it with its clones."""
        return self

    def __getstate__(self) -> dict[str, Any]:
        """Keep what the study is made of: its storage (of a database, the URL), its name, sampler and pruner."""
        return {
            "storage": self.engine.storage,
            "study_name": self.study_name,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "takes_params": self.engine.takes_params,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        storage: Storage = state["storage"]
        self.__init__(storage.load_study(state["study_name"]), storage, state["sampler"], state["pruner"])  # type: ignore[misc]  # opens anew
        self.engine.takes_params = state["takes_params"]

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
        from tunesmith.study.optimize import optimize

        given = [f for f in (objective, func) if f is not None]
        if len(given) != 1:
            raise TypeError("optimize() takes one objective: the first argument, or by name objective= or func=")
        if space is not None:
            self.declare(space if isinstance(space, Space) else Space(space))
        self.engine.takes_params = space is not None
        open_progress = None
        if show_progress_bar:
            from tunesmith.progress import Progress

            open_progress = partial(Progress, self, timeout=timeout)
        optimize(
            self.engine,
            given[0],
            takes_params=space is not None,
            n_trials=n_trials,
            timeout=timeout,
            n_jobs=n_jobs,
            catch=catch,
            callbacks=[partial(callback, self) for callback in _checked_callbacks(callbacks)],
            gc_after_trial=gc_after_trial,
            open_progress=open_progress,
            stop=stop,
            n_trials_total=n_trials_total,
        )

    def declare(self, space: Space) -> None:
        """Declare the space that is searched from now on; trials made before keep their own."""
        self.engine.declare(space)

    def stop(self) -> None:
        """Let ``optimize`` end after the running trials; to be called from a callback or the objective.

        Raises:
            RuntimeError: no ``optimize`` runs in this object.
        """
        if not self.engine.optimizing:
            raise RuntimeError("stop() ends a running optimize(); none is running in this study object")
        self.engine.stop_requested = True

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
        from tunesmith.study.confirm import confirm

        return confirm(
            self.engine,
            objective,
            top_k,
            repeats,
            default=default,
            prefer_default=prefer_default,
            level=level,
            n_jobs=n_jobs,
            catch=catch,
            resume=resume,
            show_progress=show_progress_bar,
            takes_params=self.engine.takes_params if takes_params is None else takes_params,
        )

    # -- ask and tell ------------------------------------------------------------------------------------------

    def ask(self, fixed_distributions: Mapping[str, Parameter] | None = None, *, below: int | None = None) -> Trial:
        """Start a trial: an enqueued or interrupted one if there is any, else a new proposal of the sampler.

        What the trial reports and notes is stored at once. A trial whose process ends before ``tell`` is run again by
        whoever calls ``optimize`` or ``recover`` next on this machine, at most ``max_attempts`` times.

        Args:
            fixed_distributions: parameters to suggest at once, by name; their values stand in ``trial.params``, as
                those of a declared space do.
            below: start no trial whose number is this or higher, so that a study has so many trials in all, however
                many processes ask for them.

        Raises:
            SpaceExhaustedError: the sampler has nothing left to propose.
            TrialsSpentError: all numbers below that limit are taken.
            StorageError: the storage cannot be used, or does not take a result that was kept for it.
        """
        return self.engine.ask(fixed_distributions, below=below)

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
        *,
        reason: str | None = None,
        cost: float | None = None,
    ) -> FrozenTrial:
        """Record how a trial ended; when this returns, it would survive the death of the process.

        Without `state`, values that are not one finite-or-infinite number per objective make the trial FAIL, with the
        reason stored. Telling the same outcome again changes nothing.

        Args:
            trial: what ``ask`` returned, or its number.
            values: the objective's value, or one for each objective.
            state: COMPLETE, PRUNED (the value is then the last report) or FAIL.
            skip_if_finished: do nothing, whatever was told before, if the trial is finished.
            reason: why it failed or was pruned, in words.
            cost: what the trial cost, in a unit of your own; by default the seconds since its start.

        Raises:
            ValueError: the trial was told another outcome before, was never asked for, or values and state do not fit.
            StorageError: the storage does not take the result; what may pass (a StorageUnavailableError) is waited
                for, half a minute. The result is kept in this process, and stored by the next ``ask``, ``tell`` or
                ``optimize``, or when the process ends.
        """
        return self.engine.tell(trial, values, state, skip_if_finished, reason=reason, cost=cost)

    def flush(self) -> None:
        """Store the results that were kept in this process because the storage could not be used.

        Raises:
            StorageError: it still cannot; the results stay here.
        """
        self.engine.flush()

    def recover(self) -> list[int]:
        """Take back the trials of workers of this machine that died, so that they are run again; return the numbers.

        A trial whose process died ``max_attempts`` times is FAIL instead. A driver that died while its trials ran in
        other processes is not counted: it would have survived a trial that kills its process.
        """
        return self.engine.recover()

    def release(self, numbers: Iterable[int]) -> None:
        """Give running trials back: the next ``ask`` hands them out again as they were proposed."""
        self.engine.release(numbers)

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
        fixed = check_enqueued(params)
        engine = self.engine
        if engine.declared and engine.history.space is not None:
            engine.history.space.validate(fixed, partial=True)
        if skip_if_exists and any(t.params == fixed or t.fixed == fixed for t in self.trials):
            return
        engine.add([FrozenTrial(-1, TrialState.WAITING, fixed=fixed, user=storable_items(user_attrs))])

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
        if isinstance(trials, Study):
            trials = adopted(trials.engine, self.engine)
        checked = checked_trials(trials, len(self.directions))
        if checked:
            self.engine.add(checked)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Note something about the study, at once; in the form that ``trial.set_user_attr`` explains.

        Args:
            key: the attribute's name.
            value: what to keep.

        Raises:
            ValueError: the value cannot be kept, or the key is no text.
        """
        self.engine.set_user_attr(key, value)

    def set_system_attr(self, key: str, value: Any) -> None:
        """Note something for tunesmith's own use.

        Args:
            key: the attribute's name.
            value: what to keep.
        """
        self.engine.set_system_attr(key, value)


def _checked_callbacks(given: Any) -> list[Callback]:
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
