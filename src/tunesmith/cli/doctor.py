"""``tunesmith doctor``: is the installation whole, the storage undamaged, the disk fast enough?"""

from __future__ import annotations

import os
import platform
import tempfile
import time
from pathlib import Path
from typing import Any

import click

from tunesmith import __version__
from tunesmith.cli.options import STANDARD_STORAGE, STORAGE_VARIABLE, existing, json_option
from tunesmith.cli.output import echo, print_json, print_table
from tunesmith.errors import StorageError

NEEDED_PACKAGES = (
    "numpy",
    "scipy",
    "sqlalchemy",
    "alembic",
    "cmaes",
    "moocore",
    "cloudpickle",
    "click",
    "rich",
    "threadpoolctl",
)
PACKAGE_OF_EXTRA = {
    "sklearn": "scikit-learn",
    "visualization": "plotly",
    "pandas": "pandas",
    "tables": "skops",
    "dask": "distributed",
    "ray": "ray",
    "torch": "torch",
    "lightning": "lightning",
    "transformers": "transformers",
    "keras": "keras",
    "xgboost": "xgboost",
    "lightgbm": "lightgbm",
    "catboost": "catboost",
    "postgres": "psycopg",
    "mysql": "PyMySQL",
    "artifacts": "fsspec",
}
TIMED_WRITES = 50  # writes to the disk that are timed
SLOW_WRITE_SECONDS = 0.02  # seconds: a trial writes twice, so that shorter objectives would wait for the disk


@click.command()
@click.argument("storage", envvar=STORAGE_VARIABLE, required=False)
@json_option
def doctor(storage: str | None, as_json: bool) -> int:
    """Check the installation, a storage, and the speed of its disk.

    The exit status is 1 if something is wrong.
    """
    if storage is None and Path(STANDARD_STORAGE).is_file():
        storage = STANDARD_STORAGE
    problems = [f"{name} is missing: pip install {name}" for name in NEEDED_PACKAGES if _version(name) is None]
    folder = Path(os.path.realpath(storage)).parent if storage and "://" not in storage else Path.cwd()
    seconds = _seconds_of_a_sync(folder)
    if seconds is None:
        problems.append(f"nothing can be written in the folder {folder}")
    elif seconds > SLOW_WRITE_SECONDS:
        problems.append(
            f"the disk of {folder} takes {1000 * seconds:.0f} ms for a safe write, and a trial makes two: "
            "objectives that are shorter wait for it; a local disk is faster than a network's"
        )
    damage: list[str] | None = None
    if storage is not None:
        from tunesmith.storage import check

        try:
            existing(storage)
            damage = check(storage)
        except StorageError as error:
            damage = [str(error)]
        problems += damage
    found: dict[str, Any] = {
        "tunesmith": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": os.cpu_count(),
        "packages": {name: _version(name) for name in (*NEEDED_PACKAGES, *PACKAGE_OF_EXTRA.values())},
        "milliseconds_of_a_safe_write": None if seconds is None else 1000 * seconds,
        "storage": None if damage is None else "undamaged" if not damage else "damaged",
        "problems": problems,
    }
    if as_json:
        print_json(found)
        return int(bool(problems))
    echo(f"tunesmith {__version__}, Python {found['python']}, {found['system']}, {found['cores']} cores")
    extras = {name: f"{_version(package) or 'not there'}" for name, package in PACKAGE_OF_EXTRA.items()}
    print_table(["package", "version"], [[name, _version(name) or "missing"] for name in NEEDED_PACKAGES])
    print_table(["extra", "its package", "version"], [[name, PACKAGE_OF_EXTRA[name], v] for name, v in extras.items()])
    if seconds is not None:
        echo(f"A safe write to the disk of {folder} takes {1000 * seconds:.2f} ms.")
    if damage is not None and not damage:
        echo("The storage is undamaged.")
    for problem in problems:
        echo(f"problem: {problem}", err=True)
    if not problems:
        echo("No problem was found.")
    return int(bool(problems))


def _version(package: str) -> str | None:
    from importlib import metadata

    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _seconds_of_a_sync(folder: Path) -> float | None:
    """Return the median seconds of writing 4 KiB to the disk for good; None: nothing can be written there."""
    took = []
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            for _ in range(TIMED_WRITES):
                start = time.perf_counter()
                file.write(b"\0" * 4096)
                file.flush()
                os.fsync(file.fileno())
                took.append(time.perf_counter() - start)
    except OSError:
        return None
    return sorted(took)[len(took) // 2]
