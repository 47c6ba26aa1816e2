"""Wrong arguments of everything in the API reference: the call works, or an error names the argument.

A name that the reference gets is covered at once: the signature says what there is to give wrongly. What else a call
needs is chosen by `Target.good`; where that is no valid call, the test asks for a line in `GOOD` or `MADE`.
"""

from __future__ import annotations

import dataclasses
import enum
import functools
import importlib
import inspect
import math
import os
import re
import signal
import traceback
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any
from zlib import crc32

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import tunesmith as ts
from tunesmith import errors
from tunesmith.artifacts import Artifacts, BlobStore
from tunesmith.executors.base import Executor
from tunesmith.foundation.arguments import kinds_of
from tunesmith.foundation.languages import Words
from tunesmith.importance import Evaluator
from tunesmith.program import Program
from tunesmith.pruners import Pruner
from tunesmith.report.content import Content
from tunesmith.samplers import Sampler
from tunesmith.scaling import ScalingLaw
from tunesmith.selection import Estimate, Rule
from tunesmith.space import Combinatorial, Constraint, Parameter
from tunesmith.space.estimators import About, FloatOr, IntOr
from tunesmith.storage import Storage
from tunesmith.study.artifacts import StudyArtifacts
from tunesmith.study.snapshot import Snapshot
from tunesmith.tables.learning import LearningCurve
from tunesmith.trial.record import TrialRecord
from tunesmith.visualization import plot_slice

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="nothing here ends a call that hangs")

ROOT = Path(__file__).resolve().parents[2]
SOURCE = os.path.dirname(ts.__file__) + os.sep
SECONDS = 20.0  # after which a call hangs
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
HEAVY = (
    "compat",
    "integrations",
    "tables",
    "executors",
    "testing",
)  # pages whose names need what takes seconds to import
INNER_VALUES = 5  # of those below, for each argument in the inner circle

# -- what is given -----------------------------------------------------------------------------------------------------

WRONG: dict[str, Callable[[], Any]] = {
    "None": lambda: None,
    "True": lambda: True,
    "0": lambda: 0,
    "1": lambda: 1,
    "-5": lambda: -5,
    "10**400": lambda: 10**400,
    "0.5": lambda: 0.5,
    "-1.5": lambda: -1.5,
    "nan": lambda: math.nan,
    "inf": lambda: math.inf,
    "-inf": lambda: -math.inf,
    "1j": lambda: 1j,
    "np.nan": lambda: np.float64("nan"),
    "''": lambda: "",
    "'abc'": lambda: "abc",
    "unicode": lambda: "ключ\ud800\0",
    "bytes": lambda: b"abc",
    "object": object,
    "a class": lambda: int,
    "a function": lambda: len,
    "[]": list,
    "{}": dict,
    "[None]": lambda: [None],
    "['abc']": lambda: ["abc"],
    "[nan]": lambda: [math.nan],
    "(0, 1)": lambda: (0, 1),
    "a nested list": lambda: [[["a"], 1], {}],
    "a nested dict": lambda: {"a": {"b": [None, {"c": math.inf}]}, "d": 10**400},
    "{1: 2}": lambda: {1: 2},
    "an iterator": lambda: iter([1, "a"]),
    "an array": lambda: np.array([1.0, math.nan]),
}


class Enough(BaseException):
    """The objective was called often enough: what was given is a number of trials, if a large one."""


class Hangs(BaseException):
    """The call took too long."""


def objective(trial: Any) -> float:
    if getattr(trial, "number", 0) in range(12, 1000):
        raise Enough
    return 0.0


def study(n: int = 4, directions: int = 1) -> ts.Study:
    space = {"x": ts.Float(0, 1), "k": ["a", "b"], "n": ts.Int(1, 9)}
    made = ts.create_study(seed=0, sampler="random", directions=["minimize"] * directions, space=space)
    for _ in range(n):
        trial = made.ask()
        trial.report([trial.params["x"]] * directions if directions > 1 else trial.params["x"], 1)
        made.tell(trial, [trial.params["x"] + i * trial.params["n"] for i in range(1, directions + 1)])
    return made


@functools.cache
def law() -> ScalingLaw:
    runs = [
        {"n": n, "lr": lr, "loss": 2 + n**-0.2 + 0.1 * math.log(lr / (0.1 * n**-0.3)) ** 2}
        for n in (1e6, 4e6, 16e6, 64e6)
        for lr in (0.0003, 0.001, 0.003, 0.01)
    ]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return ScalingLaw(["n"], {"lr": "log"}).fit({key: [run[key] for run in runs] for key in runs[0]})


def with_artifact(artifacts: Any) -> Any:
    artifacts.save("abc", b"content")
    return artifacts


# What is right, by "name.argument", "callable.argument" or the argument's name alone.
GOOD: dict[str, Callable[[], Any]] = {
    "study": study,
    "objective": lambda: objective,
    "Snapshot.replica": lambda: study().engine.study,
    "Snapshot.record": lambda: study().snapshot().record,
    "Snapshot.waiting": list,
    "before": lambda: study().snapshot(),
    "fn": lambda: objective,
    "optimize.n_trials": lambda: 2,
    "confirm.top_k": lambda: 1,
    "confirm.repeats": lambda: 1,
    "minimize.n_trials": lambda: 2,
    "maximize.n_trials": lambda: 2,
    "space": lambda: ts.Space(x=ts.Float(0, 1)),
    "plot_hypervolume_history.study": lambda: study(directions=2),
    "plot_pareto_front.study": lambda: study(directions=2),
    "Condition.clauses": lambda: [("x", [1])],
    "copy_from.number": lambda: 0,
    "reference_point": lambda: [9.0, 99.0],
    "law": law,
}
# How an object is made whose methods are called; other classes are called with what is right.
MADE: dict[type, Callable[[], Any]] = {
    ts.Study: study,
    Snapshot: lambda: study().snapshot(),
    ts.Trial: lambda: study(1).ask(),
    TrialRecord: lambda: study(1).trials[0],
    ts.Space: lambda: ts.Space(x=ts.Float(0, 1)),
    ts.Categorical: lambda: ts.Categorical(["a", "b"]),
    ts.Ordinal: lambda: ts.Ordinal([1, 2]),
    Combinatorial: lambda: ts.Permutation(["a", "b"]),
    ts.Subset: lambda: ts.Subset(["a", "b"]),
    LearningCurve: lambda: LearningCurve(np.array([10, 20, 40]), np.zeros((3, 2)), "accuracy", True),
    ts.Choice: lambda: ts.Choice({"a": {"x": ts.Float(0, 1)}, "b": {}}),
    FloatOr: lambda: FloatOr(0, 1, words={"auto": 0.5}),
    IntOr: lambda: IntOr(1, 9, words={"auto": 5}),
    Constraint: lambda: Constraint(lambda x: x > 0, "positive", ["x"]),
    StudyArtifacts: lambda: with_artifact(study(1).artifacts),
    Artifacts: lambda: with_artifact(study(1).ask().artifacts),
    About: lambda: About.of(LinearRegression()),
    ScalingLaw: law,
}
# Else what is right is the first of these that the annotation takes.
CANDIDATES: tuple[Callable[[], Any], ...] = (
    lambda: "abc",
    lambda: 1,
    lambda: 0.5,
    lambda: ["abc"],
    lambda: [1, 2],
    lambda: (0.0, 1.0),
    lambda: {"x": 0.5},
    lambda: {"x": ts.Float(0, 1)},
    lambda: len,
    study,
    lambda: [study()],
    lambda: study().trials[0],
    lambda: [study().trials[0]],
    lambda: study().ask(),
    lambda: study().storage,
    lambda: study().sampler,
    lambda: study().pruner,
    lambda: ts.Space(x=ts.Float(0, 1)),
    lambda: ts.Float(0, 1),
    lambda: np.arange(12.0).reshape(4, 3),
    lambda: np.random.default_rng(0),
    lambda: Path("abc"),
    lambda: int,
    lambda: Estimate(0.5),
    Rule,
    lambda: Words("en"),
    lambda: {"x": [1.0, 2.0]},
    lambda: Content("a title", "a subtitle", [], "en"),
    lambda: plot_slice(study(), backend="arrays"),
    lambda: study().storage.load_study(None),
    lambda: law().plan({"n": 1e9}, 1e20),
    lambda: Program(command=["true"], metrics=["loss"], names=["x"], directory="."),
    law,
)

# What the library calls in each trial, with what it made itself: checks would cost there, and help nobody.
CONTRACTS = (Sampler, Pruner, Executor, Storage, BlobStore, Evaluator, Parameter)
OF_USERS = {"contains", "when"}  # all the same
LEFT_OUT = {
    r"Conformance$|Conformance\.": "suites are run by pytest",
    r"\.dashboard\.": "serves until it is stopped",
    r"\.worker\.": "a program, which reads its own arguments",
    r"\.decode_row$|\.flat_row$": "the engine calls them for each point",
    r"^tunesmith\.Study$|\.(Study)?Artifacts$|\.Distribution\.": "made by the library",
    r"\.space\.(Parameter|Condition|Constraint)\.": "the space calls them for each point",
    r"\.ImportedStudy|\.differences$": "made by read",
    r"\.compat\.hyperopt\.": "Hyperopt's contract, and its errors",
    r"\.compat\.ray\.": "Ray Tune's contract",
    r"\.compat\.optuna\.(artifacts|storages|visualization|study\.Study$|.*\.[A-Z]\w+\.\w+$)": "Optuna's contract",
    r"\.trial\.(Trial|FrozenTrial)$|\.(report_cross_validation_scores|MedianErrorEvaluator)$": "Optuna's contract",
    r"\.compat\.optuna\.importance\.": "Optuna's contract",
    r"\.Words\.": "translates what the library says",
    r"\.stepwise\.|\.MLflowCallback": "an estimator of scikit-learn, and a database of MLflow",
    r"\.tables\.(Leaderboard|model_code)": "made by tune",
    r"\.integrations\.\w+\.\w+\.": "other libraries call these methods",
    r"\.sklearn\.|\.tables\.(Table|Encode|EarlyStopped)": "scikit-learn's contract: what is wrong is said by fit",
}
MADE_BY_PYTHON = (BaseException, enum.Enum)


# -- what is called ----------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Target:
    """A callable of the reference: how it is got, for its object is another one after a call, and its arguments."""

    name: str
    make: Callable[[], Callable[..., Any]]
    of: Callable[..., Any]

    @property
    def parameters(self) -> dict[str, inspect.Parameter]:
        several = inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD
        found = inspect.signature(self.of).parameters.values()
        return {p.name: p for p in found if p.name not in ("self", "cls") and p.kind not in several}

    def good(self, p: inspect.Parameter) -> Any:
        for key in (f"{self.name}.{p.name}", f"{self.name.rpartition('.')[2]}.{p.name}", p.name):
            if key in GOOD:
                return GOOD[key]()
        return right_for(self.of, p.name)()

    def call(self, name: str | None = None, value: Any = None) -> BaseException | None:
        """Call it with an argument that is wrong, and return what it raises."""
        args, named = [], {}
        short = self.name.rpartition(".")[2]
        for p in self.parameters.values():
            if p.name != name and p.default is not p.empty and f"{short}.{p.name}" not in GOOD:
                continue
            given = value if p.name == name else self.good(p)
            if p.kind is p.POSITIONAL_ONLY:
                args.append(given)
            else:
                named[p.name] = given
        function = self.make()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return raised(lambda: function(*args, **named))


@functools.cache
def right_for(function: Callable[..., Any], name: str) -> Callable[[], Any]:
    """What makes a value that the annotation of an argument takes."""
    of = inspect.unwrap(function.__init__ if isinstance(function, type) else function)  # type: ignore[misc]
    kind = kinds_of(of).get(name) if inspect.isfunction(of) else None
    return (lambda: 0.5) if kind is None else next((m for m in CANDIDATES if kind.fits(m())), lambda: None)


def raised(call: Callable[[], Any]) -> BaseException | None:
    """What a call raises; `Hangs` after a while."""

    def late(_: int, __: FrameType | None) -> None:
        raise Hangs

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, SECONDS)
    try:
        found = call()
        if inspect.isgenerator(found):
            next(found, None)
    except Enough:
        return None
    except (Exception, Hangs) as error:
        return error
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    return None


def made(name: str, cls: type) -> Any:
    for base in cls.__mro__:
        if base in MADE:
            return MADE[base]()
    found: list[Any] = []
    target = Target(name, lambda: lambda *args, **named: found.append(cls(*args, **named)), cls)
    error = target.call()
    assert error is None, f"MADE has to say how a {cls.__name__} is made: {error!r}"
    return found[0]


def names_of(page: Path) -> Iterator[tuple[str, Any]]:
    for name in re.findall(r"^::: ([\w.]+)$", page.read_text(encoding="utf-8"), re.MULTILINE):
        module, _, attribute = name.rpartition(".")
        try:
            yield name, getattr(importlib.import_module(module), attribute)
        except ImportError as error:  # a library is not installed, and what it is for is left out
            if (error.name or "").partition(".")[0] == "tunesmith" and "needs" not in str(error):
                raise


def targets(page: Path) -> Iterator[Target]:
    for name, value in names_of(page):
        if inspect.isfunction(value):
            found = [Target(name, functools.partial(lambda f: f, value), value)]
        elif inspect.isclass(value) and not issubclass(value, MADE_BY_PYTHON):
            found = list(of_class(name, value))
        else:
            continue
        yield from (t for t in found if t.parameters and not any(re.search(p, t.name) for p in LEFT_OUT))


def of_class(name: str, cls: type) -> Iterator[Target]:
    if not inspect.isabstract(cls):
        yield Target(name, lambda: cls, cls)
    contracts = [base for base in CONTRACTS if issubclass(cls, base)]
    for attribute in dir(cls):
        member = inspect.getattr_static(cls, attribute)
        is_static = isinstance(member, classmethod | staticmethod)
        function = member.__func__ if is_static else member
        if attribute.startswith("_") or not inspect.isfunction(function) or inspect.isabstract(cls):
            continue
        if not function.__module__.startswith("tunesmith") or (contracts and attribute not in OF_USERS):
            continue
        if is_static:
            yield Target(f"{name}.{attribute}", functools.partial(getattr, cls, attribute), getattr(cls, attribute))
        else:
            make = functools.partial(lambda attribute: getattr(made(name, cls), attribute), attribute)
            yield Target(f"{name}.{attribute}", make, function)


# -- what comes of it --------------------------------------------------------------------------------------------------


def complaint(name: str, value: Any, error: BaseException | None, usual: BaseException | None) -> str | None:
    """What is wrong with the answer to a wrong value; None: nothing."""
    if error is None or isinstance(
        error, errors.MissingDependencyError | errors.StudyNotFoundError | errors.ArtifactNotFoundError
    ):
        return None
    if usual is not None and type(error) is type(usual):
        return None
    frames = traceback.extract_tb(error.__traceback__)
    ours = [f for f in frames if f.filename.startswith(SOURCE)]
    where = f"{ours[-1].filename.removeprefix(SOURCE)}:{ours[-1].lineno}" if ours else "?"
    if isinstance(error, Hangs):
        return f"hangs at {where}"
    text = f"{type(error).__name__}: {str(error)[:150]!r} ({where})"
    if isinstance(error, TypeError | ValueError):
        words = {name, name.rstrip("s"), name.replace("_", " ")}
        if any(re.search(rf"(?<![a-z]){re.escape(word)}s?(?![a-z])", str(error), re.IGNORECASE) for word in words):
            return None
    is_ours = bool(ours) and frames[-1] is ours[-1] and (frames[-1].line or "").startswith("raise")
    if is_ours and isinstance(error, errors.SpaceError):
        return None  # it says which parameter it is about
    if is_ours and isinstance(error, TypeError | ValueError | LookupError | errors.TunesmithError):
        return None if is_shown(value, str(error)) else text
    if isinstance(error, OSError) and not isinstance(error, errors.TunesmithError):
        return None  # of a path: the system says its name
    return None if callable(value) and not ours[-1].filename.endswith("arguments.py") else text  # it raised it itself


def is_shown(value: Any, text: str) -> bool:
    """Whether an error shows what was given, or something in it."""
    inside = value if isinstance(value, list | tuple | dict) else ()
    if f"got {type(value).__name__}" in text:  # where a password may stand in it
        return True
    shown = (value, *inside)
    return any(repr(one)[:20] in text or (isinstance(one, str) and one and one[:3] in text) for one in shown)


def complaints(target: Target, n_values: int) -> Iterator[str]:
    try:
        usual = target.call()
    except AssertionError as error:
        yield f"{target.name}: {error}"
        return
    if isinstance(usual, errors.ArgumentError | AttributeError):
        yield f"{target.name}: GOOD has to say what is right: {usual!r}"
        return
    every = list(WRONG)
    for name in target.parameters:
        first = crc32(f"{target.name}.{name}".encode())
        for i in range(n_values):
            word = every[(first + i * 7) % len(every)]  # 7 and the number of values have no common factor
            value = WRONG[word]()
            if "bool" in str(target.parameters[name].annotation) and any(value is one for one in (True, 0, 1)):
                continue  # which is right
            found = complaint(name, value, target.call(name, value), usual)
            if found is not None:
                yield f"{target.name}({name}={word}): {found}"


def wrong(page: Path, n_values: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(folder)
    return "\n".join(line for target in targets(page) for line in complaints(target, n_values))


@pytest.mark.parametrize("page", [p for p in PAGES if not p.stem.startswith(HEAVY)], ids=lambda page: page.stem)
def test_a_wrong_argument_is_named(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With some of the values for each argument."""
    found = wrong(page, INNER_VALUES, tmp_path, monkeypatch)
    assert not found, found


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_wrong_argument_is_named(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = wrong(page, len(WRONG), tmp_path, monkeypatch)
    assert not found, found
