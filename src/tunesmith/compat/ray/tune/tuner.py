"""`Tuner` and ``tune.run``: a search of Ray Tune as a study in a file of the experiment's folder."""

from __future__ import annotations

import os
import shutil
import sys
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from tunesmith.compat.ray.machine import places
from tunesmith.compat.ray.names import check_ours, refuser
from tunesmith.compat.ray.tune.config import (
    CheckpointConfig,
    FailureConfig,
    RunConfig,
    TuneConfig,
    checked_mode,
)
from tunesmith.compat.ray.tune.results import RETRIED, ExperimentAnalysis, ResultGrid, TuneError
from tunesmith.compat.ray.tune.sample import ParamSpace
from tunesmith.compat.ray.tune.schedulers import FIFOScheduler, TrialScheduler, create_scheduler
from tunesmith.compat.ray.tune.search import DEFAULT_METRIC, BasicVariantGenerator, Searcher, create_searcher
from tunesmith.compat.ray.tune.session import Plan
from tunesmith.compat.ray.tune.stopper import stopper_of
from tunesmith.compat.ray.tune.trainable import Objective, resources_of, trainable_of, with_resources
from tunesmith.executors import ProcessExecutor, ThreadExecutor
from tunesmith.foundation.languages import Said, say, told
from tunesmith.foundation.system.replacing import replacing
from tunesmith.foundation.text import name_and_message, shown
from tunesmith.foundation.warnings import caution
from tunesmith.samplers import PopulationBasedTraining
from tunesmith.study import Study, create_study, get_all_study_names, load_study
from tunesmith.trial import FrozenTrial, TrialState

Grid = TypeVar("Grid", bound=ResultGrid)
T = TypeVar("T")
STUDY_FILE = "study.db"
CONFIGS = "tuner.pkl"
MANY = 1_000_000  # runs of a trial: without end
FAILURES_OF_ALL = 2  # of each member of a population, on average, after which its search ends


class Tuner:
    """A search: a trainable, what is searched, and how.

    The results are a study in ``study.db`` of the folder ``storage_path/name``: `restore` goes on with it, and
    ``tunesmith show`` and the dashboard show it. Trials run in processes of this machine, as many as there are cores
    for; with callbacks, or a `Stopper` of the program's own, in threads of this process.

    Args:
        trainable: a function of the config, a subclass of `Trainable`, or the name of a registered one.
        param_space: nested dicts, with ``tune.uniform(...)`` and the like, ``tune.grid_search`` and constants in them.
        tune_config: what is optimised, and how.
        run_config: where results are kept, and when trials end.

    Example:
        ```python
        from tunesmith.compat.ray import tune

        def train(config):
            loss = 1.0
            for _ in range(10):
                loss *= 1 - config["rate"]
                tune.report({"loss": loss})

        tuner = tune.Tuner(
            train,
            param_space={"rate": tune.uniform(0.0, 1.0)},
            tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=4),
            run_config=tune.RunConfig(storage_path="experiments", verbose=0),
        )
        print(tuner.fit().get_best_result().config)
        ```
    """

    def __init__(
        self,
        trainable: Any = None,
        *,
        param_space: Mapping[str, Any] | None = None,
        tune_config: TuneConfig | None = None,
        run_config: RunConfig | None = None,
    ) -> None:
        self._trainable = trainable_of(trainable)
        self._param_space = dict(param_space or {})
        self._tune = tune_config or TuneConfig()
        self._run = run_config or RunConfig()
        for callback in self._run.callbacks or ():
            check_ours(callback)
        for name, value, kind in (("tune_config", self._tune, TuneConfig), ("run_config", self._run, RunConfig)):
            if not isinstance(value, kind):
                raise TypeError(f"{name} is a tune.{kind.__name__}; got {shown(value)}, import all from one place")
        self._search = _search_of(self._tune)
        self._scheduler = _scheduler_of(self._tune)
        self._space = self._space_to_search()
        self._study: Study | None = None
        name = self._run.name or f"{self._trainable_name}_{time.strftime('%Y-%m-%d_%H-%M-%S')}"
        self._folder = self._run.folder / name

    def _space_to_search(self) -> ParamSpace:
        mutations = self._scheduler.mutations
        if not mutations:
            return self._search.space(self._param_space)
        whole = ParamSpace(_merged(self._param_space, mutations), grids_allowed=False)
        if more := sorted(whole.domains.keys() - ParamSpace(mutations).domains.keys()):
            raise ValueError(
                f"PopulationBasedTraining: {', '.join(map(repr, more))} differ from member to member, and "
                "hyperparam_mutations does not name them; name them there, or make them constants"
            )
        return whole

    # -- the search ---------------------------------------------------------------------------------------------------

    def fit(self) -> ResultGrid:
        """Run the trials; return what came of them. A trial that fails does not end the search.

        Raises:
            Exception: what a trial raised, with ``FailureConfig(fail_fast="raise")``.
        """
        jobs = self._jobs()
        if self._study is None:
            self._study = self._new_study()
        self._search_in(self._study, jobs)
        return self.get_results()

    def get_results(self) -> ResultGrid:
        """Return what came of the trials so far.

        Raises:
            RuntimeError: nothing was run or restored.
        """
        return self._results(ResultGrid)

    def _results(self, kind: type[Grid]) -> Grid:
        if self._study is None:
            raise RuntimeError("nothing was run yet: call fit(), or Tuner.restore(path, trainable)")
        metrics, modes = self._objectives()
        one = len(metrics) == 1
        return kind(self._study, self._plan(self._study), metrics[0] if one else None, modes[0] if one else None)

    def _objectives(self) -> tuple[list[str], list[str]]:
        """Return the metrics that count, and the mode of each; no metric: the first that is reported."""
        sources = (self._tune, self._scheduler, self._search)
        metric = next((s.metric for s in sources if s.metric), None)
        mode = next((s.mode for s in sources if s.mode), None)
        metrics = [metric] if isinstance(metric, str) else list(metric or ())
        modes = [mode] if isinstance(mode, str) else list(mode or ())
        if not metrics and modes:
            metrics = [DEFAULT_METRIC]
        needs = type(self._scheduler) is not FIFOScheduler or type(self._search) is not BasicVariantGenerator
        if len(metrics) != len(modes) or (needs and not metrics):
            raise ValueError(
                "name what is optimised: TuneConfig(metric='loss', mode='min'); of several metrics, as many modes; got "
                f"metric={metric!r}, mode={mode!r}"
            )
        return metrics, [checked_mode(mode) for mode in modes]

    def _new_study(self) -> Study:
        if self._space.grids and self._tune.num_samples == -1:
            raise ValueError("num_samples=-1 has no end, and a grid does: say how often each cell is tried")
        self._folder.mkdir(parents=True, exist_ok=True)
        storage, name = self._folder / STUDY_FILE, self._folder.name
        there = get_all_study_names(storage) if storage.exists() else []
        metrics, modes = self._objectives()
        search, scheduler, failures = self._search, self._scheduler, self._run.failure_config or FailureConfig()
        # Of NumPy's global generator, as Ray's own: a program that seeds it gets the same search again.
        seed = int(np.random.randint(2**31)) if search.seed is None else int(search.seed)
        study = create_study(
            storage=storage,
            study_name=name if not there else f"{name}-{len(there) + 1}",
            directions=["maximize" if mode == "max" else "minimize" for mode in modes or ["min"]],
            metric=metrics or None,
            sampler=scheduler.sampler(self._tune.num_samples) or search.sampler(),
            pruner=scheduler.pruner(),
            seed=seed,
            space=self._space.space(),
            retries={"raised": MANY if failures.max_failures < 0 else failures.max_failures},
        )
        for point in search.points:
            study.enqueue_trial(self._space.point(point))
        if self._space.grids:
            for cell in self._space.cells() * self._tune.num_samples:
                study.enqueue_trial(cell)
        self._keep(study.study_name)
        return study

    @property
    def _trainable_name(self) -> str:
        return str(getattr(self._trainable, "__name__", type(self._trainable).__name__))

    def _keep(self, study_name: str) -> None:
        """Keep what `restore` needs besides the study and the trainable."""
        import cloudpickle

        kept = {"space": self._param_space, "tune": self._tune, "run": self._run, "study": study_name}
        try:
            data = cloudpickle.dumps(kept)
        except Exception as error:  # whatever objects of the program raise when they are pickled
            caution(f"Tuner.restore will not find this search, since it cannot be pickled: {name_and_message(error)}")
            return
        with replacing(self._folder / CONFIGS) as part:
            part.write_bytes(data)

    def _plan(self, study: Study) -> Plan:
        tune, run = self._tune, self._run
        stopper = stopper_of(run.stop)
        seconds = tune.seconds
        return Plan(
            trainable=self._trainable,
            space=self._space,
            folder=self._folder,
            name=self._folder.name,
            run=f"{zlib.crc32(f'{study.seed} {study.study_name}'.encode()) & 0xFFFFF:05x}",
            metrics=tuple(self._objectives()[0]),
            stopper=stopper,
            callbacks=list(run.callbacks or ()),
            checkpoints=run.checkpoint_config or CheckpointConfig(),
            resources=resources_of(self._trainable, self._param_space),
            max_t=self._scheduler.max_t,
            interval=self._scheduler.interval,
            deadline=None if seconds is None else time.time() + seconds,
            threads=bool(run.callbacks) or not stopper.by_trial,
            namer=tune.trial_name_creator,
            dirnamer=tune.trial_dirname_creator,
        )

    def _trials_in_all(self) -> int | None:
        """Return how many trials there are; None: until something else ends the search."""
        if self._tune.num_samples == -1 or self._scheduler.interval is not None:
            return None
        return self._tune.num_samples * len(self._space.cells())

    def _jobs(self) -> int:
        """Return how many trials run at once."""
        limits = places(resources_of(self._trainable, self._param_space)), self._tune.max_concurrent_trials
        return min(limit for limit in (*limits, self._search.max_concurrent) if limit)

    def _search_in(self, study: Study, jobs: int) -> None:
        plan, tune, run = self._plan(study), self._tune, self._run
        failures = run.failure_config or FailureConfig()
        total = self._trials_in_all()
        if total is not None:
            jobs, total = min(jobs, total), total + sum(bool(t.user_attrs.get(RETRIED)) for t in study.trials)
        needs = {f"{name}s": amount for name, amount in plan.resources.items()}
        executor = ThreadExecutor(jobs=jobs) if plan.threads else ProcessExecutor(jobs=jobs, resources=needs)
        plan.shared.stop = study.stop
        plan.stopper.begin()
        if run.verbose != 0:
            print(told(self._who_does_what(study, plan, jobs)), file=sys.stderr)
        after: list[Callable[[Study, FrozenTrial], None]] = []
        if failures.fail_fast:
            after.append(_stop_after_failure)
        if plan.interval is not None:
            after.append(_Sweep(plan, tune.num_samples))
        for callback in plan.callbacks:
            callback.setup(stop=plan.stopper, num_samples=tune.num_samples, total_num_samples=total)
        try:
            study.optimize(
                Objective(plan),
                n_trials_total=total,
                timeout=tune.seconds,
                catch=() if failures.fail_fast == "raise" else (Exception,),
                callbacks=after,
                show_progress_bar=run.verbose != 0,
                executor=executor,
            )
        finally:
            for callback in plan.callbacks:
                callback.on_experiment_end(trials=[*plan.shared.trials.values()])

    def _who_does_what(self, study: Study, plan: Plan, jobs: int) -> Said:
        """Return a line that says what stands for Ray's names, and where results are."""
        return say(
            "{}: {} of tunesmith proposes, {} stops trials; {} at once in {}; results: {}",
            f"{type(self._search).__name__}, {type(self._scheduler).__name__}",
            type(study.sampler).__name__,
            type(study.pruner).__name__,
            jobs,
            say("threads") if plan.threads else say("processes"),
            self._folder / STUDY_FILE,
        )

    # -- going on -----------------------------------------------------------------------------------------------------

    @classmethod
    def can_restore(cls, path: str | os.PathLike[str]) -> bool:
        """Tell whether a folder is that of an experiment which `restore` can go on with.

        Args:
            path: the folder of the experiment.
        """
        folder = Path(path).expanduser()
        return (folder / STUDY_FILE).exists() and (folder / CONFIGS).exists()

    @classmethod
    def restore(
        cls,
        path: str | os.PathLike[str],
        trainable: Any,
        resume_unfinished: bool = True,
        resume_errored: bool = False,
        restart_errored: bool = False,
        param_space: Mapping[str, Any] | None = None,
    ) -> Tuner:
        """Return the search of an experiment, to be gone on with by `fit`, or to be read by `get_results`.

        The folder holds a pickle: restore only what you trust.

        Args:
            path: the folder of the experiment.
            trainable: as it was given to the `Tuner`.
            resume_unfinished: True: `fit` goes on with trials that were interrupted, from their checkpoints.
            resume_errored: run trials that failed again.
            restart_errored: likewise; both begin anew, with the same config.
            param_space: the same space, with objects in it that are new.

        Returns:
            the search.

        Raises:
            ValueError: the folder is not that of such an experiment.
        """
        import cloudpickle

        if not resume_unfinished:
            raise ValueError(
                "resume_unfinished=False: call get_results() in place of fit(), which goes on with all trials"
            )
        folder = Path(path).expanduser()
        if not cls.can_restore(folder):
            is_rays = any(folder.glob("experiment_state-*.json"))
            raise ValueError(
                f"restore: {folder} has no {STUDY_FILE} of tunesmith.compat.ray"
                + ("; it is an experiment of Ray itself, which `tunesmith import` reads as a study" * is_rays)
                + ("; there is no such folder" * (not folder.exists()))
            )
        kept = cloudpickle.loads((folder / CONFIGS).read_bytes())
        run: RunConfig = replace(kept["run"], name=folder.name, storage_path=folder.parent)
        space = kept["space"] if param_space is None else param_space
        tuner = cls(trainable, param_space=space, tune_config=kept["tune"], run_config=run)
        study = load_study(storage=folder / STUDY_FILE, study_name=kept["study"])
        tuner._study = study
        study.recover()
        if resume_errored or restart_errored:
            for trial in study.get_trials(states=[TrialState.FAIL]):
                if not trial.user_attrs.get(RETRIED):
                    study.set_trial_attr(trial.number, RETRIED, True)
                    study.enqueue_trial(trial.params)
        return tuner


def _search_of(tune: TuneConfig) -> Searcher:
    what = "search_alg is one of tunesmith.compat.ray.tune.search, such as OptunaSearch() or BayesOptSearch()"
    return _one_of(Searcher, tune.search_alg, create_searcher, BasicVariantGenerator, what)


def _scheduler_of(tune: TuneConfig) -> TrialScheduler:
    what = "scheduler is one of tunesmith.compat.ray.tune.schedulers, such as ASHAScheduler()"
    return _one_of(TrialScheduler, tune.scheduler, create_scheduler, FIFOScheduler, what)


def _one_of(kind: type[T], given: Any, create: Callable[[str], Any], usual: Callable[[], T], what: str) -> T:
    """Return an object that is given as itself, by name, or not at all; TypeError if it is of another kind."""
    found = create(given) if isinstance(given, str) else given
    if found is None:
        found = usual()
    if not isinstance(found, kind):
        raise TypeError(f"{what}; got {shown(found)}")
    return found


def _merged(into: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested dicts with the entries of others in their places."""
    merged = dict(into)
    for name, value in more.items():
        inner = merged.get(name)
        merged[name] = _merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return merged


def _stop_after_failure(study: Study, trial: FrozenTrial) -> None:
    if trial.state is TrialState.FAIL:
        study.stop()


class _Sweep:
    """After each interval of a population: removes the folders that no member goes on from; ends what only fails."""

    def __init__(self, plan: Plan, members: int) -> None:
        self.plan, self.left, self.failures = plan, set[int](), FAILURES_OF_ALL * members

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        if trial.state is TrialState.FAIL:
            self.failures -= 1
            if self.failures <= 0:
                study.stop()
        if trial.state is TrialState.PRUNED and isinstance(study.sampler, PopulationBasedTraining):
            self.left.add(trial.number)
            for number in self.left - set(study.sampler.parents(study.history)):
                self.left.discard(number)
                shutil.rmtree(self.plan.info(number, {}).path, ignore_errors=True)


def run(
    run_or_experiment: Any,
    *,
    name: str | None = None,
    metric: str | None = None,
    mode: str | None = None,
    stop: Any = None,
    time_budget_s: Any = None,
    config: Mapping[str, Any] | None = None,
    resources_per_trial: Any = None,
    num_samples: int = 1,
    storage_path: str | None = None,
    search_alg: Any = None,
    scheduler: Any = None,
    checkpoint_config: CheckpointConfig | None = None,
    verbose: int | None = None,
    progress_reporter: Any = None,
    trial_name_creator: Callable[[Any], str] | None = None,
    trial_dirname_creator: Callable[[Any], str] | None = None,
    max_failures: int = 0,
    fail_fast: bool | str = False,
    resume: bool = False,
    reuse_actors: bool = False,
    raise_on_failed_trial: bool = True,
    callbacks: Sequence[Any] | None = None,
    max_concurrent_trials: int | None = None,
) -> ExperimentAnalysis:
    """Run a search as `Tuner` does, with all arguments in one place.

    Args:
        run_or_experiment: the trainable.
        name: as in `RunConfig`.
        metric: as in `TuneConfig`.
        mode: as in `TuneConfig`.
        stop: as in `RunConfig`.
        time_budget_s: as in `TuneConfig`.
        config: the ``param_space``.
        resources_per_trial: as in `with_resources`.
        num_samples: as in `TuneConfig`.
        storage_path: as in `RunConfig`.
        search_alg: as in `TuneConfig`, or its name.
        scheduler: as in `TuneConfig`, or its name.
        checkpoint_config: as in `RunConfig`.
        verbose: as in `RunConfig`.
        progress_reporter: without effect.
        trial_name_creator: as in `TuneConfig`.
        trial_dirname_creator: as in `TuneConfig`.
        max_failures: as in `FailureConfig`.
        fail_fast: as in `FailureConfig`.
        resume: go on with the experiment of this name, if there is one.
        reuse_actors: without effect.
        raise_on_failed_trial: raise an error in the end if a trial failed.
        callbacks: as in `RunConfig`.
        max_concurrent_trials: as in `TuneConfig`.

    Returns:
        what came of it.

    Raises:
        TuneError: a trial failed.
    """
    trainable = trainable_of(run_or_experiment)
    if resources_per_trial:
        trainable = with_resources(trainable, resources_per_trial)
    failure = FailureConfig(max_failures, fail_fast)
    where = RunConfig(name, storage_path, failure, checkpoint_config, verbose, stop, callbacks, progress_reporter)
    how = TuneConfig(
        mode, metric, search_alg, scheduler, num_samples, max_concurrent_trials, time_budget_s, reuse_actors,
        trial_name_creator, trial_dirname_creator,
    )  # fmt: skip
    if resume and name is not None and Tuner.can_restore(where.folder / name):
        tuner = Tuner.restore(where.folder / name, trainable)
    else:
        tuner = Tuner(trainable, param_space=config, tune_config=how, run_config=where)
    tuner.fit()
    analysis = tuner._results(ExperimentAnalysis)
    if raise_on_failed_trial and analysis.errors:
        raise TuneError(f"{analysis.num_errors} of {len(analysis)} trials failed; the first: {analysis.errors[0]}")
    return analysis


__getattr__ = refuser(__name__)
