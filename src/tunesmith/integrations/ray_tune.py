"""A search algorithm of Ray Tune: Tune runs the trials, a study of tunesmith proposes them and keeps the results."""

from __future__ import annotations

import math
import os
import pickle
from copy import copy
from typing import Any

from ray.tune.result import DEFAULT_METRIC
from ray.tune.search import Searcher, sample
from ray.tune.search.variant_generator import parse_spec_vars
from ray.tune.utils.util import flatten_dict, unflatten_dict

from tunesmith.errors import AttemptReplacedError, SpaceExhaustedError, TrialFinishedError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import real
from tunesmith.foundation.warnings import caution
from tunesmith.foundation.worker_names import DRIVER_MARK, current_worker
from tunesmith.space import Categorical, Float, Int, Parameter, Space
from tunesmith.study import Study, create_study
from tunesmith.trial import Trial
from tunesmith.trial.record import FrozenTrial

# -- converts a search space of Ray Tune to one of ours -------------------------------------------------------------


def space_of_config(config: dict[str, Any]) -> Space:
    """Return the space of a ``param_space``; parameters of nested dicts are named by their path.

    Raises:
        ValueError: something in it has no counterpart: ``grid_search``, ``sample_from``, ``randn``.
    """
    _, domains, grids = parse_spec_vars(config)
    if grids:
        raise ValueError(
            f"grid_search of {'/'.join(map(str, grids[0][0]))!r}: write tune.choice([...]) instead; "
            "TunesmithSearch(sampler='grid') runs all combinations"
        )
    return Space({"/".join(map(str, path)): _parameter("/".join(map(str, path)), domain) for path, domain in domains})


def _parameter(name: str, domain: Any) -> Parameter:
    sampler, step = domain.get_sampler(), None
    if isinstance(sampler, sample.Quantized):
        sampler, step = sampler.get_sampler(), sampler.q
    log = isinstance(sampler, sample.LogUniform)
    if isinstance(domain, sample.Categorical):
        return Categorical(list(domain.categories))
    if not log and not isinstance(sampler, sample.Uniform):
        raise ValueError(
            f"{name!r}: TunesmithSearch knows uniform, randint and choice, with log and with steps; got {domain}"
        )
    whole = isinstance(domain, sample.Integer)
    low, high = domain.lower, domain.upper
    if whole and step in (None, 1):
        return Int(low, high - 1, log=log)  # Tune's upper end is no value
    if step is None:
        return Float(low, high, log=log)
    if log:
        raise ValueError(f"{name!r}: a parameter has log or steps, not both; leave out the q of {domain}")
    low, high = math.ceil(low / step) * step, math.floor(high / step) * step  # Tune's values are multiples of the step
    return Int(low, high, step=step) if whole else Float(low, high, step=step)


STORAGE_VARIABLE = "TUNESMITH_STORAGE"
STEP_RESULT = "training_iteration"  # what Tune numbers the results of a trial by


class TunesmithSearch(Searcher):
    """Proposes the trials of a Ray Tune experiment from a study, and records their results there.

    What Tune saves of it is the name of the study, where that is kept, and which Tune trial is which trial of the
    study; so ``Tuner.restore`` goes on, and other programs can look at the study, or search it too, meanwhile.

    Args:
        storage: where the study is kept: a file or a URL, not memory. It is saved with the experiment, so give a URL
            without its password, or none: then it is read from the environment variable TUNESMITH_STORAGE.
        study_name: of the study; it is made if there is none.
        space: what to search, in any form that `Space` takes; None: the domains in Tune's ``param_space``.
        metric: which result counts; None: that of the ``TuneConfig``.
        mode: "min" or "max"; None: that of the ``TuneConfig``.
        sampler: a name of the registry; None: the default.
        seed: of a new study.

    Raises:
        ValueError: there is no storage, or a domain that cannot be searched.
    """

    @checked()
    def __init__(
        self,
        storage: str | os.PathLike[str] | None = None,
        study_name: str = "ray-tune",
        *,
        space: Any = None,
        metric: str | None = None,
        mode: str | None = None,
        sampler: str | None = None,
        seed: int | None = None,
    ) -> None:
        super().__init__(metric=metric, mode=mode)
        self.storage = None if storage is None else os.fspath(storage)
        if self.storage is None and not os.environ.get(STORAGE_VARIABLE):
            raise ValueError(
                f"TunesmithSearch needs a storage that outlives Tune: give a file, a URL, or set {STORAGE_VARIABLE}"
            )
        self.study_name = study_name
        self.sampler = sampler
        self.seed = seed
        self._metric, self._mode = metric, mode
        self._space = None if space is None else Space(space) if not isinstance(space, Space) else space
        self._constants: dict[str, Any] = {}
        self._trials: dict[str, Trial] = {}  # by Tune's id; those that run
        self._repeats: dict[str, dict[str, Any]] = {}  # parameters of those that Tune runs again though they have ended
        self._known: set[int] = set()  # the trials that Tune was given, and has not forgotten
        self._forgotten: list[Trial | FrozenTrial] = []  # those that Tune has; they are given to it again
        self._drivers: set[str] = set()  # the processes that proposed them
        self._study: Study | None = None

    @property
    def study(self) -> Study:
        """The study, opened when it is first needed.

        Raises:
            RuntimeError: Tune has not said yet what to search, or what to optimise.
        """
        if self._study is None:
            if self._space is None or self._mode is None:
                raise RuntimeError(
                    "there is nothing to search: give TunesmithSearch space= or Tune a param_space=, and mode="
                )
            self._study = create_study(
                storage=self.storage or os.environ.get(STORAGE_VARIABLE),
                study_name=self.study_name,
                load_if_exists=True,
                direction="minimize" if self._mode == "min" else "maximize",
                sampler=self.sampler,
                seed=self.seed,
                space=self._space,
            )
            # The trials run in processes of Ray, and do not die with this one by their own fault.
            self._study.worker = current_worker() + DRIVER_MARK
            self._drivers.add(self._study.worker)
        return self._study

    # -- what Tune calls -----------------------------------------------------------------------------------------

    def set_search_properties(self, metric: str | None, mode: str | None, config: dict[str, Any], **spec: Any) -> bool:
        """Take metric, mode and, if there is none yet, the space from Tune.

        Args:
            metric: which result counts.
            mode: "min" or "max".
            config: Tune's ``param_space``.
            **spec: more about the experiment, which is not used.

        Returns:
            Whether they are taken: False if there are two spaces.
        """
        _, domains, grids = parse_spec_vars(config)
        if self._study is None and (domains or grids):
            if self._space is not None:
                return False
            self._space = space_of_config(config)
        for name, value in flatten_dict(config, prevent_delimiter=True).items():
            if not isinstance(value, sample.Domain):  # the same in all trials
                self._constants[name] = value
        self._metric = self._metric or metric or DEFAULT_METRIC
        self._mode = self._mode or mode
        return self._space is not None and self._mode is not None

    def suggest(self, trial_id: str) -> Any:
        """Return the parameters of a trial of Tune's; the constant ``FINISHED`` if the space is exhausted."""
        if trial_id not in self._trials and trial_id not in self._repeats:
            try:
                found = self._forgotten.pop(0) if self._forgotten else self.study.ask()
            except SpaceExhaustedError:
                return Searcher.FINISHED
            self._known.add(found.number)
            if isinstance(found, Trial):
                self._trials[trial_id] = found
            else:
                self._repeats[trial_id] = found.flat_params
        params = self._repeats[trial_id] if trial_id in self._repeats else self._trials[trial_id].params
        return unflatten_dict({**self._constants, **params})

    def on_trial_result(self, trial_id: str, result: dict[str, Any]) -> None:
        """Report a result of a running trial.

        Args:
            trial_id: Tune's name of the trial.
            result: what it said.
        """
        trial, value = self._trials.get(trial_id), self._value(result)
        step = result.get(STEP_RESULT)
        if trial is None or value is None or step is None or int(step) in (trial.reports or {}):
            return
        try:
            trial.report(value, int(step))
        except AttemptReplacedError as error:
            caution(str(error))

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Record how a trial ended.

        Args:
            trial_id: Tune's name of the trial.
            result: its last result.
            error: whether it failed.
        """
        trial = self._trials.get(trial_id)
        if trial is None:
            return
        value = None if error else self._value(result or {})
        try:
            if value is None:
                why = "Ray Tune says that it failed" if error else f"its last result has no number {self._metric!r}"
                self.study.tell(trial, state=TrialState.FAIL, reason=why)
            else:
                self.study.tell(trial, value)
        except (AttemptReplacedError, TrialFinishedError) as replaced:  # meanwhile, while Tune was away
            caution(str(replaced))
        del self._trials[trial_id]

    def save(self, checkpoint_path: str) -> None:
        """Write what there is to know to a file; the results are in the study."""
        with open(checkpoint_path, "wb") as file:
            pickle.dump(self.get_state(), file)

    def restore(self, checkpoint_path: str) -> None:
        """Go on with the study and the trials of a file that ``save`` wrote."""
        with open(checkpoint_path, "rb") as file:
            self.set_state(pickle.load(file))

    def get_state(self) -> dict[str, Any]:
        """Return what ``save`` writes: where the study is, and which trial is which."""
        copied = {name: copy(value) for name, value in self.__dict__.items() if isinstance(value, dict | set | list)}
        return {**self.__dict__, **copied, "_study": None, "_forgotten": []}

    def set_state(self, state: dict[str, Any]) -> None:
        """Take what `get_state` returned. Trials whose driver died meanwhile become attempts of this one."""
        self.__dict__.update(state)
        if self._known:
            self._take_over()

    # -- the parts -----------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        return self.get_state()

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)

    def _take_over(self) -> None:
        """Find the trials of a driver that died again, before anybody else does.

        Those that Tune knows as running go on under their names. Those that have ended since it was saved, it runs
        again, which changes nothing. It has forgotten those that were proposed since: they are its next proposals.
        Those that are not to be had keep what they were: they may run still, or another worker took them.
        """
        study = self.study
        study.recover()
        names = {trial.number: name for name, trial in self._trials.items()}
        while any(t.number in names for t in study.get_trials(states=[TrialState.WAITING])):
            trial = study.ask()
            if trial.number in names:
                self._trials[names[trial.number]] = trial
            else:
                self._forgotten.append(trial)
        ended = [t for t in study.trials if t.state.is_finished() and t.worker in self._drivers]
        for done in ended:
            if done.number in names:
                self._repeats[names[done.number]] = done.flat_params
                del self._trials[names[done.number]]
            elif done.number not in self._known:
                self._forgotten.append(done)
        for trial in self._trials.values():
            study.connect(trial)

    def _value(self, result: dict[str, Any]) -> float | None:
        """Return the number that counts in a result of Tune's; None if it has none."""
        try:
            return real(flatten_dict(result)[self._metric])
        except (KeyError, TypeError, ValueError):
            return None
