"""The dashboard: studies in a browser, live. ``tunesmith dashboard tune.db``, or `serve` and `app` from Python.

Pages are made here, in the server, from `templates/`; one ES module in `static/` draws figures and keeps pages up to
date. `security.py` says who may come in; `studies.py` holds the snapshots; `pages/` answers the addresses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:
    from tunesmith.dashboard.app import app
    from tunesmith.dashboard.server import serve

_HOMES = {"app": "tunesmith.dashboard.app", "serve": "tunesmith.dashboard.server"}

__all__ = ["app", "serve"]

__getattr__, __dir__ = lazy(__name__, _HOMES, "pip install 'tunesmith[dashboard]'")
