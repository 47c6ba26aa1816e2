"""The pages that say how to add something are followed to the letter, in a copy of the source tree.

A block of code with a title is a file, or lines that go below a line of one; a console block has what is to be run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import DOCS, ROOT, blocks

PAGES = ("sampler", "figure", "command", "callback")
TITLE = re.compile(r'title="([^"]*)"')
PLACE = re.compile(r"(\S+), (?:at the end|below the line of (.*))")
# What looks at all that there is: the docs have it, its docstrings fit, its names are public.
ALL = ("tests/project/test_api_reference.py", "tests/project/test_docstrings.py", "tests/project/test_docs.py")
MOST_LINES, MOST_FILES = 400, 4


def apply(page: str, root: Path) -> list[str]:
    """Do what a page says, and return the files that were touched."""
    touched = []
    for block in blocks(page):
        title = TITLE.search(block.info)
        if title is None or title[1] == "Output":
            continue
        named, text = title[1], "\n".join(block.lines) + "\n"
        place = PLACE.fullmatch(named)
        file = root / (place[1] if place else named)
        touched.append(file.relative_to(root).as_posix())
        if place is None:
            assert not file.exists(), f"{named} is there already"
            file.write_text(text, encoding="utf-8")
        elif place[2] is None:
            file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")
        else:
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            below = next(i for i, line in enumerate(lines, 1) if place[2] in line)
            file.write_text("".join([*lines[:below], text, *lines[below:]]), encoding="utf-8")
    return touched


@pytest.mark.parametrize("name", PAGES)
def test_who_adds_one_reads_little_and_touches_few_files(name: str) -> None:
    page = (DOCS / f"add-{name}.md").read_text(encoding="utf-8")
    (first,) = re.findall(r"Read first: (`[^.]*\.py`[^.]*(?:\.py`[^.]*)*)", page)
    lines = {
        file: len((ROOT / "src/tunesmith" / file).read_text().splitlines())
        for file in re.findall(r"`([^`]+\.py)`", first)
    }
    assert lines, "the page says which files to read first"
    assert sum(lines.values()) + len(page.splitlines()) <= MOST_LINES, f"the page and {lines}"
    titles = [found[1] for block in blocks(page) if (found := TITLE.search(block.info)) and found[1] != "Output"]
    assert 2 <= len({title.partition(", ")[0] for title in titles}) <= MOST_FILES


@pytest.mark.slow
@pytest.mark.parametrize("name", PAGES)
def test_what_a_page_says_passes_all_checks(name: str, tmp_path: Path) -> None:
    for path in ROOT.iterdir():
        if path.is_file():
            shutil.copy2(path, tmp_path / path.name)
    left_out = shutil.ignore_patterns("__pycache__", "img", "golden")
    for folder in ("src", "docs", "tests", "examples", ".ci", ".mypy_cache"):
        if (ROOT / folder).exists():
            shutil.copytree(ROOT / folder, tmp_path / folder, ignore=left_out)
    (tmp_path / "docs/img").symlink_to(ROOT / "docs/img")
    page = (DOCS / f"add-{name}.md").read_text(encoding="utf-8")
    code = [file for file in apply(page, tmp_path) if file.endswith(".py")]
    python = str(Path(sys.executable))
    typed = [line for block in blocks(page) if block.language == "console" for line in block.lines]
    told = [line.removeprefix("$ .venv/bin/python ").split() for line in typed if line != "$ make check"]
    assert "$ make check" in typed
    wanted = "reference or registry or public or docstring or returned or once"
    for words in (
        ["-m", "ruff", "check", *code],
        ["-m", "ruff", "format", "--check", *code],
        ["-m", "mypy", *(file for file in code if file.startswith("src/"))],
        *(command + ["--circle", "inner"] * ("tests/integrations" not in " ".join(command)) for command in told),
        ["-m", "pytest", *ALL, "-k", wanted],
    ):
        done = subprocess.run(
            [python, *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path / "src"), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(words)}:\n{done.stdout[-6000:]}\n{done.stderr[-2000:]}"
