"""Reports in a real browser: nothing keeps people from reading them, light and dark, on a phone, in both languages."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.visualization.studies import tuned

import tunesmith as ts
from tunesmith.foundation.look import COLOURS
from tunesmith.report import write_report
from tunesmith.tables.report import TableResults


def objective(trial: ts.Trial) -> float:
    rate = trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True)
    kind = trial.suggest_categorical("a name of a parameter that is very long", ["adam", "sgd"])
    if trial.number == 7:
        raise RuntimeError("no luck " * 40)
    for step in range(3):
        trial.report(rate + 1 / (step + 1), step)
    return rate + (kind == "sgd")


@pytest.fixture(scope="module")
def study() -> ts.Study:
    study = ts.create_study(study_name="a study with a long name, of networks", seed=0)
    study.optimize(objective, n_trials=30, catch=RuntimeError)
    return study


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("of", ["study", "study that answers", "classes", "numbers"])
def test_axe_finds_nothing_and_a_phone_scrolls_down_only(
    browser: Any, study: ts.Study, tmp_path: Path, lang: str, scheme: str, of: str
) -> None:
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed"
    ).Axe()
    source = study if of.startswith("study") else tuned(classes=of == "classes")
    write_report(source, tmp_path / "r.html", lang=lang, interactive=of.endswith("answers"))
    page = browser.new_page(color_scheme=scheme)
    wrong: list[str] = []
    page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    for width in (1366, 360):
        page.set_viewport_size({"width": width, "height": 800})
        page.goto((tmp_path / "r.html").as_uri())
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert background == _rgb(COLOURS["bg"][scheme == "dark"])
        found = axe.run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"][:300]) for v in found] == []
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert wrong == []
    page.close()


def _rgb(colour: str) -> str:
    return f"rgb({', '.join(str(int(colour[k : k + 2], 16)) for k in (1, 3, 5))})"


@pytest.mark.parametrize("classes", [True, False])
def test_what_tune_reports_is_printed_on_two_pages_and_answers_on_the_first_screen(
    browser: Any, tmp_path: Path, classes: bool
) -> None:
    write_report(TableResults(tuned(classes), "y", "t.csv", "m.skops", "t.tune.toml"), tmp_path / "r.html")
    page = browser.new_page(viewport={"width": 1280, "height": 860})
    page.goto((tmp_path / "r.html").as_uri())
    for selector in (".answer .big", ".answer svg", ".answer b", "figure:first-of-type .desk"):
        box = page.locator(selector).first.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] <= 860, selector
    pages = re.findall(rb"/Type\s*/Page\b(?!s)", page.pdf(format="A4"))
    assert len(pages) == 2
    page.close()


def test_figures_of_an_interactive_page_answer(browser: Any, study: ts.Study, tmp_path: Path) -> None:
    study.report(tmp_path / "r.html", interactive=True)
    page = browser.new_page(viewport={"width": 1366, "height": 900})
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto((tmp_path / "r.html").as_uri())
    figure = page.locator("figure", has=page.locator("[data-key]", has_text="best so far"))
    drawn = figure.locator(".desk")
    drawn.scroll_into_view_if_needed()
    drawn.focus()
    page.keyboard.press("Home")
    assert "trial 0" in figure.locator(".told").inner_text()
    whole = drawn.locator(".ticks-x text").all_text_contents()
    page.keyboard.press("+")
    assert drawn.locator(".ticks-x text").all_text_contents() != whole
    drawn.locator(".whole").click()
    assert drawn.locator(".ticks-x text").all_text_contents() == whole
    for kind, start in (("SVG", b"<svg"), ("PNG", b"\x89PNG"), ("CSV", b"series,")):
        with page.expect_download() as file:
            figure.locator("button", has_text=kind).click()
        assert Path(file.value.path()).read_bytes().startswith(start)
    assert wrong == []
    page.close()
