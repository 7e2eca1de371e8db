"""Runs a program as a step: with a limit, and with all that it said kept."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .results import Results

MESSAGES = 4000
"""So many last characters of a step's messages are kept."""
NOT_FOUND = 127
"""The exit code where there is no such program, as shells have it."""
GRACE_S = 5
"""After its limit a program is asked to end, and killed this much later."""


@dataclass(frozen=True)
class Step:
    """One program to run."""

    name: str
    command: list[str]
    limit_s: float
    """It is ended after so many seconds."""
    reads: Path | None = None
    """The file that it writes its result to, as JSON; without, that is what it prints."""
    environment: dict[str, str] = field(default_factory=dict)


class Runner:
    """Runs steps one after the other until a deadline."""

    def __init__(self, results: Results, deadline: float) -> None:
        """`deadline` is a `time.monotonic()`."""
        self.results, self.deadline = results, deadline

    @property
    def left_s(self) -> float:
        """Seconds until the deadline."""
        return self.deadline - time.monotonic()

    def run(self, step: Step) -> Any:
        """Runs a step and records it; what it gave, or None where it failed or there was no time for it."""
        limit_s = min(step.limit_s, self.left_s)
        record: dict[str, Any] = {
            "command": step.command,
            "outcome": "no time",
            "limit_s": round(limit_s, 1),
        }
        if limit_s > 1:
            say(f"{step.name}: {' '.join(step.command)}")
            start = time.monotonic()
            code, printed, messages = _communicate(step, limit_s)
            record |= {
                "elapsed_s": round(time.monotonic() - start, 2),
                "exit_code": code,
                "messages": messages,
            }
            record |= _outcome(step, code, printed)
            if record["outcome"] != "done":
                last = (messages.strip().splitlines() or ["no message"])[-1]
                say(f"{step.name}: {record['outcome']}, exit code {code}: {last}")
        self.results.add(step.name, record)
        return record.get("output")


def _outcome(step: Step, code: int | None, printed: str) -> dict[str, Any]:
    """How a step ended; what it printed is kept as text where it is no JSON."""
    if code is None:
        return {
            "outcome": "out of time",
            "output": _parsed(step.reads.read_text()) if _is_there(step.reads) else None,
        }
    if code == NOT_FOUND:
        return {"outcome": "not installed"}
    if code != 0:
        return {"outcome": "failed", "printed": printed[-MESSAGES:]}
    if step.reads is not None:
        return (
            {"outcome": "done", "output": _parsed(step.reads.read_text())}
            if _is_there(step.reads)
            else {
                "outcome": "failed",
                "printed": f"it wrote no {step.reads.name}",
            }
        )
    return {"outcome": "done", "output": _parsed(printed)}


def _is_there(path: Path | None) -> bool:
    return path is not None and path.exists()


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _communicate(step: Step, limit_s: float) -> tuple[int | None, str, str]:
    """Its exit code, None where it had to be ended, what it printed, and its last messages."""
    try:
        # A group of its own, so that nothing it has started outlives it.
        process = subprocess.Popen(
            step.command,
            env=os.environ | step.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
        )
    except OSError as error:
        return NOT_FOUND, "", str(error)
    code: int | None = None
    try:
        printed, messages = process.communicate(timeout=limit_s)
        code = process.returncode
    except subprocess.TimeoutExpired:
        _end(process, signal.SIGTERM)
        try:
            printed, messages = process.communicate(timeout=GRACE_S)
        except subprocess.TimeoutExpired:
            _end(process, signal.SIGKILL)
            printed, messages = process.communicate()
    return code, printed, messages[-MESSAGES:]


def _end(process: subprocess.Popen[str], number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def say(text: str) -> None:
    """A message for whoever watches."""
    print(f"first-gpu: {text}", file=sys.stderr, flush=True)
