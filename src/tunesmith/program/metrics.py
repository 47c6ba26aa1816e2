"""Finds metrics in what a program prints: JSON objects on lines of their own, ``val_loss: 0.31``, words and tables."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.foundation.text import close_matches, listing, shorten

# -- tables: a line of names, and rows of numbers below it ------------------------------------------------------------

# 12,5 and 1,234 are none: they mean one number in one country and another one in the next.
NUMBER_PATTERN = r"(?![+-]?\d+,\d)[+-]?(?:(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|(?i:nan|inf(?:inity)?))"
COLUMN_BARS = "|│┃"
NO_HEAD = ":=;"  # what no line of names has
LONGEST_HEAD = 2000  # characters of a line of names
_BETWEEN_BARS = re.compile(rf"[^{COLUMN_BARS}]+")
_BETWEEN_COMMAS = re.compile(r"[^,]+")
_WIDE_CELLS = re.compile(r"\S+(?: \S+)*")  # names with single blanks in them, between wider gaps
_CELL = re.compile(r"\S+")
_FIGURE = re.compile(r"[\d:./%_-]+[a-z]{0,2}|\W")  # what stands beside numbers: 1/10, 00:12, 3.2s, a mark
_NUMBER_CELL = re.compile(rf"(?>{NUMBER_PATTERN})%?")


@dataclass(frozen=True, slots=True)
class _Cell:
    text: str
    begin: int  # in the line
    end: int


class Head:
    """The line with the names of a table."""

    def __init__(self, line: str) -> None:
        self._kind = "|" if any(bar in line for bar in COLUMN_BARS) else "," if "," in line else " "
        self.cells = _cells_of(line, self._kind, head=True)

    def row(self, line: str) -> dict[str, float]:
        """Return the numbers of a line below, by the names of their columns; none if it is not a row of the table."""
        cells = _cells_of(line, self._kind)
        if self._kind != "|" and not all(_NUMBER_CELL.fullmatch(c.text) or _FIGURE.fullmatch(c.text) for c in cells):
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
            if _NUMBER_CELL.fullmatch(cell.text):
                found[name.text] = float(cell.text.rstrip("%").replace("_", ""))
        return found


def head_of(line: str, names: Collection[str]) -> Head | None:
    """Return the head of a table that has a column of one of these names; None: the line is not one."""
    if len(line) > LONGEST_HEAD or not any(name in line for name in names) or any(sign in line for sign in NO_HEAD):
        return None
    head = Head(line)
    if len(head.cells) < 2 or not any(cell.text in names for cell in head.cells):
        return None
    if any(_NUMBER_CELL.fullmatch(cell.text) for cell in head.cells):
        return None
    return head


def may_be_row(line: str) -> bool:
    """Tell at once of most lines that they are not rows."""
    first = line.lstrip()[:1]
    return first.isdigit() or first in tuple(COLUMN_BARS + "+-.")


def _cells_of(line: str, kind: str, *, head: bool = False) -> list[_Cell]:
    line = line.expandtabs() if kind == " " else line.strip()
    if kind == " ":
        pattern = _WIDE_CELLS if head and "  " in line.strip() else _CELL
    else:
        pattern = _BETWEEN_BARS if kind == "|" else _BETWEEN_COMMAS
    return [_Cell(match.group().strip(" \t\"'"), match.start(), match.end()) for match in pattern.finditer(line)]


# -- values, steps and names in what a program writes -----------------------------------------------------------------

LINE_CHARACTERS = 32 * 1024  # characters of a line that are looked at, at its end
MOST_DIGITS = 40  # of a step that are read: one of half as many is too large already
VALUE_SOURCES = ("file", "json", "text", "words")  # of values, those that are more surely meant first
STEP_KEYS = ("step", "global_step", "iteration", "iter", "epoch")
_SPLITS = ("train", "training", "val", "valid", "validation", "dev", "test", "eval")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")

# In all of these, what a quantifier took is never tried shorter (++, *+), so that a line costs what its length does.
_BEFORE = r"(?<![\w./\-])"  # a name
_CLOSED = r"[\"'`*)\]]{0,2}+"  # what a name, or what is around it, may end with
# Between a name and its number: `loss: 0.3`, `loss = 0.3`, `'loss': 0.3`, `loss=tensor(0.3)`, `loss -> 0.3`.
_SIGN = r"(?:\s*+(?:[:=]>?|[-=]>|→)|\s++is\b)\s*+[\"'`*]?(?:[A-Za-z_][\w.]*+\()?"
# The same without a sign: `val loss 0.3`, `| valid loss | 0.3 |`. A fraction and a time of the day are no values.
_BLANKS = rf"(?:[ \t]++|[ \t]*+[{COLUMN_BARS}][ \t]*+)(?:[A-Za-z_][\w.]*+\()?"
_AFTER_SIGN, _AFTER_BLANKS = r"(?!\w)", r"(?!\w|[/:]|[.-]\d)"
_NAMED_STEP = re.compile(
    rf"(?<![\w.])({'|'.join(STEP_KEYS)})\b[\"']?\s*+(?:[:=#]\s*+)?(?:[\[(]\s*+)?(\d++)(?![.,]?\d)",
    re.IGNORECASE,
)
_ANY_NAME = rf"((?:(?i:{'|'.join(_SPLITS)}) )?[A-Za-z_][\w./@-]*+)"
_ANY = re.compile(rf"{_BEFORE}{_ANY_NAME}{_CLOSED}{_SIGN}(?>{NUMBER_PATTERN}){_AFTER_SIGN}")
_ANY_WORDS = re.compile(rf"{_BEFORE}{_ANY_NAME}{_CLOSED}{_BLANKS}(?>{NUMBER_PATTERN}){_AFTER_BLANKS}")
_LAST_WORD = re.compile(r"([A-Za-z]+)[ \t]+$")
# Words of names that say the same.
_SAME_WORDS = {"valid": "val", "validation": "val", "dev": "val", "eval": "val", "training": "train", "accuracy": "acc"}
SAME_WORDS = 4  # how like a name of the same words is
LINES_ALIKE, ALIKE_CHARACTERS = 3, 120  # lines that look alike, and characters of each that are shown
COMPARED_CHARACTERS = 1000  # characters of them that are compared, at the end


# A line that is a number and nothing else. R shows the place of a value before it: [1] 0.45.
_ALONE = re.compile(rf"(?:\[1\][ \t]+)?({NUMBER_PATTERN})")
LONGEST_ALONE = 400  # characters of such a line


# Beside a metric, or a step: `acc=0.9`, `lr: 1e-3`. Neither `host:8080` nor `12:30`, `3/10`, `2 h`, `2024-05-01`.
_PAIR = re.compile(
    rf"{_BEFORE}{_ANY_NAME}{_CLOSED}\s*+(?:=|:(?=\s|[+-]?\d*\.\d))\s*+[\"'`*]?(?:[A-Za-z_][\w.]*+\()?"
    rf"((?>{NUMBER_PATTERN})){_AFTER_BLANKS}"
)
STEP_MARKS = tuple(form(word) for word in ("step", "iter", "epoch") for form in (str, str.capitalize, str.upper))
_STEP_MARKS_IN_BYTES = tuple(mark.encode() for mark in STEP_MARKS)
SHAPE_CHARACTERS = 80  # of a line, which lines of one kind have in common but for their digits
SHAPES = 100  # that are counted, each for itself
_NO_DIGITS = str.maketrans("", "", "0123456789")
NAMED_LEVELS = 3  # of objects in a JSON object, whose numbers are looked at
DENSE_REPORTS = 1000  # reports of a trial that are all stored; of the later ones, 1000 to 9999 each tenth, and so on


def is_stored(n: int) -> bool:
    """Tell whether the n-th report of a trial is stored: of very many, ever fewer are, in each trial the same."""
    every = 1
    while n >= DENSE_REPORTS * every * 10:
        every *= 10
    return n < DENSE_REPORTS or n % (every * 10) == 0


@dataclass(slots=True)
class Report:
    """What a line says of a step.

    Attributes:
        step: which the program named; None: it named none.
        value: of the first metric; None: it has others alone, and a step.
        named: all numbers that have a name there; empty: it is the first metric alone, or too many lines are like it.
    """

    step: int | None
    value: float | None
    named: Mapping[str, float] = field(default_factory=dict)


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
    _shapes: dict[str, int] = field(default_factory=dict)  # how many lines with names there were, by how they begin
    _found: dict[str, dict[str, float]] = field(default_factory=lambda: {source: {} for source in VALUE_SOURCES})

    def __post_init__(self) -> None:
        self._patterns = {
            name: (_pattern(name, _SIGN, _AFTER_SIGN), _pattern(name, _BLANKS, _AFTER_BLANKS)) for name in self.names
        }
        # What a line with a metric has: in JSON, "a.b" may be b in the object a; and blanks may be several.
        self._marks = {name: re.split(r"[.\s]", name.strip())[-1] for name in self.names}
        self._marks_in_bytes = [mark.encode() for mark in self._marks.values()]

    def feed(self, stream: int, data: bytes) -> list[Report]:
        """Take in what was printed; return what it reports, and what it says besides of a step.

        Args:
            stream: which of the streams it comes from; each has lines of its own.
            data: the bytes, cut anywhere.
        """
        data = self._rest.pop(stream, b"") + data
        end = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if end < len(data):
            self._rest[stream] = data[end:][-LINE_CHARACTERS:]
        return self._read(stream, data[:end])

    def flush(self) -> list[Report]:
        """Take in lines without an end: the program has ended."""
        rests, self._rest = self._rest, {}
        return [report for stream, rest in rests.items() for report in self._read(stream, rest)]

    def _read(self, stream: int, data: bytes) -> list[Report]:
        marked = any(mark in data for mark in self._marks_in_bytes)
        stepped = any(mark in data for mark in _STEP_MARKS_IN_BYTES)
        if not marked and not stepped and stream not in self._heads:
            return []  # most output has no metric: one look at a block of it is enough
        if b"\x1b" in data:
            data = _ESCAPES.sub(b"", data)
        found = []
        for whole in data.decode(errors="replace").replace("\r", "\n").split("\n"):
            line = whole[-LINE_CHARACTERS:]
            report = None
            if marked and any(mark in line for mark in self._marks.values()):
                is_json = line.lstrip().startswith("{")
                report = self._read_json(line, self._is_looked_through(line)) if is_json else None
                if report is None or report.value is None:
                    report = self._read_text(line) or report
                if report is None and (head := head_of(line, self.names)) is not None:
                    self._heads[stream] = head
            elif stream in self._heads and may_be_row(line):
                report = self._read_row(self._heads[stream], line)
            if report is None and stepped and any(mark in line for mark in STEP_MARKS):
                report = self._read_step(line)
            if report is not None:
                found.append(report)
        return found

    def take_object(self, source: str, values: Mapping[str, Any], named: bool = True) -> Report | None:
        """Take in a JSON object; return what it says of a step.

        Args:
            source: "file": of a results file; "json": of a line.
            values: the object.
            named: whether all its numbers are looked for.
        """
        first: float | None = None
        for i, name in enumerate(self.names):
            value = json_number(_looked_up(values, name))
            if value is None:
                continue
            self._keep(source, name, value)
            if i == 0:
                first = value
        step = _step_of(values)
        return None if first is None and step is None else Report(step, first, _named_in(values) if named else {})

    def take_value(self, name: str, value: float) -> None:
        """Take in a value that was read elsewhere, such as from event files."""
        self._keep("json", name, value)

    def _read_json(self, line: str, named: bool) -> Report | None:
        try:
            values = json.loads(line)
        except (ValueError, RecursionError):
            return None
        return self.take_object("json", values, named) if isinstance(values, dict) else None

    def _read_step(self, line: str) -> Report | None:
        """Return what a line without the first metric says of a step that it names."""
        if not self._is_looked_through(line):
            return None
        if line.lstrip().startswith("{"):
            return self._read_json(line, named=True)
        step = _step_in(line)
        named = {} if step is None else _pairs_in(line)
        return Report(step, None, named) if named else None

    def _is_looked_through(self, line: str) -> bool:
        """Tell whether names are looked for in a line: of very many that begin alike, in ever fewer."""
        shape = line[:SHAPE_CHARACTERS].translate(_NO_DIGITS)
        if shape not in self._shapes and len(self._shapes) >= SHAPES:
            shape = ""
        self._shapes[shape] = n = self._shapes.get(shape, 0) + 1
        return is_stored(n)

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
        if first is not None and self._is_looked_through(line):
            first.named = _pairs_in(line)
        return first

    def _read_row(self, head: Head, line: str) -> Report | None:
        row = head.row(line)
        for name in self.names:
            if name in row:
                self._keep("words", name, row[name])
        first = self.names[0]
        whole = {name.lower(): int(value) for name, value in row.items() if value.is_integer()}
        named = {name: value for name, value in row.items() if name.lower() not in STEP_KEYS}
        return self._counts("words", Report(_step_of(whole), row[first], named)) if first in row else None

    def _counts(self, source: str, report: Report) -> Report | None:
        """Return a report, unless its metric was found where it is more surely meant: JSON, or after a sign."""
        before = VALUE_SOURCES[: VALUE_SOURCES.index(source)]
        return None if any(self.names[0] in self._found[better] for better in before) else report

    def _keep(self, source: str, name: str, value: float) -> None:
        kept = self._found[source]
        if self.take == "last" or name not in kept or math.isnan(kept[name]):
            kept[name] = value
        elif not math.isnan(value):
            kept[name] = min(kept[name], value) if self.take == "min" else max(kept[name], value)

    def values(self) -> list[float | None]:
        """Return the value of each metric: of the results file, else of JSON, else of text; None: it has none."""
        sources = [self._found[source] for source in VALUE_SOURCES]
        return [next((kept[name] for kept in sources if name in kept), None) for name in self.names]


def last_line(output: bytes) -> str:
    """Return the last line of an output that is not empty, as a terminal shows it; "", if there is none."""
    lines = re.split(r"[\r\n]", _ESCAPES.sub(b"", output).decode(errors="replace"))
    return next((line.strip("\ufeff\0 \t") for line in reversed(lines) if line.strip("\ufeff\0 \t")), "")


def number_alone(line: str) -> float | None:
    """Return the number that a line is and has nothing beside; None: it is something else."""
    match = _ALONE.fullmatch(line) if len(line) <= LONGEST_ALONE else None
    return None if match is None else float(match.group(1).replace("_", ""))


def shell_pick(name: str, line: str) -> str:
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
    wanted = [(name, set(_words_in(name))) for name in names]
    ranks: dict[str, int] = {}
    lines: dict[str, tuple[int, int, str]] = {}  # by what they are without their numbers
    for at, whole in enumerate(output.splitlines()):
        line = whole[-COMPARED_CHARACTERS:]
        words = set(_words_in(line))
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
    shown = sorted(kept for kept in lines.values() if kept[0] == best)[-LINES_ALIKE:]
    near = sorted((name for name, rank in ranks.items() if rank > 1), key=lambda name: -ranks[name])
    same = any(rank == SAME_WORDS for rank in ranks.values())
    return LookAlikes(names, near, [shorten(line, ALIKE_CHARACTERS) for _, _, line in shown], same)


def _likeness(name: str, wanted: str, words: set[str]) -> int:
    """Return how near a name is: 4: of the same words; 3: it has all of them; 2: near as a text; 1: it has some; 0."""
    own = set(_words_in(name))
    if own == words:
        return SAME_WORDS
    if words and words < own:
        return 3
    return 2 if close_matches(name, [wanted]) else min(1, len(words & own))


def _words_in(text: str) -> list[str]:
    """Return the words of a name or a line, for comparison: val_loss, valLoss and "Validation loss" have the same."""
    parts = re.findall(r"[A-Z]?[a-z]++|[A-Z]++|\d++", text)
    return [_SAME_WORDS.get(part.lower(), part.lower()) for part in parts]


def _pattern(name: str, between: str, after: str) -> re.Pattern[str]:
    """Return what finds a metric, and no other whose name ends like it: ``val_loss`` is not "loss"."""
    words = r"[ \t]++".join(map(re.escape, name.split(" "))) if name.strip() == name else re.escape(name)
    return re.compile(rf"{_BEFORE}{words}{_CLOSED}{between}((?>{NUMBER_PATTERN})){after}")


def _is_of_a_split(name: str, before: str) -> bool:
    """Tell whether the word before a name makes it another metric: ``val loss`` and ``Train loss`` are not "loss"."""
    word = _LAST_WORD.search(before[-20:])
    return word is not None and word.group(1).lower() in _SPLITS and not name.lower().startswith(_SPLITS)


def json_number(value: Any) -> float | None:
    """Return a JSON value as a number, "nan" and "inf" included; None: it is not one."""
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


def _pairs_in(line: str) -> dict[str, float]:
    """Return the numbers that stand behind names and a sign."""
    return {n: float(text.replace("_", "")) for n, text in _PAIR.findall(line) if n.lower() not in STEP_KEYS}


def _named_in(values: Mapping[str, Any], level: int = NAMED_LEVELS) -> dict[str, float]:
    """Return the numbers of an object by name, without its step; b in the object a is "a.b"."""
    found: dict[str, float] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            inner = _named_in(value, level - 1) if level else {}
            found |= {f"{name}.{key}": number for key, number in inner.items()}
        elif type(value) in (int, float) and name not in STEP_KEYS and (number := json_number(value)) is not None:
            found[name] = number
    return found


def _step_of(values: Mapping[str, Any]) -> int | None:
    for key in STEP_KEYS:
        value = values.get(key)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
    return None


def _step_in(line: str) -> int | None:
    found = {key.lower(): int(number[:MOST_DIGITS]) for key, number in reversed(_NAMED_STEP.findall(line))}
    return next((found[key] for key in STEP_KEYS if key in found), None)
