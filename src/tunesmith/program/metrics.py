"""Finds metrics in what a program prints: JSON objects on lines of their own, and text such as ``val_loss: 0.31``."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.text import close_matches, listing

LONGEST = 32 * 1024  # characters of a line that are looked at, at its end
NUMBER = r"[+-]?(?:\d[\d_]*(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?|[+-]?(?i:nan|inf(?:inity)?)"
STEP_KEYS = ("step", "global_step", "iteration", "iter", "epoch")
# What stands between a name and its number: `loss: 0.3`, `loss = 0.3`, `'loss': 0.3`, `loss=tensor(0.3)`.
_BETWEEN = r"[\"']?\s*[:=]\s*[\"']?(?:[A-Za-z_][\w.]*\()?"
_SPLITS = ("train", "training", "val", "valid", "validation", "dev", "test", "eval")
_ESCAPES = re.compile(rb"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_STEP = re.compile(rf"(?<![\w.])({'|'.join(STEP_KEYS)})\b[\"']?\s*[:=#]?\s*(\d+)(?!\.?\d)", re.IGNORECASE)
_ANY = re.compile(rf"(?<![\w./-])((?:(?i:{'|'.join(_SPLITS)}) )?[A-Za-z_][\w./-]*){_BETWEEN}(?>{NUMBER})(?!\w)")


@dataclass(slots=True)
class Report:
    """One value of the first metric.

    Attributes:
        step: which the program named; None: it named none.
        value: the value.
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
    _found: dict[str, dict[str, float]] = field(default_factory=lambda: {"file": {}, "json": {}, "text": {}})

    def __post_init__(self) -> None:
        self._patterns = {name: _pattern(name) for name in self.names}
        # What a line with a metric has: in JSON, "a.b" may be b in the object a.
        self._marks = [name.rpartition(".")[2].encode() for name in self.names]

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
        return self._read(data[:end])

    def flush(self) -> list[Report]:
        """Take in lines without an end: the program has ended."""
        rests, self._rest = self._rest, {}
        return [report for rest in rests.values() for report in self._read(rest)]

    def _read(self, data: bytes) -> list[Report]:
        if not any(mark in data for mark in self._marks):
            return []  # most output has no metric: one look at a block of it is enough
        if b"\x1b" in data:
            data = _ESCAPES.sub(b"", data)
        found = []
        for whole in data.decode(errors="replace").replace("\r", "\n").split("\n"):
            line = whole[-LONGEST:]
            report = self._read_json(line) if line.lstrip().startswith("{") else None
            report = report or self._read_text(line)
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
            for match in self._patterns[name].finditer(line) if name in line else ():
                value = float(match.group(1).replace("_", ""))
                self._keep("text", name, value)
                if i == 0:
                    first = Report(_step_in(line), value)
        # Once there was JSON, the text beside it is for people.
        return None if self.names[0] in self._found["json"] else first

    def _keep(self, source: str, name: str, value: float) -> None:
        kept = self._found[source]
        if self.take == "last" or name not in kept or math.isnan(kept[name]):
            kept[name] = value
        elif not math.isnan(value):
            kept[name] = min(kept[name], value) if self.take == "min" else max(kept[name], value)

    def values(self) -> list[float | None]:
        """Return the value of each metric: of the results file, else of JSON, else of text; None: it has none."""
        sources = [self._found[source] for source in ("file", "json", "text")]
        return [next((kept[name] for kept in sources if name in kept), None) for name in self.names]


def what_it_printed(names: Sequence[str], output: str) -> str:
    """Return in words which names with numbers an output has, for a program whose metric never came.

    Args:
        names: the metrics that are missing.
        output: what it printed.
    """
    seen = list(dict.fromkeys(name for line in output.splitlines() for name in _ANY.findall(line)))
    what = f"the metric {names[0]!r} does" if len(names) == 1 else f"the metrics {listing(names)} do"
    if not seen:
        some = "printed no line such as" if output.strip() else "printed nothing: it must print a line such as"
        return f"{what} not appear: the program {some} {names[0]}: 0.31, and wrote no results file (TUNESMITH_RESULTS)"
    close = [match for name in names for match in _near(name, seen)]
    hint = f"; did you mean {close[0]!r}?" if close else ""
    return f"{what} not appear; what it printed has numbers for {listing(seen)}{hint}"


def _near(name: str, seen: Sequence[str]) -> list[str]:
    tail = [s for s in seen if re.split(r"[\s/._-]", s)[-1].lower() == name.lower()]
    return close_matches(name, seen) or tail


def _pattern(name: str) -> re.Pattern[str]:
    """Return what finds a metric, and no other whose name ends like it: ``val_loss`` and ``val loss`` are no loss."""
    splits = "" if name.lower().startswith(_SPLITS) else "".join(rf"(?<!\b{split} )" for split in _SPLITS)
    return re.compile(rf"(?<![\w./\-]){splits}{re.escape(name)}{_BETWEEN}((?>{NUMBER}))(?!\w)")


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
    found = {key.lower(): int(number) for key, number in reversed(_STEP.findall(line)) if len(number) < 19}
    return next((found[key] for key in STEP_KEYS if key in found), None)
