"""Lists what the Chinese edition lacks, and ends with 1 if it lacks anything: `make chinese`; a release needs it empty.

    python .ci/chinese.py

What has no Chinese yet is shown in English, and is no fault of the change that brought it: nothing else fails for it.
Listed are texts of the code that no row of languages/*.json has, pages of docs/ whose twin in docs/zh/ is not there or
lags behind, and captions of pictures. `make chinese` also runs the tests that are marked `chinese`: they look at what
readers of Chinese are shown.
"""

from __future__ import annotations

import ast
import inspect
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
import editions
import figures
import screenshots
from pages import ROOT

SRC = ROOT / "src" / "tunesmith"
TABLES = {path.name: json.loads(path.read_text(encoding="utf-8")) for path in SRC.rglob("zh*.json")}
KNOWN = {english for table in TABLES.values() for english in table}
# The functions whose first argument is a text in the reader's language; in templates it is `_`.
MAKE = {"say", "words", "t"}
# The functions of the command line whose arguments are messages.
SAY = {"UsageError", "ClickException", "BadParameter", "echo", "say", "_say"}
TEMPLATE = re.compile(r"""\b_\(\s*(?:"([^"\\]+)"|'([^'\\]+)')\s*[,)]""")
NAMES = {"tunesmith", "optuna", "scikit-learn"}  # in any language
COMMAND_ROOMS = {"cli", "commands", "mcp", "scaffold"}
# A command, and a pattern whose place has two forms, each of which has a row.
KEPT = {"  tunesmith run{}", "{} {}; give the file of a study, such as tune.db, or a URL"}


def pattern(node: ast.expr) -> str:
    """The pattern of a text that the code makes; empty: it is a value."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value.replace("{", "{{").replace("}", "}}")
    return "".join(pattern(part) or "{}" for part in node.values) if isinstance(node, ast.JoinedStr) else ""


def texts_of_code() -> Iterator[tuple[str, str]]:
    """Each text that the code makes to be shown, and the file that makes it."""
    for path in sorted(SRC.rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            function = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if function in MAKE and node.args and isinstance(first := node.args[0], ast.Constant):
                yield str(first.value), name
            if path.parent.name in COMMAND_ROOMS and function in SAY:
                for text in map(pattern, node.args):
                    if re.search(r"[A-Za-z]{2,} [a-z]{2,}", text.replace("{}", "")):
                        yield text, name
    for path in sorted(SRC.rglob("templates/*.html")):
        for double, single in TEMPLATE.findall(path.read_text(encoding="utf-8")):
            yield double or single, path.relative_to(ROOT).as_posix()


def texts_of_commands() -> Iterator[tuple[str, str]]:
    """Each text of the help of a command, and the command."""
    import click

    from tunesmith.cli.main import COMMANDS, cli

    for section, entries in COMMANDS.items():
        yield section, "tunesmith --help"
        for name, (_, summary) in entries.items():
            yield summary, "tunesmith --help"
            command = cli.get_command(click.Context(cli), name)
            texts = [command.help, command.epilog, *(getattr(p, "help", None) for p in command.params)]
            yield from ((inspect.cleandoc(text), f"tunesmith {name} --help") for text in texts if text)


def texts_of_the_dashboard() -> Iterator[tuple[str, str]]:
    """Titles and labels that the dashboard keeps in tables."""
    from tunesmith.dashboard.drawings import DRAWINGS, TABS
    from tunesmith.dashboard.pages.studies import SORTS

    for text in [*(d.title for d in DRAWINGS.values()), *(label for label, _ in SORTS.values()), *TABS.values()]:
        yield text, "the dashboard"


def rows() -> list[str]:
    """What no row of languages/*.json has."""
    found = [*texts_of_code(), *texts_of_commands(), *texts_of_the_dashboard()]
    said = re.compile(r"[A-Za-z]{2}")
    lacking = {
        text: where for text, where in found if text not in KNOWN | KEPT and said.search(re.sub(r"\{[^}]*\}", "", text))
    }
    return [f"languages/zh*.json has no row for {text!r} ({where})" for text, where in lacking.items()]


def captions() -> list[str]:
    """Pictures whose captions or labels are English alone."""
    left = sorted(screenshots.SHOWN["en"].keys() - screenshots.SHOWN["zh"].keys())
    lacking = [f".ci/screenshots.py has no Chinese caption of '{name}'" for name in left]
    for name in figures.KEPT:
        svg = (figures.OUT.parent / f"{name}.svg").read_text(encoding="utf-8")
        labels = {found[1] for found in figures.LABEL.findall(svg) if re.search("[a-z]{3}", found[1])} - NAMES
        lacking += [
            f".ci/figures.py has no Chinese label for {text!r}"
            for text in labels - figures.LABELS.keys()
            if "$" not in text
        ]
    return lacking


if __name__ == "__main__":
    lacking = [*rows(), *editions.lacking(), *captions()]
    print("\n".join(lacking) or "chinese: nothing lacks", file=sys.stderr)
    sys.exit(bool(lacking))
