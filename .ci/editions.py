"""Keeps the Chinese edition of the documentation, docs/zh/, beside the English one.

`python .ci/editions.py check` names pages of docs/zh/ and README.zh.md that have other code, outputs, tables, headings
or links than their English pages, and English sentences that were left, in outputs too; `python .ci/editions.py sync`
copies code from the English pages and keeps translated comments and texts. A text is translated where it has a Chinese
sign; what stands in braces in it stays. Outputs are those that `.ci/outputs.py write` makes of the Chinese page: sync
puts the English one where the numbers are others. It is also a hook of mkdocs: it links the two editions.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import pages
from outputs import MASKS, NUMBER, TITLES
from pages import CHINESE, DOCS, ROOT, Block

# English only, linked from the Chinese pages: what programs make or check, and what is for who changes the code.
ENGLISH = re.compile(r"^(api/.*|benchmarks\.md|changelog\.md|contributing\.md|satellites\.md|add-\w+\.md)$")
# Not translated yet: a list that only shrinks.
MISSING: set[str] = set()
HAN = re.compile(r"[\u4e00-\u9fff]")
QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|「[^」]*」|《[^》]*》|‘[^’]*’")
WORDS = re.compile(r"[A-Za-z][\w'’-]*(?:[ ,]+[A-Za-z][\w'’-]*){3,}")
PROSE = re.compile(r"[A-Za-z][\w'’-]*(?:,? [A-Za-z][\w'’-]*){3,}")  # words of a table have more blanks between them
HASH = {"sh", "toml", "yaml", "console", "dockerfile", "ini", "text"}
OUTPUTS = dict(zip(*TITLES.values(), strict=True))
TEXT = re.compile(r"""(?<!\w)([rRbBfFuU]{0,2})("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""")
PLACE = re.compile(r"(?<!\{)\{([^{}]+)\}")


@dataclass(frozen=True)
class Pair:
    """An English page and its Chinese twin."""

    english: Path
    chinese: Path

    @property
    def name(self) -> str:
        return self.chinese.relative_to(ROOT).as_posix()


def pairs() -> list[Pair]:
    """All pages that have a twin."""
    found = [Pair(DOCS / path.relative_to(CHINESE), path) for path in sorted(CHINESE.rglob("*.md"))]
    readme = Pair(ROOT / "README.md", ROOT / "README.zh.md")
    return ([readme] if readme.chinese.exists() else []) + found


def translated() -> list[str]:
    """The pages that have, or need, a twin: their paths from docs/."""
    found = (path.relative_to(DOCS).as_posix() for path in sorted(DOCS.rglob("*.md")))
    return [name for name in found if not name.startswith("zh/") and not ENGLISH.match(name)]


# ---------------------------------------------------------------------------------------------------- code of a block


@dataclass(frozen=True)
class Line:
    """A line of code, with the comments that belong to it."""

    code: str
    above: tuple[str, ...] = ()  # whole lines, with their indentation
    behind: str = ""


def _comment(line: str, language: str) -> int | None:
    """Where the comment of a line begins that is not Python."""
    if language not in HASH:
        return None
    quote = ""
    for i, char in enumerate(line):
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char == "#" and (i == 0 or line[i - 1] in " \t"):
            return i
    return None


def _comments(lines: list[str], language: str) -> dict[int, int]:
    """Where the comment of each line begins, for the lines that have one."""
    if language == "python":
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline))
        except (tokenize.TokenError, IndentationError):
            tokens = []
        return {t.start[0] - 1: t.start[1] for t in tokens if t.type == tokenize.COMMENT}
    found = {i: _comment(line, language) for i, line in enumerate(lines)}
    return {i: start for i, start in found.items() if start is not None}


def _docstrings(lines: list[str], language: str) -> list[tuple[int, int]]:
    """The first and the last line, from 0, of each docstring."""
    if language != "python":
        return []
    try:
        tree = ast.parse("\n".join(lines))
    except SyntaxError:
        return []
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        node.body[0]
        for node in ast.walk(tree)
        if isinstance(node, kinds) and node.body and ast.get_docstring(node, clean=False) is not None
    ]
    return sorted((node.lineno - 1, node.end_lineno - 1) for node in found)  # type: ignore[operator]  # parsed: they have lines


def dissect(block: Block) -> tuple[list[Line], tuple[str, ...], list[tuple[str, ...]]]:
    """A block's lines of code with the comments of each, the comments that end it, and its docstrings."""
    lines = list(block.lines)
    docstrings = []
    for number, (first, last) in reversed([*enumerate(_docstrings(lines, block.language))]):
        docstrings.insert(0, tuple(lines[first : last + 1]))
        lines[first : last + 1] = [f"'docstring {number}'"]
    comments = _comments(lines, block.language)
    found, above = [], []
    for i, line in enumerate(lines):
        start = comments.get(i)
        code = line if start is None else line[:start]
        prompt = "$ " if block.language == "console" and code.strip() == "$" else ""
        if start is not None and not code.removeprefix(prompt).strip():
            above.append(line)
            continue
        behind = "" if start is None else line[len(code.rstrip()) :]
        found.append(Line(code.rstrip(), tuple(above), behind))
        above = []
    return found, tuple(above), docstrings


def code_of(block: Block) -> list[str]:
    """What two blocks must share: their code without comments, docstrings and empty lines."""
    return [line.code for line in dissect(block)[0] if line.code.strip()]


def same_code(source: Block, block: Block) -> bool:
    """Whether a Chinese block has the code of an English one, up to translated texts."""
    theirs, ours = code_of(source), code_of(block)
    if source.language == "text" and HAN.search("".join(ours)):  # what a program prints that is not run here
        return not _other_numbers(source, block)
    if source.language != "python":
        return theirs == ours
    return len(theirs) == len(ours) and all(with_texts(a, b) == b for a, b in zip(theirs, ours, strict=True))


def with_texts(english: str, chinese: str) -> str:
    """A line of English code with the Chinese texts of its twin, if that is the same code."""
    if TEXT.sub('""', english) != TEXT.sub('""', chinese):
        return english
    given = iter(TEXT.finditer(chinese))
    return TEXT.sub(lambda found: _translated(found, next(given)), english)


def _translated(english: re.Match[str], chinese: re.Match[str]) -> str:
    """A text in Chinese, if that has what the English one has in braces."""
    same = english[1] == chinese[1] and sorted(PLACE.findall(english[2])) == sorted(PLACE.findall(chinese[2]))
    return chinese[0] if same and HAN.search(chinese[2]) else english[0]


def is_output(block: Block) -> bool:
    """Whether a program of ours wrote the block, from what the one above it prints."""
    return block.info in OUTPUTS or block.info in OUTPUTS.values()


def numbers(lines: Sequence[str]) -> set[str]:
    """The numbers of an output, which are the same in both languages; those that are written in words are not."""
    text = "\n".join(lines)
    for pattern, mask in MASKS.items():
        text = re.sub(pattern, mask, text)
    return {f"{float(number.replace(',', '')):.2g}" for number in NUMBER.findall(text)}


# --------------------------------------------------------------------------------------------------------------- sync


def merge(english: Block, chinese: Block) -> list[str]:
    """The English code, with the Chinese comments of the lines that are the same."""
    new, tail, docstrings = dissect(english)
    old, old_tail, old_docstrings = dissect(chinese)
    if len(docstrings) == len(old_docstrings):
        docstrings = old_docstrings
    kept: dict[int, Line] = {}
    empty = partial(TEXT.sub, '""') if english.language == "python" else str
    matcher = SequenceMatcher(
        None, [empty(line.code) for line in new], [empty(line.code) for line in old], autojunk=False
    )
    for a, b, size in matcher.get_matching_blocks():
        kept.update((a + k, old[b + k]) for k in range(size))
    merged: list[str] = []
    for i, line in enumerate(new):
        twin = kept.get(i)
        above, behind = line.above, line.behind
        if twin is not None:
            if above and twin.above:
                above = twin.above
            elif above and twin.behind and not behind:
                indent = " " * (len(line.code) - len(line.code.lstrip()))
                above = (indent + twin.behind.strip(),)
            if behind and twin.behind:
                behind = twin.behind
        code = line.code
        if twin is not None and english.language == "python":
            code = with_texts(code, twin.code)
        found = re.fullmatch(r"'docstring (\d+)'", code.strip())
        merged.extend(above)
        if found is not None and english.language == "python":
            merged.extend(docstrings[int(found[1])])
        else:
            merged.append(code + behind)
    merged.extend(old_tail if tail and old_tail else tail)
    return merged


def synchronized(english: str, chinese: str) -> str:
    """A Chinese page with the code of its English page, and an output wherever that has one."""
    theirs = pages.blocks(english)
    sources = [block for block in theirs if not is_output(block)]
    outputs: dict[int, list[Block]] = {}
    number = -1
    for block in theirs:
        if is_output(block):
            outputs.setdefault(number, []).append(block)
        else:
            number += 1
    lines = chinese.splitlines()
    own: dict[int, list[Block]] = {}
    number = -1
    for block in pages.blocks(chinese):
        if is_output(block):
            own.setdefault(number, []).append(block)
        else:
            number += 1
    for block in reversed([block for block in pages.blocks(chinese) if is_output(block)]):
        before = block.start - 2 if block.start >= 2 and not lines[block.start - 2].strip() else block.start - 1
        del lines[before : block.end]
    ours = pages.blocks("\n".join(lines))
    if len(ours) > len(sources):  # what stood under the code before it was made an output
        for i in reversed([i for i, block in enumerate(ours[1:], 1) if block.language == "text"]):
            before, block = ours[i - 1], ours[i]
            near = not any(line.strip() for line in lines[before.end : block.start - 1])
            if near and i - 1 in outputs and len(ours) > len(sources):
                del lines[before.end : block.end]
                ours = pages.blocks("\n".join(lines))
    if len(ours) != len(sources):
        raise ValueError(f"{len(ours)} code blocks, and {len(sources)} in the English page")
    for i in reversed(range(len(ours))):
        block, source = ours[i], sources[i]
        pad = " " * block.indent
        added = []
        for k, output in enumerate(outputs.get(i, [])):
            title = OUTPUTS[output.info]
            kept = own[i][k] if k < len(own.get(i, [])) else None
            told = output.lines if kept is None or _other_output(output, kept) else kept.lines
            added += ["", pad + "```" + title, *(pad + line if line else "" for line in told), pad + "```"]
        lines[block.end : block.end] = added
        if block.language == source.language and not (block.language == "text" and same_code(source, block)):
            merged = merge(source, block)
            lines[block.start : block.end - 1] = [pad + line if line else "" for line in merged]
    return "\n".join(lines) + "\n"


def _other_output(english: Block, chinese: Block) -> bool:
    """Whether a Chinese output is not of the code that an English one is of; two runs may differ in all they print."""
    if OUTPUTS[english.info] != chinese.info:
        return True
    return english.info == TITLES["en"][0] and _other_numbers(english, chinese)


def _other_numbers(english: Block, chinese: Block) -> bool:
    theirs, ours = numbers(english.lines), numbers(chinese.lines)
    return not (theirs <= ours or ours <= theirs)  # a page may show a part


# -------------------------------------------------------------------------------------------------------------- check


def code_faults(english: str, chinese: str) -> list[str]:
    """Where the code or the outputs of a Chinese page are not those of its English page."""
    theirs, ours = pages.blocks(english), pages.blocks(chinese)
    if [(b.language, OUTPUTS.get(b.info, "")) for b in theirs] != [(b.language, _title(b)) for b in ours]:
        return [f"{len(ours)} code blocks and outputs, {len(theirs)} in the English page, or of other languages"]
    wrong = []
    for source, block in zip(theirs, ours, strict=True):
        if is_output(source):
            if _other_output(source, block):
                wrong.append(f"line {block.start}: not the numbers of line {source.start} of the English page")
        elif not same_code(source, block):
            wrong.append(f"line {block.start}: not the code of line {source.start} of the English page")
    return wrong


def _title(block: Block) -> str:
    return block.info if block.info in OUTPUTS.values() else ""


def heading_faults(english: str, chinese: str) -> list[str]:
    """Where the headings of a Chinese page are not those of its English page."""
    theirs, ours = pages.headings(english), pages.headings(chinese)
    levels, found = [level for level, _, _ in theirs], [level for level, _, _ in ours]
    if levels != found:
        return [f"{len(ours)} headings of levels {found}, {len(theirs)} of {levels} in the English page"]
    wrong = []
    for (_, words, anchor), (_, said, name) in zip(theirs, ours, strict=True):
        if not HAN.search(said) and re.search(r"\s[a-z]", words) and said == words:
            wrong.append(f"the heading '{said}' is English")
        if name.strip("_0123456789-") and name != anchor and f"#{name}" in _explicit(chinese):
            wrong.append(f"the heading '{said}' has the anchor {name}, and {anchor} in the English page")
    return wrong


def _explicit(text: str) -> set[str]:
    return {f"#{anchor}" for _, _, anchor in pages.HEADING.findall(pages.prose(text)) if anchor}


def anchors(path: Path) -> set[str]:
    """The anchors of a page; those of a Chinese one are those of its English page."""
    twin = DOCS / path.relative_to(CHINESE) if path.is_relative_to(CHINESE) else path
    return {anchor for _, _, anchor in pages.headings(twin.read_text(encoding="utf-8"))}


def link_faults(path: Path, chinese: str) -> list[str]:
    """Links of a Chinese page that lead nowhere, or to an English page that is there in Chinese."""
    wrong = []
    for image, _, target, anchor in pages.LINK.findall(pages.prose(chinese)):
        other = (path.parent / target).resolve() if target else path
        inside = other.is_relative_to(CHINESE) and other.relative_to(CHINESE).as_posix() in MISSING
        if not other.exists() and not inside and not (image and is_made(other)):
            wrong.append(f"{target}: there is no such file")
        elif other.suffix == ".md" and anchor and not inside and anchor not in anchors(other):
            wrong.append(f"{target}#{anchor}: there is no such heading in the English page")
        elif path.is_relative_to(CHINESE) and other.is_relative_to(DOCS) and not other.is_relative_to(CHINESE):
            name = other.relative_to(DOCS).as_posix()
            if other.suffix == ".md" and not ENGLISH.match(name) and name not in MISSING:
                wrong.append(f"{target}: this page is there in Chinese")
    return wrong


def is_made(picture: Path) -> bool:
    """Whether the build makes a picture."""
    return picture.parent.parent == DOCS / "img"


ROW = re.compile(r"^ *\|(.*)\|\s*$", re.MULTILINE)
CODE = re.compile(r"`[^`]+`")


def table_faults(english: str, chinese: str) -> list[str]:
    """Where the tables of a Chinese page have other rows than those of its English page, or other code in them."""
    theirs, ours = ROW.findall(pages.prose(english)), ROW.findall(pages.prose(chinese))
    if len(theirs) != len(ours):
        return [f"{len(ours)} rows of tables, {len(theirs)} in the English page"]
    wrong = []
    for row, other in zip(theirs, ours, strict=True):
        left, more = (Counter(CODE.findall(a)) - Counter(CODE.findall(b)) for a, b in ((row, other), (other, row)))
        if left or more:
            named = ", ".join(left | more)
            wrong.append(f"the row '{other.strip()[:40]}' does not have the code of the English one: {named}")
    return wrong


def english_left(chinese: str) -> list[str]:
    """Four English words or more in a row, outside of code, addresses, names and quotations."""
    text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), pages.prose(chinese), flags=re.DOTALL)
    text = re.sub(r"(`+).*?\1|\]\([^)]*\)|<[^>\n]*>|\{ *#[\w-]+ *\}|https?:\S+", "\u3001", text)
    text = QUOTED.sub("\u3001", text)
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        for run in WORDS.findall(line):
            small = [word for word in re.split(r"[ ,]+", run) if word[:1].islower()]
            if len(small) >= 2:
                found.append(f"line {number}: English left: {run}")
    return found


# What is English in any language: errors and reasons of failures, which one searches for by their words; what is stored
# with a trial; names and values.
PRINTED = re.compile(
    r"\w*(Error|Exception|Warning)\b.*|raised \w+: .*|the objective returned .*|\bnan\b|\[[IW] .*|"
    r"'[^']*'|\"[^\"]*\"|`[^`]*`|\b[\w.]+\([^)]*\)|--?[\w-]+|\b\w+=\S+"
)
# Code that prints such texts, and the example programs, which are English.
STORED = ("except ", "error(", "system_attrs", ".method", "import_study", " examples/")


def english_printed(chinese: str) -> list[str]:
    """Sentences of tunesmith that the outputs of a Chinese page have in English."""
    found = []
    blocks = pages.blocks(chinese)
    for code, block in pairwise(blocks):
        if block.language == "text" and not any(word in line for line in code.lines for word in STORED):
            for number, line in enumerate(block.lines, block.start + 1):
                if sentence := english_sentence(line):
                    found.append(f"line {number}: English printed: {sentence}")
    return found


def english_sentence(line: str) -> str:
    """What is English in a line of an output; the empty text if nothing is."""
    for run in PROSE.findall(PRINTED.sub("\u3001", line)):
        told = max(run.split(","), key=len).split()  # names have commas between them
        if len([word for word in told if word[:1].islower()]) >= 3:
            return run
    return ""


def check() -> list[str]:
    """Everything that is wrong with the Chinese edition."""
    wrong = []
    here = {pair.english.relative_to(DOCS).as_posix() for pair in pairs() if pair.english.is_relative_to(DOCS)}
    for name in translated():
        if name not in here and name not in MISSING:
            wrong.append(f"docs/zh/{name}: there is no such page")
    for name in sorted(MISSING):
        if name in here:
            wrong.append(f"docs/zh/{name} is there: take it out of MISSING in .ci/editions.py")
        elif not (DOCS / name).exists():
            wrong.append(f"docs/{name} is not there: take it out of MISSING in .ci/editions.py")
    for pair in pairs():
        if not pair.english.exists():
            wrong.append(f"{pair.name}: there is no English page of this name")
            continue
        english, chinese = pair.english.read_text(encoding="utf-8"), pair.chinese.read_text(encoding="utf-8")
        found = [
            *code_faults(english, chinese),
            *heading_faults(english, chinese),
            *link_faults(pair.chinese, chinese),
            *table_faults(english, chinese),
            *english_left(chinese),
            *english_printed(chinese),
        ]
        wrong.extend(f"{pair.name}: {fault}" for fault in found)
    return wrong


def sync() -> list[str]:
    """Write the pages of docs/zh/ with the code of the English pages; return what could not be done."""
    wrong = []
    for pair in pairs():
        if not pair.english.exists():
            continue
        before = pair.chinese.read_text(encoding="utf-8")
        try:
            after = synchronized(pair.english.read_text(encoding="utf-8"), before)
        except ValueError as error:
            wrong.append(f"{pair.name}: {error}")
            continue
        if after != before:
            pair.chinese.write_text(after, encoding="utf-8")
            print(f"wrote {pair.name}")
    return wrong


# ------------------------------------------------------------------------------------------------- the hook of mkdocs


def on_config(config: Any) -> Any:
    """Called by mkdocs first: no page that is not there yet in the navigation, and Chinese words for the search."""
    config.nav = _present(config.nav, Path(config.docs_dir))
    import rjieba
    from material.plugins.search import plugin

    # The plugin takes the words from the package jieba, if it is there. That one has no wheel; this one finds the same.
    plugin.jieba = SimpleNamespace(cut=lambda text: rjieba.cut(text.decode()))
    return config


def _present(entry: Any, folder: Path) -> Any:
    if isinstance(entry, list):
        return [kept for part in entry if (kept := _present(part, folder))]
    if isinstance(entry, dict):
        ((title, value),) = entry.items()
        inside = _present(value, folder)
        return {title: inside} if inside else None
    return entry if entry.startswith("english:") or (folder / entry).exists() else None


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    """Called by mkdocs with each page's values: add the same page in the other language."""
    english, chinese = config.extra["editions"]
    name, up = page.file.src_uri, "../" * page.file.dest_uri.count("/")
    if _is_chinese(config):
        context["twin"] = {**english, "link": f"{up}../{page.file.dest_uri}"}
    else:
        found = page.file.dest_uri if (CHINESE / name).exists() else "index.html"
        context["twin"] = {**chinese, "link": f"{up}zh/{found}"}
    return context


def on_files(files: Any, config: Any) -> Any:
    """Called by mkdocs with the files of an edition: the Chinese one has the styles and scripts of the English one."""
    from mkdocs.structure.files import File

    if _is_chinese(config):
        for path in sorted([*DOCS.glob("css/*"), *DOCS.glob("js/*")]):
            name = path.relative_to(DOCS).as_posix()
            files.append(File(name, str(DOCS), config.site_dir, use_directory_urls=False))
    return files


def _is_chinese(config: Any) -> bool:
    return Path(config.docs_dir) == CHINESE


FIGURE = re.compile(r"(img/(?:figures|blocks|terminal)/[\w.-]+|img/[\w-]+)(\.png|\.svg)")
UP = re.compile(r"(!?\[[^\]]*\]\()((?:\.\./)+)([^)\s]*)\)")


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs with each page: a Chinese one gets the English anchors, and links that lead out of it."""
    if not _is_chinese(config):
        return markdown
    markdown = FIGURE.sub(_figure, markdown)
    path = CHINESE / page.file.src_uri
    given = iter(pages.headings((DOCS / page.file.src_uri).read_text(encoding="utf-8")))
    lines, plain = markdown.splitlines(), pages.prose(markdown).splitlines()
    for i, line in enumerate(plain):
        found = pages.HEADING.match(line)
        if found is not None:
            _, _, anchor = next(given, (0, "", ""))
            if not found[3] and anchor:
                lines[i] = f"{lines[i].rstrip()} {{ #{anchor} }}"
        if "](../" in line:
            lines[i] = UP.sub(lambda found: _outward(found, path), lines[i])
    return "\n".join(lines)


def _figure(found: re.Match[str]) -> str:
    """Return the Chinese picture, if there is one: .ci/figures.py needs a font for those that it makes."""
    chinese = f"{found[1]}-zh{found[2]}"
    return chinese if (DOCS / chinese).exists() else found[0]


def _outward(found: re.Match[str], path: Path) -> str:
    before, up, rest = found.groups()
    target, hash_, anchor = rest.partition("#")
    if (path.parent / up / target).resolve().is_relative_to(CHINESE):
        return found[0]
    return f"{before}english:{up}{re.sub(r'[.]md$', '.html', target)}{hash_}{anchor})"


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Called by mkdocs with each page as HTML: the links are what they were before it looked at them."""
    return re.sub(r'(href|src)="english:', r'\1="', html)


def on_post_page(html: str, page: Any, config: Any) -> str:
    """Called by mkdocs with each page before it is written: the navigation leads out of the edition too."""
    return html.replace('href="english:', 'href="../' + "../" * page.file.dest_uri.count("/"))


def main(words: list[str]) -> int:
    """Run from a shell."""
    if words not in (["check"], ["sync"]):
        print("usage: python .ci/editions.py check|sync", file=sys.stderr)
        return 2
    wrong = check() if words == ["check"] else sync()
    print("\n".join(wrong) or "editions: nothing is wrong", file=sys.stderr)
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
