"""Linear algebra on one thread, and as many as before afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from tunesmith.foundation.numerics.blas_threads import one_thread


def threads_of_blas() -> set[int]:
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}


def set_threads(limits: Any) -> None:
    """Set them from a thread that ends: one that lives on keeps others from setting them (threadpoolctl 3.8)."""
    thread = threading.Thread(target=threadpool_limits, args=(limits, "blas"))
    thread.start()
    thread.join()


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    with one_thread():
        pass  # all that it controls is loaded now
    if not threads_of_blas():
        pytest.skip("threadpoolctl does not know this machine's library for linear algebra")
    before = threadpool_info()
    set_threads(2)
    yield
    set_threads(before)


def test_one_thread_and_then_as_before() -> None:
    assert threads_of_blas() == {2}
    with one_thread():
        assert threads_of_blas() == {1}
        with one_thread():
            assert threads_of_blas() == {1}
        assert threads_of_blas() == {1}
    assert threads_of_blas() == {2}


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_as_before_after_an_error(error: type[BaseException]) -> None:
    with pytest.raises(error), one_thread():
        raise error
    assert threads_of_blas() == {2}


def test_two_threads_that_overlap_leave_what_was_before() -> None:
    inside, leave = threading.Event(), threading.Event()
    seen: list[set[int]] = []

    def first() -> None:
        with one_thread():
            inside.set()
            leave.wait()

    def second() -> None:
        with one_thread():
            seen.append(threads_of_blas())

    a = threading.Thread(target=first)
    a.start()
    inside.wait()
    b = threading.Thread(target=second)
    b.start()
    leave.set()
    a.join()
    b.join()
    assert seen == [{1}]
    assert threads_of_blas() == {2}


FORKED = """
import os, threading, time
from threadpoolctl import threadpool_info, threadpool_limits
from tunesmith.foundation.numerics.blas_threads import one_thread

def threads():
    return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

with one_thread():
    pass
setting = threading.Thread(target=threadpool_limits, args=(2, "blas"))
setting.start()
setting.join()
inside = threading.Event()

def proposing():
    with one_thread():
        inside.set()
        time.sleep(0.2)

threading.Thread(target=proposing).start()
inside.wait()
child = os.fork()
if child == 0:
    with one_thread():
        ok = threads() == {1}
    os._exit(0 if ok and threads() == {2} else 1)
_, status = os.waitpid(child, 0)
with one_thread():
    pass
raise SystemExit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_that_is_forked_meanwhile_has_its_threads_and_its_turn() -> None:
    assert subprocess.run([sys.executable, "-W", "ignore", "-c", FORKED], timeout=60, check=False).returncode == 0
