"""Documentation is a test: its examples run, and nothing that a user can choose by name is left out of it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from pages import CHINESE, ROOT, blocks, code_lines

from tunesmith import registry

PAGES = [ROOT / "README.md", ROOT / "README.zh.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
RUN_AS = "python"
# Other names for Python, which would pass by this check unseen.
ALIASES = {"py", "python3", "pycon", "ipython"}


def as_script(text: str) -> str:
    """All the Python of a page, each line at the number that it has on the page, so that a traceback leads there."""
    script = [""] * len(text.splitlines())
    for block in blocks(text):
        if block.language == RUN_AS and not block.is_skipped:
            script[block.start : block.start + len(block.lines)] = block.lines
    return "\n".join(script) + "\n"


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def english_id(page: Path) -> str:
    """The page, or its twin where it is one of the Chinese edition: the code of the two is the same."""
    return page_id(page).replace("docs/zh/", "docs/")


# What pages need that `make test` does not install; their examples run in the outer circle.
NEEDS = {
    "docs/import.md": "optuna",
    "docs/scale.md": "distributed",
    "docs/integrations/catboost.md": "catboost",
    "docs/integrations/keras.md": "keras",
    "docs/integrations/lightgbm.md": "lightgbm",
    "docs/integrations/lightning.md": "lightning",
    "docs/integrations/mlflow.md": "mlflow",
    "docs/integrations/pytorch.md": "torch",
    "docs/integrations/tensorboard.md": "tensorboardX",
    "docs/integrations/transformers.md": "transformers",
    "docs/integrations/wandb.md": "wandb",
    "docs/integrations/xgboost.md": "xgboost",
    "docs/tutorials/table.md": "lightgbm",
}
LONG = ("deep-learning", "importance", "parallel", "porting", "quickstart", "scikit-learn", "trust")
LONG += ("chapter", "tutorials/preemptible")
SLOW = {f"docs/{name}.md" for name in LONG}  # more than five seconds; outer circle too
PAGES_WITH_CODE = [
    pytest.param(
        page,
        id=page_id(page),
        marks=[pytest.mark.outer] * (english_id(page) in NEEDS) + [pytest.mark.slow] * (english_id(page) in SLOW),
    )
    for page in PAGES
    # The Python of a Chinese page is that of its English page, says test_editions.py.
    if as_script(page.read_text()).strip() and not page.is_relative_to(CHINESE)
]


@pytest.mark.parametrize("page", PAGES_WITH_CODE)
def test_examples_run(page: Path, tmp_path: Path) -> None:
    needed = NEEDS.get(english_id(page))
    if needed is not None and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    script = tmp_path / f"page_{page.stem}.py"  # xgboost.py would be what `import xgboost` finds
    script.write_text(as_script(page.read_text()))
    done = subprocess.run(
        [sys.executable, script.name],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src"), "MPLBACKEND": "agg", "COLUMNS": "120"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, (
        f"the Python of {page_id(page)} does not run (line numbers are the page's):\n{done.stdout}\n{done.stderr}"
    )


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_no_python_passes_unseen(page: Path) -> None:
    for block in blocks(page.read_text()):
        where = f"{page_id(page)}:{block.start}"
        assert block.language not in ALIASES, f"{where}: write ```python and not ```{block.language}, so that it is run"
        if block.language == RUN_AS and block.is_skipped:
            reason = block.lines[0].removeprefix("# not run:").strip()
            assert reason, f"{where}: say why it is not run: '# not run: reason'"


COLUMNS = 80  # more would scroll sideways on a small screen


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_code_fits_the_page(page: Path) -> None:
    wide = [number for block in blocks(page.read_text()) for number, line in code_lines(block) if len(line) > COLUMNS]
    assert not wide, f"{page_id(page)} has code of more than {COLUMNS} columns in these lines: {wide}"


@pytest.mark.parametrize("kind", sorted(registry.KINDS))
def test_every_registry_entry_is_documented(kind: str) -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    missing = [
        f"{name} ({target})"
        for name, target in registry.KINDS[kind].items()
        if not re.search(rf"\b{re.escape(target.partition(':')[2])}\b", text)
    ]
    assert not missing, f"README.md and docs/ do not mention these {kind}, by the name of their class: {missing}"


def test_blocks_are_found_and_taken_out_of_their_indentation() -> None:
    page = "\n".join(
        ["text", "```python", "a = 1", "```", "- item", "", "    ```python", "    if a:", "        b = 2", "    ```"]
    )
    assert [(b.language, b.start, b.lines) for b in blocks(page)] == [
        ("python", 2, ("a = 1",)),
        ("python", 7, ("if a:", "    b = 2")),
    ]
    assert as_script(page).splitlines()[7:9] == ["if a:", "    b = 2"]


def test_a_block_may_say_why_it_is_not_run_and_others_are_left_alone() -> None:
    page = "```python\n# not run: needs a cluster\nboom()\n```\n```console\n$ boom\n```\n````\n```python\n````\n"
    assert as_script(page).strip() == ""


def test_only_what_is_typed_has_to_be_narrow() -> None:
    page = "```console\n$ a \\\n    b\nprinted\n$ c\n```\n```text\nprinted\n```\n```sh\nd\n```\n"
    assert [line for block in blocks(page) for _, line in code_lines(block)] == ["$ a \\", "    b", "$ c", "d"]


def test_a_block_without_end_is_an_error() -> None:
    with pytest.raises(ValueError, match="line 1 has no end"):
        blocks("```python\na = 1\n")
