"""Lets the examples speak the language of who reads: English stands in their code, Chinese in zh.json beside this."""

import builtins
import json
from functools import cache
from pathlib import Path


@cache
def translate():
    """What makes a line Chinese, sentences of the library too; where the reader's language is English, nothing does."""
    try:
        from tunesmith.foundation.languages.patterns import Patterns
        from tunesmith.foundation.languages.words import sentences_of
        from tunesmith.foundation.reader import language
    except ImportError:  # the first example takes NumPy alone
        return str
    if language() == "en":
        return str
    table = json.loads((Path(__file__).parent / "zh.json").read_text(encoding="utf-8"))
    return Patterns(table, others=sentences_of(language())).translate


def said(text):
    """Text, line by line, in the reader's language; what nobody has translated stays as it is."""
    return "\n".join(translate()(line) for line in str(text).split("\n"))


def print(*values, **more):
    """As the built-in function, in the reader's language."""
    builtins.print(*map(said, values), **more)


def labels():
    """What puts a picture's texts into the reader's language, if Matplotlib knows a font. Call it before the figure."""
    if translate() is str:
        return str
    import matplotlib

    from tunesmith.visualization.matplotlib_style import chinese_fonts

    if not (found := chinese_fonts()):
        return str
    matplotlib.rcParams["font.family"] = ["sans-serif", *found]
    return said


def padded(text, columns):
    """Text in the reader's language with blanks behind it, so many columns wide: a Chinese sign takes two."""
    told = said(text)
    return told + " " * (columns - sum(1 + (sign > "\u2e7f") for sign in told))
