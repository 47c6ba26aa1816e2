"""Writes what the code of the documentation prints under each block, and says where a page says otherwise.

`python .ci/outputs.py write [PAGE ...]` (`make outputs`) runs the Python of each page, all blocks in one go as a reader
would, and writes what each block prints as a text block with the title "Output" behind it. A console block is run too
where an output stands behind it: to begin with, write an empty one. tests/project/test_docs.py runs the pages in the
same way and compares: numbers to three digits, without times of day, durations, paths and ids. What no two runs share
is declared in VARIES, and has the title "Output of one run".
"""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from pages import CHINESE, DOCS, ROOT, Block, blocks

OUTPUT = 'text title="Output"'
ONE_RUN = 'text title="Output of one run"'
LONGEST = 30  # lines; of longer outputs the page shows so many, and says how many more there are
COLUMNS = "80"
BEGIN, END = "\x1e", "\x1f"
# A process that reads the script again, because it is to run a function of it, prints what the function prints alone.
QUIET = "__name__ == '__main__' or setattr(__import__('sys'), 'stdout', open(__import__('os').devnull, 'w'))"
LOUD = "__name__ == '__main__' or setattr(__import__('sys'), 'stdout', __import__('sys').__stdout__)"
# A piece of the code of a block whose output is another in each run, and why.
VARIES: dict[tuple[str, str], str] = {
    ("README.md", "print(search.report_)"): "on another processor the last digits send the search another way",
    ("README.md", "study.savings"): "what is stopped depends on measured seconds",
    ("docs/dashboard.md", "token"): "a token is made anew each time",
    ("docs/importance.md", "trial.duration"): "it is of durations",
    ("docs/parallel.md", "sometimes_slow"): "processes begin in any order",
    ("docs/parallel.md", "trials were pruned"): "it depends on which trial of two comes first",
    ("docs/porting.md", "load_iris"): "it has no seed",
    ("docs/quickstart.md", 'tunesmith.tune("auto"'): "how far it comes in ten seconds",
    ("docs/quickstart.md", "trial.duration"): "it prints durations",
    ("docs/samplers.md", ".savings"): "shares of measured seconds",
    ("docs/scale.md", "LocalCluster"): "it depends on which trial of two comes first",
    ("docs/scikit-learn.md", "learning_rate_init"): "it names a set, in whatever order",
    ("docs/scikit-learn.md", "timeout=0.5"): "how far it comes in half a second",
    ("docs/scikit-learn.md", "study.recommend()"): "its search has no seed",
    ("docs/tables.md", "timeout="): "how far it comes in the time",
    ("docs/tables.md", "explain("): "the same",
    ("docs/tutorials/preemptible.md", ".savings"): "shares of measured seconds",
    ("docs/tutorials/table.md", "timeout="): "how far it comes in ten seconds",
    ("docs/tutorials/table.md", "leaderboard_"): "the same",
    ("docs/tutorials/table.md", ".predict("): "the same",
}
MASKS = {
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|\+\d\d:?\d\d)?": "<time>",
    r"(?<![\w.])\d+(\.\d+)?(e-?\d+)? ?(s|ms|µs|us|min|seconds?|minutes?)\b": "<duration>",
    r"(/[\w.-]+)*/(tmp|var|private)(/[\w.-]+)+": "<path>",
    r"0x[0-9a-f]{6,}|\bstudy-[0-9a-f]{8}\b": "<id>",
    r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32,64}\b": "<id>",
}
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d*)?(?:e[-+]?\d+)?(?![\w])")


@dataclass(frozen=True)
class Run:
    """A page that was run: how it ended, and what each of its blocks printed, by their number."""

    code: int
    printed: dict[int, str]
    errors: str


def is_output(block: Block) -> bool:
    """Whether a block is what the one before it prints."""
    return block.info in (OUTPUT, ONE_RUN)


def runs(found: list[Block], number: int) -> bool:
    """Whether a block is run."""
    block = found[number]
    if block.language == "python":
        return not block.is_skipped
    return block.language == "console" and number + 1 < len(found) and is_output(found[number + 1])


def commands(block: Block) -> str:
    """What is typed into a shell, as a script that goes on after a command that fails."""
    lines, typed = [], False
    for line in block.lines:
        if line.startswith("$ ") or typed:
            lines.append(line[2:] if line.startswith("$ ") else line)
            typed = line.endswith("\\")
    return "\n".join(lines) + "\n"


def _mark(text: str) -> str:
    stdout = "__import__('sys').stdout"
    return f"__name__ == '__main__' and {stdout}.write({text!r}) and {stdout}.flush()"


def as_script(text: str) -> str:
    """All the code of a page that is run, each line at the number that it has on the page.

    A traceback so leads to the page. Marks say which block prints; a process that a page starts may read the script
    again, and prints none.
    """
    script = [""] * (len(text.splitlines()) + 1)
    found = blocks(text)
    for i in range(len(found)):
        block = found[i]
        if not runs(found, i):
            continue
        if block.language == "python":
            script[block.start : block.start + len(block.lines)] = block.lines
        else:
            shell = f"__import__('subprocess').run(['sh', '-c', {commands(block)!r}], stderr=-2, stdin=-3)"
            script[block.start] = f"__name__ == '__main__' and {shell}"
        future = [k for k, line in enumerate(block.lines) if line.startswith("from __future__")]
        first = block.start + (future[0] if future else -1)  # nothing may stand before such an import
        marks = _mark(BEGIN + str(i) + "\n") if any(script[:first]) else f"{QUIET}; {_mark(BEGIN + str(i) + chr(10))}"
        script[first] += f"; {marks}" if script[first] else marks
        script[block.end - 1] = _mark(END)
    if any(script):
        script[-1] = LOUD
    return "\n".join(script) + "\n"


def run(page: Path, text: str | None = None, timeout: float = 600) -> Run:
    """Run the code of a page in a folder of its own."""
    script = as_script(page.read_text(encoding="utf-8") if text is None else text)
    with tempfile.TemporaryDirectory() as scratch:
        folder, programs = Path(scratch) / "work", Path(scratch) / "bin"
        folder.mkdir()
        programs.mkdir()
        for name, words in {"tunesmith": "-m tunesmith", "python": ""}.items():
            program = programs / name
            program.write_text(f'#!/bin/sh\nexec "{sys.executable}" {words} "$@"\n')
            program.chmod(program.stat().st_mode | stat.S_IEXEC)
        file = folder / f"page_{page.stem.replace('-', '_')}.py"  # xgboost.py would be what `import xgboost` finds
        file.write_text(script, encoding="utf-8")
        done = subprocess.run(
            [sys.executable, "-u", file.name],
            cwd=folder,
            env={
                **{k: v for k, v in os.environ.items() if k not in ("TUNESMITH_STORAGE", "OPTUNA_STORAGE")},
                "COLUMNS": COLUMNS,
                "MPLBACKEND": "agg",
                "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",
                "PYTHONPATH": str(ROOT / "src"),
                "PYTHONHASHSEED": "0",  # sets are printed in one order
                "PYTHONUNBUFFERED": "1",
                "TERM": "dumb",
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        errors = done.stderr.replace(str(folder), "")
    printed = {
        int(part.partition("\n")[0]): part.partition("\n")[2].partition(END)[0] for part in done.stdout.split(BEGIN)[1:]
    }
    return Run(done.returncode, printed, errors)


def shown(printed: str) -> list[str]:
    """What a page shows of an output."""
    lines = [line.rstrip() for line in printed.strip("\n").splitlines()]
    more = len(lines) - LONGEST
    if more > 1:
        lines = [*lines[:LONGEST], f"[{more:,} more lines are left out here.]"]
    return lines


def varies(page: Path, block: Block) -> bool:
    """Whether the output of a block is declared as another in each run."""
    name, code = page.relative_to(ROOT).as_posix(), "\n".join(block.lines)
    return any(page_of == name and piece in code for page_of, piece in VARIES)


def same(old: list[str], new: list[str]) -> bool:
    """Whether two outputs say the same, up to the last digits and what is masked."""
    if len(old) != len(new):
        return False
    return all(_same_line(a, b) for a, b in zip(old, new, strict=True))


def _same_line(a: str, b: str) -> bool:
    for pattern, mask in MASKS.items():
        a, b = re.sub(pattern, mask, a), re.sub(pattern, mask, b)
    if re.sub(r"\s+", " ", NUMBER.sub("#", a)) != re.sub(r"\s+", " ", NUMBER.sub("#", b)):
        return False
    return all(_close(x, y) for x, y in zip(NUMBER.findall(a), NUMBER.findall(b), strict=True))


def _close(a: str, b: str) -> bool:
    x, y = float(a.replace(",", "")), float(b.replace(",", ""))
    whole = "." not in a + b and "e" not in a + b
    return x == y if whole and abs(x) < 1000 else abs(x - y) <= max(5e-3 * max(abs(x), abs(y)), 1e-12)


def faults(page: Path, text: str, printed: dict[int, str]) -> list[str]:
    """Where a page shows something else than what its code prints."""
    found, wrong = blocks(text), []
    for i, block in enumerate(found):
        if not runs(found, i):
            continue
        new = shown(printed.get(i, ""))
        after = found[i + 1] if i + 1 < len(found) and is_output(found[i + 1]) else None
        if after is None:
            if new:
                wrong.append(f"line {block.start}: the block prints something, and the page does not show it")
        elif varies(page, block) != (after.info == ONE_RUN):
            wrong.append(f"line {after.start}: the title is not what VARIES says")
        elif after.info == OUTPUT and not same(list(after.lines), new):
            pairs = zip_longest(after.lines, new, fillvalue="")
            old, now = next((o, n) for o, n in pairs if not _same_line(o, n))
            wrong.append(f"line {after.start}: the page says {old!r}, and the code prints {now!r}")
    return wrong


def written(page: Path, text: str, printed: dict[int, str]) -> str:
    """A page with what its code prints."""
    lines, found = text.splitlines(), blocks(text)
    for i in reversed(range(len(found))):
        block = found[i]
        if not runs(found, i):
            continue
        new = shown(printed.get(i, ""))
        begin = end = block.end
        if i + 1 < len(found):
            after = found[i + 1]
            near = not any(line.strip() for line in lines[block.end : after.start - 1])
            if near and (is_output(after) or (new and block.language == "python" and after.info == "text")):
                end = after.end
                if after.info == OUTPUT and not varies(page, block) and same(list(after.lines), new):
                    continue
                if end == after.end and after.lines and varies(page, block):
                    new = list(after.lines)  # one run is as good as another
        pad = " " * block.indent
        info = ONE_RUN if varies(page, block) else OUTPUT
        body = ["", f"{pad}```{info}", *(pad + line if line else "" for line in new), f"{pad}```"] if new else []
        lines[begin:end] = body
    return "\n".join(lines) + "\n"


def is_pinned() -> bool:
    """Whether the libraries that decide which way a search goes are here in the versions of constraints.txt."""
    from importlib.metadata import PackageNotFoundError, version

    pins = dict(re.findall(r"^([\w-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE))
    try:
        return all(version(name) == pins[name] for name in ("numpy", "scipy", "scikit-learn", "pandas"))
    except PackageNotFoundError:
        return False


def all_pages() -> list[Path]:
    """The English pages that have code to run."""
    found = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    return [
        page
        for page in found
        if not page.is_relative_to(CHINESE) and as_script(page.read_text(encoding="utf-8")).strip()
    ]


def main(words: list[str]) -> int:
    """Run from a shell."""
    if not words or words[0] not in ("write", "check"):
        print("usage: python .ci/outputs.py write|check [PAGE ...]", file=sys.stderr)
        return 2
    wrong = 0
    for page in [Path(word).resolve() for word in words[1:]] or all_pages():
        name, text = page.relative_to(ROOT), page.read_text(encoding="utf-8")
        done = run(page, text)
        if done.code:
            print(f"{name} does not run:\n{done.errors}", file=sys.stderr)
            wrong += 1
            continue
        found = faults(page, text, done.printed)
        if words[0] == "check":
            wrong += len(found)
            print("".join(f"{name}: {fault}\n" for fault in found), end="")
        elif (new := written(page, text, done.printed)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {name}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
