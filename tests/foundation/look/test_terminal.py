"""What a terminal shows: tones that are read on any ground, and signs that its encoding has."""

from __future__ import annotations

import io

import pytest

from tunesmith.foundation.look import STATES
from tunesmith.foundation.look.terminal import PLAIN_SIGNS, TONES, can_write, shows_drawings, state_sign


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("tone", [tone for tone in TONES.values() if tone.startswith("#")])
def test_a_tone_is_read_on_white_and_on_black(tone: str) -> None:
    assert 1.05 / (luminance(tone) + 0.05) >= 4.5
    assert (luminance(tone) + 0.05) / 0.05 >= 4.5


def test_each_state_has_a_sign_in_any_encoding() -> None:
    ascii_only, all_signs = (io.TextIOWrapper(io.BytesIO(), encoding=name) for name in ("ascii", "utf-8"))
    assert set(STATES) == set(PLAIN_SIGNS)
    for state, (_, _, sign) in STATES.items():
        assert state_sign(state, all_signs) == sign
        assert can_write(state_sign(state, ascii_only), ascii_only)
    assert len(set(PLAIN_SIGNS.values())) == len(STATES)
    assert state_sign("another", all_signs) == ""
    assert not shows_drawings(all_signs), "no terminal"
