"""Every public class, function and method says what it does, itself or in the contract that it implements."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
from types import ModuleType

import pytest

import tunesmith


def public_modules() -> list[str]:
    names = ["tunesmith", *(info.name for info in pkgutil.walk_packages(tunesmith.__path__, "tunesmith."))]
    return [name for name in names if not any(part.startswith("_") for part in name.split("."))]


def undocumented(module: ModuleType) -> list[str]:
    found = []
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if not (inspect.isclass(value) or inspect.isfunction(value)):
            continue
        if not inspect.getdoc(value):
            found.append(name)
        if not inspect.isclass(value):
            continue
        for attribute, member in vars(value).items():
            documented = isinstance(member, property | classmethod | staticmethod) or inspect.isfunction(member)
            # getdoc of the attribute, not of the member: it looks in the base classes too.
            if documented and not attribute.startswith("_") and not inspect.getdoc(getattr(value, attribute)):
                found.append(f"{name}.{attribute}")
    return found


@pytest.mark.parametrize("name", public_modules())
def test_public_names_have_docstrings(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__, f"{name} has no docstring that says what it holds"
    assert not undocumented(module)
