"""`trial.epochs`: a loop that is paused or killed goes on as if it had not been, without PyTorch."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections import Counter, deque
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.artifacts.local import LocalStore
from tunesmith.errors import ArtifactError
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, Pruner

LAST = 6


class EachEpoch(Pruner):
    """Pauses a trial after each of its first epochs, and goes on with the first of those that pause."""

    resumes = True

    def decide(self, curves: Curves, number: int, step: int) -> Decision:
        return Decision.PAUSE if step < LAST else Decision.CONTINUE

    def resume(self, history: History, rng: np.random.Generator, may_begin: bool) -> int | None:
        return history.paused[0] if history.paused else None


class Walk:
    """A model whose parameter moves at random."""

    def __init__(self) -> None:
        self.weight = 0.0

    def step(self, rate: float) -> None:
        self.weight += rate * (random.random() + np.random.random())

    def state_dict(self) -> dict[str, float]:
        return {"weight": self.weight}

    def load_state_dict(self, state: dict[str, float]) -> None:
        self.weight = state["weight"]


def train(trial: ts.Trial, **options: Any) -> float:
    rate = trial.suggest_float("rate", 0.1, 1)
    model, seen, own = Walk(), [], np.random.default_rng(7)
    state = {"model": model, "seen": seen, "own": own, "best": 0.0}
    for epoch in trial.epochs(LAST, state, **options):
        model.step(rate)
        seen.append(epoch)
        state["best"] = max(state["best"], model.weight + own.random())
        trial.report(state["best"], epoch)
        if trial.should_prune():
            raise ts.TrialPruned
    assert seen == list(range(1, LAST + 1)), "no epoch twice, none left out"
    return state["best"]


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    return None if request.param == "memory" else tmp_path / "tune.db"


def results(study: ts.Study) -> list[tuple[Any, ...]]:
    return [(t.state, t.value, dict(t.intermediate_values)) for t in study.trials]


def made(storage: Any = None, pruner: Any = "nop") -> ts.Study:
    return ts.create_study(storage=storage, seed=0, sampler="random", pruner=pruner)


def test_a_paused_loop_ends_with_the_same_numbers(storage: Any) -> None:
    paused, undisturbed = made(storage, EachEpoch()), made()
    undisturbed.optimize(train, n_trials=3)
    paused.optimize(train, n_trials=3)
    assert results(paused) == results(undisturbed)
    assert [t.attempt for t in paused.trials] == [LAST] * 3


def test_a_loop_that_saves_now_and_then_pauses_where_it_is(storage: Any) -> None:
    """A checkpoint that is not due is made when the trial pauses."""
    undisturbed = made()
    undisturbed.optimize(train, n_trials=3)
    for options in ({"checkpoint_every": 100}, {"checkpoint_every": "1 h", "background": True}, {"background": True}):
        where = None if storage is None else storage.with_name(f"{len(options)}{options.get('checkpoint_every')}.db")
        paused = made(where, EachEpoch())
        paused.optimize(lambda trial, options=options: train(trial, **options), n_trials=3)
        assert results(paused) == results(undisturbed)


def saved_at(every: Any, last: int, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return after which epochs a checkpoint was published; each takes a minute."""
    study = made()
    trial, now = study.ask(), [0.0]
    monkeypatch.setattr("tunesmith.trial.epochs.time", SimpleNamespace(monotonic=lambda: now[0]))
    found = []
    for epoch in trial.epochs(last + 1, {"a": 1}, checkpoint_every=every):
        now[0] += 60
        trial.report(1.0, epoch)
        found.append(int(next(iter(trial.artifacts)).rpartition("/")[2]))
        if epoch == last:
            break
    return sorted(set(found))


@pytest.mark.parametrize(
    ("every", "epochs"),
    [(1, [1, 2, 3, 4, 5, 6, 7]), (3, [1, 4, 7]), ("2 min", [1, 3, 5, 7]), ("150 s", [1, 4, 7]), ("1 h", [1])],
)
def test_checkpoints_at_each_so_many_reports_or_minutes(
    every: Any, epochs: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert saved_at(every, 7, monkeypatch) == epochs


def test_the_users_own_files_are_saved_now_and_then() -> None:
    study = made(pruner=EachEpoch())

    def objective(trial: ts.Trial) -> float:
        file = trial.checkpoint_dir / "mine"
        for epoch in trial.epochs(LAST):
            begun.append(epoch)
            if trial.checkpoint_due(100):
                file.write_text(str(epoch))
            trial.report(1.0, epoch)
            if trial.should_prune():
                file.write_text(str(epoch))
                raise ts.TrialPruned
        return 1.0

    begun: list[int] = []
    study.optimize(objective, n_trials=1)
    assert begun == list(range(1, LAST + 1))


def test_a_thread_writes_one_checkpoint_at_a_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The training goes on meanwhile; what goes wrong is told at the next checkpoint; the end waits for the last."""
    study = made(tmp_path / "tune.db")
    trial, state = study.ask(), {"a": 0}
    take, may_go, inside = LocalStore.take, threading.Event(), threading.Semaphore(0)

    def slow(self: LocalStore, space: str, folder: Path) -> Any:
        inside.release()
        assert may_go.wait(60)
        return take(self, space, folder)

    loop = iter(trial.epochs(9, state, background=True))

    def epoch() -> list[str]:
        state["a"] = next(loop)
        trial.report(1.0, state["a"])
        return list(trial.artifacts)

    assert epoch() == ["checkpoint/1"], "the first one is written at once"
    monkeypatch.setattr(LocalStore, "take", slow)
    assert epoch() == ["checkpoint/1"]
    assert inside.acquire(timeout=60)
    state["a"] = -1  # the state was copied
    may_go.set()
    assert set(epoch()) <= {"checkpoint/2", "checkpoint/3"}, "the second one is whole before the third begins"
    trial.link.settle(False)
    assert list(trial.artifacts) == ["checkpoint/3"]

    def full(self: LocalStore, space: str, folder: Path) -> Any:
        inside.release()
        raise ArtifactError("the disk is full")

    while inside.acquire(blocking=False):
        pass
    monkeypatch.setattr(LocalStore, "take", full)
    assert epoch() == ["checkpoint/3"]
    assert inside.acquire(timeout=60)
    monkeypatch.setattr(LocalStore, "take", take)
    with pytest.warns(UserWarning, match="checkpoint at step 4 cannot be kept: the disk is full"):
        epoch()
    study.engine.interrupt_all()
    state = {"a": 0}
    again = study.ask()
    assert list(again.epochs(9, state, background=True)) == [6, 7, 8, 9]
    assert state == {"a": 5}
    study.tell(again, 1.0)
    assert not study.artifacts.everything()


def test_a_killed_loop_ends_with_the_same_numbers(tmp_path: Path) -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.attempt == 1:
            report = trial.report

            class Dies:
                def __getattr__(self, name: str) -> Any:
                    return getattr(trial, name)

                def report(self, value: float, step: int) -> None:
                    report(value, step)
                    if step == dies_at:
                        os.kill(os.getpid(), signal.SIGKILL)

            return train(Dies())
        return train(trial)

    undisturbed = made()
    undisturbed.optimize(train, n_trials=1)
    for dies_at in (1, 3, LAST):  # after the last report there is still an epoch left, and a value to return
        study = made(tmp_path / f"{dies_at}.db")
        study.optimize(objective, n_trials=1, executor="processes")
        assert results(study) == results(undisturbed)
        assert study.trials[0].attempt == 2


def test_without_a_state_the_loop_follows_the_users_own_checkpoint() -> None:
    def objective(trial: ts.Trial) -> float:
        for epoch in trial.epochs(LAST):
            run.append((epoch, random.random()))
            (trial.checkpoint_dir / "mine").write_text(str(epoch))
            trial.report(1.0, epoch)
            if trial.should_prune():
                raise ts.TrialPruned
        return 1.0

    run: list[Any] = []
    made(pruner=EachEpoch()).optimize(objective, n_trials=1)
    assert [epoch for epoch, _ in run] == list(range(1, LAST + 1))
    assert len({number for _, number in run}) == LAST, "each attempt has random numbers of its own"


def test_a_record_in_the_place_of_a_trial_runs_all_epochs() -> None:
    study = made()
    study.optimize(train, n_trials=1)
    assert train(study.best_trial) > 0
    trial = study.ask()
    trial.link.connect(None)
    assert list(trial.epochs(3, {"a": 1})) == [1, 2, 3]


def test_epochs_that_are_reported_now_and_then(tmp_path: Path) -> None:
    study = made(tmp_path / "tune.db")
    trial = study.ask()
    seen: list[int] = []
    for epoch in trial.epochs(10, {"seen": seen}):
        seen.append(epoch)
        if epoch % 3 == 0:
            trial.report(1.0, epoch)
        if epoch == 8:
            break
    trial.report(1.0, 100)  # after the loop: no state of an epoch
    study.release([trial.number])
    again = study.ask()
    seen = []
    assert next(iter(again.epochs(10, {"seen": seen}))) == 7
    assert seen == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ((0, None), ValueError, "1 or more"),
        ((2.5, None), TypeError, "whole number"),
        ((True, None), TypeError, "whole number"),
        ((3, [1]), TypeError, "dict of names"),
        ((3, {1: 2}), TypeError, "dict of names"),
    ],
)
def test_wrong_arguments(arguments: tuple[Any, Any], error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        made().ask().epochs(*arguments)


@pytest.mark.parametrize("every", [0, -1, 2.5, True, None, "", "0 s", "10", "ten minutes", "-5 min", "10 parsecs"])
def test_wrong_times_of_checkpoints(every: Any) -> None:
    words = r'a number of reports from 1 on, or a text with a time such as "10 min"'
    with pytest.raises((TypeError, ValueError), match=words):
        made().ask().epochs(3, {"a": 1}, checkpoint_every=every)
    with pytest.raises((TypeError, ValueError), match=words):
        made().ask().checkpoint_due(every)


def test_a_second_loop_with_a_state_is_refused() -> None:
    trial = made().ask()
    assert list(trial.epochs(1, {"a": 1})) == [1]
    with pytest.raises(RuntimeError, match="called before"):
        trial.epochs(1, {"a": 1})


class OneOfMany:
    """Pickles in its own way, and holds a model."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def __getstate__(self) -> Any:
        return {"model": self.model}

    def __setstate__(self, state: Any) -> None:
        self.model = state["model"]


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ({"f": lambda: 1}, r"state\['f'\] cannot be saved: .*lambda.*; give it state_dict and load_state_dict"),
        ({"nets": [Walk(), {"lock": threading.Lock()}]}, r"state\['nets'\]\[1\]\['lock'\] cannot be saved: .*lock"),
        ({"all": SimpleNamespace(a=(1, open))} | {"x": (i for i in ())}, r"state\['x'\] cannot be saved: .*generator"),
        (
            {"nets": {Walk(), Walk()}},
            r"state\['nets'\], a set, holds a Walk, which cannot be given back in place there: ",
        ),
        ({"by": {Walk: 1, "of": [OneOfMany(Walk())]}}, r"state\['by'\]\['of'\]\[0\], a OneOfMany, holds a Walk"),
    ],
)
def test_what_cannot_be_given_back_is_named_before_the_first_epoch(state: dict[str, Any], words: str) -> None:
    with pytest.raises(TypeError, match=words):
        made().ask().epochs(3, state)


def test_what_comes_later_and_cannot_be_saved_is_told() -> None:
    trial, state = made().ask(), {"f": 1}
    loop: Any = iter(trial.epochs(3, state))
    next(loop)
    state["f"] = lambda: 1
    with pytest.raises(TypeError, match=r"the state after epoch 1 cannot be saved: .*lambda.* must be picklable"):
        trial.report(1.0, 1)
    assert not list(trial.checkpoint_dir.iterdir())


@dataclass
class Kept:
    """What a loop may keep, in the forms that it may have."""

    walks: tuple[Walk, Walk]
    own: np.random.Generator
    seen: list[int] = field(default_factory=list)
    best: float = 0.0


@dataclass(frozen=True, slots=True)
class Fixed:
    walk: Walk
    n: int


class Pair(NamedTuple):
    walk: Walk
    n: int


class Slotted:
    __slots__ = ("n", "walk")

    def __init__(self, walk: Walk) -> None:
        self.walk, self.n = walk, 0


def train_all(trial: ts.Trial, **options: Any) -> float:
    """Use all objects by names of the loop's own, which have to stay those of the state."""
    rate = trial.suggest_float("rate", 0.1, 1)
    walks = [Walk() for _ in range(9)]
    own, legacy, plain = np.random.default_rng(1), np.random.RandomState(2), random.Random(3)
    kept, late = Kept((walks[0], walks[1]), own), SimpleNamespace(walk=walks[2], rate=rate, made=None)
    array, window, slotted, counts = np.zeros(3), deque([0.0], maxlen=4), Slotted(walks[3]), Counter({"a": 1})
    names, shared = {"x"}, [1.0]
    state: dict[str, Any] = {
        "kept": kept,
        "nest": {"deep": [{"walk": walks[4], "again": walks[0]}, (walks[5], "text"), None], 3: {"late": late}},
        "pair": Pair(walks[6], 0),
        "fixed": Fixed(walks[7], 0),
        "more": [array, window, slotted, counts, names, legacy, plain, shared, shared],
        "trainer": SimpleNamespace(trial=trial, walk=walks[8], shared=shared),
        "n": 0,
    }
    state["itself"] = state["nest"]
    for epoch in trial.epochs(LAST, state, **options):
        assert state["trainer"].trial is trial
        assert state["itself"] is state["nest"]
        for walk in (*walks, state["pair"].walk, state["fixed"].walk, state["nest"]["deep"][0]["again"]):
            walk.step(rate)
        array += own.random(3) + plain.random() + legacy.rand()
        window.append(float(array[0]))
        kept.seen.append(epoch)
        kept.best = max(kept.best, sum(walk.weight for walk in walks))
        slotted.n += 1
        counts["b"] += epoch
        names.add(str(epoch))
        shared[0] += epoch
        late.made = late.made or Walk()  # which is made in the first epoch
        late.made.step(rate)
        late.walk = state["nest"]["deep"][0]["walk"]  # two names of one from now on
        state["pair"] = state["pair"]._replace(n=epoch)
        state["fixed"] = replace(state["fixed"], n=epoch)
        state["nest"]["deep"][2] = f"epoch {epoch}"
        state["n"] += 1
        kept.walks = kept.walks[::-1]  # places change, the objects do not
        trial.report(kept.best, epoch)
        if trial.should_prune():
            raise ts.TrialPruned
    assert kept.seen == list(range(1, LAST + 1))
    assert (slotted.n, state["n"], state["pair"].n, state["fixed"].n) == (LAST,) * 4
    assert late.walk is walks[4]
    assert state["trainer"].shared is shared is state["more"][-1] is state["more"][-2]
    assert set(map(id, kept.walks)) == {id(walks[0]), id(walks[1])}
    total = [walk.weight for walk in walks] + [late.made.weight, *array, *window, *shared, own.random()]
    return float(sum(total)) + plain.random() + legacy.rand() + sum(counts.values()) + len(names)


@pytest.mark.parametrize("options", [{}, {"background": True}])
def test_containers_of_all_sorts_keep_their_objects(storage: Any, options: dict[str, Any]) -> None:
    paused, undisturbed = made(storage, EachEpoch()), made()
    undisturbed.optimize(train_all, n_trials=2)
    paused.optimize(lambda trial: train_all(trial, **options), n_trials=2)
    assert results(paused) == results(undisturbed)
    assert [t.attempt for t in paused.trials] == [LAST] * 2


def test_models_of_scikit_learn_in_a_list_are_those_of_the_loop() -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    rows = np.random.default_rng(0).normal(size=(60, 3))
    labels = (rows[:, 0] > 0).astype(int)

    def train(trial: ts.Trial) -> float:
        models = [linear.SGDClassifier(alpha=a, random_state=0) for a in (1e-3, 1e-1)]
        first, state = models[0], {"models": {"all": models, "mean": np.zeros(3)}, "score": 0.0}
        for epoch in trial.epochs(LAST, state):
            for model in models:
                some = np.random.permutation(60)[:20]
                model.partial_fit(rows[some], labels[some], classes=[0, 1])
            state["score"] = float(first.decision_function(rows).sum())
            trial.report(state["score"], epoch)
            if trial.should_prune():
                raise ts.TrialPruned
        return float(sum(model.coef_.sum() for model in (first, models[1])))

    paused, undisturbed = made(pruner=EachEpoch()), made()
    undisturbed.optimize(train, n_trials=1)
    paused.optimize(train, n_trials=1)
    assert results(paused) == results(undisturbed)


def test_objects_that_are_elsewhere_in_the_next_run_are_named() -> None:
    study = made()
    again = next_attempt(study, study.ask(), {"nets": [Walk(), Walk()]})
    with pytest.raises(
        ValueError, match=r"state\['nets'\]\[1\] is an object with a state of its own in the checkpoint"
    ):
        again.epochs(3, {"nets": [Walk()]})
    with pytest.raises(ValueError, match=r"state\['nets'\]\[2\] is an object with a state of its own in state="):
        again.epochs(3, {"nets": [Walk(), Walk(), Walk()]})


def test_an_object_that_takes_the_place_of_another_is_saved_there() -> None:
    study = made()
    first = study.ask()
    state: dict[str, Any] = {"model": Walk()}
    loop = iter(first.epochs(3, state))
    next(loop)
    state["model"] = Walk()
    state["model"].weight = 7.0
    first.report(1.0, 1)
    study.release([first.number])
    model = Walk()
    study.ask().epochs(3, {"model": model})
    assert model.weight == 7.0


def next_attempt(study: ts.Study, trial: ts.Trial, state: dict[str, Any]) -> ts.Trial:
    loop = iter(trial.epochs(3, state))
    next(loop)
    trial.report(1.0, 1)
    study.release([trial.number])
    return study.ask()


def test_other_names_than_those_that_were_saved() -> None:
    study = made()
    again = next_attempt(study, study.ask(), {"a": 1})
    with pytest.raises(ValueError, match=r"holds \['a'\], and state= has \['b'\]"):
        again.epochs(3, {"b": 1})


def test_a_file_that_cannot_be_read_begins_anew() -> None:
    study = made()
    again = next_attempt(study, study.ask(), {"a": 1})
    (again.checkpoint_dir / "epochs.pickle").write_bytes(b"half")
    with pytest.warns(UserWarning, match="cannot be read, so that the training begins anew"):
        assert list(again.epochs(3, {"a": 1})) == [1, 2, 3]


def test_a_disk_that_is_full_keeps_the_checkpoint_before(monkeypatch: pytest.MonkeyPatch) -> None:
    study = made()
    trial = study.ask()
    state = {"a": 0}
    for epoch in trial.epochs(4, state):
        state["a"] = epoch
        if epoch == 2:

            def full(*_: Any) -> None:
                raise OSError(28, "No space left on device")

            monkeypatch.setattr(os, "replace", full)
            with pytest.warns(UserWarning, match="the one before stays: .*No space left"):
                trial.report(1.0, epoch)
            break
        trial.report(1.0, epoch)
    monkeypatch.undo()
    assert list(trial.artifacts) == ["checkpoint/1"]
    study.release([trial.number])
    state = {"a": 0}
    assert list(study.ask().epochs(4, state)) == [2, 3, 4]
    assert state == {"a": 1}


def test_no_deep_learning_library_is_imported() -> None:
    program = (
        "import sys, tunesmith as ts\n"
        "def f(trial):\n"
        "    for e in trial.epochs(3, {'a': 1}): trial.report(1.0, e)\n"
        "    return 1.0\n"
        "ts.create_study(sampler='random').optimize(f, n_trials=2)\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


def test_states_are_those_of_running_trials() -> None:
    """What a loop saved is removed when the trial has ended."""
    study = made(pruner=EachEpoch())
    study.optimize(train, n_trials=2)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 2
    assert not any(study.artifacts.of(t.number) for t in study.trials)
