"""Writes what the code of the documentation prints under each block, and says where a page says otherwise.

`python .ci/outputs.py write [PAGE ...]` (`make outputs`) runs the Python and the commands of each page, all blocks in
one go and in one folder as a reader would, and writes what each block prints as a text block with the title "Output"
behind it. A block that begins with a name (`# train.py`) is written to that file. tests/project/test_docs.py
runs the pages in the same way and compares: numbers to three digits, without times of day, durations, paths and ids.
What no two runs share is declared in VARIES, and has the title "Output of one run"; commands that need what is not here
are declared in PROGRAMS and ELSEWHERE. A block that ends in `plot_...(...)` has the figure behind it, which is drawn
into docs/img/blocks/ in each language. A Chinese page runs in Chinese, and its outputs have Chinese titles.
"""

from __future__ import annotations

import ast
import html
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
from pages import CHINESE, DOCS, ROOT, Block, blocks, code_lines

OUTPUT = 'text title="Output"'
ONE_RUN = 'text title="Output of one run"'
FIGURES = DOCS / "img" / "blocks"
TITLES = {"en": (OUTPUT, ONE_RUN), "zh": ('text title="输出"', 'text title="某次运行的输出"')}
LEFT_OUT = {"en": "[{:,} more lines are left out here.]", "zh": "[此处省略其余 {:,} 行。]"}
HAN = re.compile(r"[\u4e00-\u9fff]")
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
    ("docs/command-line.md", "--jobs 2"): "trials that run at the same time end in any order",
    ("docs/command-line.md", "--trials 16"): "it goes on from there",
    ("docs/command-line.md", "--study short"): "what is stopped depends on measured seconds",
    ("docs/dashboard.md", "token"): "a token is made anew each time",
    ("docs/gallery.md", "05_three_libraries"): "it is of seconds too",
    ("docs/import.md", "plot_optimization_history"): "its search has no seed",
    ("docs/importance.md", "trial.duration"): "it is of durations",
    ("docs/parallel.md", "plot_timeline"): "it is of times",
    ("docs/parallel.md", "sometimes_slow"): "processes begin in any order",
    ("docs/parallel.md", "print(pruned,"): "it depends on which trial of two comes first",
    ("docs/porting.md", "load_iris"): "it has no seed",
    ("docs/porting.md", "OPTUNA_STORAGE"): "the same",
    ("docs/quickstart.md", 'tunesmith.tune("auto"'): "how far it comes in ten seconds",
    ("docs/quickstart.md", "trial.duration"): "it prints durations",
    ("docs/samplers.md", ".savings"): "shares of measured seconds",
    ("docs/scale.md", "LocalCluster"): "it depends on which trial of two comes first",
    ("docs/scikit-learn.md", "learning_rate_init"): "it names a set, in whatever order",
    ("docs/scikit-learn.md", "timeout=0.5"): "how far it comes in half a second",
    ("docs/scikit-learn.md", "study.recommend()"): "its search has no seed",
    ("docs/tables.md", "timeout="): "how far it comes in the time",
    ("docs/tables.md", "explain("): "the same",
    ("docs/tables.md", "plot_"): "the same",
    ("docs/tutorials/preemptible.md", ".savings"): "shares of measured seconds",
    ("docs/tutorials/preemptible.md", "python train.py"): "the same, and how far it comes before it is killed",
    ("docs/tutorials/table.md", "timeout="): "how far it comes in ten seconds",
    ("docs/tutorials/table.md", "leaderboard_"): "the same",
    ("docs/tutorials/table.md", ".predict("): "the same",
    ("docs/tutorials/table.md", "plot_"): "the same",
    ("docs/tutorials/table.md", "--timeout 10s"): "the same",
}
# Commands that need a network, a server or another program, by their first word: a block with one of them is not run.
PROGRAMS = frozenset({"pip", "git", "docker", "ssh", "scp", "make", "torchrun", "c++", "pg_dump", "pg_restore", "eval"})
# A piece of a console block that is not run, and why.
ELSEWHERE: dict[tuple[str, str], str] = {
    ("README.md", "python train.py"): "a program of the reader's own",
    ("docs/gallery.md", "Rscript"): "R",
    ("docs/import.md", "ray_results"): "results of Ray, MLflow and Weights & Biases",
    ("docs/import.md", "import runs "): "event files for TensorBoard",
    ("docs/import.md", "--unsafe-pickle"): "a pickle of Hyperopt's",
    ("docs/porting.md", "tunesmith import"): "results of another program",
    ("docs/report.md", "tunesmith tune train.csv"): "a table of the reader's own",
    ("docs/scale.md", "tunesmith.worker"): "a PostgreSQL server",
    ("docs/tables.md", "train.tune.toml"): "the same",
    ("docs/tutorials/any-program.md", "tunesmith dashboard"): "it serves until Ctrl-C",
    ("docs/tutorials/any-program.md", "tunesmith init"): "a program of the reader's own",
    ("docs/tutorials/team.md", "tunesmith"): "a PostgreSQL server",
}
FILE = re.compile(r"# ?([\w-]+\.(?:py|sh))\b")  # the first line of a block that is a file, or the one below `#!`
# A line that `tunesmith run` prints every few seconds.
ON_THE_WAY = re.compile(
    r"(trial|试验) (\d+/\d+ · .*( left\b|还需)|0/)|trial \d+ (ended with|was stopped early|failed:) .*; parameters: "
)
MASKS = {
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d([.,]\d+)?)?(Z|\+\d\d:?\d\d)?": "<time>",
    r"(?<![\w.])\d+(\.\d+)?(e-?\d+)? ?(s|ms|µs|us|min|seconds?|minutes?)\b": "<duration>",
    r"(/[\w.-]+)*/(tmp|var|private)(/[\w.-]+)+": "<path>",
    r"\b[\d.]+ trials/s\b|\bin \d+:\d\d\b": "<duration>",
    r"每秒 [\d.]+ 次|每次\S* [\d.]+ 秒|用时 \d+:\d\d\b|[\d.]+ 毫秒": "<duration>",
    r"0x[0-9a-f]{6,}|\bstudy-[0-9a-f]{8}\b": "<id>",
    r"\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[0-9a-f]{32,64}\b": "<id>",
}
NUMBER = re.compile(r"(?<![\w.])[-+]?\d[\d,]*(?:\.\d*)?(?:e[-+]?\d+)?(?![\w])")


@dataclass(frozen=True)
class Run:
    """A page that was run: how it ended, what each block printed, by its number, and figures by their file."""

    code: int
    printed: dict[int, str]
    errors: str
    figures: dict[str, str]


@dataclass(frozen=True)
class Plot:
    """A call of ``plot_...`` that a block ends in: its name, and the line and column of the block that it fills."""

    name: str
    start: tuple[int, int]
    end: tuple[int, int]

    @classmethod
    def of(cls, block: Block) -> Plot | None:
        """Find the call."""
        last = ast.parse("\n".join(block.lines)).body[-1:] if block.language == "python" else []
        call = last[0].value if last and isinstance(last[0], ast.Expr) else None
        if not isinstance(call, ast.Call) or call.end_lineno is None or call.end_col_offset is None:
            return None
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if not name.startswith("plot_"):
            return None
        return cls(name[5:], (call.lineno - 1, call.col_offset), (call.end_lineno - 1, call.end_col_offset))

    def drawn(self, lines: tuple[str, ...], file: str) -> list[str]:
        """The code of the block, which draws the figure into a file in the place of returning it."""
        new = list(lines)
        (first, start), (last, end) = self.start, self.end
        inside = "\n".join([*new[first:last], new[last][: end - 1]])
        comma = "" if inside.rstrip().endswith((",", "(")) else ", "
        new[last] = f'{new[last][: end - 1]}{comma}backend="arrays"), {file!r}){new[last][end:]}'
        new[first] = f"{new[first][:start]}__import__('drawn').save({new[first][start:]}"
        return new


def is_output(block: Block) -> bool:
    """Whether a block is what the one before it prints."""
    return any(block.info in titles for titles in TITLES.values())


def language_of(page: Path) -> str:
    """The language that a page is in, and that its code runs in."""
    return "zh" if page.is_relative_to(CHINESE) or page.name.endswith(".zh.md") else "en"


def runs(page: str, block: Block) -> bool:
    """Whether a block is run."""
    if block.language == "python":  # a test is run by tests/project/test_pages_that_add.py, in its place
        return not block.is_skipped and 'title="tests/' not in block.info
    if block.language != "console":
        return False
    code = "\n".join(block.lines)
    known = any(page_of == page and piece in code for page_of, piece in ELSEWHERE)
    return not known and PROGRAMS.isdisjoint(line[2:].split(" ")[0] for line in block.lines if line.startswith("$ "))


def commands(block: Block) -> str:
    """What is typed into a shell, as a script that goes on after a command that fails."""
    return "\n".join(line.removeprefix("$ ") for _, line in code_lines(block)) + "\n"


def _file(block: Block) -> str:
    """The code that writes a block to its file, if it is one."""
    named = next((found for line in block.lines[:2] if (found := FILE.match(line))), None)
    if named is None or block.language not in ("python", "sh"):
        return ""
    path = f"__import__('pathlib').Path({named[1]!r})"
    text = "\n".join(block.lines) + "\n"
    return f"__name__ == '__main__' and {path}.write_text({text!r}) and {path}.chmod(0o755)"


def _mark(text: str) -> str:
    stdout = "__import__('sys').stdout"
    return f"__name__ == '__main__' and {stdout}.write({text!r}) and {stdout}.flush()"


def as_script(text: str, page: str = "") -> str:
    """All the code of a page that is run, each line at the number that it has on the page.

    A traceback so leads to the page. Marks say which block prints; a process that a page starts may read the script
    again, and prints none.
    """
    script = [""] * (len(text.splitlines()) + 1)
    begun, names = False, figure_names(page, text)
    for i, block in enumerate(blocks(text)):
        if not runs(page, block):
            script[block.start] = _file(block)
            continue
        if block.language == "python":
            plot = Plot.of(block)
            lines = block.lines if plot is None else plot.drawn(block.lines, names[i])
            script[block.start : block.start + len(block.lines)] = lines
        else:
            shell = f"__import__('subprocess').run(['sh', '-c', {commands(block)!r}], stderr=-2, stdin=-3)"
            script[block.start] = f"__name__ == '__main__' and {shell}"
        future = [k for k, line in enumerate(block.lines) if line.startswith("from __future__")]
        if begun and future:  # it may stand at the beginning of a script alone
            script[block.start + future[0]] = ""
            future = []
        first = block.start + (future[0] if future else -1)  # nothing may stand before such an import
        begin = _mark(BEGIN + str(i) + "\n")
        marks = begin if begun else f"{QUIET}; {begin}"
        begun = True
        script[first] = "; ".join(filter(None, (script[first], _file(block), marks)))
        script[block.end - 1] = _mark(END)
    if begun:
        script[-1] = LOUD
    return "\n".join(script) + "\n"


def run(page: Path, text: str | None = None, timeout: float = 600) -> Run:
    """Run the code of a page in a folder of its own."""
    script = as_script(page.read_text(encoding="utf-8") if text is None else text, _name(page))
    with tempfile.TemporaryDirectory() as scratch:
        folder, programs = Path(scratch) / "work", Path(scratch) / "bin"
        folder.mkdir()
        programs.mkdir()
        for name, words in {"tunesmith": "-m tunesmith", "python": ""}.items():
            program = programs / name
            # Programs that are started with an environment of their own find the sources too.
            start = f'PYTHONPATH="{ROOT / "src"}" exec "{sys.executable}" {words} "$@"'
            program.write_text(f"#!/bin/sh\n{start}\n")
            program.chmod(program.stat().st_mode | stat.S_IEXEC)
        (folder / "examples").symlink_to(ROOT / "examples")
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
                "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(Path(__file__).parent)]),
                "PYTHONHASHSEED": "0",  # sets are printed in one order
                "PYTHONUNBUFFERED": "1",
                "TERM": "dumb",
                "TUNESMITH_LANG": language_of(page),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        output, errors = done.stdout.replace(f"{folder}/", ""), done.stderr.replace(str(folder), "")
        drawn = folder.glob(f"{page.stem}-*.svg") if language_of(page) == "en" else []  # that page draws for both
        figures = {file.name: file.read_text(encoding="utf-8") for file in drawn}
    printed = {
        int(part.partition("\n")[0]): part.partition("\n")[2].partition(END)[0] for part in output.split(BEGIN)[1:]
    }
    return Run(done.returncode, printed, errors, figures)


def shown(printed: str, language: str = "en") -> list[str]:
    """What a page of a language shows of an output."""
    lines = [line.rstrip() for line in printed.splitlines() if not ON_THE_WAY.match(line)]
    lines = "\n".join(lines).strip("\n").splitlines()
    more = len(lines) - LONGEST
    if more > 1:
        lines = [*lines[:LONGEST], LEFT_OUT[language].format(more)]
    return lines


def figure_names(page: str, text: str) -> dict[int, str]:
    """The files of the figures of a page without their endings, by the number of the block that ends in the figure."""
    names: dict[int, str] = {}
    for i, block in enumerate(blocks(text)):
        plot = Plot.of(block) if runs(page, block) else None
        if plot is not None:
            name = f"{Path(page).stem}-{plot.name}"
            again = sum(other.split(".")[0] == name for other in names.values())
            names[i] = f"{name}.{again + 1}" if again else name
    return names


def _is_shown(name: str, found: list[Block], number: int, lines: list[str]) -> bool:
    """Whether the page shows a figure behind the block that ends in it, or behind its output."""
    after = found[number + 1] if number + 1 < len(found) and is_output(found[number + 1]) else found[number]
    near = next((line for line in lines[after.end :] if line.strip()), "")
    return near.startswith("![") and f"img/blocks/{name}.svg" in "".join(lines[after.end : after.end + 6])


def figure_texts(svg: str) -> list[str]:
    """The words and numbers of a figure, which two drawings of the same share."""
    return [html.unescape(text) for text in re.findall(r">([^<>]+)</", svg)]


def _name(page: Path) -> str:
    """What tables here call a page: a Chinese one as its English one."""
    return page.relative_to(ROOT).as_posix().replace("docs/zh/", "docs/").replace(".zh.md", ".md")


def varies(page: Path, block: Block) -> bool:
    """Whether the output of a block is declared as another in each run."""
    code = "\n".join(block.lines)
    return any(page_of == _name(page) and piece in code for page_of, piece in VARIES)


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


def faults(page: Path, text: str, done: Run) -> list[str]:
    """Where a page shows something else than what its code prints or draws."""
    found, wrong, printed, language = blocks(text), [], done.printed, language_of(page)
    output, one_run = TITLES[language]
    names, lines = figure_names(_name(page), text), text.splitlines()
    for i, block in enumerate(found):
        if not runs(_name(page), block):
            continue
        if len([*code_lines(block)]) < len(block.lines):
            wrong.append(f"line {block.start}: what is printed belongs into a block of its own")
        if i in names:
            unlike = _figure_faults(names[i], _is_shown(names[i], found, i, lines), done, varies(page, block))
            wrong.extend(f"line {block.start}: {fault}" for fault in unlike)
        new = shown(printed.get(i, ""), language)
        after = found[i + 1] if i + 1 < len(found) and is_output(found[i + 1]) else None
        if after is None:
            if new:
                wrong.append(f"line {block.start}: the block prints something, and the page does not show it")
        elif after.info != (one_run if varies(page, block) else output):
            wrong.append(f"line {after.start}: the title is not what VARIES says")
        elif after.info == output and not same(list(after.lines), new):
            pairs = zip_longest(after.lines, new, fillvalue="")
            old, now = next((o, n) for o, n in pairs if not _same_line(o, n))
            wrong.append(f"line {after.start}: the page says {old!r}, and the code prints {now!r}")
    return wrong


def _figure_faults(name: str, is_shown: bool, done: Run, may_vary: bool) -> list[str]:
    wrong = [] if is_shown else [f"the block ends in a figure, and the page does not show img/blocks/{name}.svg"]
    for file, new in done.figures.items():
        if file in (f"{name}.svg", f"{name}-zh.svg"):
            old = (FIGURES / file).read_text(encoding="utf-8") if (FIGURES / file).exists() else ""
            if not old or not (may_vary or same(figure_texts(old), figure_texts(new))):
                wrong.append(f"img/blocks/{file} is not what the block draws")
    return wrong


def draw(page: Path, text: str, done: Run) -> list[str]:
    """Write the figures of a page, those that say something else than the files that are there; return their names."""
    FIGURES.mkdir(parents=True, exist_ok=True)
    new, found = [], blocks(text)
    for i, name in figure_names(_name(page), text).items():
        if _figure_faults(name, True, done, varies(page, found[i])):
            for file in (f"{name}.svg", f"{name}-zh.svg"):
                (FIGURES / file).write_text(done.figures[file], encoding="utf-8")
                new.append(file)
    return new


def written(page: Path, text: str, done: Run) -> str:
    """A page with what its code prints, and links to what it draws."""
    lines, found, printed, language = text.splitlines(), blocks(text), done.printed, language_of(page)
    output, one_run = TITLES[language]
    names = figure_names(_name(page), text)
    for i in reversed(range(len(found))):
        block = found[i]
        if not runs(_name(page), block):
            continue
        new = shown(printed.get(i, ""), language)
        begin = end = block.end
        if i + 1 < len(found):
            after = found[i + 1]
            near = not any(line.strip() for line in lines[block.end : after.start - 1])
            if near and (is_output(after) or (new and after.info == "text")):
                end = after.end
                if after.info == output and not varies(page, block) and same(list(after.lines), new):
                    new = list(after.lines)
                speaks = language == "en" or not HAN.search("".join(new)) or HAN.search("".join(after.lines))
                if end == after.end and after.lines and varies(page, block) and speaks:
                    new = list(after.lines)  # one run is as good as another
        pad = " " * block.indent
        info = one_run if varies(page, block) else output
        body = ["", f"{pad}```{info}", *(pad + line if line else "" for line in new), f"{pad}```"] if new else []
        if i in names and not _is_shown(names[i], found, i, lines):
            up = "../" * (len(page.relative_to(DOCS).parts) - 1)
            title = names[i].removeprefix(f"{page.stem}-").replace("_", " ")
            body += ["", f"{pad}![{title}]({up}img/blocks/{names[i]}.svg)"]
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
    """The pages that have code to run."""
    found = [ROOT / "README.md", ROOT / "README.zh.md", *sorted(DOCS.rglob("*.md"))]
    return [page for page in found if any(runs(_name(page), b) for b in blocks(page.read_text(encoding="utf-8")))]


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
        found = faults(page, text, done)
        if words[0] == "check":
            wrong += len(found)
            print("".join(f"{name}: {fault}\n" for fault in found), end="")
            continue
        print("".join(f"drew {file}\n" for file in draw(page, text, done)), end="")
        if (new := written(page, text, done)) != text:
            page.write_text(new, encoding="utf-8")
            print(f"wrote {name}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
