"""The languages of reports and pages: English is in the code, the others in tables by the English patterns.

`say` makes a sentence that remembers its pattern and its values, so that whoever shows it can say it in the reader's
language; `Words` translates.
"""

from tunesmith.languages.said import Said, joined, say
from tunesmith.languages.words import LANGUAGES, Words, words_of

__all__ = ["LANGUAGES", "Said", "Words", "joined", "say", "words_of"]
