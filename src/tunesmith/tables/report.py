"""What a report, and a model card, say of a model that `tunesmith.tune` made: the answer first, then why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property, partial
from typing import Any

from tunesmith.foundation.formats import duration_text, number_text, size_text
from tunesmith.foundation.languages import Words, say
from tunesmith.foundation.system import command_line
from tunesmith.foundation.text import printable
from tunesmith.report.banner import banner_of
from tunesmith.report.content import Content, Section, Table, drawn_if_any, stamped, versions
from tunesmith.selection.leaderboard import Place
from tunesmith.selection.report import AVERAGE
from tunesmith.study.snapshot import as_snapshot
from tunesmith.tables.figures.calibration import calibration
from tunesmith.tables.figures.column_importances import column_importances as importances_drawn
from tunesmith.tables.figures.confusion import confusion
from tunesmith.tables.figures.learning_curve import learning_curve as curve_drawn
from tunesmith.tables.figures.predictions import predictions
from tunesmith.tables.figures.residuals import residuals
from tunesmith.tables.importances import Importances, column_importances
from tunesmith.tables.learning import LearningCurve, learning_curve
from tunesmith.tables.responses import Measure
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures.leaderboard import leaderboard
from tunesmith.visualization.figures.optimization_history import optimization_history

SHARE, LEAST_SECONDS = 0.1, 2.0  # of the time of the search, that fits for a report may take; and how many at least
REPEATS, FOLDS = 3, 5  # of the importances and the curve, at most
ROWS_SHUFFLED = 2_000  # of a fold, at most
TOO_LONG = "It was left out, since it would take about {}: {} works it out."


@dataclass(frozen=True, eq=False)
class TableResults:
    """What a report of a table is about.

    Attributes:
        tuner: the fitted search, a `TableTuner`.
        target: the name of the target; empty: it is not known.
        table: the file that the rows came from; empty: likewise.
        model: the file that the model was written to; empty: none was.
        again: the file that makes the same search again; empty: there is none.
    """

    tuner: Any
    target: str = ""
    table: str = ""
    model: str = ""
    again: str = ""

    @cached_property
    def importances(self) -> tuple[Importances | None, str]:
        """The importances of the columns; and why there are none, which is empty where there are."""
        return _importances(self.tuner, self._seconds)

    @cached_property
    def curve(self) -> tuple[LearningCurve | None, str]:
        """The learning curve; and why there is none, which is empty where there is."""
        return _curve(self.tuner, self._seconds)

    @property
    def _seconds(self) -> float:
        return max(SHARE * float(self.tuner.seconds_), LEAST_SECONDS) / 2

    def _report_content_(self, words: Words) -> Content:
        return of_table(self, words)


def of_table(results: TableResults, words: Words) -> Content:
    """Return what a report says of a tuned model.

    The importance of the columns and the learning curve take fits of their own: a tenth of the time of the search at
    most, or two seconds. What would take longer is left out, and said.

    Args:
        results: the search, and where its files are.
        words: the language.
    """
    tuner = results.tuner
    seen = as_snapshot(tuner)
    banner = banner_of(seen, words)
    shuffled, why_not = results.importances
    curve, no_curve = results.curve
    sections = [
        _leaderboard(tuner, words),
        _tested(tuner, words),
        _columns(tuner, shuffled, why_not, words),
        _more(tuner, curve, no_curve, words),
        _use(results, words),
        _found(results, banner.more, words),
    ]
    title = words("A model of {}", printable(results.target)) if results.target else words("A tuned model")
    subtitle = stamped(words.translate("{n} trials; report of {when} by tunesmith {version}"), len(seen.history))
    shown = [figure for section in sections[1:4] for figure in section.figures if figure.kind != "optimization_history"]
    card = [
        _details(results, words), _intended(results, words), _data(results, words), _evaluation(tuner, words),
        _limits(shown, words), _use(results, words),
    ]  # fmt: skip
    return Content(
        title,
        subtitle,
        [s for s in sections if not s.empty],
        words.language,
        banner,
        card=[s for s in card if not s.empty],
        about=_about(results),
    )


# -- the sections of the report --------------------------------------------------------------------------------------


def _leaderboard(tuner: Any, words: Words) -> Section:
    section = Section(words("The best of each kind of model"))
    section.figures += drawn_if_any(lambda: leaderboard(tuner))
    heads, rows = tuner.leaderboard_.table(words)
    section.tables.append(Table(heads, rows, drawn=True))
    return section


def _tested(tuner: Any, words: Words) -> Section:
    """Return what it answers for rows that it was not fitted on."""
    section = Section(words("On rows that it was not fitted on"))
    makes = (predictions,) if tuner.target_.classes is None else (confusion, calibration)
    for make in makes:
        section.figures += drawn_if_any(partial(make, tuner))
    return section


def _columns(tuner: Any, found: Importances | None, why_not: str, words: Words) -> Section:
    section = Section(words("Which columns matter"))
    if why_not:
        section.sentences.append(words.said(why_not))
    if found is not None:
        section.figures.append(importances_drawn(found))
        section.figures += drawn_if_any(lambda: residuals(tuner, found.rows[0].column))
    return section


def _more(tuner: Any, curve: LearningCurve | None, why_not: str, words: Words) -> Section:
    """Return what more rows, and a longer search, may bring."""
    section = Section(words("Whether more rows or a longer search would help"))
    if why_not:
        section.sentences.append(words.said(why_not))
    if curve is not None:
        section.figures.append(curve_drawn(curve))
    section.figures += drawn_if_any(lambda: optimization_history(tuner.study_, show_pruned=True))
    return section


def _use(results: TableResults, words: Words) -> Section:
    """Return the command and the code that predict."""
    tuner = results.tuner
    section = Section(words("How to use it"))
    section.sentences += [takes] if (takes := _takes(tuner, words)) else []
    if results.model:
        load = f"from tunesmith.tables import load_model\nmodel = load_model({results.model!r})"
        command = command_line(["tunesmith", "predict", results.model, "NEW_TABLE", "-o", "predictions.csv"])
        section.code = f"{command}\n\n{load}\nmodel.predict(rows)"
    else:
        save = "from tunesmith.tables import save_model\nsave_model(search, 'model.skops')"
        section.code = f"search.predict(rows)\n\n{save}"
    return section


def _takes(tuner: Any, words: Words) -> str:
    """Return how long a prediction takes, as a sentence; empty: it is not known."""
    seconds = _returned(tuner).predict_seconds
    return words("A prediction takes about {} for 1,000 rows.", duration_text(seconds)) if seconds >= 0 else ""


def _returned(tuner: Any) -> Place:
    """Return the line of the leaderboard that is of the model that was returned."""
    first: Place = tuner.leaderboard_.places[0]
    places: dict[str, Place] = {place.model: place for place in tuner.leaderboard_.places}
    return places.get(AVERAGE) or places.get(tuner.best_params_.get("model", ""), first)


def _found(results: TableResults, more: Sequence[str], words: Words) -> Section:
    """Return how it came, and how to make it again."""
    section = Section(words("How that was found"), [text for text in more if text != _takes(results.tuner, words)])
    seed = results.tuner.study_.seed
    section.sentences.append(words("Seed {}. Versions: {}.", str(seed), versions("scikit-learn", "numpy", "scipy")))
    if results.again:
        section.code = command_line(["tunesmith", "tune", results.again])
    return section


# -- what takes fits -------------------------------------------------------------------------------------------------


def _importances(tuner: Any, seconds: float) -> tuple[Importances | None, str]:
    if getattr(tuner, "_data", None) is None:
        return None, ""
    X, y, weight, folds = tuner._data
    place = _returned(tuner)
    columns = X.shape[1] if hasattr(X, "shape") else len(X[0])
    tested = min(len(folds[0][1]), ROWS_SHUFFLED)
    needed = place.fit_seconds + REPEATS * columns * place.predict_seconds * tested / 1000
    if needed > seconds:
        return None, say(TOO_LONG, duration_text(needed), "search.explain()")
    measure = Measure.of(tuner.scoring, tuner.target_.classes)
    found = column_importances(
        tuner.best_estimator_, X, y, weight, folds[:FOLDS], measure, REPEATS, tuner.level, 0, seconds
    )
    return found, ""


def _curve(tuner: Any, seconds: float) -> tuple[LearningCurve | None, str]:
    if getattr(tuner, "_data", None) is None:
        return None, ""
    X, y, weight, folds = tuner._data
    needed = 1.75 * _returned(tuner).fit_seconds
    if needed > seconds:
        return None, say(TOO_LONG, duration_text(needed), "search.learning_curve()")
    measure = Measure.of(tuner.scoring, tuner.target_.classes)
    try:
        return learning_curve(tuner.best_estimator_, X, y, weight, folds[:FOLDS], measure, seconds), ""
    except ValueError:  # too few rows, or a part of them lacks a class
        return None, ""


# -- the sections of a model card (Mitchell et al. 2019, "Model Cards for Model Reporting") --------------------------


def _about(results: TableResults) -> dict[str, Any]:
    tuner = results.tuner
    made: dict[str, Any] = {
        "library_name": "tunesmith",
        "pipeline_tag": f"tabular-{_task(tuner)}",
        "tags": ["tabular", _task(tuner)],
    }
    if (score := tuner.honest_score_) is not None:
        value, low, high = score.figures
        made["metrics"] = [{"name": score.label.name, "value": value, "low": low, "high": high, "level": score.level}]
    return made


def _task(tuner: Any) -> str:
    return "regression" if tuner.target_.classes is None else "classification"


def _details(results: TableResults, words: Words) -> Section:
    tuner = results.tuner
    section = Section(words("Details of the model"))
    place = _returned(tuner)
    names = ", ".join(name for name, _ in tuner.best_estimator_.models)
    facts = [
        (words("models"), printable(names)),
        (words("task"), words(_task(tuner))),
        (words("size"), size_text(place.size)),
        (words("made on"), date.today().isoformat()),
        (words("made with"), versions("scikit-learn", "numpy", "scipy")),
        (words("seed"), str(tuner.study_.seed)),
    ]
    section.tables.append(Table([words("what"), words("value")], [fact for fact in facts if fact[1]]))
    return section


def _intended(results: TableResults, words: Words) -> Section:
    section = Section(words("What it is for"))
    target = printable(results.target) or words("the target")
    section.sentences += [
        words("It predicts {} of rows with the same columns that come from the same source.", target),
        words("What it scores on rows of another source, or of another time, was not tested."),
    ]
    return section


def _data(results: TableResults, words: Words) -> Section:
    tuner = results.tuner
    section = Section(words("The rows that it learnt from"))
    known = tuner.target_.y
    columns = getattr(tuner, "n_features_in_", None)
    where = printable(results.table) or words("a table")
    section.sentences.append(words("{:,} rows and {:,} columns of {}.", len(known), columns or 0, where))
    if tuner.target_.classes is not None:
        shares = [float((known == k).mean()) for k in range(len(tuner.target_.classes))]
        told = zip(tuner.target_.classes.tolist(), shares, strict=True)
        rows = [[printable(str(label)), f"{100 * share:.3g} %"] for label, share in told]
        section.tables.append(Table([words("class"), words("share of the rows")], rows[:20]))
    else:
        ends = (number_text(float(v)) for v in (known.min(), known.mean(), known.max()))
        section.sentences.append(words("The target goes from {0} to {2}, {1} in the mean.", *ends))
    section.sentences += words.known(tuner.notes_)
    return section


def _evaluation(tuner: Any, words: Words) -> Section:
    rest = [note for note in tuner.report_.sentences() if note not in tuner.notes_]  # those stand with the rows
    section = Section(words("How good it is"), words.known(rest))
    section.tables.append(Table(*tuner.leaderboard_.table(words)))
    return section


def _limits(figures: Sequence[FigureData], words: Words) -> Section:
    """Return what the figures say of where it is wrong, in words."""
    return Section(words("Where it falls short"), [words.said(figure.summary) for figure in figures])
