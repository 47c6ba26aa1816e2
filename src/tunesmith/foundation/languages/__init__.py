"""The languages of reports and pages: English is in the code, the others in tables by the English patterns.

`say` makes a sentence that remembers its pattern and its values, so that whoever shows it can say it in the reader's
language; `Words` translates, and `told` does for who reads at a terminal or in a notebook.
"""

from tunesmith.foundation.languages.said import Said, joined_texts, say, stored
from tunesmith.foundation.languages.terminal import aligned, wide, wrapped_for_terminal
from tunesmith.foundation.languages.words import LANGUAGES, Words, paragraph, told, word, words_of

__all__ = [
    "LANGUAGES",
    "Said",
    "Words",
    "aligned",
    "joined_texts",
    "paragraph",
    "say",
    "stored",
    "told",
    "wide",
    "word",
    "words_of",
    "wrapped_for_terminal",
]
