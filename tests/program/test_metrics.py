"""How metrics are found in what a program prints."""

from __future__ import annotations

import math
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith.program import Program
from tunesmith.program.metrics import (
    Metrics,
    is_stored,
    last_line,
    look_alikes,
    number_alone,
    shell_pick,
    what_it_printed,
)


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
        ("val_loss: 12,5", None),
        ("val_loss: 1,234.5", None),
        ("val_loss -1,5", None),
        ("val_loss=12, 5", 12.0),
        ("val_loss=0.5,3", 0.5),
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


PRINTED = [  # as programs of others print: the name, the line, the value and the step
    ("val loss", "step 250: train loss 1.9, val loss 4.1", 4.1, 250),
    ("loss", "iter 3: loss 4.2659, time 500.12ms, mfu -100.00%", 4.2659, 3),
    ("valid loss", "| end of epoch   1 | time: 51.95s | valid loss  5.33 | valid ppl   206.91", 5.33, 1),
    ("valid loss", "| valid loss | 5.33 |", 5.33, None),
    ("loss", "| epoch   1 |   200/ 2983 batches | lr 20.00 | loss  7.63 | ppl  2057.92", 7.63, 1),
    ("Loss", "Epoch [3/10], Step [100/600], Loss: 0.2", 0.2, 100),
    ("Acc@1", " * Acc@1 69.758 Acc@5 89.078", 69.758, None),
    ("Acc@1", "Epoch: [2][  1/5005]\tLoss 6.9e+00 (6.9e+00)\tAcc@1   0.50 (  0.00)", 0.5, 2),
    ("lm loss", " iteration      100/  320000 | lm loss: 9.12E+00 | loss scale: 1.0 |", 9.12, 100),
    ("val_loss", "Epoch 0: 100%|##| 10/10 [00:00<00:00, 9it/s, v_num=0, train_loss=0.5, val_loss=0.31]", 0.31, 0),
    ("val_loss", "10/10 - 0s - 3ms/step - loss: 0.50 - val_loss: 0.31 - val_acc: 0.9", 0.31, None),
    ("eval_loss", "{'eval_loss': '0.31', 'eval_runtime': '1.2', 'epoch': '3'}", 0.31, None),
    ("eval_loss", "  eval_loss               =     0.3101", 0.3101, None),
    ("valid_0's l2", "[10]\tvalid_0's l2: 0.25", 0.25, None),
    ("val_acc", "│         val_acc           │    0.9120000004768372     │", 0.9120000004768372, None),
    ("Test accuracy", "Test accuracy is 93.1%", 93.1, None),
    ("val_loss", "**val_loss**: 0.3, `loss` 2", 0.3, None),
    ("val_loss", "val_loss -> 0.3", 0.3, None),
    ("loss", "loss 3/10, loss 10:30, loss scale 3, val  loss 2, Train loss: 1, loss 1.2.3", None, None),
]


@pytest.mark.parametrize(("name", "line", "value", "step"), PRINTED)
def test_metrics_as_programs_print_them(name: str, line: str, value: float | None, step: int | None) -> None:
    metrics = Metrics([name])
    assert [(r.value, r.step) for r in metrics.feed(1, line.encode() + b"\n")] == [(value, step)] * (value is not None)
    assert metrics.values() == [value]


TABLES = [
    """\
  epoch    train_loss    val_loss    cp     dur
-------  ------------  ----------  ----  ------
      1        \x1b[36m0.6905\x1b[0m      0.6749     +  0.0370
      2        0.6648      0.6633        0.0200
""",
    """\
epoch     train_loss  val_loss  time
1         0.123       0.6749    00:10
a line between 2 and 3
2         0.113       0.6633    00:11
""",
    "   epoch  val_loss\n0      1    0.6749\n1      2    0.6633\n",
    "epoch,train_loss,val_loss\n1,0.5,0.6749\n2,0.4,0.6633\n",
    "| epoch | val_loss | note |\n|---|---|---|\n| 1 | 0.6749 | good |\n| 2 | 0.6633 | |\n",
    "Epoch\tval_loss\n1\t0.6749\n2\t0.6633\n",
]


@pytest.mark.parametrize("table", TABLES)
def test_tables(table: str) -> None:
    metrics, found = Metrics(["val_loss"]), []
    for at in range(0, len(table), 7):  # cut anywhere
        found += metrics.feed(1, table[at : at + 7].encode())
        metrics.feed(2, b"3 4 5\n")
    assert [(r.step, r.value) for r in found] == [(1, 0.6749), (2, 0.6633)]
    assert metrics.values() == [0.6633]


@pytest.mark.parametrize("line", ["the val_loss, of 3 runs", "val_loss", "val_loss: low"])
def test_a_sentence_is_no_head_of_a_table(line: str) -> None:
    assert read(f"{line}\n1 2 3 4\n1, 2\n5\n") is None


def test_words_count_where_nothing_has_a_sign() -> None:
    metrics = Metrics(["loss"])
    found = metrics.feed(1, b"loss 3\nloss: 2\nloss 1\n")
    assert [r.value for r in found] == [3, 2]
    assert metrics.values() == [2]


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
        ("epoch=1,200 val_loss=1", None),
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


@pytest.mark.parametrize(
    ("name", "output", "near", "lines"),
    [
        ("val_loss", "step 1: val loss 4.1\nstep 2: val loss 4.0\nlr 3", "val loss", ["step 2: val loss 4.0"]),
        ("val_loss", "Validation Loss: 0.3\nTrain Loss: 2", "Validation Loss", ["Validation Loss: 0.3"]),
        ("val_loss", TABLES[1].replace("val_loss", "valid_loss"), "valid_loss", [TABLES[1].split("\n")[0]]),
        ("mse", "epoch 1 rmse 0.3", "rmse", ["epoch 1 rmse 0.3"]),
        ("accuracy", "valAcc = 0.9\nloss: 1", "valAcc", ["valAcc = 0.9"]),
        ("val_loss", "loss: 1\nloss: 2", "loss", ["loss: 2"]),
        ("val_loss", "the loss of epoch 1", None, ["the loss of epoch 1"]),
        ("val_loss", "no number of the val_loss", None, []),
        ("val_loss", "val_loss: 12,5", None, ["val_loss: 12,5"]),
    ],
)
def test_lines_that_look_alike(name: str, output: str, near: str | None, lines: list[str]) -> None:
    found = look_alikes([name], output)
    assert found.names[:1] == ([near] if near else [])
    assert found.same_words == (near not in (None, "rmse", "loss", "valAcc"))
    assert found.lines == [line.replace("val_loss", "valid_loss") if near == "valid_loss" else line for line in lines]
    if near:
        said = what_it_printed([name], output)
        assert f"did you mean {near!r}?; lines that look alike: {found.lines[0]!r}" in said


def test_a_name_without_its_split_is_found() -> None:
    assert "did you mean 'val loss'?" in what_it_printed(["loss"], "epoch 3, val loss: 0.3")


def said(line: str) -> tuple[int | None, float | None, dict[str, float]] | None:
    """What a line says: step, value of val_loss, and all numbers with names."""
    found = Metrics(["val_loss"]).feed(1, line.encode() + b"\n")
    return (found[0].step, found[0].value, dict(found[0].named)) if found else None


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("epoch 3: val_loss=0.5 acc: 0.9 lr=1e-3", (3, 0.5, {"val_loss": 0.5, "acc": 0.9, "lr": 1e-3})),
        ("val_loss: 0.5, train loss: 0.25", (None, 0.5, {"val_loss": 0.5, "train loss": 0.25})),
        ("{'val_loss': 0.5, 'f1': np.float64(0.25), 'epoch': 2.0}", (None, 0.5, {"val_loss": 0.5, "f1": 0.25})),
        ("step 7 | train/loss=0.5 | lr:0.1 | 12:30:01 | 3.2s/it", (7, None, {"train/loss": 0.5, "lr": 0.1})),
        ("[epoch 2] loss=tensor(0.25) acc=93%", (2, None, {"loss": 0.25, "acc": 93.0})),
        ('{"epoch": 4, "train": {"loss": 0.5}, "ok": true, "n": "x"}', (4, None, {"train.loss": 0.5})),
        ('{"step": 1, "val_loss": 0.5, "big": NaN}', (1, 0.5, {"val_loss": 0.5, "big": math.nan})),
        ('{"step": 1, "a": {"b": {"c": {"d": {"e": 1}}}}, "l": [1]}', (1, None, {})),
        # no step and no val_loss, or prose
        ("acc=0.9 lr=0.1", None),
        ('{"acc": 0.9}', None),
        ("epoch 3 begins", None),
        ("Epoch 00005: val_loss did not improve from 0.31", None),
        ("step 3 of 10, at 12:30, to localhost:29500, run/x:5, eta: 0:12:01, n: 3/10, t=3s, date: 2024-05-01", None),
        ("step 3: v: 2.1.0, x >= 4, size: 1,024, y == 5", None),
        ("steps: 100", None),
    ],
)
def test_names_beside_a_metric_or_a_step(line: str, expected: Any) -> None:
    assert repr(said(line)) == repr(expected)


def test_all_columns_of_a_table_have_names() -> None:
    metrics = Metrics(["val_loss"])
    (report,) = metrics.feed(1, b"epoch  train_loss  val_loss  lr\n1  0.5  0.4  0.1\n")
    assert (report.step, report.value) == (1, 0.4)
    assert report.named == {"train_loss": 0.5, "val_loss": 0.4, "lr": 0.1}


def test_of_very_many_lines_ever_fewer_are_looked_through() -> None:
    metrics = Metrics(["val_loss"])
    lines = [f"step {i}: val_loss=0.5 acc=0.9\nstep {i}, lr=0.1\n" + '{"step": 1, "x": 1}\n' for i in range(20_000)]
    lines[-2] += "epoch 3: rare=1\n"
    found = metrics.feed(1, "".join(lines).encode())
    assert len([r for r in found if r.value is not None]) == 20_000
    named = [tuple(r.named) for r in found if r.named]
    assert 1000 < named.count(("val_loss", "acc")) < 4000
    assert 1000 < named.count(("lr",)) < 4000
    assert 1000 < named.count(("x",)) < 4000
    assert named.count(("rare",)) == 1, "lines of each kind are counted by themselves"


def test_of_very_many_reports_ever_fewer_are_stored() -> None:
    stored = [n for n in range(1, 1_000_001) if is_stored(n)]
    assert stored[:999] == list(range(1, 1000))
    assert stored[999:1002] == [1000, 1010, 1020]
    assert len(stored) < 4000


HOSTILE = """
import sys
from pathlib import Path

from tunesmith.integrations.scaffold.options import groups_in_help, options_in_config
from tunesmith.integrations.scaffold.options import HELP_LINE_CHARACTERS, value_of
from tunesmith.integrations.scaffold.options import options_in_help
from tunesmith.program.process import Log
from tunesmith.program.metrics import Metrics, what_it_printed
from tunesmith.program.template import parameter_variables
from tunesmith.storage.redact import redact_within
from tunesmith.foundation.text import last_written

N = 10**6
PARTS = [" ", "a", "1", "1_", "[", "(default ", "[; ", "x:", "{", "loss ", "loss=", "step ", "step:1 ", "val ", "val.",
         "token", "token ", "a+", "a.", "\\t", "\\x1b]", "\\x1b[0", "\\r", "<1|", "-", "- ", "'", "é"]
# before and after: what lets a pattern begin, and what makes it fail at the end
AROUND = [("", ""), ("loss: 1, token step", "! # d")]


def metrics(text):
    for line in (text, *(text[i : i + 30_000] for i in range(0, len(text), 30_000))):
        m = Metrics(["loss", "val_loss"])
        m.feed(1, line.encode() + b"\\n")
        m.flush()
        what_it_printed(["loss"], line[-32 * 1024 :])


def log(text):
    with Log(Path(sys.argv[1])) as kept:
        kept.add(text.encode())
        kept.text(1000)


def config(text):
    options_in_config(text)
    options_in_config("key:  " + text)
    groups_in_help("== Configuration groups ==\\n" + text + ": a, b")


def option_help(text):
    options_in_help("  --lr LR  " + text)
    options_in_help("  --lr LR\\n          " + text)


def value(text):
    value_of(text[:HELP_LINE_CHARACTERS])


readers = [
    metrics, log, config, option_help, value, redact_within, last_written, lambda t: parameter_variables({"x": t})
]
for read in readers:
    for part in PARTS:
        for before, after in AROUND:
            print(read.__name__, repr(part), repr(before), repr(after), flush=True)
            read(before + part * (N // len(part)) + after)
print("all were read")
"""


@pytest.mark.slow
def test_a_million_hostile_characters_are_read_in_linear_time(tmp_path: Path) -> None:
    """The bound is no measurement: what was quadratic here took hours, and all of it together takes seconds."""
    script = tmp_path / "hostile.py"
    script.write_text(HOSTILE, encoding="utf-8")
    command = [sys.executable, str(script), str(tmp_path / "output.txt")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as reader:
        try:
            said = reader.communicate(timeout=600)[0]
        except subprocess.TimeoutExpired:
            reader.kill()
            said = reader.communicate()[0]
    assert said.splitlines()[-1] == "all were read"


def test_a_step_that_cannot_be_stored_is_told_and_counted(tmp_path: Path) -> None:
    for line in ('{"loss": 1, "step": %s}' % 10**30, f"step: {10**30} loss: 1"):
        program = Program(
            command=["printf", "%s\n%s\n", line, line], metrics=["loss"], names=[], directory=str(tmp_path)
        )
        study = ts.create_study(seed=0)
        with pytest.warns(UserWarning, match=r"named the step 10{30}; steps are whole numbers from 0 to 2\*\*63 - 1"):
            study.optimize(program, n_trials=1)
        assert study.trials[0].intermediate_values == {1: 1.0, 2: 1.0}


@pytest.mark.parametrize(
    ("printed", "value"),
    [
        ("0.45", 0.45),
        ("epochs: 3\n0.45\n", 0.45),
        ("0.9\n0.45  \r\n\r\n", 0.45),
        ("1e-3\n", 1e-3),
        ("\ufeff-.5\n", -0.5),
        ("[1] 0.45\n", 0.45),  # of R
        ("10%|##\r0.45\n", 0.45),
        ("\x1b[32m0.45\x1b[0m\n", 0.45),
        ("-inf\n", -math.inf),
        ("0,45\n", None),
        ("45 %\n", None),
        ("0.45\nepoch 3\n", None),
        ("0.1 0.2\n", None),
        ("[1]\n", None),
        ('"0.45"\n', None),
        ("null\n", None),
        ("12:30\n", None),
        ("2026-01-01\n", None),
        ("1" * 1000, None),
        ("\n", None),
        ("", None),
    ],
)
def test_a_last_line_that_is_a_number_alone(printed: str, value: float | None) -> None:
    assert number_alone(last_line(printed.encode())) == value


@pytest.mark.parametrize(
    ("line", "filters"),
    [
        ("45 %", ""),
        ("0,45", " | tr , ."),
        ("Result \t 0.45 units", ' | tr -s "[:blank:]" " " | cut -d " " -f 2'),
        ("epoch 3", ""),
        ("done", ""),
        ('"abc"', ""),
    ],
)
def test_what_a_shell_may_send_a_line_through(line: str, filters: str) -> None:
    assert shell_pick("loss", line) == filters
    if filters:
        done = subprocess.run(["sh", "-c", f"cat{filters}"], input=line, capture_output=True, text=True, check=True)
        assert read(f"val_loss: {done.stdout}") == 0.45
