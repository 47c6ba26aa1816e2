"""Python as on macOS: there is no /proc, and nobody says which cores a process may use."""

import multiprocessing

from hidden import hide

multiprocessing.set_start_method("spawn")
hide("", "sched_getaffinity sched_setaffinity pidfd_open", ("/proc", "/sys", "/dev/shm"))
