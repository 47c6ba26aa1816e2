"""The docstrings of the API reference say what each argument is, and their examples run."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]


# ---------------------------------------------------------------------------------- arguments, as a machine reads them

SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Example):$", re.MULTILINE)
STARS = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}


def public_objects() -> dict[str, Any]:
    """Every entry of the API reference by its name."""
    found = {}
    for page in sorted((ROOT / "docs" / "api").glob("*.md")):
        for identifier in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.MULTILINE):
            module, _, name = identifier.rpartition(".")
            try:
                found[identifier] = getattr(importlib.import_module(module), name)
            except ModuleNotFoundError as error:
                if error.name is None or error.name.startswith("tunesmith"):
                    raise  # else a library is not installed, and what it is for is left out
    return found


def section(text: str, title: str) -> str | None:
    """The lines of a section of a docstring; None: it has none of this title."""
    marks = list(SECTION.finditer(text))
    for i, mark in enumerate(marks):
        if mark[1] == title:
            return text[mark.end() : marks[i + 1].start() if i + 1 < len(marks) else None]
    return None


def described(text: str, title: str) -> list[str] | None:
    """The names at the beginning of the entries of a section; arguments that share an entry are one name."""
    lines = section(text, title)
    names = None if lines is None else re.findall(r"^    (\*{0,2}\w[^:\n]*?):(?: |$)", lines, re.MULTILINE)
    return None if names is None else [name.lstrip("*") for name in names]


def faults(name: str, function: Callable[..., Any], text: str, *, constructor: bool = False) -> list[str]:
    """What is wrong with the docstring of a function, or of a class as that of its constructor."""
    signature = inspect.signature(function)
    wanted = [p for p in signature.parameters if p not in ("self", "cls")]
    given = described(text, "Args")
    if given is None and constructor:  # a dataclass: its fields are its arguments, and may stand in any order
        fields = described(text, "Attributes")
        given = wanted if fields is not None and set(wanted) <= set(fields) else None
    found = []
    if given is None and len(wanted) >= 2:
        found.append(f"{name} has no Args: for {wanted}")
    elif given is not None and sorted(given) != sorted(wanted):
        found.append(f"{name} has Args: for {given}, and takes {wanted}")
    returns = signature.return_annotation not in ("None", None, "NoReturn", inspect.Signature.empty)
    if returns and not constructor and len(wanted) >= 2 and not (section(text, "Returns") or section(text, "Yields")):
        found.append(f"{name} has no Returns:")
    return found


def faults_of_class(name: str, cls: type) -> dict[str, list[str]]:
    """What is wrong with the docstrings of a class and its methods, by the room that they are written in."""
    found: dict[str, list[str]] = {}
    is_made_by_users = not issubclass(cls, BaseException) and not hasattr(cls, "__members__")
    if is_made_by_users and ("__init__" in vars(cls) or dataclasses.is_dataclass(cls)):
        found[room_of(cls)] = faults(name, cls, inspect.getdoc(cls) or "", constructor=True)
    for owner in cls.__mro__:
        for attribute, member in vars(owner).items():
            function = member.__func__ if isinstance(member, classmethod | staticmethod) else member
            if not owner.__module__.startswith("tunesmith") or attribute.startswith(("_", "test_")):
                continue
            if not inspect.isfunction(function):
                continue
            # A method of a contract is described there.
            above = [vars(base)[attribute] for base in owner.__mro__[1:] if attribute in vars(base)]
            texts = [inspect.getdoc(function) or "", *(inspect.getdoc(other) or "" for other in above)]
            complaints = [faults(f"{owner.__name__}.{attribute}", function, text) for text in texts]
            found.setdefault(room_of(owner), []).extend(complaints[0] if all(complaints) else [])
    return found


def room_of(value: Any) -> str:
    return str(value.__module__).split(".")[1]


def faults_by_room() -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, value in public_objects().items():
        if inspect.isfunction(value):
            found.setdefault(room_of(value), set()).update(faults(name, value, inspect.getdoc(value) or ""))
        elif inspect.isclass(value):
            for room, complaints in faults_of_class(name, value).items():
                found.setdefault(room, set()).update(complaints)
    return found


def test_every_argument_stands_on_its_own_line_and_what_is_returned_is_said() -> None:
    wrong = {room: sorted(found) for room, found in faults_by_room().items() if found}
    assert not wrong, "\n".join(line for found in wrong.values() for line in found)


# --------------------------------------------------------------------------------------------------------- examples

FENCED = re.compile(r"```python\n(.*?)```", re.DOTALL)


def examples() -> dict[str, str]:
    """The code of the Example: section of every entry of the API reference that has one."""
    found = {}
    for name, value in public_objects().items():
        text = section(inspect.getdoc(value) or "", "Example")
        if text is not None and (blocks := FENCED.findall(text)):
            found[name] = "\n".join(inspect.cleandoc("\n" + block) for block in blocks)
    return found


def by_room() -> dict[str, dict[str, str]]:
    rooms: dict[str, dict[str, str]] = {}
    for name, code in examples().items():
        rooms.setdefault(name.rpartition(".")[0], {})[name] = code
    return rooms


LACKING = """
import contextlib, os, sys
lack = []

@contextlib.contextmanager
def lacking(name):
    try:
        yield
    except ImportError as error:
        if not ("pip install" in str(error) or (error.name or "tunesmith").partition(".")[0] != "tunesmith"):
            raise
        lack.append(name)
        print(f"{name}: {error}", file=sys.stderr)
"""


@pytest.mark.parametrize("room", sorted(by_room()))
def test_the_examples_run(room: str, tmp_path: Path) -> None:
    """Those of a room in one process, each in a folder and a namespace of its own; 3: some lack a library."""
    script = [LACKING, f"top = {str(tmp_path)!r}"]
    for name, code in by_room()[room].items():
        script += [f"os.makedirs(os.path.join(top, {name!r}))", f"os.chdir(os.path.join(top, {name!r}))"]
        script += [
            f"with lacking({name!r}):",
            f"    exec(compile({code!r}, {name!r}, 'exec'), {{'__name__': '__main__'}})",
        ]
    (tmp_path / "examples.py").write_text("\n".join([*script, "sys.exit(3 if lack else 0)"]))
    done = subprocess.run(
        [sys.executable, tmp_path / "examples.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if done.returncode == 3:
        pytest.skip(done.stderr.strip().splitlines()[-1])
    assert done.returncode == 0, f"an example of {room} does not run:\n{done.stdout}\n{done.stderr}"
