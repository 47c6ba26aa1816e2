"""Documentation is a test: its examples run, and nothing that a user can choose by name is left out of it."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import editions
import outputs
import pytest
from pages import ROOT, blocks, code_lines

from tunesmith.foundation import registry

PAGES = [ROOT / "README.md", ROOT / "README.zh.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
# Other names for Python, which would pass by this check unseen.
ALIASES = {"py", "python3", "pycon", "ipython"}


def page_id(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def twin(page: Path) -> str:
    """The page, or the English one of a Chinese page."""
    return page_id(page).replace("docs/zh/", "docs/").replace(".zh.md", ".md")


# What pages need that `make test` does not install; their examples run in the outer circle.
NEEDS = {
    "docs/gallery.md": "optuna",
    "docs/import.md": "optuna",
    "docs/mcp.md": "mcp",
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
LONG = (
    "ask-tell",
    "chapter",
    "command-line",
    "deep-learning",
    "gallery",
    "importance",
    "parallel",
    "porting",
    "quickstart",
)
LONG += ("report", "scaling", "scikit-learn", "trust", "tutorials/any-program", "tutorials/preemptible")
SLOW = {f"docs/{name}.md" for name in LONG}  # more than five seconds; outer circle too
PAGES_WITH_CODE = [
    pytest.param(
        page,
        id=page_id(page),
        # The code of a Chinese page is that of its English page, says test_editions.py: one circle runs both.
        marks=[pytest.mark.outer] * (twin(page) in NEEDS or twin(page) != page_id(page))
        + [pytest.mark.slow] * (page_id(page) in SLOW),
    )
    for page in outputs.all_pages()
]


@pytest.mark.parametrize("page", PAGES_WITH_CODE)
def test_examples_run_and_print_what_the_page_says(page: Path) -> None:
    needed = NEEDS.get(twin(page))
    if needed is not None and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed")
    text = page.read_text()
    english = (ROOT / twin(page)).read_text() if (ROOT / twin(page)).exists() else ""
    if twin(page) != page_id(page) and editions.behind(english, text):
        pytest.skip("this page lags behind its English page: `make chinese`")
    done = outputs.run(page, text)
    assert done.code == 0, f"the code of {page_id(page)} does not run (line numbers are the page's):\n{done.errors}"
    if outputs.is_pinned():  # with other versions a search may go another way
        wrong = outputs.faults(page, text, done)
        assert not wrong, f"{page_id(page)}; `make outputs` writes what the code prints:\n" + "\n".join(wrong)


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_no_python_passes_unseen(page: Path) -> None:
    for block in blocks(page.read_text()):
        where = f"{page_id(page)}:{block.start}"
        assert block.language not in ALIASES, f"{where}: write ```python and not ```{block.language}, so that it is run"
        if block.language == "python" and block.is_skipped:
            reason = block.lines[0].removeprefix("# not run:").strip()
            assert reason, f"{where}: say why it is not run: '# not run: reason'"


COLUMNS = 80  # more would scroll sideways on a small screen


@pytest.mark.parametrize("page", PAGES, ids=page_id)
def test_code_fits_the_page(page: Path) -> None:
    wide = [number for block in blocks(page.read_text()) for number, line in code_lines(block) if len(line) > COLUMNS]
    assert not wide, f"{page_id(page)} has code of more than {COLUMNS} columns in these lines: {wide}"


@pytest.mark.parametrize("kind", sorted(registry.REGISTRIES))
def test_every_registry_entry_is_documented(kind: str) -> None:
    text = "\n".join(page.read_text() for page in PAGES)
    missing = [
        f"{name} ({target})"
        for name, target in registry.REGISTRIES[kind].items()
        if not re.search(rf"\b{re.escape(target.partition(':')[2])}\b", text)
    ]
    assert not missing, f"README.md and docs/ do not mention these {kind}, by the name of their class: {missing}"


SHELL = """```sh
#!/bin/sh
# twice.sh NUMBER
echo $(($1 * 2))
```

```console
$ ./twice.sh 4 && echo 'two
lines'
```

```text title="Output"
8
two
lines
```

```console
$ echo now
now
```
"""


PLOTS = """```python
import tunesmith
from tunesmith.visualization import plot_slice

study = tunesmith.create_study(seed=0)
study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=8)
plot_slice(
    study,
    ["x"],
)
```

text
"""


def test_a_block_that_ends_in_a_figure_has_it_behind_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outputs, "FIGURES", tmp_path)
    page = ROOT / "docs" / "tutorials" / "none.md"
    done = outputs.run(page, PLOTS)
    assert done.code == 0, done.errors
    assert len(outputs.faults(page, PLOTS, done)) == 3  # neither language is there, and the page does not show it
    assert outputs.draw(page, PLOTS, done) == ["none-slice.svg", "none-slice-zh.svg"]
    new = outputs.written(page, PLOTS, done)
    assert "```\n\n![slice](../img/blocks/none-slice.svg)\n\ntext" in new
    assert outputs.faults(page, new, done) == [] == outputs.draw(page, new, done)
    assert ">试验<" in (tmp_path / "none-slice-zh.svg").read_text(encoding="utf-8")
    (tmp_path / "none-slice.svg").write_text(done.figures["none-slice.svg"].replace(">x<", ">y<"), encoding="utf-8")
    assert outputs.faults(page, new, done) == ["line 1: img/blocks/none-slice.svg is not what the block draws"]


def test_figures_belong_to_a_block() -> None:
    shown = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    there = {file.stem for file in outputs.FIGURES.glob("*.svg")}
    assert {name for name in there if f"img/blocks/{name.removesuffix('-zh')}.svg" not in shown} == set()


def test_commands_run_with_the_files_of_the_page_and_print_into_blocks_of_their_own() -> None:
    page = ROOT / "docs" / "none.md"
    done = outputs.run(page, SHELL)
    assert [words.strip() for words in done.printed.values()] == ["8\ntwo\nlines", "now"]
    assert [fault.partition(": ")[2] for fault in outputs.faults(page, SHELL, done)] == [
        "what is printed belongs into a block of its own",
        "the block prints something, and the page does not show it",
    ]


PAGE = """```python
from __future__ import annotations

x = 1 / 3
```

```python
print("x is", x)
```

```text title="Output"
x is 0.33
```

```console
$ echo one \\
    two
```

```text title="Output"
```

```python
print("\\n" * 40 + "end")
```
"""


def test_what_a_page_prints_is_written_into_it_and_compared(tmp_path: Path) -> None:
    page = ROOT / "docs" / "none.md"
    done = outputs.run(page, PAGE)
    assert done.code == 0, done.errors
    wrong = outputs.faults(page, PAGE, done)
    assert len(wrong) == 3
    assert "'x is 0.33', and the code prints 'x is 0.3333333333333333'" in wrong[0]
    new = outputs.written(page, PAGE, done)
    assert '```text title="Output"\nx is 0.3333333333333333\n```' in new
    assert '```text title="Output"\none two\n```' in new
    assert outputs.faults(page, new, done) == []
    assert outputs.written(page, new, done) == new


@pytest.mark.parametrize(
    ("old", "new", "is_same"),
    [
        ("took 1.2 s", "took 15 s", True),
        ("loss 0.12345", "loss 0.12350", True),
        ("loss 0.12345", "loss 0.13345", False),
        ("7 trials", "8 trials", False),
        ("at /tmp/a/b", "at /tmp/c", True),
        ("2026-01-01 10:00 UTC", "2026-02-03 11:30 UTC", True),
        ("best: a", "best: b", False),
    ],
)
def test_outputs_are_compared_as_far_as_they_can_be_the_same(old: str, new: str, is_same: bool) -> None:
    assert outputs.same([old], [new]) is is_same


def test_what_is_declared_as_another_in_each_run_or_as_not_run_is_there() -> None:
    lost = [key for key in (*outputs.VARIES, *outputs.ELSEWHERE) if key[1] not in (ROOT / key[0]).read_text()]
    assert not lost
