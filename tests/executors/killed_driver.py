"""A driver of an engine's cluster that is killed again and again: a script that runs a search, and who kills it."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.testing.executors import HANG_SECONDS, process_runs, until

SLOTS = 4  # trials that a cluster runs at once, at most: so many are taken from what is left with each kill

# Until it is told to be calm, every trial hangs at its first attempt, with a child that ignores SIGTERM. If only some
# trials did, two of them could begin before a kill, and a later driver would find none to hang and end in peace.
PROGRAM = """
    import os, subprocess, sys
    from pathlib import Path
    import tunesmith as ts

    HERE, address, trials = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        if trial.attempt == 1 and not (HERE / "calm").exists():
            program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
            child = subprocess.Popen([sys.executable, "-c", program])
            (HERE / f"{trial.number}.new").write_text(f"{os.getpid()} {child.pid}")
            (HERE / f"{trial.number}.new").rename(HERE / f"{trial.number}.pids")
            sum(range(10**12))  # holds the interpreter's lock for hours
        return x

    storage = str(HERE / "tune.db")
    study = ts.create_study(storage=storage, study_name="s", seed=0, sampler="random", load_if_exists=True)
"""


def kill_drivers(folder: Path, times: int, address: str, run: str) -> None:
    """Kill a driver while its trials hang, some times over; then let the same command end in peace.

    Args:
        folder: for what the driver leaves.
        times: how often it is killed.
        address: of the cluster.
        run: the lines of the driver that connect to the cluster at `address` and run `trials` trials in all.
    """
    script = folder / "driver.py"
    script.write_text(textwrap.dedent(PROGRAM) + textwrap.dedent(run))
    command = [sys.executable, str(script), str(folder), address, str(SLOTS * times)]
    longest = 0.0
    for _ in range(times):
        before = set(folder.glob("*.pids"))
        with (folder / "errors").open("wb") as errors:
            driver = subprocess.Popen(command, stderr=errors)
        try:
            until(lambda driver=driver, before=before: set(folder.glob("*.pids")) - before or driver.poll() is not None)  # type: ignore[misc]  # bound now
        finally:
            driver.send_signal(signal.SIGKILL)
            driver.wait(HANG_SECONDS)
        assert driver.returncode == -signal.SIGKILL, (folder / "errors").read_text()
        killed = time.monotonic()
        until(lambda: not any(map(process_runs, hung(folder))))
        longest = max(longest, time.monotonic() - killed)
    print(f"{times} kills: orphans were gone after {longest:.2f} s at most")
    assert longest < 5 + 5, "orphans are gone in 5 s; a busy machine may take longer"
    (folder / "calm").touch()
    subprocess.run(command, check=True, timeout=HANG_SECONDS, capture_output=True)
    study = ts.load_study(study_name="s", storage=str(folder / "tune.db"))
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * (SLOTS * times)
    assert sorted(study.history.number.tolist()) == list(range(SLOTS * times))


def hung(folder: Path) -> Iterator[int]:
    """The processes of all trials that hung; one may begin while its driver is being killed."""
    for path in folder.glob("*.pids"):
        yield from map(int, path.read_text().split())
