from __future__ import annotations

import math
import pickle
import re
from dataclasses import replace

import numpy as np
import pytest

from tunesmith.selection import Estimate, HonestScore, Report
from tunesmith.selection.outlook import Outlook
from tunesmith.selection.report import report_from_json, report_to_json
from tunesmith.selection.wording import MetricLabel

SCORE = HonestScore(
    value=0.8613,
    interval=(0.812, 0.905),
    naive=0.8733,
    optimism=0.012,
    method="bootstrapping the whole selection (BBC-CV)",
    gain_over_default=Estimate(0.021, (0.004, 0.038)),
    beats_default=True,
    p_value=0.013,
    metric="accuracy",
    n_rows=100,
    n_candidates=60,
)
REPORT = Report(
    score=SCORE,
    chosen={"C": 3.16227766, "gamma": 0.01},
    default={"C": 1.0, "gamma": "scale"},
    default_score=0.8421,
    n_candidates=60,
    n_fits=212,
    n_fits_saved=88,
)
KEPT = replace(
    REPORT,
    score=replace(SCORE, naive=0.8716, optimism=0.0103, gain_over_default=Estimate(0.0, (0.0, 0.0)), p_value=0.4),
    chosen={"C": 1.0},
    kept_default=True,
    runner_up={"C": 2.9},
    n_candidates=15,
)


def test_an_estimate_is_a_float_with_an_interval():
    gain = Estimate(0.5, (0.25, 0.75))
    assert gain + 1 == 1.5
    assert gain.value == 0.5
    assert gain.interval == (0.25, 0.75)
    assert f"{gain:.2f}" == "0.50"


def test_an_estimate_survives_pickling():
    gain = pickle.loads(pickle.dumps(Estimate(0.5, (0.25, 0.75))))
    assert (gain.value, gain.interval) == (0.5, (0.25, 0.75))


# ----------------------------------------------------------------------------------------------------------- wording


def test_a_report_reads_like_plain_english_the_most_important_first():
    assert str(replace(REPORT, adaptive=True, n_confirmed=5, n_repeats=3)).splitlines() == [
        "Chosen from 60 configurations: C=3.162, gamma=0.01; "
        "expected accuracy on new data: 0.8613 (95 % interval 0.8120 to 0.9050).",
        "It beats the default (C=1.0, gamma='scale'; cross-validation score 0.8421): "
        "estimated gain 0.0210 (0.0040 to 0.0380, 1.3 % chance of none).",
        "Estimated from 100 rows by bootstrapping the whole selection (BBC-CV).",
        "Its cross-validation score, 0.8733, is optimistic by 0.0120 because the winner was picked on it.",
        "The search adapted to these rows; we correct for the optimism that this causes on average, not for this run.",
        "The search took 212 fits; stopping hopeless configurations early saved 88.",
        "5 configurations were re-tested on new splits of the rows, up to 3 times each.",
    ]


def test_a_kept_default_is_said_and_not_sold_as_a_gain():
    text = str(KEPT)
    assert text.startswith("Kept the default (C=1.0); expected accuracy on new data: 0.8613 (")
    assert "\nNone of the 14 alternatives was convincingly better; " in text
    assert "the closest was C=2.9." in text
    assert "optimistic" not in text  # nobody picked it for its score
    assert "Its cross-validation score is 0.8716." in text
    assert "gain" not in text
    assert "None of the 14 alternatives was better." in str(replace(KEPT, runner_up=None))


def test_the_closest_alternative_is_shown_with_its_score_beside_the_default_s():
    text = str(replace(KEPT, default_score=0.8716, runner_up_score=0.8733))
    assert "the closest was C=2.9 (cross-validation score 0.8733; the default has 0.8716)." in text
    text = str(replace(KEPT, default_score=1.0, runner_up_score=1.0))
    assert "the closest was C=2.9 (same cross-validation score, 1.0000)." in text
    text = str(replace(KEPT, n_candidates=2))
    assert "The one alternative, C=2.9, was not convincingly better." in text


def test_an_uncertain_gain_is_called_uncertain():
    gain = Estimate(0.0036, (-0.0105, 0.0177))
    text = str(replace(REPORT, score=replace(SCORE, gain_over_default=gain, beats_default=False, p_value=0.16)))
    assert "It may not beat the default (" in text
    assert "): estimated gain 0.0036 (-0.0105 to 0.0177, 16 % chance of none)." in text


def test_losses_are_shown_as_losses():
    score = replace(
        SCORE,
        metric="neg_root_mean_squared_error",
        value=-55.266,
        interval=(-58.523, -52.008),
        naive=-54.693,
        optimism=0.573,
        gain_over_default=Estimate(3.1419, (1.3465, 4.9374)),
        p_value=1e-5,
    )
    text = str(replace(REPORT, score=score, default_score=-58.4))
    assert "expected RMSE on new data: 55.27 (95 % interval 52.01 to 58.52)." in text
    assert "cross-validation score 58.40" in text
    assert "estimated reduction 3.14 (1.35 to 4.94, less than 0.1 % chance of none)" in text
    assert "Its cross-validation score, 54.69, is optimistic by 0.57" in text
    assert str(score) == "-55.27 (95 % interval -58.52 to -52.01)"  # as `value` has it


@pytest.mark.parametrize(
    ("value", "interval", "text"),
    [
        (0.93192, (0.8995, 0.9545), "0.9319 (95 % interval 0.8995 to 0.9545)"),
        (0.9, (0.7, 1.0), "0.900 (95 % interval 0.700 to 1.000)"),
        (3012.4, (2512.2, 3601.9), "3,012 (95 % interval 2,512 to 3,602)"),
        (0.5, (0.4999, 0.5001), "0.500000 (95 % interval 0.499900 to 0.500100)"),
        (5e-11, (-3.59e-5, 3.6e-5), "0 (95 % interval -3.59e-05 to 3.6e-05)"),
        (2.5e12, (2.4e12, 2.6e12), "2.5e+12 (95 % interval 2.4e+12 to 2.6e+12)"),
        (1.0, (1.0, 1.0), "1.000 (95 % interval 1.000 to 1.000)"),
        (0.25, (math.nan, math.nan), "0.2500 (no interval)"),
        (math.nan, (math.nan, math.nan), "unknown (no interval)"),
    ],
)
def test_figures_have_the_digits_that_are_known(value: float, interval: tuple[float, float], text: str):
    assert str(replace(SCORE, value=value, interval=interval)) == text


@pytest.mark.parametrize("optimism", [2.22e-16, -2.22e-16, 2e-6, -2e-6])
def test_a_difference_that_is_rounding_is_not_told(optimism: float):
    score = replace(SCORE, naive=SCORE.value + optimism, optimism=optimism)
    for report in (replace(REPORT, score=score), replace(KEPT, score=score)):
        text = str(report)
        assert not re.search(r"\de-", text)
        assert "optimistic" not in text
        assert "Its cross-validation score is 0.8613 as well." in text


def test_one_candidate_was_not_picked_among_many():
    text = str(replace(REPORT, n_candidates=1, default=None, adaptive=True))
    assert text.startswith("Only one configuration was tried: C=3.162, gamma=0.01; ")
    assert "picked" not in text
    assert "adapted" not in text
    text = str(replace(KEPT, n_candidates=1, runner_up=None))
    assert text.startswith("Only one configuration was tried, the default: C=1.0; ")


def test_where_folds_are_taken_together_their_mean_is_not_blamed_on_the_choice():
    text = str(replace(REPORT, score=replace(SCORE, together=True)))
    assert "Its cross-validation score, the mean over folds, is 0.8733." in text
    assert "picked" not in text


def test_rows_in_groups_are_counted_as_groups():
    assert "Estimated from 100 rows in 10 groups, which count as one each, by" in str(
        replace(REPORT, score=replace(SCORE, n_groups=10))
    )


def test_a_score_of_a_single_split_is_no_cross_validation():
    assert "Its validation score, 0.8733, is optimistic" in str(replace(REPORT, n_splits=1))


def test_the_rule_of_the_choice_is_told_beside_it():
    lines = str(replace(REPORT, rule="It is the simplest one.")).splitlines()
    assert lines[1] == "It is the simplest one."


def test_a_loss_without_default_or_rows():
    score = HonestScore(1.25, (1.1, 1.4), naive=1.2, optimism=0.05, method="the mean of fresh runs", metric="value",
                        greater_is_better=False)  # fmt: skip
    text = str(Report(score, {"lr": 0.1}, n_fits=1, n_confirmed=1, n_repeats=3, unit="run"))
    assert "expected value of a new run: 1.250 (95 % interval 1.100 to 1.400)." in text
    assert "Estimated by the mean of fresh runs." in text
    assert "The best value seen, 1.200, is optimistic by 0.050" in text
    assert "The search took 1 run." in text
    assert "1 configuration was run again with 3 new seeds each." in text
    assert "default" not in text


def test_parameters_are_shown_as_they_are_to_be_written():
    chosen = {"max_features": 1.0, "depth": np.int64(3), "kernel": np.str_("rbf"), "C": np.float64(2.5), "n": 1}
    assert "max_features=1.0, depth=3, kernel='rbf', C=2.5, n=1." in str(Report(None, chosen))

    class Broken:
        def __repr__(self) -> str:
            raise RuntimeError("no")

    assert "x=<Broken>" in str(Report(None, {"x": Broken()}))
    assert len(str(Report(None, {"x": "y" * 500}))) < 120


def test_adaptivity_and_stopping_are_told():
    text = str(replace(REPORT, adaptive=True, stopped="what is left is below the noise", regret_bound=0.003))
    assert "The search stopped by itself: what is left is below the noise." in text
    assert "at most about 0.0030" in text
    assert "The search adapted" in text


def test_a_report_without_a_figure_says_why_in_its_notes():
    text = str(Report(None, {"C": 1}, notes=("No honest figure: every fold failed.",)))
    assert "No honest figure" in text


def test_notes_come_before_how_it_was_estimated_and_once():
    report = replace(REPORT, score=replace(SCORE, notes=("Only 5 positives.",)), notes=("Only 5 positives.", "B."))
    lines = report.sentences()
    at = lines.index("Only 5 positives.")
    assert lines.count("Only 5 positives.") == 1
    assert lines[at + 1] == "B."
    assert lines[at + 2].startswith("Estimated from")


# -------------------------------------------------------------------------------------------------- notebook, terminal


def test_html_is_escaped():
    nasty = "<script>alert(1)</script>"
    for shown in (
        replace(REPORT, chosen={nasty: "<b>"}, notes=(nasty,)),
        replace(SCORE, metric=nasty, method=nasty, notes=(nasty,)),
    ):
        html = shown._repr_html_()
        assert html.startswith('<div class="tunesmith-')
        assert "<script>" not in html
        assert "&lt;script&gt;" in html


def test_an_honest_score_is_shown_with_its_figures():
    html = SCORE._repr_html_()
    for text in (
        "Expected accuracy on new data",
        "<strong>0.8613<",
        "95 % interval 0.8120 to 0.9050",
        "0.8733",
        "0.0120",
        "0.0210 (0.0040 to 0.0380, 1.3 % chance of none)",
        "from 100 rows by",
    ):
        assert text in html


def test_control_characters_reach_neither_a_terminal_nor_a_notebook():
    report = replace(REPORT, chosen={"C\x1b[2J": "a\x07b\u202e"}, notes=("bad \x1b]0;title\x07 \udc80 text",))
    for text in (str(report), report._repr_html_()):
        assert all(c.isprintable() or c == "\n" for c in text)
    assert r"\x1b[2J" in str(report)
    str(report).encode()


def test_unknown_figures_do_not_look_like_numbers():
    score = replace(SCORE, value=math.nan, interval=(math.nan, math.nan), optimism=math.nan, gain_over_default=None)
    assert "unknown (no interval)" in str(Report(score, {}))


def test_metrics_of_scikit_learn_are_spoken_and_those_of_users_are_left_alone():
    from sklearn.metrics import get_scorer_names

    spoken = {name: MetricLabel.of(name, True).name for name in get_scorer_names()}
    for family in ("f1", "precision", "recall", "roc_auc", "neg_"):
        assert not [text for name, text in spoken.items() if name.startswith(family) and "_" in text]
    assert spoken["f1_macro"] == "macro F1"
    assert MetricLabel.of("my_own", True).name == "my_own"


def test_a_report_that_was_stored_before_gains_had_a_prior_is_read():
    report = Report(None, chosen={"C": 1.0}, outlook=Outlook(0.02, 2e-4, None, 1, 199.0, 200, 20))
    stored = report_to_json(report)
    assert report_from_json(stored) == report
    del stored["outlook"]["prior"]
    assert report_from_json(stored) == report
