"""One thread for linear algebra on small matrices: with more of them it is slower, and takes cores from other work.

Measured on two cores, 100 trials with 10 parameters: the Gaussian process takes 5.9 s with OpenBLAS on two threads and
0.9 s on one.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

_turn = threading.RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Keep the linear algebra of NumPy and SciPy to one thread, and restore what was set before; takes 10 µs.

    The number of threads belongs to the process. So those who want it changed take turns (each would else restore what
    another one had set), and a thread that does something else meanwhile is kept to one as well. A number that another
    thread set by threadpoolctl, and still holds, is left as it is.
    """
    with _turn, _libraries().limit(limits=1):
        yield


@cache
def _libraries() -> Any:
    """Return the controller of the libraries that are loaded; finding them takes milliseconds."""
    import scipy.linalg  # noqa: F401  # so that SciPy's own is loaded, and found
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas")


# A child that is forked meanwhile would be left with one thread, and would wait for its turn for ever.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_turn.acquire, after_in_parent=_turn.release, after_in_child=_turn.release)
