"""Tells whether a worker has other code, or another tunesmith, than the first worker of its study.

The study keeps the versions and a digest of each module as a system attribute. Differences are told and never refused:
a changed comment is one, too.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

from tunesmith import __version__
from tunesmith.study import Study
from tunesmith.text import listing
from tunesmith.workers import current_worker

KEY = "first_worker"  # the system attribute of the study
DIGITS = 12  # of a digest; enough to tell versions of one file apart
INSTALLED = {"site-packages", "dist-packages"}


def differences(study: Study, target: str) -> list[str]:
    """Return how this worker differs from the study's first, in words; the first one is noted.

    Args:
        target: the objective as it was named, ``module:name``; it is imported already.

    Returns:
        one text for each difference; none if this worker is the first.
    """
    own = _described(target)
    if study.system_attrs.get(KEY) is None:
        study.set_system_attr(KEY, own)
    first: dict[str, Any] = study.system_attrs[KEY]  # read again: another worker may have begun meanwhile
    found = []
    if first["tunesmith"] != own["tunesmith"]:
        found.append(
            f"this worker has tunesmith {own['tunesmith']}, the first worker of the study ({first['worker']}) had "
            f"{first['tunesmith']}; install the same version everywhere"
        )
    if first["objective"] != own["objective"]:
        found.append(
            f"this worker runs {own['objective']}, the first worker of the study ({first['worker']}) ran "
            f"{first['objective']}; their results are compared as if it was one objective"
        )
    elif first["code"] != own["code"]:
        modules = {*first["code"], *own["code"]}
        other = sorted(name for name in modules if first["code"].get(name) != own["code"].get(name))
        here, there = own["code"].get(other[0], "absent"), first["code"].get(other[0], "absent")
        found.append(
            f"the code of {target} is not that of the first worker of the study ({first['worker']}): other modules are "
            f"{listing(other)} ({other[0]}: {here} here, {there} there); their results are compared as if it was one "
            "objective"
        )
    return found


def _described(target: str) -> dict[str, Any]:
    return {
        "worker": ":".join(current_worker().split(":")[:2]),
        "tunesmith": __version__,
        "objective": target,
        "code": _digests(target.partition(":")[0]),
    }


def _digests(module_name: str) -> dict[str, str]:
    """Return a digest of the source of a module, and of all modules beside it that are imported now."""
    top = module_name.partition(".")[0]
    path = _source(module_name)
    # Installed packages lie side by side without having to do with one another.
    root = None if path is None or INSTALLED & set(path.parts) else path.parents[module_name.count(".")]
    if path is not None and path.name == "__init__.py" and root is not None:
        root = root.parent
    found = {}
    for name in sorted(sys.modules):
        source = _source(name)
        if source is None or name.partition(".")[0] in ("tunesmith", "__main__", "__mp_main__"):
            continue
        beside = root is not None and source.is_relative_to(root) and not INSTALLED & set(source.parts)
        if name.partition(".")[0] == top or beside:
            text = source.read_bytes().replace(b"\r\n", b"\n")
            found[name] = hashlib.sha256(text).hexdigest()[:DIGITS]
    return found


def _source(module_name: str) -> Path | None:
    """Return the file of a module's source, if there is one."""
    file = getattr(sys.modules.get(module_name), "__file__", None)
    path = Path(file).resolve() if isinstance(file, str) and file.endswith(".py") else None
    return path if path is not None and path.is_file() else None
