"""Build a release of what is committed, and try it as a user gets it; dist/ has it afterwards.

    python .ci/release.py

1. The wheel and the sdist are built twice, in two folders with other settings, and the wheel once more from the sdist:
   all to the same bytes.
2. twine and check-wheel-contents check them.
3. For each Python that is on this machine, from 3.11 to 3.14, the wheel is installed into a clean environment with the
   newest dependencies, and on 3.11 with the oldest ones too (later versions of Python have no wheels of those). There
   the inner circle of the tests runs, from the sdist, with the installed package in the place of src.
4. The wheel is small, and it brings few packages.

Whatever fails, all of it is tried, and what is wrong is told together at the end.

RELEASE_TESTS=smoke runs a few test files in place of the inner circle, and RELEASE_PYTHONS="3.12 3.13" tries these
alone; a release is made with neither.
"""

from __future__ import annotations

import filecmp
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from functools import partial
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
OLDEST = "3.11"
TOOLS = ("twine==7.0.0", "check-wheel-contents==0.6.3")
WHEEL_BYTES = 1_800_000
PACKAGES = 20  # that `pip install tunesmith` brings, tunesmith with them
SMOKE = (
    "tests/space/test_space.py",
    "tests/storage/test_migrations.py",
    "tests/study/test_optimize.py",
    "tests/study/test_pickling.py",
    "tests/project/test_golden.py",
    "tests/cli/test_main.py",
)
# As in .ci/versions: what can be installed beside the oldest versions.
OLD_EXTRAS = ("sklearn", "pandas", "artifacts", "testing")
OLD_TOOLS = ("pytest-xdist", "mpmath", "matplotlib")


class ReleaseError(Exception):
    """What is wrong with the release."""


def run(*command: str | Path, cwd: Path = ROOT, umask: int = -1, **environment: str) -> str:
    """What a command printed; the terminal shows it, and its errors, only if it fails."""
    given = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # src is not to be found
    done = subprocess.run(
        command, cwd=cwd, env={**given, **environment}, umask=umask, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="", end="", flush=True)
        raise ReleaseError(f"this command ended with {done.returncode}: {' '.join(map(str, command))}")
    return done.stdout


def say(text: str) -> None:
    print(f"release: {text}", flush=True)


# ------------------------------------------------------------------------------------------------------------ build


def export(folder: Path) -> Path:
    """What the last commit holds, in a folder of its own: nothing that lies about in this one."""
    archive = folder.with_suffix(".tar")
    run("git", "archive", "--output", archive, "HEAD")
    unpack(archive, folder)
    return folder


def unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as file:
        file.extractall(folder, filter="data")


def same(first: Path, second: Path) -> None:
    """Raise if two folders do not hold the same files with the same bytes."""
    names = sorted({path.name for folder in (first, second) for path in folder.iterdir()})
    differ = [name for name in names if not _equal(first / name, second / name)]
    if differ:
        raise ReleaseError(f"two builds of one commit differ in {', '.join(differ)}")


def _equal(first: Path, second: Path) -> bool:
    return first.exists() and second.exists() and filecmp.cmp(first, second, shallow=False)


def build(python: Path, scratch: Path) -> tuple[Path, Path]:
    """The wheel and the sdist, both of them the same whoever builds them."""
    epoch = run("git", "log", "-1", "--format=%ct").strip()
    first, second = scratch / "built", scratch / "built-again"
    settings = ({"TZ": "UTC", "PYTHONHASHSEED": "1"}, {"TZ": "Asia/Kolkata", "PYTHONHASHSEED": "2"})
    for made, umask, setting in zip((first, second), (0o022, 0o077), settings, strict=True):
        source = export(scratch / f"source-of-{made.name}")
        run(python, "-m", "hatchling", "build", "-d", made, cwd=source, umask=umask, SOURCE_DATE_EPOCH=epoch, **setting)
    same(first, second)
    (wheel,), (sdist,) = first.glob("*.whl"), first.glob("*.tar.gz")
    unpack(sdist, scratch)
    source, third = scratch / sdist.name.removesuffix(".tar.gz"), scratch / "built-from-sdist"
    run(python, "-m", "hatchling", "build", "-t", "wheel", "-d", third, cwd=source, SOURCE_DATE_EPOCH=epoch)
    if not _equal(wheel, third / wheel.name):
        raise ReleaseError("the wheel that is built from the sdist is not the one that is built from the commit")
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    shutil.copytree(first, dist)
    return dist / wheel.name, dist / sdist.name


def small_enough(wheel: Path, limit: int = WHEEL_BYTES) -> int:
    """The size of the wheel in bytes; raises if it is over the limit."""
    size = wheel.stat().st_size
    if size > limit:
        raise ReleaseError(f"{wheel.name} has {size:,} bytes; at most {limit:,} are allowed")
    return size


# -------------------------------------------------------------------------------------------------------------- try


def chosen() -> tuple[str, ...]:
    """The versions of Python to try."""
    words = tuple(os.environ.get("RELEASE_PYTHONS", "").split()) or PYTHONS
    if unknown := sorted(set(words) - set(PYTHONS)):
        raise ReleaseError(f"RELEASE_PYTHONS names {', '.join(unknown)}; there are {', '.join(PYTHONS)}")
    return words


def pythons() -> dict[str, str]:
    """The versions of Python to try that this machine has, and their programs."""
    found = {}
    for version in chosen():
        name = f"python{version}"
        # A program of that name may be there and only say that it is not installed.
        works = shutil.which(name) and not subprocess.run([name, "-c", ""], capture_output=True, check=False).returncode
        if works:
            found[version] = name
        else:
            say(f"there is no {name} on this machine; skipped")
    return found


def environment(python: str, folder: Path) -> Path:
    """The Python of a new virtual environment."""
    run(python, "-m", "venv", folder)
    return folder / "bin" / "python"


def install(python: Path, *what: str | Path) -> None:
    """Install into a virtual environment, wheels alone; what is in the way is told."""
    run("sh", ".ci/install", python, *what)


def few_enough(python: Path, limit: int = PACKAGES) -> int:
    """How many packages are there besides pip; raises if they are over the limit."""
    listed = json.loads(run(python, "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"))
    names = sorted({package["name"] for package in listed} - {"pip", "setuptools"})
    if len(names) > limit:
        raise ReleaseError(f"`pip install tunesmith` brings {len(names)} packages, at most {limit}: {', '.join(names)}")
    return len(names)


def tests(sdist: Path, python: Path, folder: Path) -> Path:
    """The tests of the sdist, with the installed package in the place of src."""
    unpack(sdist, folder)
    root = folder / sdist.name.removesuffix(".tar.gz")
    shutil.rmtree(root / "src")
    installed = Path(run(python, "-c", "import tunesmith; print(tunesmith.__path__[0])", cwd=root).strip())
    if not installed.is_relative_to(python.parent.parent):
        raise ReleaseError(f"the tests would run with {installed}, which is not what was installed")
    (root / "src").mkdir()
    (root / "src" / "tunesmith").symlink_to(installed)  # for tests that look at the source
    return root


def try_out(name: str, version: str, wheel: Path, sdist: Path, folder: Path, *, oldest: bool) -> None:
    """Install the wheel as a user does, and run the tests with it."""
    scratch = Path(tempfile.mkdtemp(dir=folder))
    python = environment(name, scratch / "venv")
    constraints: tuple[str | Path, ...] = ()
    if oldest:
        pins = scratch / "pins"
        pins.write_text(run(python, ".ci/oldest.py"))
        constraints = ("--constraint", pins)
    install(python, *constraints, wheel)
    said = run(python.with_name("tunesmith"), "--version", cwd=scratch).strip()
    if said.split()[-1] != wheel.name.split("-")[1]:
        raise ReleaseError(f"`tunesmith --version` says {said!r}, and the wheel is {wheel.name}")
    if oldest:
        what = (f"{wheel}[{','.join(OLD_EXTRAS)}]", *OLD_TOOLS)
    else:
        say(f"Python {version}: {few_enough(python)} packages with the wheel, at most {PACKAGES}")
        what = (f"{wheel}[test]",)
    install(python, *constraints, *what)
    root = tests(sdist, python, scratch)
    files = SMOKE if is_smoke() else ()
    options = ("-n", os.environ.get("WORKERS", "2"), "--dist", "loadgroup", "-q")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    printed = run(python, "-m", "pytest", *options, "--circle", "inner", *files, cwd=root, **threads)
    say(f"Python {version}, {'oldest' if oldest else 'newest'} dependencies: {printed.strip().splitlines()[-1]}")


def is_smoke() -> bool:
    which = os.environ.get("RELEASE_TESTS", "full")
    if which not in ("full", "smoke"):
        raise ReleaseError(f"RELEASE_TESTS={which}: give full or smoke")
    return which == "smoke"


def release(scratch: Path) -> None:
    is_part = is_smoke() or chosen() != PYTHONS
    if run("git", "status", "--porcelain").strip():
        say("what is not committed is left out")
    tools = environment(sys.executable, scratch / "tools")
    (hatchling,) = re.findall(r"^hatchling==.*$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
    install(tools, hatchling, *TOOLS)
    wheel, sdist = build(tools, scratch)
    say(f"{wheel.name} and {sdist.name}: the same bytes in each build")
    wrong = []
    # One run tells everything that is wrong.
    checks = [
        lambda: run(tools, "-m", "twine", "check", "--strict", wheel, sdist),
        lambda: run(tools.with_name("check-wheel-contents"), wheel),
    ]
    for version, name in pythons().items():
        for oldest in (False, True) if version == OLDEST else (False,):
            checks.append(partial(try_out, name, version, wheel, sdist, scratch, oldest=oldest))
    checks.append(lambda: say(f"{wheel.name}: {small_enough(wheel):,} bytes, at most {WHEEL_BYTES:,}"))
    for check in checks:
        try:
            check()
        except ReleaseError as error:
            wrong.append(str(error))
            say(str(error))
    if wrong:
        raise ReleaseError("\n  ".join(["this is no release:", *wrong]))
    say(f"{wheel.relative_to(ROOT)} and {sdist.relative_to(ROOT)} are as they should be")
    if is_part:
        say("this was a part of the tests: a release needs neither RELEASE_TESTS nor RELEASE_PYTHONS")


def main() -> int:
    try:
        with tempfile.TemporaryDirectory(prefix="tunesmith-release-") as scratch:
            release(Path(scratch))
    except ReleaseError as error:
        print(f"release: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
