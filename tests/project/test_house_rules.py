"""The habits of CONTRIBUTING.md that a machine can check, so that a review need not."""

from __future__ import annotations

import ast
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src" / "tunesmith"
MODULES = sorted(SRC.rglob("*.py"))


def relative(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def files_of_the_project() -> list[Path]:
    """Everything that git tracks or would; all files, less what tools leave behind, outside of a checkout."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if listed.returncode == 0 and listed.stdout:
        paths = [ROOT / name for name in listed.stdout.split("\0") if name]
    else:
        paths = [
            path
            for top in ("src", "tests", "docs", "examples", "benchmarks", "changes")
            for path in (ROOT / top).rglob("*")
            if "__pycache__" not in path.parts
        ]
        paths += [path for path in ROOT.iterdir() if not path.name.startswith(".")]
    return sorted(path for path in paths if path.is_file())


def text_of(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None


# ---------------------------------------------------------------------------------------------------------- modules


def test_the_engine_of_a_study_is_used_by_studies_alone() -> None:
    """What other rooms need of it is a method of the study."""
    found = [
        f"{relative(path)}:{node.lineno}"
        for path in MODULES
        if not path.is_relative_to(SRC / "study")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr == "engine" and "RDBStorage" not in ast.unparse(node.value)
    ]
    assert not found


def test_csv_is_written_in_one_place() -> None:
    """There alone, texts that a spreadsheet would take for formulas are made harmless."""
    writes = re.compile(r"csv\.(?:writer|DictWriter)|\.(?:to|write)_csv\(|savetxt\(")
    found = [relative(path) for path in MODULES if writes.search(path.read_text(encoding="utf-8"))]
    assert found == ["src/tunesmith/foundation/formats.py"]


# --------------------------------------------------------------------------------------- nothing of one machine only

# Written so that this file does not match itself.
HOSTS = re.compile(
    r"\b(?:py" r"pi|python" r"hosted|ana" r"conda|npm" r"js|deb" r"ian|ubu" r"ntu)\.(?:org|com|net|io)\b"
)
PATHS = re.compile(r"(?<![\w.])/(?:work|root|home|Users|opt)/[\w.-]+")
INDEX = re.compile(r"--(?:extra-)?index" r"-url|--trusted" r"-host|\bindex" r"-url *=")


@pytest.mark.parametrize(
    ("what", "pattern"), [("a registry's host", HOSTS), ("a path of one machine", PATHS), ("a package index", INDEX)]
)
def test_no_file_names(what: str, pattern: re.Pattern[str]) -> None:
    found = [
        f"{relative(path)}:{number}: {line.strip()[:100]}"
        for path in files_of_the_project()
        if path != Path(__file__).resolve() and (text := text_of(path)) is not None
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not found, f"these name {what}:\n" + "\n".join(found)


# ------------------------------------------------------------------------------------------------------ dependencies

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins() -> dict[str, str]:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and not line.startswith("#")]
    wrong = [line for line in lines if not re.fullmatch(rf"{NAME.pattern}==[\w.+!]+( *;.*)?", line)]
    assert not wrong, f"not 'name==version': {wrong}"
    return {normal(line.split("==")[0]): line.split("==")[1] for line in lines}


def test_everything_that_is_asked_for_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [*project["build-system"]["requires"], *project["project"]["dependencies"]]
    asked += [one for extra in project["project"]["optional-dependencies"].values() for one in extra]
    names = {normal(NAME.match(one)[0]) for one in asked if NAME.match(one)} - {"tunesmith"}
    missing = sorted(names - pins().keys())
    assert not missing, f"constraints.txt has no pin for {missing}; run `make pins`"


# ---------------------------------------------------------------------------------------------------- news fragments

FRAGMENT = re.compile(r"[a-z0-9][a-z0-9-]*\.(added|changed|fixed|removed)\.md")


@pytest.mark.parametrize(
    "path", [p for p in sorted((ROOT / "changes").iterdir()) if p.name != "README.md"], ids=lambda p: p.name
)
def test_news_fragments_are_well_formed(path: Path) -> None:
    assert FRAGMENT.fullmatch(path.name), "name it <short-name>.<added|changed|fixed|removed>.md, in lower case"
    text = path.read_text().strip()
    assert text, "write what changed for a user, in a sentence or two"
    assert len(text) <= 600, f"{len(text)} characters: write a sentence or two, and the rest into docs/"
    assert not text.startswith(("#", "-", "*")), "write plain sentences; the release puts them into a list"
    assert text.endswith((".", "`")), "end it as a sentence"
