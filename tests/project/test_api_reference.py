"""The API reference has every public name, and every guide leads to it."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import tunesmith
from tunesmith import registry

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "api").glob("*.md"))
GUIDES = sorted({*(ROOT / "docs").glob("*.md")} - {ROOT / "docs" / name for name in ("contributing.md", "glossary.md")})
ROOMS = (
    "artifacts",
    "importance",
    "samplers",
    "program",
    "pruners",
    "storage",
    "study",
    "selection",
    "scaling",
    "sklearn",
    "space",
    "spaces",
    "testing",
    "trial",
    "visualization",
)


def resolve(identifier: str) -> Any:
    """The object that a dotted name stands for."""
    module, _, name = identifier.rpartition(".")
    return getattr(importlib.import_module(module), name)


IDENTIFIERS = [found for page in PAGES for found in re.findall(r"^::: ([\w.]+)$", page.read_text(), re.MULTILINE)]


def is_there(value: Any) -> bool:
    return any(resolve(identifier) is value for identifier in IDENTIFIERS)


def test_every_name_of_the_reference_can_be_imported_and_stands_there_once() -> None:
    objects = [resolve(identifier) for identifier in IDENTIFIERS]
    assert objects
    assert len({id(value) for value in objects}) == len(objects)


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
    module = importlib.import_module(f"tunesmith.{room}")
    missing = [name for name in module.__all__ if name not in INTERNAL and not is_there(getattr(module, name))]
    assert not missing, f"docs/api/ has no entry for these names of tunesmith.{room}: {missing}"


@pytest.mark.parametrize("kind", sorted(registry.KINDS))
def test_every_registry_entry_is_there(kind: str) -> None:
    missing = [name for name in registry.KINDS[kind] if not is_there(registry.load(kind, name))]
    assert not missing, f"docs/api/ has no entry for these {kind}: {missing}"


@pytest.mark.parametrize("guide", GUIDES, ids=lambda page: page.name)
def test_every_guide_leads_to_the_reference(guide: Path) -> None:
    assert re.search(r"\]\(api/\w+\.md", guide.read_text()), "end it with a line 'API reference: [...](api/....md).'"
