"""Who runs: abpn and other engines, each with a picture, to prove that it computes the same net, and its times."""

import json
import os
import select
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from .abpn import Abpn
from .pinning import pinned
from .sessions import Setup

TIMEOUT_S = 300
VISIT_MS = 1000
"""About how long a contender runs when its turn comes."""
MOST_RUNS = 20
MOST_RESIDENT = 500
"""Frames that stay on a device, of which one is too short to time by itself."""


class ContenderError(Exception):
    """It can't run, for this reason."""


class Contender(Protocol):
    """Something that runs the net."""

    engine: str
    precision: str

    def start(self) -> np.ndarray:
        """Makes it ready and gives its picture, u8, [h, w, 3]."""

    def visit(self) -> list[float]:
        """Runs a few times; milliseconds a frame."""

    def stop(self) -> None:
        """Ends it."""


def runs_of(frame_ms: float) -> int:
    """How often to run at a visit."""
    return max(1, min(MOST_RUNS, int(VISIT_MS / max(frame_ms, 1))))


class AbpnContender:
    """abpn: a fresh process at each visit, which warms up and measures itself."""

    engine = "abpn"

    def __init__(self, abpn: Abpn, precision: str, source: Path, size: str, resident: bool = False) -> None:
        self.abpn, self.precision, self.source, self.size, self.resident = abpn, precision, source, size, resident
        self.runs = 1

    def start(self) -> np.ndarray:
        """As in `Contender`."""
        with tempfile.TemporaryDirectory() as folder:
            picture, compute_ms = self.abpn.picture(self.source, Path(folder) / "upscaled.png")
        self.runs = runs_of(compute_ms)
        return picture

    def visit(self) -> list[float]:
        """As in `Contender`."""
        return [self.abpn.frame_ms(self.size, self.runs, self.resident)]

    def stop(self) -> None:
        """As in `Contender`: there is nothing to end."""


class EngineContender:
    """Another engine, in a worker process that stays."""

    def __init__(
        self, engine: str, setup: Setup, image: Path, cpus: list[int] | None = None, resident: bool = False
    ) -> None:
        self.engine, self.precision = engine, setup.precision
        self.setup, self.image, self.cpus, self.resident = setup, image, cpus, resident
        self.runs = 1
        self.worker: subprocess.Popen[str] | None = None
        self.errors: IO[str] = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed by `stop`)

    def start(self) -> np.ndarray:
        """As in `Contender`."""
        request = json.dumps({"engine": self.engine} | asdict(self.setup), default=str)
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / "picture.npy"
            self.worker = subprocess.Popen(
                [
                    *pinned(self.cpus),
                    sys.executable,
                    "-m",
                    f"{__package__}.worker",
                    request,
                    str(self.image),
                    str(file),
                ],
                env=os.environ | {"OMP_NUM_THREADS": str(self.setup.threads)},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
            )
            warm_up_ms = self._answer()["warm_up_ms"]
            picture = np.load(file)
        self.runs = runs_of(warm_up_ms)
        if self.resident:
            # The first run was no measure: it compiled and allocated.
            self.runs = 3
            self.runs = max(1, min(MOST_RESIDENT, int(VISIT_MS / max(self.visit()[0], 1e-3))))
        return picture

    def visit(self) -> list[float]:
        """As in `Contender`."""
        assert self.worker is not None
        assert self.worker.stdin is not None
        try:
            print(self.runs, *(["resident"] if self.resident else []), file=self.worker.stdin, flush=True)
        except BrokenPipeError as error:
            raise ContenderError(self._last_words()) from error
        return self._answer()

    def stop(self) -> None:
        """As in `Contender`."""
        if self.worker:
            self.worker.kill()
            self.worker.wait()
        self.errors.close()

    def _answer(self) -> Any:
        """The next line of the worker, which is JSON."""
        assert self.worker is not None
        assert self.worker.stdout is not None
        ready, _, _ = select.select([self.worker.stdout], [], [], TIMEOUT_S)
        if not ready:
            raise ContenderError(f"no answer in {TIMEOUT_S} s")
        line = self.worker.stdout.readline()
        if not line:
            raise ContenderError(self._last_words())
        return json.loads(line)

    def _last_words(self) -> str:
        assert self.worker is not None
        code = self.worker.wait()
        self.errors.seek(0)
        lines = self.errors.read().strip().splitlines()
        return lines[-1] if lines else f"it ended with code {code}"
