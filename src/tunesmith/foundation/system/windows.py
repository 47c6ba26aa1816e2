"""Jobs of Windows, by ctypes: what `tunesmith.foundation.system.groups` needs of the kernel.

A process begins suspended, so that it starts nothing before it is in its job.
"""

from __future__ import annotations

import sys

if sys.platform == "win32":
    import ctypes
    import ctypes.wintypes as types
    import os
    import shutil
    import signal
    import subprocess
    from collections.abc import Mapping, Sequence
    from typing import Any

    _SUSPENDED = 0x4
    _KILL_ON_CLOSE = 0x2000
    _EXTENDED_LIMITS = 9
    _ENDED = 1  # the exit code of processes that were ended

    class _BasicLimits(ctypes.Structure):
        _fields_ = (
            ("per_process_time", ctypes.c_int64),
            ("per_job_time", ctypes.c_int64),
            ("flags", ctypes.c_uint32),
            ("least_working_set", ctypes.c_size_t),
            ("most_working_set", ctypes.c_size_t),
            ("processes", ctypes.c_uint32),
            ("affinity", ctypes.c_size_t),
            ("priority", ctypes.c_uint32),
            ("scheduling", ctypes.c_uint32),
        )

    class _Limits(ctypes.Structure):
        _fields_ = (
            ("basic", _BasicLimits),
            ("counters", ctypes.c_uint64 * 6),
            ("process_memory", ctypes.c_size_t),
            ("job_memory", ctypes.c_size_t),
            ("peak_process_memory", ctypes.c_size_t),
            ("peak_job_memory", ctypes.c_size_t),
        )

    class WindowsKernel:
        """Starts processes in jobs."""

        def __init__(self) -> None:
            self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)
            self._kernel.CreateJobObjectW.restype = types.HANDLE
            self._kernel.CreateJobObjectW.argtypes = (ctypes.c_void_p, types.LPCWSTR)
            self._kernel.SetInformationJobObject.argtypes = (types.HANDLE, ctypes.c_int, ctypes.c_void_p, types.DWORD)
            self._kernel.AssignProcessToJobObject.argtypes = (types.HANDLE, types.HANDLE)
            self._kernel.TerminateJobObject.argtypes = (types.HANDLE, types.UINT)
            self._kernel.CloseHandle.argtypes = (types.HANDLE,)
            self._resume = ctypes.WinDLL("ntdll").NtResumeProcess
            self._resume.argtypes = (types.HANDLE,)

        def start(
            self,
            words: Sequence[str],
            env: Mapping[str, str],
            streams: tuple[int | None, int | None],
            stdin: str,
            handles: Sequence[int],
        ) -> subprocess.Popen[bytes]:
            """Start a process that does nothing yet."""
            # CreateProcess looks for .exe alone, and not in the PATH that the process gets.
            found = shutil.which(words[0], path=env.get("PATH"))
            for handle in handles:
                os.set_handle_inheritable(handle, True)
            inherited: dict[str, Any] = {"handle_list": list(handles)} if handles else {}
            return subprocess.Popen(
                [found or words[0], *words[1:]],
                stdin=subprocess.PIPE if stdin == "pipe" else subprocess.DEVNULL,
                stdout=streams[0],
                stderr=streams[1],
                env=env,
                startupinfo=subprocess.STARTUPINFO(lpAttributeList=inherited),
                creationflags=subprocess.CREATE_NEW_PROCESS_GROUP | _SUSPENDED,
            )

        def job(self) -> int:
            """Return a new job, whose processes are ended when it is closed."""
            job = self._kernel.CreateJobObjectW(None, None)
            limits = _Limits()
            limits.basic.flags = _KILL_ON_CLOSE
            size = ctypes.sizeof(limits)
            if not job or not self._kernel.SetInformationJobObject(job, _EXTENDED_LIMITS, ctypes.byref(limits), size):
                raise ctypes.WinError(ctypes.get_last_error())
            return int(job)

        def assign(self, job: int, process: subprocess.Popen[bytes]) -> None:
            """Put a process into a job; what it starts is in it too."""
            if not self._kernel.AssignProcessToJobObject(job, _handle(process)):
                raise ctypes.WinError(ctypes.get_last_error())

        def resume(self, process: subprocess.Popen[bytes]) -> None:
            """Let a process begin."""
            if self._resume(_handle(process)) != 0:
                raise OSError(f"the process {process.pid} cannot be resumed")

        def interrupt(self, process: subprocess.Popen[bytes]) -> None:
            """Send the Break key to a process and those that share its console group."""
            os.kill(process.pid, signal.CTRL_BREAK_EVENT)

        def end(self, job: int) -> None:
            """End all processes of a job."""
            if not self._kernel.TerminateJobObject(job, _ENDED):
                raise ctypes.WinError(ctypes.get_last_error())

        def close(self, job: int) -> None:
            """Close a job."""
            self._kernel.CloseHandle(job)

    def _handle(process: subprocess.Popen[bytes]) -> int:
        # Popen has no public name for the handle, and a pid may be another process's by now.
        return int(process._handle)  # type: ignore[attr-defined]  # typeshed leaves out private names
