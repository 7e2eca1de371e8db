"""Keeps a program to some of the machine's CPUs."""

import os
import shutil


def cpus() -> list[int]:
    """The CPUs that this process may use."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))


def pinned(allowed: list[int] | None) -> list[str]:
    """What to put before a command; nothing where there is no taskset, or all CPUs are allowed."""
    if allowed is None or shutil.which("taskset") is None:
        return []
    return ["taskset", "-c", ",".join(map(str, allowed))]
