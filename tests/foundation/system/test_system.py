"""Groups of processes and streams, where the system is as it is."""

from __future__ import annotations

import ctypes
import os
import runpy
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from tunesmith.artifacts import local
from tunesmith.cli.main import main
from tunesmith.foundation import system
from tunesmith.foundation.system import groups, streams
from tunesmith.testing.executors import process_runs, until

posix = pytest.mark.skipif(sys.platform == "win32", reason="process groups of POSIX")


def printed(words: list[str]) -> tuple[int, str]:
    ours, theirs = os.pipe()
    group = system.start(system.Command(words, os.environ, (theirs, theirs), "nothing"))
    os.close(theirs)
    found = system.Streams((ours,))
    text = b""
    while found.open:
        text += b"".join(data for _, data in found.read(1.0))
    code = group.wait(60)
    group.kill()
    group.release()
    found.close()
    return code, text.decode()


@posix
@pytest.mark.parametrize("shell", ["/bin/sh", "/no/such/shell"])
def test_a_program_begins_with_and_without_a_shell(shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "SH", shell)
    assert printed(["cat"]) == (0, "")  # it reads nothing, and finds the end
    assert printed(["echo", "a b", "$HOME"]) == (0, "a b $HOME\n")
    code, text = printed(["no-such-program"])
    assert system.was_no_program(code, text)
    assert not system.was_no_program(1, text)


@pytest.mark.parametrize("threads", [False, True])
def test_all_that_is_printed_is_read_once_and_in_order(threads: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if threads:
        monkeypatch.setattr(streams, "can_wait_for_pipes", lambda: False)
    code, text = printed([sys.executable, "-c", "for k in range(100_000): print(k)"])
    assert code == 0
    assert text.split() == [str(k) for k in range(100_000)]


@posix
def test_what_a_process_started_is_ended_with_it() -> None:
    ours, theirs = os.pipe()
    words = ["sh", "-c", "sleep 600 & echo $!; wait"]
    group = system.start(system.Command(words, os.environ, (theirs, theirs), "nothing"))
    os.close(theirs)
    with os.fdopen(ours) as file:
        child = int(file.readline())
    with pytest.raises(subprocess.TimeoutExpired):
        group.wait(0.01)
    group.ask_to_end()
    assert group.wait(60) < 0
    group.kill()
    group.release()
    until(lambda: not process_runs(child))


class Library:
    """A library of Windows that notes how it is called."""

    def __init__(self, called: list[tuple[Any, ...]]) -> None:
        self.called = called

    def __getattr__(self, name: str) -> Any:
        def call(*given: Any) -> int:
            self.called.append((name, *given))
            return 0 if name == "NtResumeProcess" else 5

        setattr(self, name, call)
        return call


@pytest.mark.skipif(sys.platform == "win32", reason="there the real kernel is called by all other tests")
def test_a_job_is_made_as_windows_describes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[tuple[Any, ...]] = []
    started: list[dict[str, Any]] = []
    monkeypatch.setattr(ctypes, "WinDLL", lambda name, **given: Library(called), raising=False)
    monkeypatch.setattr(subprocess, "STARTUPINFO", dict, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(os, "set_handle_inheritable", lambda handle, on: called.append((handle, on)), raising=False)
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        module = runpy.run_path(str(Path(groups.__file__).with_name("windows.py")))
    kernel = module["WindowsKernel"]()

    def start(words: list[str], **given: Any) -> Any:
        started.append({"words": words, **given})
        return types.SimpleNamespace(_handle=7, pid=1)

    monkeypatch.setattr(subprocess, "Popen", start)
    group = groups.JobGroup(kernel, groups.Command(["no-such-program", "a"], {"PATH": ""}, (3, 4), "pipe", [9]))
    (one,) = started
    assert one["words"] == ["no-such-program", "a"]
    assert one["creationflags"] == 0x200 | 0x4  # it begins suspended
    assert one["startupinfo"] == {"lpAttributeList": {"handle_list": [9]}}
    group.kill()
    group.release()
    group.release()
    names = [call[0] for call in called]
    assert names == [
        "CreateJobObjectW",
        "SetInformationJobObject",
        9,
        "AssignProcessToJobObject",
        "NtResumeProcess",
        "TerminateJobObject",
        "CloseHandle",
    ]
    _, job, kind, limits, size = called[1]
    assert (job, kind, size) == (5, 9, 144)  # the size of JOBOBJECT_EXTENDED_LIMIT_INFORMATION on 64 bits
    assert bytes(limits._obj)[16:20] == (0x2000).to_bytes(4, "little")  # ended when it is closed
    assert called[3] == ("AssignProcessToJobObject", 5, 7)


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["python", r"C:\data\train.py", "--lr=0.1"], r"python C:\data\train.py --lr=0.1"),
        ([r"C:\Program Files\prog.exe", ""], r'"C:\Program Files\prog.exe" ""'),
        (["opt=a|b", "x&y", "50%", "it's", "größe"], '"opt=a|b" "x&y" "50%" "it\'s" größe'),
        (["(a\\", 'say "hi"'], '"(a\\\\" "say \\"hi\\""'),
    ],
)
def test_a_command_is_shown_as_windows_reads_it(words: list[str], line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(system, "has_cmd", lambda: True)
    assert system.command_line(words) == line


@posix
def test_a_command_is_shown_as_a_shell_reads_it() -> None:
    assert system.command_line(["python", "a b", "x&y"]) == "python 'a b' 'x&y'"


@pytest.mark.parametrize("windows", [False, True])
def test_a_run_again_is_quoted_for_its_system(
    windows: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(system, "has_cmd", lambda: windows)
    Path("a b.py").write_text("import sys; print('loss:', sys.argv[1])", encoding="utf-8")
    words = ["-p", "x=float(0, 1)", "--minimize", "loss", "--trials", "1", "--quiet", "--", sys.executable]
    assert main(["run", *words, "a b.py", "{x}"]) == 0
    assert ('"a b.py" 0.5' if windows else "'a b.py' 0.5") in capsys.readouterr().out


class OpenFile:
    """What Windows says of files that are open: they are not deleted, and flushed only if they may be written."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.unlink, self.fsync = Path.unlink, os.fsync
        monkeypatch.setattr(Path, "unlink", lambda path, missing_ok=False: self.refuse(path, missing_ok))
        monkeypatch.setattr(os, "fsync", self.flush)

    def refuse(self, path: Path, missing_ok: bool) -> None:
        number = path.stat().st_ino if path.exists() else None
        for name in os.listdir("/proc/self/fd"):
            try:
                found = os.stat(f"/proc/self/fd/{name}").st_ino
            except OSError:  # that of the listing
                continue
            if found == number:
                raise PermissionError(13, "it is open", str(path))
        self.unlink(path, missing_ok=missing_ok)

    def flush(self, file: int) -> None:
        import fcntl

        if fcntl.fcntl(file, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY:
            raise OSError(9, "it is open for reading only")
        self.fsync(file)


@pytest.fixture
def open_files(monkeypatch: pytest.MonkeyPatch) -> OpenFile:
    if sys.platform != "linux":
        pytest.skip("the stand-in looks at /proc")
    return OpenFile(monkeypatch)


@pytest.mark.usefixtures("open_files")
def test_files_are_flushed_as_windows_can(tmp_path: Path) -> None:
    path = tmp_path / "state.bin"
    path.write_bytes(b"state")
    local._flush_file(path, writable=True)
    with pytest.raises(OSError, match="reading only"):
        local._flush_file(path, writable=False)


def test_bytes_of_plain_files_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "O_BINARY", 0x8000, raising=False)
    assert runpy.run_path(str(Path(system.__file__)))["PLAIN_FILE"] & 0x8000
