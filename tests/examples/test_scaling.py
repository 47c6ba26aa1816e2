"""The examples of scaling laws: what they predict holds, and both write their reports."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.examples.test_examples import NUMBER, only, run


def test_the_law_of_small_pretraining_runs_holds_for_large_ones(tmp_path: Path) -> None:
    output = run("11_scaling_law.py", "law.md", cwd=tmp_path)
    assert "Fitted to 240 runs at 16 scales; asked about 4 larger ones." in output
    law, line = re.findall(rf"law {NUMBER}, line through the best runs {NUMBER}", output)[0]
    assert float(law) < float(line)
    assert float(law) < 0.002
    lr, batch, both = re.findall(r"lr (\d) of 4, batch (\d), both together (\d)", output)[0]
    assert min(int(lr), int(batch), int(both)) >= 3
    report = (tmp_path / "law.md").read_text(encoding="utf-8")
    assert report.count("## What to set at") == 4
    assert "## What to run next for 1.07B params, 56.9B tokens" in report


@pytest.mark.slow
def test_a_tiny_gpt_is_tuned_at_twelve_scales(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="torch is not installed")
    output = run("12_scaling_char_gpt.py", "law.html", "--quick", cwd=tmp_path)
    assert len(re.findall(r"^ +\d+ +\d+ +[\d,]+ +[\d,]+ \d\.\d\de-\d\d +\d\.\d+$", output, re.MULTILINE)) == 12
    assert output.count("(95 %:") >= 4
    begins = only(rf"begins with a learning rate of {NUMBER}\.", output)
    advised = [float(found) for found in re.findall(rf"  lr: {NUMBER} ", output)]
    assert begins == pytest.approx(advised[-1], rel=0.01)
    assert (tmp_path / "law.html").read_text(encoding="utf-8").count("<svg") >= 4
