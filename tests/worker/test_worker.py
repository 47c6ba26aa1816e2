"""``python -m tunesmith.worker``: several real processes share a study, and each says how it ended."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers.postgres import PostgresServer

import tunesmith as ts
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.worker.command import FIRST_WORKER, main
from tunesmith.worker.options import WAIT_SECONDS, parse

LIMIT = 120.0  # seconds after which a worker is taken to hang, also on a busy machine
posix = pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")

TRAIN = """
    import os, time
    from pathlib import Path

    from model import scale
    from tunesmith import Float

    HERE = Path(__file__).parent
    space = {"x": Float(-5, 5)}

    class Unlucky(Exception):
        pass

    def objective(trial):
        x = trial.suggest_float("x", -5, 5)
        with open(HERE / "runs", "a") as file:
            file.write(f"{trial.number}\\n")
        time.sleep(0.005)
        return scale * (x - 1) ** 2

    def stuck(trial):
        if trial.attempt == 1 and "STUCK" in os.environ:
            (HERE / f"stuck-{trial.number}").touch()
            time.sleep(1000)
        return objective(trial)

    def fragile(trial):
        if trial.number == 1:
            raise Unlucky("postgresql://me:hunter2@host/db")
        return objective(trial)

    def of_params(params):
        return params["x"] ** 2
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working folder with the modules train and model."""
    (tmp_path / "train.py").write_text(textwrap.dedent(TRAIN))
    (tmp_path / "model.py").write_text("scale = 1.0\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in ("train", "model"):
        sys.modules.pop(name, None)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return str(tmp_path / "tune.db")
    found: str = request.getfixturevalue("postgres_url")
    return found


def worker(folder: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """Start a worker of the study "s"."""
    return subprocess.Popen(
        [sys.executable, "-m", "tunesmith.worker", "--study", "s", *arguments],
        cwd=folder,
        env={**os.environ, **env},
        stderr=subprocess.PIPE,
        text=True,
    )


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit status of a worker, and what it said."""
    with process:
        try:
            _, said = process.communicate(timeout=LIMIT)
        finally:
            process.kill()
    return process.returncode, said


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)


def create(url: str) -> ts.Study:
    return ts.create_study(study_name="s", storage=url, seed=0, sampler="random")


def numbers(study: ts.Study, state: TrialState) -> list[int]:
    return [t.number for t in study.trials if t.state is state]


# ----------------------------------------------------------------------------------------------------------- sharing


def test_workers_share_a_study_and_the_total_is_exact(folder: Path, url: str) -> None:
    budget = ("--create", "--direction", "maximize", "--seed", "3", "--n-trials-total", "60", "--sampler", "random")
    budget += ("--artifact-store", str(folder / "kept"))
    workers = [worker(folder, *budget, "train:objective", TUNESMITH_STORAGE=url) for _ in range(3)]
    for process in workers:
        status, said = end_of(process)
        assert status == 0, said
        assert "the budget is spent" in said
    study = ts.load_study(study_name="s", storage=url)
    assert numbers(study, TrialState.COMPLETE) == list(range(60))
    assert sorted(map(int, (folder / "runs").read_text().split())) == list(range(60)), "no trial ran twice"
    assert study.directions[0].value == "maximize"
    assert study.seed == 3
    assert study.artifacts.url == str(folder / "kept")
    study.storage.close()


@posix
def test_what_a_killed_worker_ran_is_run_by_one_that_waits(folder: Path, url: str) -> None:
    study = create(url)
    budget = ("--n-trials-total", "12", "--sampler", "random", "train:stuck")
    victim = worker(folder, *budget, TUNESMITH_STORAGE=url, STUCK="1")
    until(lambda: bool(list(folder.glob("stuck-*"))))
    survivor = worker(folder, "--wait", *budget, TUNESMITH_STORAGE=url)
    until(lambda: len(numbers(study, TrialState.COMPLETE)) == 11)
    assert survivor.poll() is None, "it waits for the last one"
    victim.kill()
    end_of(victim)
    status, said = end_of(survivor)
    assert status == 0, said
    assert numbers(study, TrialState.COMPLETE) == list(range(12))
    assert [t.attempt for t in study.trials] == [2] + [1] * 11
    study.storage.close()


@posix
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_a_worker_that_is_terminated_releases_its_trials(folder: Path, url: str, jobs: str) -> None:
    study = create(url)
    budget = ("--n-trials-total", "4", "--sampler", "random", "--n-jobs", jobs, "train:stuck")
    process = worker(folder, *budget, TUNESMITH_STORAGE=url, STUCK="1")
    until(lambda: len(list(folder.glob("stuck-*"))) == int(jobs))
    process.send_signal(signal.SIGTERM)
    status, said = end_of(process)
    assert status == 143, said
    assert "wait to be run again" in said
    assert "Traceback" not in said
    assert [(t.state, t.crashes) for t in study.trials] == [(TrialState.WAITING, 0)] * int(jobs)
    status, said = end_of(worker(folder, *budget, TUNESMITH_STORAGE=url))
    assert status == 0, said
    assert numbers(study, TrialState.COMPLETE) == list(range(4))
    study.storage.close()


@posix
def test_ctrl_c_has_a_status_of_its_own(folder: Path) -> None:
    process = worker(folder, "--create", "--quiet", "train:stuck", TUNESMITH_STORAGE="a.db", STUCK="1")
    until(lambda: bool(list(folder.glob("stuck-*"))))
    process.send_signal(signal.SIGINT)
    status, said = end_of(process)
    assert (status, "Traceback" in said) == (130, False)
    assert numbers(ts.load_study(study_name="s", storage="a.db"), TrialState.WAITING) == [0]


def test_modules_of_the_working_folder_are_found_where_python_does_not_look_there(folder: Path) -> None:
    budget = ("--create", "--n-trials", "1", "train:objective")
    status, said = end_of(worker(folder, *budget, TUNESMITH_STORAGE="a.db", PYTHONSAFEPATH="1"))
    assert status == 0, said


@pytest.mark.postgres
def test_a_worker_waits_for_a_database_that_comes_later(
    folder: Path, postgres: PostgresServer, postgres_database: str
) -> None:
    with postgres.proxy() as proxy:
        proxy.down()
        url = postgres.url(postgres_database, proxy.port)
        budget = ("--create", "--n-trials", "3", "--sampler", "random", "--quiet")
        status, said = end_of(worker(folder, *budget, "train:objective", TUNESMITH_STORAGE=url))
        assert (status, "--wait waits" in said) == (1, True), said
        waiting = worker(folder, *budget, "--wait", "train:objective", TUNESMITH_STORAGE=url)
        assert waiting.stderr is not None
        assert "waits for postgresql" in (told := waiting.stderr.readline()), told
        assert "up to 120 s" in told
        proxy.up()
        status, said = end_of(waiting)
        assert status == 0, said
        study = ts.load_study(study_name="s", storage=url)
        assert numbers(study, TrialState.COMPLETE) == [0, 1, 2]
        study.storage.close()


# ----------------------------------------------------------------------------------- one process: options and messages


@pytest.mark.parametrize(
    ("words", "waits"),
    [
        ([], None),
        (["--wait"], WAIT_SECONDS),
        (["--wait", "15m"], 900.0),
        (["--wait=3"], 3.0),
        (["--wait", "--quiet"], WAIT_SECONDS),
    ],
)
def test_the_time_of_a_wait_may_be_left_out(words: list[str], waits: float | None) -> None:
    for arguments in ([*words, "train:objective"], ["train:objective", *words]):
        options = parse(["--study", "s", "--storage", "a.db", *arguments], "worker")
        assert (options.objective, options.wait) == ("train:objective", waits)


def test_a_worker_gives_up_waiting_after_its_time(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("psycopg")
    away = ["--study", "s", "--storage", "postgresql://me@127.0.0.1:1/db", "--wait", "0.3s", "train:objective"]
    assert main(away) == 1
    assert "waits for" in capsys.readouterr().err


def run(*arguments: str) -> int:
    return main(["--study", "s", "--storage", "a.db", "--quiet", *arguments])


def test_a_space_makes_an_objective_of_parameters(folder: Path) -> None:
    assert run("--create", "--space", "train:space", "--n-trials", "3", "train:of_params") == 0
    study = ts.load_study(study_name="s", storage="a.db")
    assert numbers(study, TrialState.COMPLETE) == [0, 1, 2]


def test_limits_end_a_trial_and_not_the_worker(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUCK", "1")
    limits = ("--timeout-per-trial", "1s", "--memory-per-trial", "2GB")
    assert run("--create", "--n-trials", "2", *limits, "train:stuck") == 0
    study = ts.load_study(study_name="s", storage="a.db")
    assert [t.failure for t in study.trials] == [FailureKind.TIMEOUT] * 2


def test_an_executor_may_be_an_object_of_a_module(folder: Path) -> None:
    (folder / "model.py").write_text(
        "from tunesmith.executors.processes import ProcessExecutor\nscale = 1.0\nplace = ProcessExecutor(jobs=2)\n"
    )
    assert run("--create", "--n-trials", "3", "--executor", "model:place", "train:objective") == 0
    assert run("--n-trials", "3", "--executor", "processes", "--catch", "LOST", "train:objective") == 0
    assert len(ts.load_study(study_name="s", storage="a.db").trials) == 6


def test_an_error_of_the_objective_ends_it_unless_it_is_caught(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--create", "--n-trials-total", "4", "train:fragile") == 1
    said = capsys.readouterr().err
    assert "train.py" in said
    assert "Unlucky" in said
    assert "hunter2" not in said
    assert run("--n-trials-total", "4", "--catch", "LookupError,train:Unlucky", "train:fragile") == 0
    study = ts.load_study(study_name="s", storage="a.db")
    assert [t.state.name for t in study.trials] == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["train:objektive"], "did you mean 'objective'?"),
        (["trian:objective"], "no module 'trian'"),
        (["train.py:objective"], "names a file; name the module, such as train:objective"),
        (["code/train.py:objective"], "names a file; name the module, such as code.train:objective"),
        ([r"C:\code\train.py:objective"], "names a file; name the module, such as code.train:objective"),
        (["objective"], "expected module:name"),
        (["train:space"], "is no function"),
        (["--catch", "ValueErrr", "train:objective"], "did you mean 'ValueError'?"),
        (["--catch", "train:space", "train:objective"], "no exception class"),
        (["--executor", "processses", "train:objective"], "did you mean 'processes'?"),
        (["--executor", "train:space", "train:objective"], "an Executor, or an engine's own object"),
        (["--executor", "inline", "--timeout-per-trial", "1s", "train:objective"], "cannot stop a trial"),
        (["train:objective"], "no study 's'"),
        (["--create", "--direction", "maximize", "train:objective"], "a study keeps its directions"),
    ],
)
def test_a_mistake_on_the_command_line_has_a_message(
    folder: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ts.create_study(study_name="s" if "--create" in arguments else "other", storage="a.db")
    assert run(*arguments) == 2
    assert words.lower() in capsys.readouterr().err.lower()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--n-trials", "-1"], "expected a whole number"),
        (["--timeout", "soon"], "expected seconds"),
        (["--n-jobs", "0"], "1 or more, or -1"),
        (["--timeout-per-trial", "0"], "timeout_per_trial"),
        (["--memory-per-trial", "much"], "memory_per_trial"),
        (["--sampler", "tpee"], "tpe"),
        (["--seed", "1"], "give --create as well"),
        (["--n-tria", "1"], "unrecognized arguments"),
    ],
)
def test_an_option_that_cannot_be_read_is_a_usage_error(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--study", "s", "--storage", "a.db", *arguments, "train:objective"])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_a_worker_without_storage_says_where_to_name_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)
    with pytest.raises(SystemExit):
        main(["--study", "s", "train:objective"])
    assert "TUNESMITH_STORAGE" in capsys.readouterr().err


def test_no_password_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("psycopg")
    url = "postgresql://me:hunter2@127.0.0.1:1/db"
    assert main(["--study", "s", "--storage", url, "train:objective"]) == 1
    said = capsys.readouterr().err
    assert "127.0.0.1" in said
    assert "hunter2" not in said


def test_times_have_units(folder: Path) -> None:
    assert run("--create", "--timeout", "0m", "train:objective") == 0
    assert ts.load_study(study_name="s", storage="a.db").trials == []


# --------------------------------------------------------------------------------------------------------- other code


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda first: first, None),
        (lambda first: {**first, "tunesmith": "0.0.1"}, "had 0.0.1"),
        (lambda first: {**first, "objective": "other:objective"}, "ran other:objective"),
        (lambda first: {**first, "code": {**first["code"], "model": "abc"}}, "'model' ("),
        (lambda first: {**first, "code": {**first["code"], "gone": "abc"}}, "absent here, abc there"),
    ],
)
def test_a_worker_that_differs_from_the_first_is_warned_about_and_runs(
    folder: Path, change: Any, words: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--create", "--n-trials", "1", "train:objective") == 0
    study = ts.load_study(study_name="s", storage="a.db")
    first = dict(study.system_attrs[FIRST_WORKER])
    assert first["code"].keys() == {"train", "model"}
    study.set_system_attr(FIRST_WORKER, change(first))
    capsys.readouterr()
    assert run("--n-trials", "1", "train:objective") == 0
    said = capsys.readouterr().err
    assert ("warning" in said) == (words is not None)
    assert words is None or words in said
