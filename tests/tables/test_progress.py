"""What `tune` shows while it searches, and what the logger tells of it."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from sklearn.datasets import load_iris

import tunesmith
from tunesmith.study.progress import display as displays
from tunesmith.tables.progress import TuneProgress


def test_a_leaderboard_fills_and_ends_with_the_honest_score(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    shown: list[TuneProgress] = []
    close = TuneProgress.close

    def closed(self: TuneProgress) -> None:
        shown.append(self)
        close(self)

    monkeypatch.setattr(TuneProgress, "close", closed)
    monkeypatch.setattr(displays, "_screens", {})
    caplog.set_level(logging.INFO, "tunesmith")
    X, y = load_iris(return_X_y=True)
    found = tunesmith.tune(
        ["linear", "tree"], X, y, timeout=None, n_trials=4, random_state=0, verbose=False, progress=True
    )
    err = capsys.readouterr().err
    assert err.startswith("candidate 4/4")
    assert found.honest_score_ is not None
    assert f"honest {found.honest_score_.format.write(found.honest_score_.value)} (" in err
    told = [r.getMessage() for r in caplog.records if r.getMessage().startswith("trial ")]
    assert len(told) == len(found.study_.trials)
    (progress,) = shown
    progress.line.phase = ""
    progress.line.text(200)
    assert [row.model for row in progress.rows] == sorted(
        ["linear", "tree"], key=lambda name: -max(r.value for r in progress.rows if r.model == name)
    )
    assert all(row.tried and row.on.endswith("folds") and 0 < row.honest <= 1 for row in progress.rows)
    for columns in (57, 77, 107, 197):
        text = _drawn(progress._board(columns, 24), columns)
        assert "linear" in text
        assert "tree" in text
        assert "…" not in text
    assert not displays._screens


def _drawn(board: Any, columns: int) -> str:
    from rich.console import Console

    console = Console(width=columns, record=True, file=io.StringIO())
    console.print(board)
    return console.export_text()
