from __future__ import annotations

import math
import pickle
from dataclasses import replace

from tunesmith.selection import Estimate, HonestScore, Report

SCORE = HonestScore(
    value=0.871,
    interval=(0.812, 0.918),
    naive=0.9,
    optimism=0.029,
    method="bootstrap over rows",
    gain_over_default=Estimate(0.021, (0.004, 0.038)),
    beats_default=True,
    p_value=0.013,
    metric="accuracy",
    n_rows=100,
    n_candidates=60,
)
REPORT = Report(
    score=SCORE, chosen={"C": 3.16227766, "gamma": 0.01}, default={}, n_candidates=60, n_fits=212, n_fits_saved=88
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


def test_the_report_says_what_was_chosen_and_how_good_it_is():
    text = str(REPORT)
    assert "Chosen of 60 configurations: C=3.162, gamma=0.01." in text
    assert "honest accuracy is 0.8710 (95% interval 0.8120 to 0.9180)" in text
    assert "The naive figure, 0.9000, is 0.0290 too good" in text
    gain = "0.0210 (95% interval 0.0040 to 0.0380, one-sided p = 0.013)"
    assert f"beats the default configuration credibly, by {gain}" in text
    assert "It took 212 fits; dropping hopeless candidates early saved 88 fits." in text
    assert "Later configurations were proposed" not in text


def test_a_kept_default_is_said_and_not_sold_as_a_gain():
    text = str(replace(REPORT, kept_default=True, runner_up={"C": 100.0}, chosen={}))
    assert "The default was kept of 60 configurations" in text
    assert "looked best: C=100" in text
    assert "beats the default configuration" not in text
    assert "On the splits of the search alone it has 0.9000, which is 0.0290 better." in text  # nobody's luck
    assert "best of many" not in text
    text = str(replace(REPORT, kept_default=True, chosen={}))
    assert "Nothing looked better." in text


def test_an_uncertain_gain_is_called_uncertain():
    text = str(replace(REPORT, score=replace(SCORE, beats_default=False, p_value=0.3)))
    assert "not certain" in text


def test_a_loss_without_default_or_rows():
    score = HonestScore(1.25, (1.1, 1.4), naive=1.2, optimism=0.05, method="fresh seeds", greater_is_better=False)
    text = str(Report(score, {"lr": 0.1}, n_fits=1, n_confirmed=1, n_repeats=3, unit="run"))
    assert "honest score is 1.2500" in text
    assert "It took 1 run; 1 configuration was evaluated again, on 3 fresh seeds each." in text
    assert "default" not in text


def test_adaptivity_and_stopping_are_told():
    text = str(replace(REPORT, adaptive=True, stopped="what is left is below the noise", left_on_table=0.003))
    assert "The search stopped by itself: what is left is below the noise." in text
    assert "at most about 0.0030" in text
    assert "Later configurations were proposed" in text


def test_a_report_without_a_figure_says_why_in_its_notes():
    text = str(Report(None, {"C": 1}, notes=("No honest figure: every fold failed.",)))
    assert "No honest figure" in text


def test_html_is_escaped():
    shown = replace(REPORT, chosen={"kernel": "<script>alert(1)</script>"})._repr_html_()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


def test_unknown_figures_do_not_look_like_numbers():
    score = replace(SCORE, value=math.nan, interval=(math.nan, math.nan), optimism=math.nan, gain_over_default=None)
    assert "unknown (no interval)" in str(Report(score, {}))
