"""Puts values into the places of a Chinese pattern."""

from __future__ import annotations

import re
from string import Formatter

HAN = r"[\u4e00-\u9fff]"
LATIN = r"[A-Za-z0-9]"
HAN_BESIDE_LATIN = re.compile(f"{HAN}\0{LATIN}|{LATIN}\0{HAN}")  # a blank stands between them
BLANK_BETWEEN_HAN = re.compile(f"(?<={HAN})(?: \0|\0 )(?={HAN})")  # none does


def filled(pattern: str, *values: object) -> str:
    """Return a sentence, with blanks around Latin signs and none between Chinese ones where a value begins or ends.

    Args:
        pattern: with places as ``str.format`` has them.
        values: what stands there.
    """
    made, count = "", 0
    for literal, place, form, _ in Formatter().parse(pattern):
        made += literal
        if place is not None:
            value = values[int(place) if place else count]
            made += f"\0{format(value, form or '')}\0"
            count += 1
    made = HAN_BESIDE_LATIN.sub(lambda found: found[0].replace("\0", " "), made)
    return BLANK_BETWEEN_HAN.sub("", made).replace("\0", "")
