"""Finds metrics in what a program prints: JSON objects on lines of their own, ``val_loss: 0.31``, words and tables."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.foundation.text import close_matches, listing, shorten

# -- tables: a line of names, and rows of numbers below it ------------------------------------------------------------

# 12,5 and 1,234 are none: they mean one number in one country and another one in the next.
NUMBER = r"(?![+-]?\d+,\d)[+-]?(?:(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|(?i:nan|inf(?:inity)?))"
BARS = "|│┃"
NO_HEAD = ":=;"  # what no line of names has
LONGEST_HEAD = 2000  # characters of a line of names
_BETWEEN_BARS = re.compile(rf"[^{BARS}]+")
_BETWEEN_COMMAS = re.compile(r"[^,]+")
_WORDS = re.compile(r"\S+(?: \S+)*")  # names with single blanks in them, between wider gaps
_WORD = re.compile(r"\S+")
_FIGURE = re.compile(r"[\d:./%_-]+[a-z]{0,2}|\W")  # what stands beside numbers: 1/10, 00:12, 3.2s, a mark
_VALUE = re.compile(rf"(?>{NUMBER})%?")


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    begin: int  # in the line
    end: int


class Head:
    """The line with the names of a table."""

    def __init__(self, line: str) -> None:
        self._kind = "|" if any(bar in line for bar in BARS) else "," if "," in line else " "
        self.cells = _cells(line, self._kind, head=True)

    def row(self, line: str) -> dict[str, float]:
        """Return the numbers of a line below, by the names of their columns; none, if it is no row of the table."""
        cells = _cells(line, self._kind)
        if self._kind != "|" and not all(_VALUE.fullmatch(c.text) or _FIGURE.fullmatch(c.text) for c in cells):
            return {}
        found: dict[str, float] = {}
        for i, name in enumerate(self.cells):
            if len(cells) == len(self.cells):
                cell = cells[i]
            elif self._kind == " ":  # a column without a name, or an empty cell: what stands below counts
                below = [c for c in cells if c.begin < name.end and name.begin < c.end]
                if len(below) != 1:
                    continue
                cell = below[0]
            else:
                return {}
            if _VALUE.fullmatch(cell.text):
                found[name.text] = float(cell.text.rstrip("%").replace("_", ""))
        return found


def head_of(line: str, names: Collection[str]) -> Head | None:
    """Return the head of a table that has a column of one of these names; None: the line is none."""
    if len(line) > LONGEST_HEAD or not any(name in line for name in names) or any(sign in line for sign in NO_HEAD):
        return None
    head = Head(line)
    if len(head.cells) < 2 or not any(cell.text in names for cell in head.cells):
        return None
    if any(_VALUE.fullmatch(cell.text) for cell in head.cells):
        return None
    return head


def may_be_row(line: str) -> bool:
    """Tell at once of most lines that they are no rows."""
    first = line.lstrip()[:1]
    return first.isdigit() or first in tuple(BARS + "+-.")


def _cells(line: str, kind: str, *, head: bool = False) -> list[_Cell]:
    line = line.expandtabs() if kind == " " else line.strip()
    if kind == " ":
        pattern = _WORDS if head and "  " in line.strip() else _WORD
    else:
        pattern = _BETWEEN_BARS if kind == "|" else _BETWEEN_COMMAS
    return [_Cell(match.group().strip(" \t\"'"), match.start(), match.end()) for match in pattern.finditer(line)]


# -- values, steps and names in what a program writes -----------------------------------------------------------------

LONGEST = 32 * 1024  # characters of a line that are looked at, at its end
MOST_DIGITS = 40  # of a step that are read: one of half as many is too large already
SOURCES = ("file", "json", "text", "words")  # of values, those that are more surely meant first
STEP_KEYS = ("step", "global_step", "iteration", "iter", "epoch")
_SPLITS = ("train", "training", "val", "valid", "validation", "dev", "test", "eval")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

# In all of these, what a quantifier took is never tried shorter (++, *+), so that a line costs what its length does.
_BEFORE = r"(?<![\w./\-])"  # a name
_CLOSED = r"[\"'`*)\]]{0,2}+"  # what a name, or what is around it, may end with
# Between a name and its number: `loss: 0.3`, `loss = 0.3`, `'loss': 0.3`, `loss=tensor(0.3)`, `loss -> 0.3`.
_SIGN = r"(?:\s*+(?:[:=]>?|[-=]>|→)|\s++is\b)\s*+[\"'`*]?(?:[A-Za-z_][\w.]*+\()?"
# The same without a sign: `val loss 0.3`, `| valid loss | 0.3 |`. A fraction and a time of the day are no values.
_BLANKS = rf"(?:[ \t]++|[ \t]*+[{BARS}][ \t]*+)(?:[A-Za-z_][\w.]*+\()?"
_AFTER_SIGN, _AFTER_BLANKS = r"(?!\w)", r"(?!\w|[/:]|[.-]\d)"
_STEP = re.compile(
    rf"(?<![\w.])({'|'.join(STEP_KEYS)})\b[\"']?\s*+(?:[:=#]\s*+)?(?:[\[(]\s*+)?(\d++)(?![.,]?\d)",
    re.IGNORECASE,
)
_ANY_NAME = rf"((?:(?i:{'|'.join(_SPLITS)}) )?[A-Za-z_][\w./@-]*+)"
_ANY = re.compile(rf"{_BEFORE}{_ANY_NAME}{_CLOSED}{_SIGN}(?>{NUMBER}){_AFTER_SIGN}")
_ANY_WORDS = re.compile(rf"{_BEFORE}{_ANY_NAME}{_CLOSED}{_BLANKS}(?>{NUMBER}){_AFTER_BLANKS}")
_LAST_WORD = re.compile(r"([A-Za-z]+)[ \t]+$")
# Words of names that say the same.
_SAME = {"valid": "val", "validation": "val", "dev": "val", "eval": "val", "training": "train", "accuracy": "acc"}
SAME_WORDS = 4  # how like a name of the same words is
MOST_ALIKE, WIDTH = 3, 120  # lines that look alike, and characters of each that are shown
LONG = 1000  # characters of them that are compared, at the end


# A line that is a number and nothing else. R shows the place of a value before it: [1] 0.45.
_ALONE = re.compile(rf"(?:\[1\][ \t]+)?({NUMBER})")
LONGEST_ALONE = 400  # characters of such a line


@dataclass(slots=True)
class Report:
    """One value of the first metric.

    Attributes:
        step: which the program named; None: it named none.
    """

    step: int | None
    value: float


@dataclass
class Metrics:
    """The values of some metrics, as a program's output brings them.

    Args:
        names: the metrics; reports are of the first.
        take: which of the values of a metric counts: "last", "min" or "max".
    """

    names: Sequence[str]
    take: str = "last"
    _rest: dict[int, bytes] = field(default_factory=dict)
    _heads: dict[int, Head] = field(default_factory=dict)  # of the table that a stream is in
    _found: dict[str, dict[str, float]] = field(default_factory=lambda: {source: {} for source in SOURCES})

    def __post_init__(self) -> None:
        self._patterns = {
            name: (_pattern(name, _SIGN, _AFTER_SIGN), _pattern(name, _BLANKS, _AFTER_BLANKS)) for name in self.names
        }
        # What a line with a metric has: in JSON, "a.b" may be b in the object a; and blanks may be several.
        self._marks = {name: re.split(r"[.\s]", name.strip())[-1] for name in self.names}
        self._marks_in_bytes = [mark.encode() for mark in self._marks.values()]

    def feed(self, stream: int, data: bytes) -> list[Report]:
        """Take in what was printed; return what it reports.

        Args:
            stream: which of the streams it comes from; each has lines of its own.
            data: the bytes, cut anywhere.
        """
        data = self._rest.pop(stream, b"") + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if end < len(data):
            self._rest[stream] = data[end:][-LONGEST:]
        return self._read(stream, data[:end])

    def flush(self) -> list[Report]:
        """Take in lines without an end: the program has ended."""
        rests, self._rest = self._rest, {}
        return [report for stream, rest in rests.items() for report in self._read(stream, rest)]

    def _read(self, stream: int, data: bytes) -> list[Report]:
        marked = any(mark in data for mark in self._marks_in_bytes)
        if not marked and stream not in self._heads:
            return []  # most output has no metric: one look at a block of it is enough
        if b"\x1b" in data:
            data = _ESCAPES.sub(b"", data)
        found = []
        for whole in data.decode(errors="replace").replace("\r", "\n").split("\n"):
            line = whole[-LONGEST:]
            report = None
            if marked and any(mark in line for mark in self._marks.values()):
                report = self._read_json(line) if line.lstrip().startswith("{") else None
                report = report or self._read_text(line)
                if report is None and (head := head_of(line, self.names)) is not None:
                    self._heads[stream] = head
            elif stream in self._heads and may_be_row(line):
                report = self._read_row(self._heads[stream], line)
            if report is not None:
                found.append(report)
        return found

    def take_object(self, source: str, values: Mapping[str, Any]) -> Report | None:
        """Take in a JSON object, of a results file ("file") or a line ("json"); return what it reports."""
        first: Report | None = None
        for i, name in enumerate(self.names):
            value = as_number(_looked_up(values, name))
            if value is None:
                continue
            self._keep(source, name, value)
            if i == 0:
                first = Report(_step_of(values), value)
        return first

    def take_value(self, name: str, value: float) -> None:
        """Take in a value that was read elsewhere, such as from event files."""
        self._keep("json", name, value)

    def _read_json(self, line: str) -> Report | None:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            return None
        return self.take_object("json", values) if isinstance(values, dict) else None

    def _read_text(self, line: str) -> Report | None:
        first: Report | None = None
        for i, name in enumerate(self.names):
            if self._marks[name] not in line:
                continue
            for source, pattern in zip(("text", "words"), self._patterns[name], strict=True):
                for match in pattern.finditer(line):
                    if _is_of_a_split(name, line[: match.start()]):
                        continue
                    value = float(match.group(1).replace("_", ""))
                    self._keep(source, name, value)
                    if i == 0:
                        first = self._counts(source, Report(_step_in(line), value))
                if name in self._found["text"]:
                    break  # what stands without a sign is not looked for
        return first

    def _read_row(self, head: Head, line: str) -> Report | None:
        row = head.row(line)
        for name in self.names:
            if name in row:
                self._keep("words", name, row[name])
        first = self.names[0]
        whole = {name.lower(): int(value) for name, value in row.items() if value.is_integer()}
        return self._counts("words", Report(_step_of(whole), row[first])) if first in row else None

    def _counts(self, source: str, report: Report) -> Report | None:
        """Return a report, unless its metric was found where it is more surely meant: JSON, or after a sign."""
        before = SOURCES[: SOURCES.index(source)]
        return None if any(self.names[0] in self._found[better] for better in before) else report

    def _keep(self, source: str, name: str, value: float) -> None:
        kept = self._found[source]
        if self.take == "last" or name not in kept or math.isnan(kept[name]):
            kept[name] = value
        elif not math.isnan(value):
            kept[name] = min(kept[name], value) if self.take == "min" else max(kept[name], value)

    def values(self) -> list[float | None]:
        """Return the value of each metric: of the results file, else of JSON, else of text; None: it has none."""
        sources = [self._found[source] for source in SOURCES]
        return [next((kept[name] for kept in sources if name in kept), None) for name in self.names]


def last_line(output: bytes) -> str:
    """Return the last line of an output that is not empty, as a terminal shows it; "", if there is none."""
    lines = re.split(r"[\r\n]", _ESCAPES.sub(b"", output).decode(errors="replace"))
    return next((line.strip("\ufeff\0 \t") for line in reversed(lines) if line.strip("\ufeff\0 \t")), "")


def number_alone(line: str) -> float | None:
    """Return the number that a line is and has nothing beside; None: it is something else."""
    match = _ALONE.fullmatch(line) if len(line) <= LONGEST_ALONE else None
    return None if match is None else float(match.group(1).replace("_", ""))


def picked(name: str, line: str) -> str:
    """Return what a shell may send a line through so that a metric's name before it gives a value; "": nothing."""
    if _reads_as(name, line):
        return ""
    if _reads_as(name, line.replace(",", ".")):
        return " | tr , ."
    at = next((i for i, field in enumerate(line.split(), 1) if _reads_as(name, field)), None)
    return "" if at is None or _step_in(line) is not None else f' | tr -s "[:blank:]" " " | cut -d " " -f {at}'


def _reads_as(name: str, text: str) -> bool:
    """Tell whether a line with a metric's name and this text behind it would give its value."""
    metrics = Metrics([name])
    metrics.feed(0, f"{name}: {text}\n".encode(errors="replace"))
    return metrics.values() != [None]


def what_it_printed(names: Sequence[str], output: str) -> str:
    """Return in words which names with numbers an output has, for a program whose metric never came.

    Args:
        names: the metrics that are missing.
    """
    seen = list(dict.fromkeys(name for line in output.splitlines() for name in _ANY.findall(line)))
    what = f"the metric {names[0]!r} does" if len(names) == 1 else f"the metrics {listing(names)} do"
    found = look_alikes(names, output)
    hint = f"; did you mean {found.names[0]!r}?" if found.names else ""
    alike = f"; lines that look alike: {', '.join(map(repr, found.lines))}" if found.lines else ""
    if not seen and not found.names:
        some = "printed no line such as" if output.strip() else "printed nothing: it must print a line such as"
        return f"{what} not appear: the program {some} {names[0]}: 0.31, and wrote it to no file (TUNESMITH_RESULTS)"
    told = f"; what it printed has numbers for {listing(seen)}" if seen else ""
    return f"{what} not appear{told}{hint}{alike}"


@dataclass(frozen=True, slots=True)
class LookAlikes:
    """What an output has that may be meant by metrics that it does not have.

    Attributes:
        metrics: these metrics.
        names: the names that it has with a number and that are near, the nearest first.
        lines: lines with these names, or with words of them; some of the last.
        same_words: whether the first of the names has the words of a metric, as "val loss" has those of "val_loss".
    """

    metrics: Sequence[str]
    names: Sequence[str]
    lines: Sequence[str]
    same_words: bool


def look_alikes(names: Sequence[str], output: str) -> LookAlikes:
    """Return what an output has that may be meant by metrics that it does not have.

    Args:
        names: the metrics.
    """
    wanted = [(name, set(_words_of(name))) for name in names]
    ranks: dict[str, int] = {}
    lines: dict[str, tuple[int, int, str]] = {}  # by what they are without their numbers
    for at, whole in enumerate(output.splitlines()):
        line = whole[-LONG:]
        words = set(_words_of(line))
        if any(c.isdigit() for c in line):
            there = [name for pattern in (_ANY, _ANY_WORDS) for name in pattern.findall(line)]
            rank = int(any(words & own for _, own in wanted))
        else:  # perhaps the head of a table
            there = [cell.text for cell in Head(line).cells] if any(own <= words for _, own in wanted) else []
            rank = 0
        for name in there:
            if name in names:
                continue
            if name not in ranks:
                ranks[name] = max((_likeness(name, *one) for one in wanted), default=0)
            rank = max(rank, ranks[name])
        if rank:
            lines[re.sub(r"\d++", "0", line)] = (rank, at, line.strip())
    best = max((rank for rank, _, _ in lines.values()), default=0)
    shown = sorted(kept for kept in lines.values() if kept[0] == best)[-MOST_ALIKE:]
    near = sorted((name for name, rank in ranks.items() if rank > 1), key=lambda name: -ranks[name])
    same = any(rank == SAME_WORDS for rank in ranks.values())
    return LookAlikes(names, near, [shorten(line, WIDTH) for _, _, line in shown], same)


def _likeness(name: str, wanted: str, words: set[str]) -> int:
    """Return how near a name is: 4: of the same words; 3: it has all of them; 2: near as a text; 1: it has some; 0."""
    own = set(_words_of(name))
    if own == words:
        return SAME_WORDS
    if words and words < own:
        return 3
    return 2 if close_matches(name, [wanted]) else min(1, len(words & own))


def _words_of(text: str) -> list[str]:
    """Return the words of a name or a line, for comparison: val_loss, valLoss and "Validation loss" have the same."""
    parts = re.findall(r"[A-Z]?[a-z]++|[A-Z]++|\d++", text)
    return [_SAME.get(part.lower(), part.lower()) for part in parts]


def _pattern(name: str, between: str, after: str) -> re.Pattern[str]:
    """Return what finds a metric, and no other whose name ends like it: ``val_loss`` is no loss."""
    words = r"[ \t]++".join(map(re.escape, name.split(" "))) if name.strip() == name else re.escape(name)
    return re.compile(rf"{_BEFORE}{words}{_CLOSED}{between}((?>{NUMBER})){after}")


def _is_of_a_split(name: str, before: str) -> bool:
    """Tell whether the word before a name makes it another metric: ``val loss`` and ``Train loss`` are no loss."""
    word = _LAST_WORD.search(before[-20:])
    return word is not None and word.group(1).lower() in _SPLITS and not name.lower().startswith(_SPLITS)


def as_number(value: Any) -> float | None:
    """Return a JSON value as a number, "nan" and "inf" included; None: it is none."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _looked_up(values: Mapping[str, Any], name: str) -> Any:
    """Return what an object has under a name; "a.b" may be b in the object a."""
    if name in values:
        return values[name]
    head, dot, rest = name.partition(".")
    inner = values.get(head) if dot else None
    return _looked_up(inner, rest) if isinstance(inner, Mapping) else None


def _step_of(values: Mapping[str, Any]) -> int | None:
    for key in STEP_KEYS:
        value = values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _step_in(line: str) -> int | None:
    found = {key.lower(): int(number[:MOST_DIGITS]) for key, number in reversed(_STEP.findall(line))}
    return next((found[key] for key in STEP_KEYS if key in found), None)


# ----------------------------------------------------------------------------------------------------------------------
# Reads scalars from TensorBoard's event files while they are written, without TensorBoard.
#
# A file is a row of records (TFRecord): the length of the data (8 bytes, little-endian), a checksum of that (4), the
# data, and a checksum of it (4). The data is an ``Event`` in the encoding of protocol buffers. Of its fields we need
# step (2) and summary (5); of this, value (1); of that, tag (1), simple_value (2) and tensor (8); and of a tensor,
# dtype (1), tensor_content (4), float_val (5) and double_val (6). Writers differ in which of the last four they use.

HEAD, FOOT = 12, 4  # bytes around the data
MOST = 64 * 1024 * 1024  # bytes of a record; more means that this is no event file
MOST_BITS = 64  # of a number
FLOAT, DOUBLE = 1, 2  # dtypes
_FIXED = {1: ("<d", 8), 5: ("<f", 4)}


class EventFiles:
    """The event files below a folder.

    Args:
        folder: may not be there yet.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._at: dict[Path, int] = {}
        if folder.is_dir():  # what is there already is of another run
            self._at = {path: path.stat().st_size for path in folder.rglob("*tfevents*")}

    def read(self, tags: Collection[str]) -> list[tuple[str, int, float]]:
        """Return the scalars that were written since the last time: tag, step and value.

        Args:
            tags: those that are looked for.
        """
        found = []
        if self._folder.is_dir():
            for path in sorted(self._folder.rglob("*tfevents*")):
                found += [scalar for scalar in self._read_file(path) if scalar[0] in tags]
        return found

    def _read_file(self, path: Path) -> list[tuple[str, int, float]]:
        at = self._at.get(path, 0)
        try:
            if path.stat().st_size <= at:
                return []
            with path.open("rb") as file:
                file.seek(at)
                data = file.read()
        except OSError:
            return []
        found, begin = [], 0
        while begin + HEAD <= len(data):
            (size,) = struct.unpack_from("<Q", data, begin)
            end = begin + HEAD + size + FOOT
            if size > MOST or end > len(data):
                break  # the rest is not written yet
            found += list(_scalars(data[begin + HEAD : end - FOOT]))
            begin = end
        self._at[path] = at + begin
        return found


def _scalars(event: bytes) -> Iterator[tuple[str, int, float]]:
    fields = list(_fields(event))
    step = next((value for number, value in fields if number == 2 and isinstance(value, int)), 0)
    for number, summary in fields:
        if number != 5 or not isinstance(summary, bytes):
            continue
        for inner, value in _fields(summary):
            if inner == 1 and isinstance(value, bytes) and (scalar := _scalar(value)) is not None:
                yield scalar[0], step, scalar[1]


def _scalar(value: bytes) -> tuple[str, float] | None:
    tag, number = "", None
    for key, content in _fields(value):
        if key == 1 and isinstance(content, bytes):
            tag = content.decode(errors="replace")
        elif key == 2 and isinstance(content, float):
            number = content
        elif key == 8 and isinstance(content, bytes):
            number = _tensor(content)
    return None if number is None else (tag, number)


def _tensor(tensor: bytes) -> float | None:
    fields = dict(_fields(tensor))
    kind = fields.get(1)
    form, size = {FLOAT: ("<f", 4), DOUBLE: ("<d", 8)}.get(kind if isinstance(kind, int) else 0, ("", 0))
    for content in (fields.get(4), fields.get(5 if kind == FLOAT else 6)):
        if form and isinstance(content, bytes) and len(content) == size:
            return float(struct.unpack(form, content)[0])
        if isinstance(content, float):
            return content
    return None


def _fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Give the fields of a message: their numbers and values. What follows a damaged one is left out."""
    at = 0
    while at < len(message):
        try:
            key, at = _varint(message, at)
            kind = key & 7
            if kind == 0:
                number, at = _varint(message, at)
                yield key >> 3, number
            elif kind == 2:
                size, at = _varint(message, at)
                yield key >> 3, message[at : at + size]
                at += size
            elif kind in _FIXED:
                form, size = _FIXED[kind]
                yield key >> 3, float(struct.unpack_from(form, message, at)[0])
                at += size
            else:
                return
        except (IndexError, struct.error):
            return


def _varint(message: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at
        if shift > MOST_BITS:
            raise IndexError("a number of more than 64 bits")
