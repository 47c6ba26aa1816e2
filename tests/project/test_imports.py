"""`import tunesmith` is cheap: it brings NumPy and nothing else that is not of the standard library."""

from __future__ import annotations

import subprocess
import sys


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
