"""How metrics are found in what a program prints."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.program.metrics import Metrics, what_it_printed
from tunesmith.program.program import is_stored


def read(text: str | bytes, name: str = "val_loss", take: str = "last") -> float | None:
    metrics = Metrics([name], take)
    metrics.feed(1, text if isinstance(text, bytes) else text.encode())
    metrics.flush()
    return metrics.values()[0]


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("val_loss: 0.31", 0.31),
        ("val_loss=0.31", 0.31),
        ("val_loss = -3.1e-05", -3.1e-5),
        ("val_loss: 0.31 (step 4)", 0.31),
        ("[2026-01-01 10:00:00] INFO: loss: 0.5, val_loss: .31, acc: 0.9.", 0.31),
        ("{'loss': 0.5, 'val_loss': 0.31, 'epoch': 3.0}", 0.31),
        ('{"loss": 0.5, "val_loss": 0.31}', 0.31),
        ('{"val_loss": "0.31"}', 0.31),
        ("val_loss: tensor(0.3100)", 0.31),
        ("val_loss=np.float64(0.31)", 0.31),
        ("\x1b[32mval_loss\x1b[0m: \x1b[1m0.31\x1b[0m", 0.31),
        ("10%|##  | 1/10\r20%|### | val_loss=0.31", 0.31),
        ("val_loss: inf", math.inf),
        ("val_loss: -Infinity", -math.inf),
        ("val_loss: 31%", 31.0),
        ("val_loss: 1_000", 1000.0),
        ("loss: 0.31", None),
        ("my_val_loss: 0.31", None),
        ("val_loss_2: 0.31", None),
        ("val_loss: none", None),
        ("val_loss: 0.31s", None),
        ("val_loss: infinite", None),
        ('{"val_loss": null}', None),
        ('{"val_loss": true}', None),
        ("val_loss", None),
        ("", None),
    ],
)
def test_a_line(line: str, value: float | None) -> None:
    assert read(line) == value


@pytest.mark.parametrize("text", ["val_loss: nan", '{"val_loss": NaN}', "val_loss=NaN"])
def test_nan_is_read(text: str) -> None:
    value = read(text)
    assert value is not None
    assert math.isnan(value)


@pytest.mark.parametrize(
    "line", ["val_loss: 1", "val loss: 1", "Train loss: 1".lower(), "x.loss: 1", "a-loss=1", "a/loss=1"]
)
def test_loss_is_no_other_loss(line: str) -> None:
    assert read(line, "loss") is None
    assert read(f"{line}, loss: 2 epoch 1", "loss") == 2


@pytest.mark.parametrize("name", ["val/loss", "val loss", "loss (val)", "größe", "a+b", "metrics.val", '"q"'])
def test_names_of_any_kind(name: str) -> None:
    assert read(f"epoch 1 {name}: 0.5", name) == 0.5


def test_names_with_dots_look_into_objects() -> None:
    assert read('{"metrics": {"val": {"loss": 1}}}', "metrics.val.loss") == 1.0
    assert read('{"metrics.val.loss": 2}', "metrics.val.loss") == 2.0


def test_what_counts() -> None:
    text = "".join(f"val_loss: {v}\n" for v in (3, 1, "nan", 2))
    assert [read(text, take=take) for take in ("last", "min", "max")] == [2, 1, 3]


def test_a_results_file_comes_before_json_and_that_before_text() -> None:
    metrics = Metrics(["a", "b"])
    metrics.feed(1, b'a: 1 b: 1\n{"a": 2}\na: 3\n')
    assert metrics.values() == [2, 1]
    metrics.take_object("file", {"a": 4})
    assert metrics.values() == [4, 1]


@pytest.mark.parametrize(
    ("line", "step"),
    [
        ("val_loss: 1 (step 4)", 4),
        ("Epoch 4/10 val_loss: 1", 4),
        ("epoch=4, val_loss=1", 4),
        ("[Epoch: 04] val_loss: 1", 4),
        ("Iter 4 val_loss: 1", 4),
        ("epoch 2 step 4 val_loss: 1", 4),
        ('{"epoch": 4, "val_loss": 1}', 4),
        ("{'val_loss': 1, 'epoch': 0.5}", None),
        ("timestep 4 val_loss: 1", None),
        ("val_loss: 1", None),
    ],
)
def test_steps(line: str, step: int | None) -> None:
    (report,) = Metrics(["val_loss"]).feed(1, line.encode() + b"\n")
    assert (report.step, report.value) == (step, 1.0)


@given(st.lists(st.integers(0, 40), max_size=8), st.booleans())
def test_the_output_may_be_cut_anywhere(cuts: list[int], ended: bool) -> None:
    text = b"x\nval_loss: 0.25 (step 1)\r\nval_loss: 0.5\r" + (b"" if ended else b"val_loss: 0.75")
    metrics, found = Metrics(["val_loss"]), []
    edges = [0, *sorted(cuts), len(text)]
    for begin, end in pairwise(edges):
        found += metrics.feed(1, text[begin:end])
        metrics.feed(2, b"noise")  # another stream has lines of its own
    found += metrics.flush()
    assert [r.value for r in found] == ([0.25, 0.5] if ended else [0.25, 0.5, 0.75])


def test_binary_output_and_lines_without_end() -> None:
    assert read(bytes(range(256)) * 100 + b"\nval_loss: 1\n") == 1.0
    assert read(b"x" * 1_000_000 + b" val_loss: 1") == 1.0


@pytest.mark.parametrize(
    ("output", "said"),
    [
        (
            "Val_Loss: 3\nacc=2",
            "does not appear; what it printed has numbers for 'Val_Loss', 'acc'; did you mean 'Val_Loss'?",
        ),
        ("hello", "does not appear: the program printed no line such as val_loss: 0.31"),
        ("", "printed nothing"),
    ],
)
def test_a_metric_that_never_came(output: str, said: str) -> None:
    assert said in what_it_printed(["val_loss"], output)


def test_a_name_without_its_split_is_found() -> None:
    assert "did you mean 'val loss'?" in what_it_printed(["loss"], "epoch 3, val loss: 0.3")


def test_of_very_many_reports_ever_fewer_are_stored() -> None:
    stored = [n for n in range(1, 1_000_001) if is_stored(n)]
    assert stored[:999] == list(range(1, 1000))
    assert stored[999:1002] == [1000, 1010, 1020]
    assert len(stored) < 4000
