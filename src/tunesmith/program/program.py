"""`Program`: a command line as an objective."""

from __future__ import annotations

import os
import re
import shlex
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.errors import MissingMetricError, ObjectiveError, ProgramError, TrialInterrupted, TrialPruned
from tunesmith.executors.launch import how_it_ended
from tunesmith.executors.limits import WATCHDOG
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import bytes_of
from tunesmith.foundation.preemption import PREEMPTION
from tunesmith.foundation.system import SH, command_line, require, was_no_program
from tunesmith.foundation.text import checked_text, listing, printable, shown
from tunesmith.foundation.threads import ERRORS_OF_THREADS, raise_what_died
from tunesmith.foundation.warnings import caution
from tunesmith.program import template
from tunesmith.program.events import EventFiles
from tunesmith.program.files import PARAMETER_FORMATS, params_text, read_results, read_written
from tunesmith.program.metrics import (
    LookAlikes,
    Metrics,
    Report,
    is_stored,
    last_line,
    look_alikes,
    number_alone,
    shell_pick,
    what_it_printed,
)
from tunesmith.program.process import Log, Process
from tunesmith.trial import Trial
from tunesmith.trial.metrics import STEP_BOUND, numbers_in

INTERRUPTED_CODE = 130  # the exit code of a program that was interrupted and is to be run again
MOST_INTERRUPTS = 10  # of one trial
MOST_NAMES = 100  # of metrics of a trial that are logged: a program may print ever new ones
REASON_CHARACTERS = 1500  # characters of the output that stand in the reason of a failure
OUTPUT_CHARACTERS = 32 * 1024  # characters of the output that are looked through for other metrics
RESULTS_FILE = "results.json"  # in the folder of a trial
TAKES = ("last", "min", "max")
FIRST_TRIALS = 3  # trials that show whether the program names its metric
LAST_LINE_BYTES = 4096  # bytes of the standard output that are kept for its last line
LAST_LINE = "last_line"  # the user attribute with the line that was taken for a metric without a name


@checked()
@dataclass(frozen=True, kw_only=True)
class Program:
    """An objective that runs a program, and reads its metrics from what it prints or writes.

    It is what ``tunesmith run`` gives to ``study.optimize``, and it can be pickled. What its fields mean is on the page
    "The command line". Each trial has a folder, which is kept: ``DIRECTORY/NUMBER`` with the parameters, the results,
    and what the program printed.

    Args:
        command: the words of the command line, with ``{name}`` where parameters go.
        metrics: the names of the metrics, one for each objective of the study. If there is one, and the program prints
            and writes nothing of that name, the last line of its output will do, if it is a number and nothing else:
            the trial keeps that in its user attribute ``last_line``.
        names: all parameters of the space, also those that are not active in a trial.
        directory: where the folders of the trials are.
        take: which value of a metric counts: "last", "min" or "max".
        shell: whether a shell runs the command.
        pty: whether the program runs in a pseudo-terminal.
        resumable: whether it saves checkpoints to TUNESMITH_CHECKPOINT_DIR, and goes on from there.
        params_file: the name of the file with the parameters, in the folder of the trial.
        memory_limit: how much memory the program and what it started may use together, in bytes or as "4GB"; None: no
            limit. Memory of GPUs does not count.
        tensorboard: the folder of TensorBoard's event files, with ``{trial_dir}`` for instance; None: it writes none.
        grace: seconds between SIGTERM and SIGKILL.
        study: the study's name, for the environment.
        storage: its storage, for the environment.

    Raises:
        ValueError: a field has no valid value.

    Example:
        ```python
        import tunesmith
        from tunesmith.program import Program

        program = Program(
            command=["sh", "-c", 'echo "loss: {x}"'], metrics=["loss"], names=["x"], directory="trials"
        )
        study = tunesmith.create_study(space={"x": "float(0, 1)"}, seed=0)
        study.optimize(program, n_trials=3)
        print(study.best_params)
        ```
    """

    command: Sequence[str]
    metrics: Sequence[str]
    names: Collection[str]
    directory: str
    take: str = "last"
    shell: bool = False
    pty: bool = False
    resumable: bool = False
    params_file: str = "params.json"
    tensorboard: str | None = None
    memory_limit: int | str | None = None
    grace: float = 5.0
    study: str = ""
    storage: str = ""

    def __post_init__(self) -> None:
        for field in ("command", "metrics", "names"):
            object.__setattr__(self, field, tuple(getattr(self, field)))
        if not self.command or not self.command[0]:
            raise ValueError("there is no command to run")
        if not self.metrics or len(set(self.metrics)) < len(self.metrics) or not all(self.metrics):
            raise ValueError(f"metrics must name each metric once, and at least one; got {list(self.metrics)}")
        for name in (*self.metrics, *self.names):
            checked_text("the name of a metric or a parameter", name)
        if self.take not in TAKES:
            raise ValueError(f"take must be one of {listing(TAKES)}; got {self.take!r}")
        if self.params_file.rpartition(".")[2] not in PARAMETER_FORMATS:
            raise ValueError(f"the parameters file must end in {listing(PARAMETER_FORMATS)}; got {self.params_file!r}")
        if Path(self.params_file).name != self.params_file or self.params_file == RESULTS_FILE:
            raise ValueError(
                f"the parameters file is in the folder of the trial: give a name alone, and not {RESULTS_FILE}; got "
                f"{self.params_file!r}"
            )
        if self.shell:
            require("shell", "shell")
        if self.pty:
            require("terminal", "pty")
        if self.memory_limit is not None:
            require("memory", "memory_limit")
            object.__setattr__(self, "memory_limit", bytes_of(self.memory_limit))

    # -- what a trial gets -----------------------------------------------------------------------------------------

    @checked()
    def folder(self, number: int) -> Path:
        """Return the folder of a trial."""
        return Path(self.directory).absolute() / str(number)

    @property
    def placeholders(self) -> list[str]:
        """What may stand in braces besides parameters."""
        return [*self._others(0, 0), *template.LIST_PLACES]

    @checked()
    def words(self, number: int, params: Mapping[str, Any], seed: int = 0) -> list[str]:
        """Return the command line of a trial, as the system gets it.

        Args:
            number: the trial's number.
            params: its active parameters.
            seed: what stands for ``{seed}``.

        Returns:
            its words.
        """
        others = self._others(number, seed)
        if self.shell:
            return [SH, "-c", template.shell_line(self.command, params, self.names, others)]
        return template.command_words(self.command, params, self.names, others)

    @checked()
    def environment(self, number: int, params: Mapping[str, Any], seed: int = 0) -> dict[str, str]:
        """Return the environment variables that a trial adds to those of this process.

        Args:
            number: the trial's number.
            params: its active parameters.
            seed: the seed of the trial.

        Returns:
            the variables by name.
        """
        folder = self.folder(number)
        return {
            "PYTHONUNBUFFERED": "1",
            **template.parameter_variables(params),
            "TUNESMITH_TRIAL": str(number),
            "TUNESMITH_TRIAL_DIR": str(folder),
            "TUNESMITH_SEED": str(seed),
            "TUNESMITH_RESULTS": str(folder / RESULTS_FILE),
            "TUNESMITH_PARAMS_FILE": str(folder / self.params_file),
            "TUNESMITH_STUDY": self.study,
            "TUNESMITH_STORAGE": self.storage,
        }

    def _others(self, number: int, seed: int) -> dict[str, str]:
        folder = self.folder(number)
        return {
            "trial": str(number),
            "trial_dir": str(folder),
            "results": str(folder / RESULTS_FILE),
            "params_file": str(folder / self.params_file),
            "seed": str(seed),
            "study": self.study,
        }

    # -- what a trial left -----------------------------------------------------------------------------------------

    @checked()
    def results_text(self, number: int) -> str:
        """Return the beginning of the results file of a trial; nothing, if it wrote none."""
        try:
            return read_written(self.folder(number) / RESULTS_FILE, OUTPUT_CHARACTERS).decode(errors="replace")
        except OSError:
            return ""

    @checked()
    def look_alikes(self, number: int) -> LookAlikes | None:
        """Return what a trial printed that may be meant by metrics that it printed and wrote nowhere.

        Args:
            number: the trial's number.

        Returns:
            the metrics (none, if each was printed or written), names and lines; None: nothing is kept of the trial.
        """
        there = (path for path in self.folder(number).glob("output*.txt") if path.is_file())
        kept = sorted(there, key=lambda path: path.stat().st_mtime)
        if not kept:
            return None
        data = kept[-1].read_bytes()
        metrics = Metrics(self.metrics)
        metrics.feed(0, data + b"\n")
        results = self.results_text(number)
        missing = [n for n, v in zip(self.metrics, metrics.values(), strict=True) if v is None and n not in results]
        return look_alikes(missing, data[-OUTPUT_CHARACTERS:].decode(errors="replace").replace("\r", "\n") + results)

    @checked()
    def names_its_metric(self, number: int) -> bool:
        """Tell whether one of the first trials before this one printed or wrote its metrics by their names."""
        first = map(self.look_alikes, range(min(number, FIRST_TRIALS)))
        return any(found is not None and not found.metrics for found in first)

    @checked()
    def named_by_a_shell(self, line: str) -> str:
        """Return how the command may be given so that it names its metric; nothing, where there is no shell.

        Args:
            line: the last one that it printed.
        """
        if not os.path.exists(SH):
            return ""
        name = self.metrics[0]
        inner = f" ({' '.join(self.command)})" if self.shell else " ".join(map(_shell_word, self.command))
        script = f'echo "{name}: $({inner} | tail -n 1{shell_pick(name, line)})"'
        return f"--shell -- {command_line([script])}"

    # -- one trial -------------------------------------------------------------------------------------------------

    def __call__(self, trial: Trial) -> float | tuple[float, ...]:
        """Run the program with the parameters of a trial; return the value of each metric.

        Raises:
            TrialPruned: the study stopped it.
            TrialInterrupted: it ended with exit code 130.
            ProgramError: it failed, or printed no metric.
            ObjectiveError: it cannot be started at all.
        """
        try:
            return self._run(trial)
        except OSError as error:
            raise ObjectiveError(f"the folder of trial {trial.number} cannot be written: {error}") from error

    def _run(self, trial: Trial) -> float | tuple[float, ...]:
        params, number = dict(trial.answers.take_whole()), trial.number
        folder = self.folder(number)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / self.params_file
        for former in (folder / RESULTS_FILE, path):  # whatever it is
            former.unlink(missing_ok=True)
        path.write_text(params_text(params, path.suffix[1:]), encoding="utf-8")
        trial.set_user_attr("trial_dir", str(folder))
        env = {**os.environ, **self.environment(number, params, trial.seed)}
        if self.resumable:
            env["TUNESMITH_CHECKPOINT_DIR"] = str(trial.shared_checkpoint_dir())
        words = self.words(number, params, trial.seed)
        name = "output.txt" if trial.attempt == 1 else f"output-{trial.attempt}.txt"
        with Log(folder / name) as log:
            return _Run(self, trial, log).run(words, env)


class _Run:
    """One run of a program for a trial."""

    def __init__(self, program: Program, trial: Trial, log: Log) -> None:
        self.program = program
        self.trial = trial
        self.log = log
        self.metrics = Metrics(program.metrics, program.take)
        self.single = len(program.metrics) == 1
        self.began = time.monotonic()
        self.reports = 0  # that the program made
        self.names: dict[str, int] = {}  # that the program gave to numbers, and how often
        self.end = b""  # of its standard output
        self.told = False  # whether it was told that a step cannot be one
        self.last_step = (trial.resumed_from_step or 0) if program.resumable else 0
        others = program._others(trial.number, trial.seed)
        where = program.tensorboard
        self.events = None if where is None else EventFiles(Path(template.put_in(where, others, others.__getitem__)))

    def run(self, words: Sequence[str], env: Mapping[str, str]) -> float | tuple[float, ...]:
        program = self.program
        try:
            process = Process(words, env, program.pty, program.grace, self.log.add)
        except OSError as error:
            raise ObjectiveError(f"the program {words[0]!r} cannot be started: {error}") from error
        memory = None if program.memory_limit is None else bytes_of(program.memory_limit)
        asked, died = False, len(ERRORS_OF_THREADS)
        try:
            with process:
                WATCHDOG.watch(process, limit=None, left=None, memory=memory, grace=program.grace)
                try:
                    while (code := process.exit_code) is None:
                        self._take(process, process.read())
                        raise_what_died(died)
                        if PREEMPTION.asked and not asked:
                            asked = True
                            self._hold(True)
                            process.ask_to_end()
                finally:
                    ended = WATCHDOG.forget(process)
                self._take(process, process.rest())
            self._report(self.metrics.flush())
            self._look_at_events()
        finally:
            # What it saved when it was asked to end, by whoever; a program that a signal killed may have been cut off.
            if (asked or sys.exception() is not None) and (process.exit_code or 0) >= 0:
                self._hold(False)
                self.trial.link.settle(True)
        if asked:
            raise TrialInterrupted(f"this process was asked to end; the program ended with exit code {code}")
        if code == INTERRUPTED_CODE and self.trial.attempt < MOST_INTERRUPTS:
            raise TrialInterrupted(f"the program ended with exit code {INTERRUPTED_CODE}")
        if code != 0:
            self._fail(words, code, None if ended is None else ended[1])
        return self._values()

    def _hold(self, held: bool) -> None:
        if self.trial.link.checkpoints is not None:
            self.trial.link.checkpoints.held = held

    def _take(self, process: Process, printed: Sequence[tuple[int, bytes]]) -> None:
        for stream, data in printed:
            if stream == process.output:
                self.end = (self.end + data[-LAST_LINE_BYTES:])[-LAST_LINE_BYTES:]
            self._report(self.metrics.feed(stream, data))
        self._look_at_events()

    def _look_at_events(self) -> None:
        if self.events is None:
            return
        found = []
        for tag, step, value in self.events.read():
            if tag in self.program.metrics:
                self.metrics.take_value(tag, value)
            if tag == self.program.metrics[0]:
                found.append(Report(step, value))
            elif step < STEP_BOUND and self._takes(tag) and is_stored(self.names[tag]):
                self.trial.log({tag: value}, step)
        self._report(found)

    def _report(self, found: Sequence[Report]) -> None:
        """Report to the study, and ask whether to go on.

        Raises:
            TrialPruned: not.
        """
        for report in found:
            step = self._step(report.step)
            self._log(report, step)
            if report.value is None:
                continue
            self.last_step = step
            if not self.single:
                continue
            self.reports += 1
            if not is_stored(self.reports) or step in (self.trial.reports or ()):
                continue
            self.trial.report(report.value, step)
            if self.trial.should_prune():
                raise TrialPruned(f"stopped after step {step}")

    def _log(self, report: Report, step: int) -> None:
        """Log what has a name, unless that is the metric alone, which is reported."""
        first = {} if report.value is None else {self.program.metrics[0]: report.value}
        if report.named.keys() - (first.keys() if self.single else ()):
            kept = {name: value for name, value in {**report.named, **first}.items() if self._takes(name)}
            self.trial.log(kept, step)

    def _takes(self, name: str) -> bool:
        """Count a name, and tell whether it is logged: whether it can be, and not too many came before."""
        if name not in self.names and (len(self.names) >= MOST_NAMES or not numbers_in({name: 0.0})):
            return False
        self.names[name] = self.names.get(name, 0) + 1
        return True

    def _step(self, named: int | None) -> int:
        """Return the step of a report: the one that the program named, where it can be stored, or the next one."""
        if named is not None and 0 <= named < STEP_BOUND:
            return named
        if named is not None and not self.told:
            self.told = True
            caution(
                f"trial {self.trial.number}: the program named the step {shown(named)}; steps are whole numbers from 0 "
                "to 2**63 - 1, so reports with others are counted by themselves"
            )
        return min(self.last_step + 1, STEP_BOUND - 1)

    def _values(self) -> float | tuple[float, ...]:
        try:
            for n, written in enumerate(read_results(self.program.folder(self.trial.number) / RESULTS_FILE), 1):
                report = self.metrics.take_object("file", written)
                if report is not None and report.step is not None and report.step < STEP_BOUND and is_stored(n):
                    self._log(report, report.step)
        except ValueError as error:
            raise ProgramError(str(error)) from error
        names, found = self.program.metrics, self.metrics.values()
        if missing := [name for name, value in zip(names, found, strict=True) if value is None]:
            results = self.program.results_text(self.trial.number)
            output = self.log.text(OUTPUT_CHARACTERS) + results
            alike = bool(look_alikes(missing, output).lines)
            line = last_line(self.end)
            number = number_alone(line)
            if number is not None and not alike and not results and self._may_be_unnamed():
                self.trial.set_user_attr(LAST_LINE, line)
                return number
            words = what_it_printed(missing, output)
            last = "" if alike or not output.strip() else self._last_lines()
            how = self.program.named_by_a_shell(line) if line and self.single else ""
            named = f"\nIf it prints its result at last, a shell can name it, in place of the command: {how}"
            raise MissingMetricError(words[0].upper() + words[1:] + last + (named if how else ""))
        values = tuple(value for value in found if value is not None)
        return values[0] if self.single else values

    def _may_be_unnamed(self) -> bool:
        """Tell whether nothing speaks for it that the program has a name for its metric."""
        program = self.program
        is_plain = self.single and program.take == "last" and program.tensorboard is None
        return is_plain and not program.names_its_metric(self.trial.number)

    def _fail(self, words: Sequence[str], code: int, ended: str | None) -> None:
        """Raise the error of a program that failed, or that we ended, and why that."""
        text = self.log.text(REASON_CHARACTERS)
        if was_no_program(code, text):
            raise ObjectiveError(f"the program {words[0]!r} cannot be started: {text.strip()}")
        seconds = time.monotonic() - self.began
        why = ended or how_it_ended(code)
        raise ProgramError(f"the program failed after {seconds:.3g} s: {why}{self._last_lines()}")

    def _last_lines(self) -> str:
        text = printable(self.log.text(REASON_CHARACTERS), lines=True).strip()
        return f"; it printed at last:\n{text}" if text else "; it printed nothing"


def _shell_word(word: str) -> str:
    """Return a word of a command for a shell, in which names in braces stay what they are."""
    return word if re.fullmatch(r"[\w@%+=:,./{}-]+", word) else shlex.quote(word)
