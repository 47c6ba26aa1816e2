"""Reads the pages of the documentation: their code blocks, their headings, and what is left without code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
CHINESE = DOCS / "zh"
LANGUAGES = {"": "en", "-zh": "zh"}  # by what stands behind the name of a picture's file
HAN = re.compile(r"[\u4e00-\u9fff]")

FENCE = re.compile(r"^(?P<indent> *)(?P<ticks>```+)(?P<info>.*)$")
HEADING = re.compile(r"^(#+) +(.*?)(?: *\{ *#([\w-]+) *\})? *$", re.MULTILINE)
LINK = re.compile(r"(!?)\[([^\]]*)\]\((?!\w+:)([^)#\s]*)(?:#([\w-]+))?\)")


@dataclass(frozen=True)
class Block:
    """A fenced code block.

    Args:
        language: what the fence names.
        start: the line of the page, from 0, that the code begins at; the fence is the line before.
        lines: the code, taken out of whatever it is indented in.
        info: all that stands behind the ticks.
        indent: how far the fence is indented.
    """

    language: str
    start: int
    lines: tuple[str, ...]
    info: str = ""
    indent: int = 0

    @property
    def is_skipped(self) -> bool:
        """Whether the block says that it is not run, and why."""
        return bool(self.lines) and self.lines[0].startswith("# not run:")

    @property
    def end(self) -> int:
        """The line of the page, from 0, behind the closing fence."""
        return self.start + len(self.lines) + 1


def blocks(text: str) -> list[Block]:
    """The fenced code blocks of a page."""
    found = []
    lines = text.splitlines()
    i = 0
    while i < len(lines):
        opening = FENCE.match(lines[i])
        i += 1
        if opening is None:
            continue
        start, indent = i, len(opening["indent"])
        while i < len(lines) and lines[i].strip() != opening["ticks"]:
            i += 1
        if i == len(lines):
            raise ValueError(f"the code block that begins at line {start} has no end")
        code = tuple(line[indent:] if not line[:indent].strip() else line for line in lines[start:i])
        info = opening["info"].strip()
        found.append(Block(info.split(" ")[0].strip("{}."), start, code, info, indent))
        i += 1
    return found


def code_lines(block: Block) -> Iterator[tuple[int, str]]:
    """The lines of a block that somebody typed, with their numbers; not what a program printed."""
    typed, quoted = False, False
    for number, line in enumerate(block.lines, block.start + 1):
        if block.language == "console":
            typed = line.startswith("$ ") or typed
        if typed or block.language not in {"console", "text"}:
            yield number, line
        quoted ^= typed and line.count("'") % 2 == 1  # a text in single quotes may have several lines
        typed = typed and (quoted or line.endswith("\\"))


def prose(text: str) -> str:
    """A page without its code blocks, each line at the number that it has on the page."""
    lines = text.splitlines()
    for block in blocks(text):
        lines[block.start - 1 : block.end] = [""] * (block.end - block.start + 1)
    return "\n".join(lines) + "\n"


def slug(heading: str) -> str:
    """The anchor of a heading, as MkDocs makes it; of a Chinese one nothing is left."""
    plain = re.sub(r"\]\([^)]*\)", "", re.sub(r"<[^>]*>", "", heading))
    return re.sub(r"[\s-]+", "-", re.sub(r"[^\w\s-]", "", plain, flags=re.ASCII).strip().lower())


def headings(text: str) -> list[tuple[int, str, str]]:
    """Level, words and anchor of each heading of a page."""
    found: list[tuple[int, str, str]] = []
    for marks, words, anchor in HEADING.findall(prose(text)):
        name = anchor or slug(words)
        used = [given for _, _, given in found]
        number = 0
        unique = name
        while unique in used:
            number += 1
            unique = f"{name}_{number}"
        found.append((len(marks), words, unique))
    return found
