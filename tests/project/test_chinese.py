"""What a reader of Chinese is shown has no English sentence: the library's texts, notebooks, reports, the commands."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import editions
import numpy as np
import pytest

import tunesmith as ts
from tunesmith import Float, Int, Space
from tunesmith.cli.main import main
from tunesmith.foundation.reader import LANGUAGE_VARIABLES, choose
from tunesmith.importance import importance

pytestmark = pytest.mark.chinese
ALLOWED = re.compile(r"Float\(.*?\)|Int\(.*?\)|sampler=|\[OPTIONS\].*|tunesmith [\w-]+.*")  # code


@pytest.fixture(autouse=True)
def chinese(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    for name in LANGUAGE_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "zh_CN.UTF-8")
    monkeypatch.chdir(tmp_path)
    yield
    choose([])


def noisy(trial: Any) -> float:
    params = trial.params
    return float(np.sin(9.0 * params["rate"]) + 0.1 * params["layers"] + 0.05 * np.sin(1e6 * params["rate"]))


@pytest.fixture
def study(tmp_path: Path) -> ts.Study:
    space = Space(rate=Float(0.0, 1.0), layers=Int(1, 4))
    made = ts.create_study(storage="tune.db", study_name="first", space=space, seed=0)
    made.enqueue_trial({"rate": 0.5, "layers": 2})
    made.optimize(noisy, n_trials=25)
    return made


@pytest.fixture
def search() -> Any:
    pytest.importorskip("sklearn")
    from sklearn.datasets import load_iris
    from sklearn.tree import DecisionTreeClassifier

    from tunesmith.sklearn import SearchCV

    X, y = load_iris(return_X_y=True)
    space = {"max_depth": Int(1, 9), "min_samples_leaf": Int(1, 30)}
    return SearchCV(DecisionTreeClassifier(random_state=0), space, n_trials=8, random_state=0).fit(X, y)


def english(text: str) -> list[str]:
    found = (editions.english_sentence(ALLOWED.sub("\u3001", line)) for line in text.splitlines())
    return [sentence for sentence in found if sentence]


def text_of(page: str) -> str:
    page = re.sub(r"<(style|script|svg|pre|code)\b.*?</\1>", "", page, flags=re.DOTALL)
    return html.unescape(re.sub(r"<[^>]*>", "\n", page))


SHOWN: dict[str, Callable[[ts.Study], Any]] = {
    "recommendation": lambda study: study.recommend(),
    "simplest": lambda study: study.recommend(simplest="one-se", complexity=["layers"]),
    "confirmation": lambda study: study.confirm(noisy, top_k=2, repeats=2),
    "shapley": lambda study: importance(study, evaluator="shapley"),
    "fanova": lambda study: importance(study, evaluator="fanova"),
    "ablation": lambda study: importance(study, evaluator="ablation"),
    "ped-anova": lambda study: importance(study),
    "explanation": lambda study: "\n".join(study.explain().values()),
}


@pytest.mark.parametrize("name", SHOWN)
def test_texts_of_a_study(study: ts.Study, name: str) -> None:
    made = SHOWN[name](study)
    assert editions.HAN.search(str(made))
    assert english(str(made)) == []
    if hasattr(made, "_repr_html_"):
        assert english(text_of(made._repr_html_())) == []


def test_notebooks_and_reports(study: ts.Study, search: Any) -> None:
    for shown in (study, study.best_trial, study.trials[0], study.space, search.report_, search.honest_score_):
        page = text_of(shown._repr_html_())
        assert editions.HAN.search(page)
        assert english(page) == []
    assert english(str(search.report_)) == []
    assert english(text_of(search._answer_html())) == []
    for form in ("md", "html"):
        text = study.report(format=form)
        assert "可以期待什么" in text
        assert english(text_of(text)) == []


def test_a_table_of_models(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("sklearn")
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(90, 3)), rng.integers(0, 3, 90)
    tuned = ts.tune(["linear", "neighbours"], X, y, timeout=20, n_trials=6, random_state=0)
    told = capsys.readouterr().out + str(tuned.leaderboard_) + str(tuned.explain(n_repeats=2))
    assert "可信的准确率" in told
    assert english(told) == []
    assert english(text_of(tuned._repr_html_())) == []


COMMANDS = [
    ["show"], ["best"], ["trials", "--limit", "3"], ["studies"], ["importance"], ["explain"],
    ["enqueue", "-p", "rate=0.1"], ["doctor"], ["report", "--format", "md"], ["copy", "other.db"],
    ["tell", "0", "0.5"], ["show", "none.db"], ["shwo"], ["best", "--nix"], ["plot", "slicee"],
    ["ask", "-p", "a=log(1, 0.1)"], ["tune", "none.csv", "--target", "y"], ["rename", "second"],
    ["delete", "--study", "second", "--yes"],
]  # fmt: skip


def test_the_main_commands(study: ts.Study, capfd: pytest.CaptureFixture[str]) -> None:
    for words in COMMANDS:
        main(words)
        out, err = capfd.readouterr()
        assert (words, english(out + err)) == (words, [])
