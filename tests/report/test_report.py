"""Reports of studies and searches: what they say, and that nothing in them runs or is markup."""

from __future__ import annotations

import html.parser
import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_wine
from sklearn.tree import DecisionTreeClassifier
from tests.visualization.studies import scaling_law

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.foundation.languages import words_of
from tunesmith.importance import importance
from tunesmith.importance.base import between, rounded
from tunesmith.report import write_report
from tunesmith.report.page import MOST_BYTES
from tunesmith.report.write import mattered
from tunesmith.scaling import ScalingLaw, ScalingResults
from tunesmith.sklearn import SearchCV
from tunesmith.space import Categorical, Float, Int, Space
from tunesmith.visualization.figures.param_importances import importances_of_table

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


class Page(html.parser.HTMLParser):
    """What is in a page: tags, addresses, and the text that is shown."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self._json: list[str] = []
        self._in = ""
        self.feed(text)
        self.figures: list[Any] = [json.loads(figure) for figure in self._json]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += attrs
        self._in = "json" if ("type", "application/json") in attrs else tag
        if self._in == "json":
            self._json.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in = ""

    def handle_data(self, data: str) -> None:
        if self._in == "json":
            self._json[-1] += data
        elif self._in not in ("script", "style"):
            self.text += data


def objective(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    kind = trial.suggest_categorical("kind", ["a", EVIL])
    if kind == "a":
        trial.suggest_float("only a", 0, 1)
    if trial.number == 7:
        raise RuntimeError(f"no luck {EVIL}")
    for step in range(3):
        trial.report(x + 1 / (step + 1), step)
        trial.log({EVIL: x * step}, step)
    return x


@pytest.fixture(scope="module")
def study() -> ts.Study:
    study = ts.create_study(study_name=EVIL, seed=0, sampler="random", pruner="nop")
    study.optimize(objective, n_trials=30, catch=RuntimeError)
    return study


KNOWN_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "p", "b", "section", "div", "table"),
    *("thead", "tbody", "tr", "th", "td", "figure", "figcaption", "pre", "dl", "dt", "dd", "header", "span"),
    *("details", "summary", "fieldset", "legend", "input", "label"),
}
DRAWN_TAGS = {"svg", "g", "path", "text", "desc", "rect", "circle"}


@pytest.mark.parametrize("interactive", [False, True])
def test_a_page_says_all_and_runs_nothing_of_the_study(study: ts.Study, tmp_path: Path, interactive: bool) -> None:
    text = study.report(tmp_path / "r.html", interactive=interactive)
    assert (tmp_path / "r.html").read_text(encoding="utf-8") == text
    assert len(text.encode()) < (MOST_BYTES if interactive else 400_000)
    page = Page(text)
    assert set(page.tags) <= KNOWN_TAGS | DRAWN_TAGS | ({"script"} if interactive else set())
    assert ("script-src" in text) == interactive
    assert not [name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]
    for said in ("Use trial", "What mattered", "What it cost", "1 of 30 trials failed", "seed is 0", EVIL, "only a"):
        assert said in page.text
    figures = page.tags.count("figure")
    assert figures >= 5
    assert figures < page.tags.count("desc") <= 2 * figures, "what is as wide as the page is drawn for a phone, too"
    assert len(page.figures) == (1 + figures if interactive else 0)  # what the script says, and the points
    best = min(t.value for t in study.trials if t.value is not None)
    assert f"{best:.3g}"[:4] in page.text


def test_the_answer_stands_first(study: ts.Study) -> None:
    found = study.recommend()
    assert found.trial is not None
    text = Page(study.report()).text
    labels = ("Parameters to copy", "Python", "YAML", "What it cost", "What to do next", "What to expect",
              "How sure that is", "How the search went")  # fmt: skip
    places = [text.index(label) for label in labels]
    assert places == sorted(places)
    low, high = found.interval
    answer = text[: places[-1]]
    assert f"Use trial {found.trial.number}." in answer
    assert f"95 % interval {low:.2f}"[:-1] in answer
    assert answer.count(repr(dict(found.params))) == 1
    assert f"{high:.2f}"[:-1] in answer


def noisy(trial: ts.Trial) -> float:
    return trial.suggest_float("x", 0, 1) ** 2 + float(np.random.default_rng(trial.number).normal())


@pytest.mark.parametrize(
    ("objective", "trials", "says"),
    [
        (lambda t: t.suggest_float("x", 0, 1), 3, "Run more trials: from 5 complete ones on"),
        (noisy, 30, "Run the best points again with fresh seeds"),
        (lambda t: float("nan"), 4, "First mend what fails: 4 of 4 trials did"),
    ],
)
def test_what_to_do_next_follows_from_what_happened(objective: Any, trials: int, says: str) -> None:
    study = ts.create_study(seed=0, sampler="random")
    study.optimize(objective, n_trials=trials)
    assert says in Page(study.report()).text


def test_a_file_that_is_there_is_kept_unless_it_is_said(study: ts.Study, tmp_path: Path) -> None:
    path = tmp_path / "r.md"
    path.write_text("mine")
    with pytest.raises(FileExistsError, match=r"r.md is there already: give overwrite=True"):
        study.report(path)
    assert path.read_text() == "mine"
    study.report(path, overwrite=True)
    assert path.read_text() != "mine"


def test_markdown_has_the_same_sentences(study: ts.Study, tmp_path: Path) -> None:
    text = study.report(tmp_path / "r.md")
    assert text.startswith("# ")
    assert "<script" not in re.sub(r"\\.", "", text)
    assert "| parameter | range |" in text
    assert "- **What it cost**: All trials together cost" in text
    assert study.report(format="md").splitlines()[4:] == text.splitlines()[4:]


@pytest.mark.chinese
def test_chinese_is_whole(study: ts.Study) -> None:
    text = Page(study.report(lang="zh-CN")).text
    assert "请使用第" in text
    assert "30 次试验中有 1 次失败" in text
    assert "次完成的试验" in text  # what a figure shows
    assert "Over 29 complete trials" not in text
    # Names and errors of users, versions, and what people type stay as they are: no two English words in a row do.
    own = re.sub(r"\{.*?\}|--\w+|[\w\"]+: |Float\(.*?\)|Categorical\(.*?\]\)|study\.confirm.*?tunesmith \w+", "", text)
    own = own.replace(EVIL, "").replace("no luck", "").replace("only a", "").replace("RuntimeError", "")
    assert re.findall(r"[a-z]{2,} [a-z]{2,}", own) == []
    assert not {"COMPLETE", "FAIL", "PRUNED", "inactive", "objective"} & set(re.findall(r"\w+", own))


@pytest.mark.parametrize(
    ("directions", "trials"),
    [(["minimize"], 0), (["minimize"], 1), (["minimize", "maximize"], 9), (["maximize"] * 3, 9)],
)
def test_studies_with_little_or_much(directions: list[str], trials: int) -> None:
    study = ts.create_study(directions=directions, seed=0, sampler="random")
    study.optimize(lambda t: [t.suggest_float(f"x{i}", 0, 1) for i in range(len(directions))], n_trials=trials)
    text = Page(study.report()).text
    assert ("so there is no result" in text) == (trials == 0)
    assert ("not dominated" in text) == (len(directions) > 1)


def test_only_failures() -> None:
    study = ts.create_study(seed=0)
    study.optimize(lambda t: float("nan"), n_trials=3)
    assert "3 of 3 trials failed" in Page(study.report()).text


@pytest.mark.slow
def test_a_large_study_is_a_small_file() -> None:
    rng = np.random.default_rng(0)
    study = ts.create_study(seed=0, sampler="random")
    floats = {f"p{i}": ts.Float(0, 1) for i in range(4)}
    points = rng.random((5_000, 5))
    study.add_trials(
        [
            ts.create_trial(params=dict(zip(floats, p, strict=False)), distributions=floats, value=p[4])
            for p in points.tolist()
        ]
    )
    assert len(study.report().encode()) < MOST_BYTES


def test_a_search(tmp_path: Path) -> None:
    X, y = load_wine(return_X_y=True)
    space = {"max_depth": ts.Int(1, 9), "min_samples_leaf": ts.Int(1, 20)}
    search = SearchCV(DecisionTreeClassifier(random_state=0), space, n_trials=9, cv=3, random_state=0).fit(X, y)
    page = Page(write_report(search, tmp_path / "s.html"))
    verdict, *rest = search.report_.sentences()
    for sentence in (*str(verdict).rstrip(".").split("; "), *rest):
        assert sentence in page.text
    assert "The best candidates" in page.text
    assert "DecisionTreeClassifier" in page.text
    assert page.tags.count("figure") >= 3


LARGE = {"params": 1e8, "tokens": 1e10}


def test_a_scaling_law_says_what_to_set_first(tmp_path: Path) -> None:
    law = scaling_law(f"lr {EVIL}", transfer="mup")
    advice, plan = law.predict(LARGE), law.plan(LARGE, 0.5)
    page = Page(write_report(ScalingResults(law, [advice], [plan], [1e21]), tmp_path / "law.html"))
    assert not [name for name, _ in page.attributes if name in ("src", "href") or name.startswith("on")]
    assert page.tags.count("figure") == 4 < page.tags.count("desc")
    said = page.text
    order = ("What to set at 100M params, 10B tokens", "Whether the intervals can be believed", "Where the optimum is",
             "Whether the parametrisation transfers", "Loss law", "Compute-optimal split", "What to run next",
             "What was found in the runs", "How to reproduce it")  # fmt: skip
    assert sorted(order, key=said.index) == list(order)
    setting = advice["batch"]
    low, high = setting.interval
    assert f"batch = {setting.value:.4g} ({low:.4g} – {high:.4g})" in said
    assert f"The target is {advice.factor:.4g} times the largest scale" in said
    assert "3 of 180 runs failed" in said
    assert "1e+21" in said
    assert "6e+18" in said, "the target's own budget is split too"
    assert "'mup'" in said
    alone = write_report(law, format="md")
    assert "## Loss law" in alone
    assert "What to set" not in alone


@pytest.mark.chinese
def test_a_scaling_law_in_chinese_has_no_english_sentence() -> None:
    law = scaling_law(transfer="mup")
    results = ScalingResults(law, [law.predict(LARGE)], [law.plan(LARGE, 0.5)])
    text = write_report(results, format="md", lang="zh").partition("```")[0]
    assert "在 100M params, 10B tokens 处如何设置" in text
    assert not re.search(r"[A-Za-z]+ [a-z]+ [a-z]+", text.replace("tunesmith", ""))
    page = Page(write_report(results, lang="zh", interactive=True))
    drawn = [f for f in page.figures if "traces" in f]
    titles = [axis["title"] for f in drawn for axis in f["axes"].values()]
    names = [trace["name"] for f in drawn for trace in f["traces"]]
    english = {text for text in (*titles, *names) if re.search("[a-z]", text)}
    assert english == {"params", "tokens", "lr", "batch"}


def test_what_is_refused(study: ts.Study) -> None:
    for source in (3, ScalingLaw("params", "lr")):
        with pytest.raises(TypeError, match="a report is of a study, a fitted SearchCV or a fitted ScalingLaw; got"):
            write_report(source)
    with pytest.raises(ValueError, match="lang takes 'en' or 'zh'; got 'fr'"):
        study.report(lang="fr")
    with pytest.raises(ValueError, match="there is no report 'pdf'"):
        study.report(format="pdf")


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    ts.create_study(storage="tune.db", study_name="mine", seed=0).optimize(
        lambda t: t.suggest_float("x", 0, 1), n_trials=3
    )
    assert main(["report", "tune.db"]) == 0
    assert capsys.readouterr().out == "report.html\n"
    assert "<html" in Path("report.html").read_text(encoding="utf-8")
    assert main(["report", "tune.db", "--format", "md"]) == 0
    assert capsys.readouterr().out.startswith("# mine\n")
    assert main(["report", "tune.db", "-o", "r.md", "--lang", "zh"]) == 0
    assert Path("r.md").read_text(encoding="utf-8").startswith("# mine\n")


def test_importances_are_the_same_in_the_table_the_report_and_the_figure() -> None:
    space = Space(
        {"opt": Categorical(["adam", "sgd"]), "lr": Float(1e-4, 1e-1, log=True), "layers": Int(1, 6),
         "momentum": Float(0, 0.99).when({"opt": "sgd"}), "junk": Float(0, 1)}
    )  # fmt: skip
    study = ts.create_study(sampler="random", seed=0, space=space)

    def objective(trial: ts.Trial) -> float:
        p = trial.params
        return (math.log10(p["lr"]) + 2) ** 2 + (p["opt"] == "sgd") * p.get("momentum", 0.0) + 0.1 * p["layers"]

    study.optimize(objective, n_trials=40)
    for evaluator in ("ped-anova", "fanova"):
        table = importance(study, evaluator=evaluator)
        told = [line.split()[:2] for line in str(table).splitlines()[2:7]]
        assert sorted(name for name, _ in told) == sorted(space.params)
        figure = importances_of_table(table, "value")
        assert [name for name in figure.names if " × " not in name] == [name for name, _ in told]
        assert ", ".join(map(" ".join, told)) in figure.summary
    table = importance(study)
    shown = mattered(study, words_of("en")).tables[0].rows
    assert [(row[0], row[1]) for row in shown] == [(r.name, float(rounded(r.value))) for r in table.rows]
    assert [row[2] for row in shown] == [between(r.interval) for r in table.rows]
    assert {rounded(-0.0), rounded(0.0)} == {"0.000"}
