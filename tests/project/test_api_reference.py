"""The API reference has every public name."""

from __future__ import annotations

import importlib
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tunesmith
from tunesmith import errors
from tunesmith.foundation import registry

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "tunesmith"
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
STABILITY = (ROOT / "docs" / "stability.md").read_text()
# The one list of what is public: modules, and what of each.
PUBLIC = dict(
    re.findall(r"^\| `([\w.]+)` \| (.*) \|$", STABILITY.split("public -->")[1].split("<!-- end")[0], re.MULTILINE)
)
ROOMS = sorted(module for module, what in PUBLIC.items() if what.startswith("`__all__`") and module != "tunesmith")
# Rooms that say in `__all__` what other rooms may take of them, and no user.
INSIDE = {"tunesmith.history", "tunesmith.interchange", "tunesmith.study.progress", "tunesmith.foundation.system"}


def resolve(identifier: str) -> Any:
    """The object that a dotted name stands for."""
    module, _, name = identifier.rpartition(".")
    return getattr(importlib.import_module(module), name)


IDENTIFIERS = [found for page in PAGES for found in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.MULTILINE)]


@cache
def objects() -> dict[str, Any]:
    """What the reference names, as far as the libraries are here that it is for."""
    found = {}
    for identifier in IDENTIFIERS:
        try:
            found[identifier] = resolve(identifier)
        except ModuleNotFoundError as error:
            if (error.name or "tunesmith").partition(".")[0] == "tunesmith":
                raise
    return found


def is_there(value: Any) -> bool:
    return any(named is value for named in objects().values())


@pytest.mark.parametrize("identifier", IDENTIFIERS)
def test_every_name_of_the_reference_can_be_imported(identifier: str) -> None:
    if identifier not in objects():
        pytest.skip(f"the library that {identifier} is for is not installed")


def test_every_name_stands_there_once() -> None:
    assert len(objects()) > 100
    assert len({id(value) for value in objects().values()}) == len(objects())


def test_every_public_name_of_the_package_is_there() -> None:
    values = {name: getattr(tunesmith, name) for name in tunesmith.__all__ if name != "__version__"}
    missing = [
        name
        for name, value in values.items()
        if not ((ROOT / "docs" / "api" / f"{name}.md").exists() if isinstance(value, ModuleType) else is_there(value))
    ]
    assert not missing, f"docs/api/ has no page or entry for tunesmith.{missing}"


# Written for the inside of the library, though other packages may use it.
INTERNAL = {"Channel", "Proposals"}


@pytest.mark.parametrize("room", ROOMS)
def test_every_public_name_of_a_room_is_there(room: str) -> None:
    module = importlib.import_module(room)
    missing = [name for name in module.__all__ if name not in INTERNAL and not is_there(getattr(module, name))]
    assert not missing, f"docs/api/ has no entry for these names of {room}: {missing}"


def test_the_list_of_public_modules_has_every_module_with_public_names() -> None:
    found = {
        path.parent.relative_to(SRC.parent).as_posix().replace("/", ".")
        for path in SRC.glob("*/__init__.py")
        if re.search(r"^__all__\b", path.read_text(), re.MULTILINE)
    }
    unknown = sorted(found - PUBLIC.keys() - INSIDE)
    assert not unknown, f"docs/stability.md does not say whether these are public: {unknown}"
    assert found >= {*ROOMS}
    assert not INSIDE & PUBLIC.keys()


OUTER = PUBLIC.keys() - {"tunesmith"}


def test_the_reference_has_names_of_public_modules_alone() -> None:
    found = [name for name in IDENTIFIERS if name.count(".") > 1 and not name.startswith(tuple(f"{m}." for m in OUTER))]
    assert not found, f"docs/stability.md does not list the modules of these names of the reference: {found}"
    parts = PUBLIC.keys() - {*ROOMS}
    unused = [module for module in parts if not any(name.startswith(f"{module}.") for name in IDENTIFIERS)]
    assert not unused, f"docs/stability.md lists modules of which the reference has nothing: {unused}"


def test_every_exception_is_there() -> None:
    kinds = [
        value for value in vars(errors).values() if isinstance(value, type) and value.__module__ == errors.__name__
    ]
    missing = [kind.__name__ for kind in kinds if not is_there(kind)]
    assert kinds
    assert not missing, f"docs/api/errors.md has no entry for {missing}"


@pytest.mark.parametrize("kind", sorted(registry.REGISTRIES))
def test_every_registry_entry_is_there(kind: str) -> None:
    missing = [name for name in registry.REGISTRIES[kind] if not is_there(registry.load_registered(kind, name))]
    assert not missing, f"docs/api/ has no entry for these {kind}: {missing}"
