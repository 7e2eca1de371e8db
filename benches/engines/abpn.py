"""abpn itself: its program, asked for its own figures."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

TIMEOUT_S = 600


class AbpnError(Exception):
    """The program failed; its last words."""


@dataclass(frozen=True)
class Abpn:
    """The program, and where and how it is to compute."""

    program: Path
    device: tuple[str, ...] = ("--device", "cpu")
    """Its options for the device."""
    environment: dict[str, str] = field(default_factory=dict)
    cpus: frozenset[int] | None = None
    """The CPUs that it may use."""

    def output(self, *arguments: str) -> str:
        """What it prints when run with `arguments`."""
        result = subprocess.run(
            [self.program, *arguments],
            env=os.environ | self.environment,
            preexec_fn=(lambda: os.sched_setaffinity(0, self.cpus)) if self.cpus else None,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        if result.returncode != 0:
            last = (result.stderr.strip().splitlines() or ["no message"])[-1]
            raise AbpnError(f"{last} (exit code {result.returncode})")
        return result.stdout

    def adapters(self) -> list[dict[str, Any]]:
        """The rows of `abpn adapters`."""
        try:
            return json.loads(self.output("adapters", "--json"))
        except AbpnError:
            # Without an adapter it says what to install, and fails.
            return []

    def picture(self, source: Path, target: Path) -> np.ndarray:
        """The upscaled picture, u8, [h, w, 3]."""
        self.output("upscale", *self.device, str(source), "-o", str(target), "--overwrite")
        return np.asarray(Image.open(target).convert("RGB"))

    def frame_ms(self, size: str, frames: int) -> list[float]:
        """The median milliseconds of a frame among `frames` of them, from host memory to host memory."""
        report = json.loads(self.output("profile", *self.device, "--size", size, "--frames", str(frames), "--json"))
        return [report["host"]["frame"]["median_ns"] / 1e6]
