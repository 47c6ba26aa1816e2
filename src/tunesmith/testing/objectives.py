"""Objectives of the conformance suite of executors, which any executor can send to wherever it runs them."""

from __future__ import annotations

import asyncio
import math
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import AsyncIterator, Generator, Iterator
from typing import Any

import numpy as np

from tunesmith.errors import ArtifactNotFoundError, TrialPruned
from tunesmith.foundation.system import signal_self
from tunesmith.trial import Trial

HANG_SECONDS = 120.0  # seconds after which an executor is taken to hang, also on a busy machine


def suggest(trial: Trial) -> float:
    """Use a proposal, a name that was not proposed, and attributes of every kind."""
    x = trial.suggest_float("x", 0, 1)
    kind = trial.suggest_categorical("kind", ["a", None, 1])
    new = trial.suggest_int("new", 1, 9)
    trial.set_user_attr("kind", str(kind))
    trial.set_constraint("c", new - 5)
    return x + new


def learn(trial: Trial) -> float:
    """Report ten steps, unless pruned."""
    for step in range(10):
        trial.report(step / 2, step)
        if trial.should_prune():
            raise TrialPruned(f"at {step}")
    return 9.0


def generate(trial: Trial) -> Iterator[float]:
    """Yield ten reports, and note that the generator was closed."""
    try:
        for step in range(10):
            yield step / 2
    finally:
        trial.set_user_attr("closed", True)


def generate_and_return(trial: Trial) -> Generator[Any, None, float]:
    """Yield a value, one with its step, and metrics; return another value."""
    yield trial.suggest_float("x", 0, 1)
    yield 0.5, 5
    yield {"loss": 0.25, "acc": 1.0}
    return 9.0


async def wait_and_learn(trial: Trial) -> float:
    """Do as `learn` does, and await something before each report."""
    for step in range(10):
        await asyncio.sleep(0)
        trial.report(step / 2, step)
        if trial.should_prune():
            raise TrialPruned(f"at {step}")
    return 9.0


async def wait_and_generate(trial: Trial) -> AsyncIterator[float]:
    """Do as `generate` does, and await something before each report and at the end."""
    try:
        for step in range(10):
            await asyncio.sleep(0)
            yield step / 2
    finally:
        await asyncio.sleep(0)
        trial.set_user_attr("closed", True)


async def wait_for_ever(trial: Trial) -> float:
    """Wait for minutes in trial 0, and save what there is."""
    try:
        if trial.number == 0:
            await asyncio.sleep(HANG_SECONDS)
    finally:
        await asyncio.sleep(0)
        trial.set_user_attr("saved", True)
    return 1.0


def learn_two(trial: Trial) -> float:
    """Report three steps of two objectives, as NumPy has them."""
    for step in range(3):
        trial.report(np.array([step / 2, -1.0 * step]), step)
    trial.should_prune()
    return 9.0


def keep(trial: Trial) -> float:
    """Save, copy, list, load and remove artifacts; return the size of one."""
    own = trial.artifacts
    own.save("model", b"12" * 1000)
    own.copy_from(trial.number, "model", "copy")
    own.save("gone", b"3")
    own.remove("gone")
    try:
        own.load("gone")
    except ArtifactNotFoundError:
        return float(len(own.load("copy"))) if list(own) == ["copy", "model"] else math.nan
    return math.nan


def log_metrics(trial: Trial) -> float:
    """Log two metrics at three steps, and report one of them."""
    for step in range(3):
        trial.log({"loss": step / 2, "größe": math.nan if step == 1 else trial.number}, step)
        trial.report({"loss": step / 2, "acc": 1 - step / 2}, step)
    return 9.0


def report_nan(trial: Trial) -> float:
    """Report what the recorder refuses, and never ask whether to prune."""
    trial.report(math.nan, 3)
    return 1.0


def fail(trial: Trial) -> float:
    """Raise."""
    raise LookupError(f"nothing for {trial.number}")


def raise_exit(trial: Trial) -> float:
    """Raise an exception that is not an `Exception`."""
    raise SystemExit(trial.number)


def return_odd_results(trial: Trial) -> Any:
    """Return results that are not values, by number; the study checks them."""
    return [None, "text", math.nan, (1.0, 2.0), {"loss": 1.0}, True][trial.number]


def wait_for_file(trial: Trial) -> float:
    """Run until the file appears whose name the trial notes."""
    path = str(trial.user_attrs["path"])
    end = time.monotonic() + HANG_SECONDS
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.01)
    return 1.0


def die(trial: Trial) -> float:
    """Die in trial 0, after a report."""
    trial.report(5.0, 1)
    if trial.number == 0:
        os._exit(3)
    return 1.0


def fork(trial: Trial) -> float:
    """Fork children that return, raise, exit and report in its place, and wait for them; return 1 as the parent."""
    codes = []
    for way in range(4):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # other threads: the children do little
            pid = -1
            if sys.platform != "win32":
                pid = os.fork()
        if pid:
            codes.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        elif way == 1:
            raise ValueError("raised in a child")
        elif way == 2:
            sys.exit(7)
        elif way == 3:
            trial.report(-1.0, 99)
        else:
            return -1.0
    trial.set_user_attr("codes", codes)
    trial.report(1.0, 1)
    return 1.0


def be_terminated(trial: Trial) -> float:
    """Get SIGTERM in trial 0, and save what there is."""
    if trial.number == 0:
        try:
            signal_self(signal.SIGTERM)
            time.sleep(HANG_SECONDS)
        finally:
            trial.set_user_attr("checkpoint", "after 1")
    return 1.0


def compute_in_c(trial: Trial) -> float:
    """Hold the interpreter's lock for minutes in trial 0, beside a child that ignores SIGTERM."""
    if trial.number == 0:
        program = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); "
        child = subprocess.Popen([sys.executable, "-c", program + "time.sleep(1000)"], stdout=subprocess.PIPE)
        if child.stdout is not None:
            child.stdout.readline()
        path = str(trial.user_attrs["path"])
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(f"{os.getpid()} {child.pid}")
        os.rename(path + ".new", path)
        sum(range(10**12))  # looks at no signal, unlike long integers
    return 1.0


def take_memory(trial: Trial) -> float:
    """Use 300 MB in trial 0, and as much in a child."""
    if trial.number == 0:
        program = "x = bytearray(300_000_000); import time; time.sleep(1000)"
        with subprocess.Popen([sys.executable, "-c", program]):
            held = bytearray(300_000_000)
            time.sleep(HANG_SECONDS)
            del held
    return 1.0
