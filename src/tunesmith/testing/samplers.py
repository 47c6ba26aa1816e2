"""The laws of samplers, as a pytest class to derive from."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.history.costs import TRIAL, CostClass
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.space import Categorical, Float, Int, Ordinal, Permutation, Space, Subset
from tunesmith.storage.base import Storage
from tunesmith.study import Study, create_study, load_study
from tunesmith.testing.conformance import Conformance
from tunesmith.testing.histories import Script, histories, spaces, tell_history
from tunesmith.trial import Trial

# -- small studies of every kind, which the suite of samplers runs, stops and resumes -------------------------------

COURSE_STUDY = "course"


@dataclass(frozen=True)
class Course:
    """An objective and its space.

    Attributes:
        name: what it is an example of.
        objective: takes a trial, or the parameters as a dict if a space is declared.
        directions: one for each objective.
        space: the declared space; None: the objective defines it as it runs.
        searched: the space that a sampler sees in the end.
    """

    name: str
    objective: Callable[[Any], Any]
    searched: Space
    directions: tuple[str, ...] = ("minimize",)
    space: Space | None = None

    def start(self, sampler: Sampler, storage: Storage | None, seed: int) -> Study:
        """Create the study."""
        return create_study(
            storage=storage,
            sampler=sampler,
            study_name=COURSE_STUDY,
            directions=list(self.directions),
            seed=seed,
            space=self.space,
        )

    def load(self, sampler: Sampler, storage: Storage) -> Study:
        """Load the study from a storage that holds it, into new objects."""
        study = load_study(study_name=COURSE_STUDY, storage=storage, sampler=sampler)
        if self.space is not None:
            study.declare(self.space)
        return study

    def run(self, study: Study, n_trials: int) -> None:
        """Run some trials; failures do not stop the study."""
        study.optimize(self.objective, n_trials=n_trials, space=self.space, catch=(ArithmeticError,))

    def points(self, study: Study) -> list[tuple[int, str, dict[str, Any], Any]]:
        """Return number, state, parameters and values of each trial."""
        return [(t.number, t.state.name, t.params, t.values) for t in study.trials]


def _by_run(trial: Trial) -> float:
    x = trial.suggest_float("x", -1, 1)
    model = trial.suggest_categorical("model", ["linear", "tree"])
    if model == "linear":
        return x**2 + trial.suggest_float("rate", 1e-4, 1, log=True)
    depth = trial.suggest_int("depth", 1, 4)
    if x > 0.7:
        raise ArithmeticError("the run diverged")
    return float("nan") if x < -0.9 else x**2 + 1 / depth


def _declared_loss(params: dict[str, Any]) -> float:
    return float(params["x"] ** 2 + params.get("rate", 0.3))


def _low_below_high(params: dict[str, Any]) -> float:
    if params["high"] - params["low"] == 1:
        raise ArithmeticError("too near")
    return float(params["high"] - params["low"])


def _two(trial: Trial) -> tuple[float, float]:
    x = trial.suggest_float("x", 0, 1)
    k = trial.suggest_int("k", 1, 9)
    trial.set_constraint("size", k - 7)
    return x, (1 - x) * k


_MODELS = Space(
    x=Float(-1, 1),
    model=["linear", "tree"],
    rate=Float(1e-4, 1, log=True).when(model="linear"),
    depth=Int(1, 4).when(model="tree"),
)
_FLAT = Space({name: p.with_condition(None) for name, p in _MODELS.params.items()})
_ORDERED = Space(low=Int(0, 9), high=Int(0, 9), kind=Categorical(["a", "b"]), constraints=lambda low, high: low < high)
COURSES = (
    Course("define-by-run", _by_run, _FLAT),
    Course("conditional", _declared_loss, _MODELS, space=_MODELS),
    Course("constrained", _low_below_high, _ORDERED, space=_ORDERED, directions=("maximize",)),
    Course("two-objectives", _two, Space(x=Float(0, 1), k=Int(1, 9)), directions=("minimize", "maximize")),
)


Maker = Callable[[], Sampler]

# Each law runs for every sampler, so it gets a part of the examples; the fixtures only hand out a function, so it does
# no harm that examples and derived classes share them.
laws = settings(
    max_examples=max(10, settings().max_examples // 4),
    suppress_health_check=[*HealthCheck],
)

UNUSUAL: dict[str, Space] = {
    "one float": Space(x=Float(-1, 1)),
    "one choice": Space(c=Categorical(["only"])),
    "one constant": Space(x=Float(2, 2)),
    "constants": Space(x=Float(0.1, 0.1, log=True), k=Int(3, 3), n=Int(7, 7, log=True), s=Float(1, 1, step=0.5)),
    "constant among others": Space(k=Int(3, 3), x=Float(0, 1), c=Categorical([None]), o=Ordinal([1, 2, 3])),
    "thirty": Space({f"x{i}": Float(1e-3, 1, log=i % 2 == 0) for i in range(30)}),
    "wide": Space(x=Float(-1e300, 1e300 / 2), y=Float(1e-300, 1e300, log=True), k=Int(-(2**49), 2**49 - 2)),
    "nested": Space(
        a=["p", "q"],
        b=Categorical(["r", "s"]).when(a="p"),
        c=Float(0, 1).when(b="s"),
        d=Int(1, 4).when(a=["p", "q"], b="r"),
    ),
    "many orders": Space(a=Permutation(range(17)), s=Subset(range(49)), k=Int(1, 3)),
    "one order": Space(a=Permutation(["only"]), s=Subset(["only"], 1), e=Subset(["only"], 0, 0)),
    "none": Space(),
}

ENDLESS = Space(x=Float(0, 1), n=Int(1, 50, log=True), c=["a", "b"], y=Float(-1, 1).when(c="b"))
FINITE = Space(a=Int(0, 19), b=Ordinal([1, 2, 4, 8, 16]), c=["a", "b", "c"])


@st.composite
def scripts(draw: st.DrawFn) -> Script:
    """A space of any kind and what happens in it."""
    space = draw(spaces(constrained=draw(st.integers(0, 4)) == 0, finite=draw(st.booleans())))
    return draw(histories(space))


class SamplerConformance(Conformance):
    """Derive from it and give the fixture `make_sampler`; each test is one law.

    Example::

        class TestMySampler(SamplerConformance):
            @pytest.fixture
            def make_sampler(self):
                return MySampler
    """

    @pytest.fixture
    def make_sampler(self) -> Maker:
        """Return a function that makes a new sampler; all that it makes are alike."""
        raise NotImplementedError("give the fixture make_sampler, a function that makes the sampler under test")

    def supports(self, sampler: Sampler, space: Space) -> bool:
        """Return whether the sampler can search a space; if it cannot, `ask` must raise a SpaceError.

        Args:
            sampler: the sampler under test.
            space: a space of the suite.

        Returns:
            True, unless you override it.
        """
        return True

    # -- one answer --------------------------------------------------------------------------------------------

    @laws
    @given(script=scripts(), seed=st.integers(0, 2**32 - 1), n=st.integers(1, 5))
    def test_answers_lie_in_the_space(self, make_sampler: Maker, script: Script, seed: int, n: int) -> None:
        """Points of the space, inactive ones NaN, constraints met; whatever failed or is running."""
        sampler = make_sampler()
        assume(self.supports(sampler, script.space))
        story = script.play(sampler, seed)
        x, states = sampler.ask(story.history(), script.space, _rng(seed), n)
        _check_proposals(sampler, script.space, x, states, n)

    @pytest.mark.parametrize("name", UNUSUAL)
    @pytest.mark.parametrize("n", [1, 3])
    def test_unusual_spaces(self, make_sampler: Maker, name: str, n: int) -> None:
        """One parameter or thirty, constants, single choices, ranges of all floats, nested conditions, nothing."""
        space, sampler = UNUSUAL[name], make_sampler()
        if not self.supports(sampler, space):
            pytest.skip(f"{sampler.name} does not search this space")
        history = History(space)
        number = 0
        for _ in range(6):
            x, states = sampler.ask(history, space, _rng(number), n)
            _check_proposals(sampler, space, x, states, n)
            for row, state in zip(x.tolist(), states.tolist(), strict=True):
                history.append(number, TrialState.COMPLETE, space, row, [float(number % 3)], sampler_state=state)
                number += 1

    @laws
    @given(script=scripts(), seed=st.integers(0, 2**32 - 1), n=st.integers(1, 3))
    def test_ask_is_deterministic_and_changes_nothing(
        self, make_sampler: Maker, script: Script, seed: int, n: int
    ) -> None:
        """The same (history, space, rng) give the same answer; history and global random state stay as they are."""
        sampler = make_sampler()
        assume(self.supports(sampler, script.space))
        history = script.play(sampler, seed).history()
        before, shared = _history_digest(history), _global_state()
        first = _asked_bytes(sampler, history, script.space, seed, n)
        assert _asked_bytes(sampler, history, script.space, seed, n) == first, "asked twice, it answers differently"
        np.random.seed(seed)  # the point is that the old global generator makes no difference
        try:
            again = _asked_bytes(sampler, history, script.space, seed, n)
            assert again == first, "it draws from NumPy's global generator; draw from `rng`"
        finally:
            np.random.set_state(shared)
        assert _asked_bytes(make_sampler(), history, script.space, seed, n) == first, "a new object answers differently"
        assert _history_digest(history) == before, "it changed the history"
        assert _global_state()[1].tobytes() == shared[1].tobytes(), "it changed NumPy's global generator"

    @laws
    @given(script=scripts(), seed=st.integers(0, 2**32 - 1))
    def test_what_it_returns_is_the_callers(self, make_sampler: Maker, script: Script, seed: int) -> None:
        """Writing into an answer changes no later one: it is not a view of a cache."""
        sampler = make_sampler()
        assume(self.supports(sampler, script.space))
        history = script.play(sampler, seed).history()
        before = _history_digest(history)
        first = _asked_bytes(sampler, history, script.space, seed, 2)
        x, states = sampler.ask(history, script.space, _rng(seed), 2)
        x[...], states[...] = 0.5, 1
        kept = _asked_bytes(sampler, history, script.space, seed, 2)
        assert kept == first, "the arrays that it returned are still in use; return copies"
        assert _history_digest(history) == before, "the arrays that it returned are those of the history; return copies"

    @pytest.mark.parametrize("dear", list(CostClass))
    def test_measured_seconds_make_no_difference(self, make_sampler: Maker, dear: CostClass) -> None:
        """What was measured differs from run to run; of it a sampler knows what the study found out once."""
        sampler = make_sampler()
        if not self.supports(sampler, ENDLESS):
            pytest.skip(f"{sampler.name} does not search this space")
        answers = set()
        for cost in (1e-6, 3600.0):
            history = History(ENDLESS)
            history.classes = {TRIAL: dear}
            for number, row in enumerate(ENDLESS.sample(_rng(0), 120).tolist()):
                history.append(number, TrialState.COMPLETE, ENDLESS, row, [float(number % 50)], cost=cost)
            answers.add(_asked_bytes(make_sampler(), history, ENDLESS, 0, 1))
        assert len(answers) == 1, "proposals differ with the measured seconds of trials"

    @pytest.mark.parametrize("space", [ENDLESS, FINITE], ids=["endless", "finite"])
    def test_a_batch_among_hundreds_of_running_trials(self, make_sampler: Maker, space: Space) -> None:
        """N points, all in the space; where there are points without end, most are apart, also from those that run."""
        sampler = make_sampler()
        if not self.supports(sampler, space):
            pytest.skip(f"{sampler.name} does not search this space")
        history = History(space)
        for number, row in enumerate(space.sample(_rng(0), 12).tolist()):
            history.append(number, TrialState.COMPLETE, space, row, [float(number % 5)], cost=3600.0)
        tried = {row.tobytes() for row in history.x}
        for size in (130, 7, 1, 1):
            x, states = sampler.ask(history, space, _rng(size), size)
            again = _asked_bytes(make_sampler(), history, space, size, size)
            assert (x.tobytes(), states.tobytes()) == again, "a new object proposes another batch"
            _check_proposals(sampler, space, x, states, size)
            for row, state in zip(x, states.tolist(), strict=True):
                history.begin(len(history) + len(history.running), space, row.tolist(), state)
                tried.add(row.tobytes())
        if space is ENDLESS:
            apart = len(tried) - 12
            assert apart > len(history.running) // 2, (
                f"only {apart} of {len(history.running)} points differ from all others; points of one batch, and those "
                "that run (`history.pending`), are not to be proposed again"
            )

    # -- state is only a cache -----------------------------------------------------------------------------------

    @laws
    @given(script=scripts(), seed=st.integers(0, 2**32 - 1), n=st.integers(1, 3))
    def test_a_new_object_proposes_the_same(self, make_sampler: Maker, script: Script, seed: int, n: int) -> None:
        """An object used all along, a new one and a pickled one agree at every point of a growing history."""
        used = make_sampler()
        assume(self.supports(used, script.space))
        story = script.play(make_sampler(), seed)
        history = History(script.space, script.n_objectives)
        for k, (ended, row) in enumerate(story.events):
            tell_history(history, ended, row)
            answer = _asked_bytes(used, history, script.space, seed + k, n)
            new, copy = make_sampler(), pickle.loads(pickle.dumps(used))
            assert _asked_bytes(new, history, script.space, seed + k, n) == answer, "what it keeps is more than a cache"
            assert _asked_bytes(copy, history, script.space, seed + k, n) == answer, (
                "a pickled copy proposes something else"
            )

    @laws
    @given(script=scripts(), seed=st.integers(0, 2**32 - 1))
    def test_an_object_may_change_between_studies(self, make_sampler: Maker, script: Script, seed: int) -> None:
        """Trials of one study make no difference in another one."""
        used = make_sampler()
        assume(self.supports(used, script.space))
        long = script.play(make_sampler(), seed).history()
        short = History(script.space, script.n_objectives)
        for k, history in enumerate((long, short, long, short)):
            expected = _asked_bytes(make_sampler(), history, script.space, seed + k, 1)
            assert _asked_bytes(used, history, script.space, seed + k, 1) == expected, "it remembers another study"

    @laws
    @given(script=scripts(), seed=st.integers(0, 2**32 - 1))
    def test_rows_may_come_one_by_one_or_at_once(self, make_sampler: Maker, script: Script, seed: int) -> None:
        """How a worker reads the history (append or extend, in which chunks) makes no difference."""
        sampler = make_sampler()
        assume(self.supports(sampler, script.space))
        story = script.play(make_sampler(), seed)
        answer = _asked_bytes(sampler, story.history(), script.space, seed, 2)
        for size in (None, 1, 3):
            for asked in (sampler, make_sampler()):
                again = _asked_bytes(asked, story.history_in_chunks(size), script.space, seed, 2)
                assert again == answer, f"rows that come in chunks of {size or 'any size'} give other proposals"

    # -- in a study ------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("course", COURSES, ids=lambda c: c.name)
    def test_the_same_seed_gives_the_same_course(self, make_sampler: Maker, course: Course) -> None:
        """Two studies with one seed try the same points, and a study with another seed may not."""
        self._skip_unless_supported(make_sampler(), course)
        first, second = (course.start(make_sampler(), None, seed=3) for _ in range(2))
        course.run(first, 12)
        course.run(second, 12)
        assert course.points(first) == course.points(second), "two studies with one seed tried different points"

    @pytest.mark.parametrize("store", ["memory", "sqlite"])
    @pytest.mark.parametrize("course", COURSES, ids=lambda c: c.name)
    def test_a_resumed_study_goes_on_as_if_it_had_not_stopped(
        self, make_sampler: Maker, course: Course, store: str, tmp_path: Path
    ) -> None:
        """Stopped after a few trials, and once in the middle of one; new objects on the same storage continue."""
        from tunesmith.storage import open_storage

        self._skip_unless_supported(make_sampler(), course)
        whole = course.start(make_sampler(), None, seed=5)
        course.run(whole, 12)
        storage = open_storage(None if store == "memory" else tmp_path / "study.db")
        course.run(course.start(make_sampler(), storage, seed=5), 4)
        if store == "sqlite":
            storage = open_storage(tmp_path / "study.db")
        broken = course.load(make_sampler(), storage)
        if len(course.points(whole)) > 4:
            broken.release([broken.ask().number])
        resumed = course.load(make_sampler(), storage)
        course.run(resumed, 8)
        assert course.points(resumed) == course.points(whole), "the resumed study went another way"

    def _skip_unless_supported(self, sampler: Sampler, course: Course) -> None:
        if not self.supports(sampler, course.searched):
            pytest.skip(f"{sampler.name} does not search this space")


def _rng(seed: int) -> np.random.Generator:
    return np.random.default_rng([seed, 1])


def _asked_bytes(sampler: Sampler, history: History, space: Space, seed: int, n: int) -> tuple[bytes, bytes]:
    """The answer of a sampler as bytes, which compare exactly, NaN included."""
    x, states = sampler.ask(history, space, _rng(seed), n)
    return x.tobytes(), states.tobytes()


def _check_proposals(sampler: Sampler, space: Space, x: Points, states: SamplerStates, n: int) -> None:
    assert x.dtype == np.float64, f"points are float64; got {x.dtype}"
    assert x.ndim == 2, f"points are an array [m, {len(space)}]; got the shape {x.shape}"
    assert x.shape[1] == len(space), f"points are an array [m, {len(space)}]; got the shape {x.shape}"
    assert states.dtype == np.int64, f"sampler states are int64; got {states.dtype}"
    assert states.shape == (len(x),), f"there is one sampler state a point, {len(x)}; got the shape {states.shape}"
    assert (states >= 0).all(), "sampler states are 0 or more: `encode_state` makes them"
    assert len(x) <= n, f"{n} points were asked for, and {len(x)} came"
    if not sampler.exclusive:
        assert len(x) == n, "only an exclusive sampler, which counts its points, can run out of them"
    outside = x[~space.contains_rows(x)]
    assert not len(outside), f"{outside.tolist()} (internal values) lie outside of {space!r}"


def _history_digest(history: History) -> str:
    """A fingerprint of everything that a history holds."""
    pending = history.pending
    sha = hashlib.sha256(repr((history.names, history.space)).encode())
    arrays: list[Any] = [history.x, history.y, history.c, history.number, history.state, history.cost]
    arrays += [history.sampler_state, pending.number, pending.x, pending.sampler_state]
    arrays += [a for number in history.curves.numbers for a in history.curves.of(number)]
    for a in arrays:
        sha.update(repr((a.shape, a.dtype)).encode() + a.tobytes())
    return sha.hexdigest()


def _global_state() -> Any:
    return np.random.get_state()
