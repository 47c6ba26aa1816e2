"""The dashboard: studies in a browser, live. ``tunesmith dashboard tune.db``, or `serve` and `app` from Python.

Pages are made here, in the server, from `templates/`; one ES module in `static/` draws figures and keeps pages up to
date. `security.py` says who may come in; `studies.py` holds the histories; `pages/` answers the addresses.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.dashboard.app import app
    from tunesmith.dashboard.server import serve

_HOME = {"app": "app", "serve": "server"}

__all__ = ["app", "serve"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"tunesmith.dashboard has no {name!r}; it has app and serve")
    from tunesmith.errors import MissingDependencyError

    try:
        module = importlib.import_module(f"tunesmith.dashboard.{_HOME[name]}")
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("tunesmith"):
            raise
        raise MissingDependencyError(f"the dashboard needs {error.name}: pip install 'tunesmith[dashboard]'") from error
    value = getattr(module, name)
    globals()[name] = value
    return value
