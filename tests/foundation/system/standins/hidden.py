"""Hides what Linux has and another system has not; for the `sitecustomize` modules beside this one."""

from __future__ import annotations

import builtins
import io
import os
import select
import sys
from typing import Any


def hide(modules: str, functions: str, places: tuple[str, ...]) -> None:
    """Make Python lack modules, functions of `os`, and files below some places."""
    for name in modules.split():
        sys.modules[name] = None  # type: ignore[assignment]  # this is how an import is made to fail
    for name in functions.split():
        if hasattr(os, name):
            delattr(os, name)

    def without(function: Any) -> Any:
        def call(path: Any, *rest: Any, **named: Any) -> Any:
            if not isinstance(path, int) and os.fsdecode(path).startswith(places):
                raise FileNotFoundError(2, "there is no such file on the system that is stood in for", str(path))
            return function(path, *rest, **named)

        return call

    builtins.open = io.open = without(open)  # type: ignore[misc]  # the same function, with fewer files
    for name in ("listdir", "scandir", "stat", "lstat", "open"):
        if name != "listdir":
            setattr(os, name, without(getattr(os, name)))
    listdir = os.listdir
    os.listdir = without(listdir)
    if hasattr(select, "epoll"):
        del select.epoll
