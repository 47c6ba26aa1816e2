"""The habits of CONTRIBUTING.md that a machine can check, so that a review need not."""

from __future__ import annotations

import ast
import importlib.util
import re
import subprocess
import tokenize
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


def test_no_files_import_one_another_in_a_circle() -> None:
    """Imports inside functions and for type checking count: who reads one file of a circle has to read them all."""
    spec = importlib.util.spec_from_file_location("imports", ROOT / ".ci" / "imports.py")
    assert spec is not None
    assert spec.loader is not None
    imports = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(imports)
    assert imports.circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]]
    found = imports.circles(imports.graph())
    assert not found, f"these files import one another: {found}"


def test_no_module_is_a_drawer_for_odds_and_ends() -> None:
    drawers = {"utils", "util", "helpers", "misc", "common"}
    found = [relative(p) for p in MODULES if drawers & {p.stem.strip("_"), p.parent.name.strip("_")}]
    assert not found, f"name these for what they hold: {found}"


def test_every_folder_with_modules_is_a_package() -> None:
    missing = sorted({relative(p.parent) for p in MODULES if not (p.parent / "__init__.py").exists()})
    assert not missing, f"no __init__.py in {missing}"


def test_csv_is_written_in_one_place() -> None:
    """There alone, texts that a spreadsheet would take for formulas are made harmless."""
    writes = re.compile(r"csv\.(?:writer|DictWriter)|\.(?:to|write)_csv\(|savetxt\(")
    found = [relative(path) for path in MODULES if writes.search(path.read_text(encoding="utf-8"))]
    assert found == ["src/tunesmith/foundation/formats.py"]


def test_no_double_star_named_kwargs() -> None:
    """`**kwargs` hides what a function takes; where a mapping is really meant, its name says of what."""
    found = [
        f"{relative(path)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.args.kwarg is not None and node.args.kwarg.arg == "kwargs"
    ]
    assert not found, f"spell out what these take: {found}"


# ------------------------------------------------------------------------------------------- reasons beside ignores

IGNORE = re.compile(
    r"#\s*(?:noqa(?P<noqa>: *[A-Z]+[0-9]+(?:[, ]+[A-Z]+[0-9]+)*)?"
    r"|type: *ignore(?P<mypy>\[[a-z0-9, -]+\])?"
    r"|pragma: no cover)(?P<rest>.*)$"
)


def comments(path: Path) -> list[tuple[int, str, bool]]:
    """Line, text and "stands alone on its line" of every comment."""
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    return [(t.start[0], t.string, not t.line[: t.start[1]].strip()) for t in tokens if t.type == tokenize.COMMENT]


def unexplained_ignores(path: Path) -> list[str]:
    """ "line: what is missing" of every comment that switches a check off without saying which and why."""
    found = []
    alone = {line for line, _, is_alone in comments(path) if is_alone}
    for line, text, _ in comments(path):
        match = IGNORE.search(text)
        if match is None:
            continue
        if "noqa" in match[0] and match["noqa"] is None:
            found.append(f"{line}: name the rule (# noqa: CODE)")
        elif "type:" in match[0] and match["mypy"] is None:
            found.append(f"{line}: name the error (# type: ignore[code])")
        elif not (match["rest"].strip(" #-:") or text[: match.start()].strip(" #") or line - 1 in alone):
            found.append(f"{line}: say why, after {text!r} or in a comment on the line above")
    return found


def test_every_ignore_names_its_rule_and_its_reason() -> None:
    # mypy does not look at the tests, so that a `type: ignore` in them is a note to the reader's editor and no more.
    paths = [p for p in files_of_the_project() if p.suffix == ".py" and p.relative_to(ROOT).parts[0] != "tests"]
    found = [f"{relative(path)}:{entry}" for path in paths for entry in unexplained_ignores(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("import os  # noqa\n", "name the rule"),
        ("x = 1  # type: ignore  # the stub is wrong\n", "name the error"),
        ("import os  # noqa: F401\n", "say why"),
        ("import os  # noqa: F401, E402\n", "say why"),
        ("x = f()  # type: ignore[no-any-return]\n", "say why"),
    ],
)
def test_an_unexplained_ignore_is_found(code: str, words: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(code)
    (found,) = unexplained_ignores(tmp_path / "module.py")
    assert words in found


@pytest.mark.parametrize(
    "code",
    [
        "import os  # noqa: F401  re-exported\n",
        "import os  # noqa: F401 - re-exported\n",
        "x = f()  # type: ignore[no-any-return]  # f is untyped\n",
        "# f is untyped\nx = f()  # type: ignore[no-any-return]\n",
        'x = "# noqa"\n',
    ],
)
def test_an_explained_ignore_passes(code: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(code)
    assert unexplained_ignores(tmp_path / "module.py") == []


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


def test_the_patterns_find_what_they_are_for() -> None:
    assert HOSTS.search("from https://files.python" + "hosted.org/x")
    assert PATHS.search("open('/home/" + "someone/data.csv')")
    assert not PATHS.search("docs/home/index.html")
    assert INDEX.search("pip install --index" + "-url x")


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
