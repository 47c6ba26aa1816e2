"""Help and messages of the command line in another language than English.

The catalogue (``foundation/languages/zh.commands.json``) has help texts as they stand in the code, and messages as
patterns with places in braces: a message is known by the pattern that it was made from, and what stood in its places is
put into the other pattern. What the catalogue lacks stays English.
"""

from __future__ import annotations

import argparse
import inspect
import re
from collections.abc import Iterable
from functools import lru_cache

import click

from tunesmith.foundation.languages import Said, words_of
from tunesmith.foundation.languages.patterns import Patterns, is_english
from tunesmith.foundation.languages.terminal import wrapped_chinese
from tunesmith.foundation.languages.words import sentences_of, translation_table
from tunesmith.foundation.reader import language

LEVELS = ("Error", "error", "warning")
HELP_AND_NOTE = re.compile(r"(.*?)((?:  \[[^\]]*\])?)$", re.DOTALL)  # an option's help, and "  [default: en]" behind it


def table() -> dict[str, str]:
    """Return help texts and patterns of messages by the English ones."""
    return translation_table(language(), "commands")


def said(text: str) -> str:
    """Return a help text, or a text made by `say`, in the language of the command line."""
    if isinstance(text, Said):
        return words_of(language()).said(text)
    return table().get(inspect.cleandoc(text), text)


def head(text: str) -> str:
    """Return the head of a column, or another word of ours, in the language of the command line."""
    return table().get(text) or words_of(language()).translate(text)


def message(text: str) -> str:
    """Return a message in the language of the command line; one that the catalogue lacks as it is."""
    if isinstance(text, Said):
        return said(text)
    before, mark, after = text.partition(": ")
    if mark and before in LEVELS:  # else it could be taken for a value of the sentence behind it
        told = message(after)
        return text if told == after and is_english(told) else table()[f"{before}: {{}}"].format(told)
    return _messages(language()).translate(text)


def error(text: str) -> str:
    """Return what click shows of an error: how the command is used, where to find help, and the message."""
    before, mark, after = text.partition("Error: ")
    if not mark:
        return message(text)
    return "".join(map(message, re.split(r"(\n)", before))) + message(f"Error: {after}")


@lru_cache(maxsize=2)
def _messages(code: str) -> Patterns:
    return Patterns(translation_table(code, "commands"), others=sentences_of(code))


# -- help -----------------------------------------------------------------------------------------------------------


class ChineseHelp(click.HelpFormatter):
    """Writes help in the language of the command line."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        """Write how a command is used."""
        super().write_usage(prog, args, prefix or message("Usage: "))

    def write_heading(self, heading: str) -> None:
        """Write the heading of a part."""
        self.write(f"{'':>{self.current_indent}}{said(heading)}:\n")

    def write_text(self, text: str) -> None:
        """Write paragraphs."""
        paragraphs = said(text).split("\n\n")
        for k, paragraph in enumerate(paragraphs):
            self.write("\n" if k else "")
            for line in wrapped_chinese(paragraph, self.width - self.current_indent):
                self.write(f"{'':>{self.current_indent}}{line}\n")

    def write_dl(self, rows: Iterable[tuple[str, str]], col_max: int = 30, col_spacing: int = 2) -> None:
        """Write names with what is said of them beside."""
        rows = list(rows)
        first = min(max((len(name) for name, _ in rows), default=0), col_max) + col_spacing
        for name, text in rows:
            own, note = HELP_AND_NOTE.fullmatch(text).groups()  # type: ignore[union-attr]  # it matches any text
            inner = "; ".join(message(part) for part in note.strip(" []").split("; "))
            told = said(own)
            lines = wrapped_chinese(
                (message(own) if told == own else told) + (f"  [{inner}]" if note else ""),
                self.width - self.current_indent - first,
            )
            self.write(f"{'':>{self.current_indent}}{name}")
            if len(name) + col_spacing > first:
                self.write("\n" + " " * (self.current_indent + first))
            else:
                self.write(" " * (first - len(name)))
            self.write(("\n" + " " * (self.current_indent + first)).join(lines) + "\n")


def help_of(parser: argparse.ArgumentParser) -> str:
    """Return the help of a program of argparse in the language of the command line."""
    made = ChineseHelp(max_width=100)
    made.write_usage(parser.prog, "[OPTIONS] MODULE:OBJECTIVE")
    made.write_paragraph()
    made.write_text(parser.description or "")
    for group in parser._action_groups:  # there is no other way to them
        rows = []
        for action in group._group_actions:
            names = [*action.option_strings] or [str(action.metavar)]
            taken = "" if action.nargs == 0 or not action.option_strings else f" {action.metavar}"
            rows.append((", ".join(names) + taken, action.help or ""))
        if rows:
            with made.section(group.title or ""):
                made.write_dl(rows)
    made.write_paragraph()
    made.write_text(" ".join((parser.epilog or "").split()))
    return made.getvalue().rstrip("\n")
