"""`import tunesmith` is cheap: it brings NumPy and nothing else that is not of the standard library."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
import types

import pytest

import tunesmith


def modules_after(code: str) -> set[str]:
    program = f"{code}; import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_brings_numpy_only() -> None:
    brought = {name.partition(".")[0] for name in modules_after("import tunesmith") - modules_after("import numpy")}
    others = brought - sys.stdlib_module_names - {"tunesmith"}
    assert not others, f"import these where they are used first: {sorted(others)}"


def test_import_leaves_slow_parts_of_the_standard_library_alone() -> None:
    slow = {"multiprocessing", "concurrent.futures", "asyncio", "sqlite3", "importlib.metadata", "unittest"}
    brought = modules_after("import tunesmith") - modules_after("import numpy")
    assert not brought & slow, f"import these where they are used first: {sorted(brought & slow)}"


def test_no_public_function_or_class_has_the_name_of_a_module() -> None:
    """Importing a module `tunesmith.x` sets `tunesmith.x`, over whatever else had that name."""
    modules = {info.name for info in pkgutil.iter_modules(tunesmith.__path__)}
    clashes = [
        name
        for name in tunesmith.__all__
        if name in modules and not isinstance(getattr(tunesmith, name), types.ModuleType)
    ]
    assert not clashes, f"rename these modules: {clashes}"


@pytest.mark.parametrize("name", tunesmith.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(tunesmith, name) is not None
