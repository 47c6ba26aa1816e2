"""Keeps the Chinese edition of the documentation, docs/zh/, beside the English one.

`python .ci/editions.py` copies the code of the English pages to those of docs/zh/ and to README.zh.md, and keeps their
translated comments and texts: a text is translated where it has a Chinese sign, and what stands in braces in it stays.
Outputs are those that `.ci/outputs.py write` makes of the Chinese page; the English one is put where the numbers are
others. `.ci/chinese.py` lists what lags behind. This is also a hook of mkdocs: it links the two editions, and a Chinese
page that lags behind says so at its top.
"""

from __future__ import annotations

import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher
from itertools import pairwise, zip_longest
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
import pages
from outputs import MASKS, NUMBER, TITLES
from pages import CHINESE, DOCS, HAN, ROOT, Block

# English only, linked from the Chinese pages: what programs make or check, and what is for who changes the code.
ENGLISH = re.compile(r"^(api/.*|benchmarks\.md|changelog\.md|contributing\.md|satellites\.md|design\.md|add-\w+\.md)$")
OUTPUTS = dict(zip(*TITLES.values(), strict=True))
HASH = {"sh", "toml", "yaml", "console", "dockerfile", "ini", "text"}  # languages whose comments begin with #
TEXT = re.compile(r"""(?<!\w)([rRbBfFuU]{0,2})("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')""")
PLACE = re.compile(r"(?<!\{)\{([^{}]+)\}")
BEHIND = "!!! note\n\n    英文版已更新，此页的翻译尚未跟上：[英文版](english:{link})。\n\n"


def pairs() -> list[tuple[Path, Path]]:
    """Each Chinese page, behind the page that it translates."""
    readme = (ROOT / "README.md", ROOT / "README.zh.md")
    return [readme, *((DOCS / path.relative_to(CHINESE), path) for path in sorted(CHINESE.rglob("*.md")))]


# ------------------------------------------------------------------------------------------------------ code of blocks


def bare(block: Block) -> list[str]:
    """The lines of a block without comments, docstrings and what stands in texts: what two editions share."""
    lines = list(block.lines)
    if block.language == "python":
        try:
            tokens = list(tokenize.generate_tokens(io.StringIO("\n".join(lines) + "\n").readline))
        except (tokenize.TokenError, IndentationError):
            tokens = []
        for token in reversed(tokens):
            (first, start), (last, end) = token.start, token.end
            if token.type == tokenize.COMMENT:
                lines[first - 1] = lines[first - 1][:start]
            elif token.type == tokenize.STRING and first != last:
                lines[first - 1 : last] = [
                    lines[first - 1][:start] + '""',
                    *[""] * (last - first - 1),
                    lines[last - 1][end:],
                ]
        lines = [TEXT.sub('""', line) for line in lines]
    elif block.language in HASH:
        lines = [re.sub(r"(^|(?<=\s))#.*", "", line) if line.count("'") % 2 == 0 else line for line in lines]
    return [line.rstrip() for line in lines]


def same(english: str, chinese: str) -> bool:
    """Whether a line of code is another one whose texts are translated, with what they have in braces."""
    texts = zip_longest(TEXT.findall(english.partition("  # ")[0]), TEXT.findall(chinese.partition("  # ")[0]))
    return all(
        a == b
        or (
            a and b and a[0] == b[0] and HAN.search(b[1]) and sorted(PLACE.findall(a[1])) == sorted(PLACE.findall(b[1]))
        )
        for a, b in texts
    )


def matched(english: Block, chinese: Block) -> dict[int, int]:
    """The lines of an English block that a Chinese one has, up to comments and translated texts, and where."""
    found = SequenceMatcher(None, bare(english), bare(chinese), autojunk=False).get_matching_blocks()
    lines = [(a + k, b + k) for a, b, size in found for k in range(size)]
    python = english.language == "python"
    return {a: b for a, b in lines if not python or same(english.lines[a], chinese.lines[b])}


def is_output(block: Block) -> bool:
    """Whether a program of ours wrote the block, from what the one above it prints."""
    return block.info in OUTPUTS or block.info in OUTPUTS.values()


def numbers(lines: Sequence[str]) -> set[str]:
    """The numbers of an output, which are the same in both languages; those that are written in words are not."""
    text = "\n".join(lines)
    for pattern, mask in MASKS.items():
        text = re.sub(pattern, mask, text)
    return {f"{float(number.replace(',', '')):.2g}" for number in NUMBER.findall(text)}


def agree(english: Block, chinese: Block) -> bool:
    """Whether a Chinese block has the code, or the numbers, of an English one."""
    if is_output(english) != is_output(chinese) or (is_output(english) and OUTPUTS[english.info] != chinese.info):
        return False
    if is_output(english) or (english.language == "text" and HAN.search("".join(chinese.lines))):
        theirs, ours = numbers(english.lines), numbers(chinese.lines)
        return "one run" in english.info or theirs <= ours or ours <= theirs  # a page may show a part
    theirs, ours = ([line for line in bare(block) if line.strip()] for block in (english, chinese))
    return theirs == ours and len(matched(english, chinese)) == len(english.lines)


def with_outputs(text: str) -> list[tuple[Block, list[Block]]]:
    """The code blocks of a page, each with the outputs behind it."""
    found: list[tuple[Block, list[Block]]] = []
    for block in pages.blocks(text):
        if is_output(block) and found:
            found[-1][1].append(block)
        else:
            found.append((block, []))
    return found


def synchronized(english: str, chinese: str) -> str:
    """A Chinese page with the code and the outputs of its English page where it has others."""
    theirs, ours, lines = with_outputs(english), with_outputs(chinese), chinese.splitlines()
    if [block.language for block, _ in theirs] != [block.language for block, _ in ours]:
        raise ValueError("other code blocks than in the English page")
    for (code, outputs), (own, kept) in reversed([*zip(theirs, ours, strict=True)]):
        lines_kept = {} if agree(code, own) else matched(code, own)
        new = [own.lines[lines_kept[i]] if i in lines_kept else line for i, line in enumerate(code.lines)]
        made = [f"```{own.info}", *(own.lines if agree(code, own) else new), "```"]
        for output, old in zip_longest(outputs, kept[: len(outputs)]):
            told = old.lines if old is not None and agree(output, old) else output.lines
            made += ["", f"```{OUTPUTS[output.info]}", *told, "```"]
        lines[own.start - 1 : (kept[-1] if kept else own).end] = [
            " " * own.indent + line if line else "" for line in made
        ]
    return "\n".join(lines) + "\n"


# ----------------------------------------------------------------------------------------------------- what lags behind

ROW = re.compile(r"^ *\|(.*)\|\s*$", re.MULTILINE)
CODE = re.compile(r"`[^`]+`")


def behind(english: str, chinese: str) -> list[str]:
    """Where a Chinese page has other code, outputs, headings or tables than its English page."""
    theirs, ours = pages.blocks(english), pages.blocks(chinese)
    wrong = []
    if [b.language for b in theirs] != [b.language for b in ours]:
        wrong.append(f"{len(ours)} code blocks and outputs, {len(theirs)} in the English page, or of other languages")
    else:
        wrong += [
            f"line {b.start}: not the code or the numbers of line {a.start} of the English page"
            for a, b in zip(theirs, ours, strict=True)
            if not agree(a, b)
        ]
    levels = [[level for level, _, _ in pages.headings(text)] for text in (english, chinese)]
    if levels[0] != levels[1]:
        wrong.append(f"headings of the levels {levels[1]}, {levels[0]} in the English page")
    rows = [ROW.findall(pages.prose(text)) for text in (english, chinese)]
    if len(rows[0]) != len(rows[1]):
        wrong.append(f"{len(rows[1])} rows of tables, {len(rows[0])} in the English page")
    else:
        unlike = [b for a, b in zip(*rows, strict=True) if Counter(CODE.findall(a)) != Counter(CODE.findall(b))]
        wrong += [f"the row '{row.strip()[:40]}' does not have the code of the English one" for row in unlike]
    return wrong


def anchors(path: Path) -> set[str]:
    """The anchors of a page; those of a Chinese one are those of its English page."""
    twin = DOCS / path.relative_to(CHINESE) if path.is_relative_to(CHINESE) else path
    return {anchor for _, _, anchor in pages.headings(twin.read_text(encoding="utf-8"))} if twin.exists() else set()


def is_translated(page: Path) -> bool:
    """Whether an English page has a Chinese twin."""
    return page.suffix == ".md" and DOCS in page.parents and (CHINESE / page.relative_to(DOCS)).exists()


def lost_links(path: Path, text: str) -> Iterator[str]:
    """Links of a Chinese page that lead nowhere, or to an English page that is there in Chinese."""
    for image, _, target, anchor in pages.LINK.findall(pages.prose(text)):
        other = (path.parent / target).resolve() if target else path
        if not other.exists() and not (image and other.parent.parent == DOCS / "img"):  # pictures that the build makes
            yield f"{target}: there is no such file"
        elif other.suffix == ".md" and anchor and anchor not in anchors(other):
            yield f"{target}#{anchor}: there is no such heading in the English page"
        elif path != ROOT / "README.zh.md" and CHINESE not in other.parents and is_translated(other):
            yield f"{target}: this page is there in Chinese"


# Words of English one behind the other, as names and code have none: those of a table have more blanks between them.
PROSE = re.compile(r"[A-Za-z][\w'’-]*(?:,? [A-Za-z][\w'’-]*){3,}")
QUOTED = re.compile(r"“[^”]*”|\"[^\"]*\"|「[^」]*」|《[^》]*》|‘[^’]*’")
NO_PROSE = re.compile(r"(`+).*?\1|\]\([^)]*\)|<[^>\n]*>|\{ *#[\w-]+ *\}|https?:\S+")
# What is English in any language: errors and reasons of failures, which one searches for by their words; what is stored
# with a trial; names and values.
PRINTED = re.compile(
    r"\w*(Error|Exception|Warning)\b.*|raised \w+: .*|the objective returned .*|\bnan\b|\[[IW] .*|"
    r"'[^']*'|\"[^\"]*\"|`[^`]*`|\b[\w.]+\([^)]*\)|--?[\w-]+|\b\w+=\S+"
)
# Code that prints such texts, and the example programs, which are English.
STORED = ("except ", "error(", "system_attrs", ".method", "import_study", " examples/")


def english_sentence(line: str, small: int = 3) -> str:
    """What is English in a line of an output; the empty text if nothing is."""
    for run in PROSE.findall(PRINTED.sub("\u3001", line)):
        told = max(run.split(","), key=len).split()  # names have commas between them
        if len([word for word in told if word[:1].islower()]) >= small:
            return run
    return ""


def english_left(chinese: str) -> Iterator[str]:
    """Sentences that a Chinese page, or an output of tunesmith on it, has in English."""
    text = re.sub(r"<!--.*?-->", lambda found: "\n" * found[0].count("\n"), pages.prose(chinese), flags=re.DOTALL)
    for number, line in enumerate(QUOTED.sub("\u3001", NO_PROSE.sub("\u3001", text)).splitlines(), 1):
        for run in PROSE.findall(line):
            if len([word for word in re.split(r"[ ,]+", run) if word[:1].islower()]) >= 2:
                yield f"line {number}: English left: {run}"
    for code, block in pairwise(pages.blocks(chinese)):
        if block.language == "text" and not any(word in line for line in code.lines for word in STORED):
            for number, line in enumerate(block.lines, block.start + 1):
                if sentence := english_sentence(line):
                    yield f"line {number}: English printed: {sentence}"


def lacking() -> list[str]:
    """Pages without a twin, and where a twin lags behind or has English left."""
    wanted = {path.relative_to(DOCS).as_posix() for path in DOCS.rglob("*.md") if not path.is_relative_to(CHINESE)}
    wrong = [f"docs/zh/{name}: there is no such page" for name in sorted(wanted) if not ENGLISH.match(name)]
    wrong = [fault for fault in wrong if not (ROOT / fault.partition(":")[0]).exists()]
    for english, chinese in pairs():
        name, text = chinese.relative_to(ROOT).as_posix(), chinese.read_text(encoding="utf-8")
        if not english.exists():
            wrong.append(f"{name}: there is no English page of this name")
            continue
        found = [*behind(english.read_text(encoding="utf-8"), text), *lost_links(chinese, text), *english_left(text)]
        wrong += [f"{name}: {fault}" for fault in found]
    return wrong


# ------------------------------------------------------------------------------------------------- the hook of mkdocs


def on_config(config: Any) -> Any:
    """Called by mkdocs first: Chinese words for the search."""
    import rjieba
    from material.plugins.search import plugin

    # The plugin takes the words from the package jieba, if it is there. That one has no wheel; this one finds the same.
    plugin.jieba = SimpleNamespace(cut=lambda text: rjieba.cut(text.decode()))
    return config


def on_page_context(context: Any, page: Any, config: Any, nav: Any) -> Any:
    """Called by mkdocs with each page's values: add the same page in the other language."""
    english, chinese = config.extra["editions"]
    name, up = page.file.src_uri, "../" * page.file.dest_uri.count("/")
    if _is_chinese(config):
        found = page.file.dest_uri if (DOCS / name).exists() else "index.html"
        context["twin"] = {**english, "link": f"{up}../{found}"}
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
    name = page.file.src_uri
    path, twin = CHINESE / name, DOCS / name
    english = twin.read_text(encoding="utf-8") if twin.exists() else ""
    late = bool(behind(english, markdown)) if english else False
    markdown = FIGURE.sub(_figure, markdown)
    given = iter(pages.headings(english))
    lines, plain = markdown.splitlines(), pages.prose(markdown).splitlines()
    for i, line in enumerate(plain):
        if (found := pages.HEADING.match(line)) is not None:
            _, _, anchor = next(given, (0, "", ""))
            if not found[3] and anchor:
                lines[i] = f"{lines[i].rstrip()} {{ #{anchor} }}"
        if "](../" in line:
            lines[i] = UP.sub(lambda found: _outward(found, path), lines[i])
    if late:
        link = "../" * (1 + name.count("/")) + name.removesuffix(".md") + ".html"
        lines.insert(1, "\n" + BEHIND.format(link=link))
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


def sync() -> list[str]:
    """Write the Chinese pages with the code of the English ones; return what could not be done."""
    wrong = []
    for english, chinese in pairs():
        before = chinese.read_text(encoding="utf-8")
        try:
            after = synchronized(english.read_text(encoding="utf-8"), before) if english.exists() else before
        except ValueError as error:
            wrong.append(f"{chinese.relative_to(ROOT)}: {error}")
            continue
        if after != before:
            chinese.write_text(after, encoding="utf-8")
            print(f"wrote {chinese.relative_to(ROOT)}")
    return wrong


if __name__ == "__main__":
    faults = sync()
    print("\n".join(faults), end="\n" if faults else "", file=sys.stderr)
    sys.exit(bool(faults))
