"""The leaderboard of `tune`: its texts, what is stored of it, and where it is shown."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from sklearn.datasets import load_diabetes

import tunesmith
from tunesmith.foundation.formats import json_value
from tunesmith.foundation.languages import Words, say
from tunesmith.report import write_report
from tunesmith.selection import HonestScore
from tunesmith.selection.leaderboard import LEADERBOARD, Place, stored_leaderboard
from tunesmith.tables import Importances, Leaderboard
from tunesmith.tables.importances import Importance

SCORE = HonestScore(
    -50.0, (-55.0, -45.5), math.nan, math.nan, "", metric="neg_root_mean_squared_error", greater_is_better=True
)
EVIL = "<b>x</b>"
BOARD = Leaderboard.of(
    [
        Place("forest", None, math.nan, 0.5, math.nan, 2, say("the time was up"), {}),
        Place(EVIL, SCORE, 2.0, 0.001, 3e6, 1200, "", {"a": 1}),
        Place("mine", None, 1.0, 0.5, 10.0, 1, "it failed: {0.x}", {}),
    ]
)


def test_it_is_stored_as_json_and_says_the_same() -> None:
    stored = json.loads(json.dumps(json_value(BOARD.to_json()), allow_nan=False))
    again = Leaderboard.from_json(stored)
    assert str(again) == str(BOARD)
    assert again.table(Words("zh")) == BOARD.table(Words("zh"))
    heads, rows = again.table(Words("zh"))
    assert rows[0][:6] == (EVIL, "50.00", "45.50 – 55.00", "2 s", "1 ms", "3 MB")
    assert rows[0][6] == "1,200"
    assert rows[1][-1] == Words("zh")("the time was up")
    assert heads[1].endswith("RMSE")


@pytest.mark.parametrize("wrong", [7, [7], [{}], [{"model": "x"}], None, [{"model": 1, "score": {"value": "x"}}]])
def test_what_is_no_leaderboard_is_not_shown(wrong: Any) -> None:
    assert stored_leaderboard({LEADERBOARD: wrong}) is None
    with pytest.raises(ValueError, match=r"no leaderboard|could not convert"):
        Leaderboard.from_json(wrong)


def test_a_pattern_of_somebody_elses_is_no_pattern() -> None:
    line = BOARD.to_json()[0] | {"why": ["the text", "{0.__class__} {1:>99999999999}", "a", "b"]}
    assert Leaderboard.from_json([line]).places[0].why == "the text"


def test_notebooks_reports_and_studies_show_it() -> None:
    X, y = load_diabetes(return_X_y=True)
    search = tunesmith.tune(
        ["linear", "tree"], X, y, scoring="neg_root_mean_squared_error", cv=2, timeout=None, n_trials=2,
        random_state=0, verbose=False,
    )  # fmt: skip
    shown = stored_leaderboard(search.study_.system_attrs)
    assert shown is not None
    assert str(shown) == str(search.leaderboard_)
    for text in (search._repr_html_(), search.leaderboard_._repr_html_(), write_report(search), search.study_.report()):
        assert "honest RMSE" in text
        assert "The best of each kind of model" in text
    assert EVIL not in BOARD._repr_html_()
    told = Importances((Importance(EVIL, 0.5, (0.25, 0.75)), Importance("one", 0.0, (math.nan, math.nan))), "r2")
    assert EVIL not in told._repr_html_()
    assert "<td>0.5000  (0.2500 to 0.7500)</td>" in told._repr_html_()
    assert "nan" not in str(told)
