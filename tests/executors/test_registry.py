"""Executors are found by name, by object, by an engine's own client, and as names of the package."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import pytest

import tunesmith
from tunesmith import executors
from tunesmith.executors.base import Executor
from tunesmith.executors.inline import InlineExecutor
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.executors.resources import cpu_count
from tunesmith.foundation import registry
from tunesmith.foundation.states import FailureKind
from tunesmith.study.optimize import checked_catch, choose_executor


@pytest.mark.parametrize("name", sorted(registry.names("executors")))
def test_names_agree_with_the_registry(name: str) -> None:
    assert registry.load_registered("executors", name).name == name


def test_the_package_has_every_class_for_type_checkers_too() -> None:
    text = Path(executors.__file__ or "").read_text()
    above = "SimulatedExecutor"  # in tunesmith.testing, a layer above: found by its name alone
    assert sorted([*re.findall(r"import (\w+) as \1", text), above]) == executors.__all__
    assert all(issubclass(getattr(executors, name), Executor) for name in executors.__all__)
    with pytest.raises(AttributeError, match="did you mean 'ProcessExecutor'"):
        executors.ProcesExecutor  # noqa: B018 - reading it is what raises


class Client:
    """An engine's own object."""


class OnClient(InlineExecutor):
    name: ClassVar[str] = "on-client"

    @classmethod
    def accepts(cls, client: Any) -> bool:
        return isinstance(client, Client)


def test_an_engines_own_object_finds_its_executor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry.EXECUTORS, "on-client", f"{__name__}:OnClient")
    classes = {"on-client": OnClient}
    monkeypatch.setattr(registry, "load_registered", lambda kind, name: classes.get(name, InlineExecutor))
    client = Client()
    made = choose_executor(client, 3)
    assert isinstance(made, OnClient)
    assert made.client is client
    assert made.jobs == 3


def test_what_runs_an_objective() -> None:
    assert isinstance(choose_executor(None, None), InlineExecutor)
    assert isinstance(choose_executor(None, 1), InlineExecutor)
    assert isinstance(choose_executor(None, 2), ProcessExecutor)
    limited = choose_executor(None, 1, 5.0)
    assert isinstance(limited, ProcessExecutor)
    assert (limited.capacity, limited.time_limit) == (1, 5.0)
    given = ProcessExecutor(jobs=2)
    assert choose_executor(given, None) is given


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        ({"executor": "proceses"}, ValueError, "there is no executor 'proceses'; did you mean 'processes'?"),
        ({"executor": 3}, TypeError, "an Executor, or an engine's own object such as a Dask client"),
        ({"executor": ProcessExecutor}, TypeError, "takes an object, and got the class ProcessExecutor"),
        ({"executor": InlineExecutor(), "n_jobs": 2}, ValueError, "give jobs=, time_limit= and memory_limit= to Inl"),
        ({"executor": "inline", "timeout_per_trial": 2}, ValueError, "'inline' cannot stop a trial"),
        ({"n_jobs": 0}, ValueError, "n_jobs must be a whole number, 1 or more, or -1 for one a core; got 0"),
        ({"n_jobs": 1.5}, ValueError, "n_jobs must be a whole number"),
        ({"timeout_per_trial": 0}, ValueError, "timeout_per_trial must be seconds, more than 0"),
        ({"timeout_per_trial": "1h"}, ValueError, "timeout_per_trial must be seconds, more than 0"),
        (
            {"memory_per_trial": "2 potatoes"},
            ValueError,
            "memory_per_trial: a size is a number of bytes or a text such",
        ),
        ({"memory_per_trial": 0}, ValueError, "got 0"),
        ({"catch": "timeout"}, TypeError, "catch takes exception classes and members of FailureKind"),
    ],
)
def test_wrong_arguments_are_told_before_anything_runs(
    arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    study = tunesmith.create_study()
    with pytest.raises(error, match=re.escape(words)):
        study.optimize(lambda trial: 1.0, n_trials=1, **arguments)
    assert study.trials == []


@pytest.mark.parametrize(
    ("size", "count"), [("2GB", 2 * 10**9), ("1.5 GiB", 3 * 2**29), ("500mb", 5 * 10**8), (1e6, 10**6), ("12", 12)]
)
def test_sizes(size: Any, count: int) -> None:
    made = choose_executor(None, None, None, tunesmith.study.optimize.checked_memory_limit(size))
    assert made.memory_limit == count


def test_catch_takes_kinds_of_failure_and_limits_never_stop_a_search() -> None:
    catch = checked_catch([KeyError, FailureKind.LOST])
    assert catch.names(KeyError(), FailureKind.RAISED)
    assert catch.names(RuntimeError(), FailureKind.LOST)
    assert not catch.names(RuntimeError(), FailureKind.RAISED)
    assert not checked_catch(()).names(RuntimeError(), FailureKind.LOST)
    assert checked_catch(FailureKind.RAISED).names(ValueError(), FailureKind.RAISED)
    for kind in (FailureKind.TIMEOUT, FailureKind.OOM, FailureKind.KILLED, FailureKind.LEASE, FailureKind.NAN):
        assert checked_catch(()).names(RuntimeError(), kind)


KINDS = [getattr(executors, name) for name in executors.__all__ if name != "Executor"]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(
    ("argument", "values", "words"),
    [
        ("jobs", [0, -2, -1.5, 2.0, float("nan"), "2", True], "jobs must be a whole number, 1 or more, or -1"),
        ("time_limit", [0, -1, float("nan"), "1h", True, [1]], "time_limit must be seconds, more than 0, or None"),
        ("memory_limit", [0, -5, "2 potatoes", float("nan"), float("inf"), 10**400, True, [1]], "memory_limit: a size"),
        ("grace", [-1, float("nan"), float("inf"), "5", None, 10**400], "grace must be seconds, 0 or more"),
        ("resources", [{"cpus": -1}, {"cpus": float("nan")}, {"cpus": "2"}, {"cpus": None}], "'cpus' must be a number"),
        ("resources", [3, "cpus", [("cpus", 1)], {1: 2}], "resources must be amounts by name"),
    ],
)
def test_what_an_executor_is_made_with_is_checked_at_once(
    kind: type[Executor], argument: str, values: list[Any], words: str
) -> None:
    for value in values:
        with pytest.raises((TypeError, ValueError), match=re.escape(words)):
            kind(**{argument: value})


def test_an_executor_takes_sizes_in_words_and_limits_without_end() -> None:
    assert ProcessExecutor(memory_limit="200MB").memory_limit == 200 * 10**6
    assert ProcessExecutor(memory_limit=1e20).memory_limit == 10**20
    assert ProcessExecutor(time_limit=float("inf")).time_limit is None
    assert ProcessExecutor(jobs=-1).jobs == cpu_count()
