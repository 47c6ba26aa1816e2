"""Worker processes: what they print, the memory that they share, and the GPUs that they have."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith
from tunesmith import Trial
from tunesmith.executors.base import Failed, Finished
from tunesmith.executors.launch import Output
from tunesmith.executors.processes import ProcessExecutor
from tunesmith.executors.resources import GpuLeases
from tunesmith.foundation.states import FailureKind
from tunesmith.testing.executors import Recorder, a_trial, opened, run_all, until

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has neither the pipes nor the maps for this")

# ------------------------------------------------------------------------------------------------------------- output


@posix
def test_a_bar_takes_nothing_of_the_other_stream_away(capfd: pytest.CaptureFixture[str]) -> None:
    """However the pieces of the two streams come: a bar goes back to the start of its own line."""
    output = Output()
    out, error = output.streams
    for stream, data in ((out, b"half a line"), (error, b"epoch 0\r"), (error, b"epoch 1\r"), (out, b" and its end\n")):
        os.write(stream, data)
        output._read()
    assert output.text() == "half a line\n and its end\n"
    output.close()
    assert "half a line and its end" in capfd.readouterr().out


@posix
def test_the_end_of_what_a_failed_trial_printed_is_kept(capfd: pytest.CaptureFixture[str]) -> None:
    """Of the driver's stream nothing is lost; of a bar that is drawn again and again, the last is kept."""

    def objective(trial: Trial) -> float:
        print("trial", trial.number)
        subprocess.run(["echo", "from a child"], check=True)
        for epoch in range(3):
            print(f"epoch {epoch}", end="\r", file=sys.stderr, flush=True)
        if trial.number == 1:
            raise ValueError
        if trial.number == 2:
            os.kill(os.getpid(), signal.SIGSEGV)
        if trial.number == 3:
            print("x" * 1_000_000)
            raise ValueError
        return 1.0

    with opened(ProcessExecutor(jobs=1), objective, Recorder()) as executor:
        events = run_all(executor, [a_trial(k) for k in range(4)])
    by_number = {e.trial.number: e.output for e in events if isinstance(e, Failed)}
    assert by_number[1] == "trial 1\nfrom a child\nepoch 2"
    assert by_number[2].startswith("trial 2\nfrom a child\nFatal Python error: Segmentation fault")
    assert "in objective" in by_number[2]
    assert 16_000 < len(by_number[3]) < 20_000
    assert len(capfd.readouterr().out) > 1_000_000


def test_a_failed_trial_has_its_output_in_its_record() -> None:
    def objective(trial: Trial) -> float:
        print("hello", trial.number)
        if trial.number == 1:
            raise LookupError
        return 1.0

    study = tunesmith.create_study()
    study.optimize(objective, n_trials=3, n_jobs=2, catch=LookupError)
    assert [t.output for t in study.trials] == ["", "hello 1\n" if os.name == "posix" else "", ""]
    assert study.trials[1].failure is FailureKind.RAISED


# ------------------------------------------------------------------------------------------------------------- shared


@posix
def test_large_arrays_are_in_memory_once_and_stay_what_they_were() -> None:
    big, fortran = np.arange(2e6), np.asfortranarray(np.ones((1000, 300), dtype=np.int32))
    strided, small = np.arange(1e6)[::2], np.arange(3)
    dates = np.arange(np.datetime64("1970-01-01"), np.datetime64("1970-01-01") + np.timedelta64(200_000, "D"))
    options = {"big": big, "rows": [big[::-1], fortran, strided, dates, small]}

    def objective(trial: Trial, data: Any) -> Any:
        reversed_, f, s, d, tiny = data["rows"]
        data["big"][0] += 1.0  # its own copy of the page
        return (
            data["big"][0],
            reversed_[0],
            f.flags.f_contiguous,
            f.sum(),
            s[1],
            str(d[-1]),
            tiny.sum(),
            type(s).__name__,
        )

    with opened(ProcessExecutor(jobs=1), partial(objective, data=options), Recorder()) as executor:
        assert len(executor.setup.objective) < 100_000
        first, second = run_all(executor, [a_trial(0), a_trial(1)])
    assert isinstance(first, Finished)
    assert isinstance(second, Finished)
    assert first.value == (1.0, 1999999.0, True, 300_000, 2.0, "2517-07-31", 3, "ndarray")
    assert second.value[0] == 2.0  # in the same worker, as an array that was sent
    assert big[0] == 0.0


@posix
def test_an_array_is_sent_where_there_is_no_room_for_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(prefix: str) -> Any:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", full)
    big = np.arange(1e6)
    with opened(ProcessExecutor(jobs=1), lambda trial: float(big.sum()), Recorder()) as executor:
        (event,) = run_all(executor, [a_trial(0)])
    assert isinstance(event, Finished)
    assert event.value == big.sum()


# --------------------------------------------------------------------------------------------------------------- GPUs


def test_each_worker_sees_gpus_that_no_other_has_and_they_are_free_again_when_it_dies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-a,GPU-b, GPU-c,-1,GPU-d")

    def objective(trial: Trial) -> str:
        if trial.number == 3:
            os._exit(1)
        (tmp_path / str(trial.number)).touch()
        first = 0 if trial.number < 3 else 4
        until(lambda: all((tmp_path / str(k)).exists() for k in range(first, first + 3)))  # all three run at once
        return os.environ["CUDA_VISIBLE_DEVICES"]

    executor = ProcessExecutor(jobs=5, resources={"gpus": 1})
    assert executor.capacity == 3
    with opened(executor, objective, Recorder()):
        for numbers in ([0, 1, 2], [3], [4, 5, 6]):
            ends = run_all(executor, [a_trial(k) for k in numbers])
            if len(numbers) == 3:
                assert {e.value for e in ends if isinstance(e, Finished)} == {"GPU-a", "GPU-b", "GPU-c"}


@pytest.mark.parametrize(("each", "places", "first"), [(2, 2, "0,1"), (0.5, 8, "0"), (0.3, 12, "0"), (4, 1, "0,1,2,3")])
def test_how_many_workers_there_are_gpus_for(
    each: float, places: int, first: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2,3")
    leases = GpuLeases(each)
    assert leases.places == places
    assert leases.environment(leases.take()) == {"CUDA_VISIBLE_DEVICES": first}


@pytest.mark.parametrize(
    ("resources", "words"),
    [
        ({"gpus": 2}, "a trial needs 2 GPUs, and this process has 1 (it sees '0'; CUDA_VISIBLE_DEVICES says"),
        ({"gpus": 1.5}, "must be a whole number or a part of one GPU; got 1.5"),
        ({"gpu": 1}, "has the resources 'cpus' and 'gpus'; got 'gpu'"),
    ],
)
def test_resources_that_there_are_not(resources: dict[str, float], words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    with pytest.raises(ValueError, match=re.escape(words)):
        ProcessExecutor(resources=resources)
