"""abpn itself: its program, asked for its own figures."""

import json
import os
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .pinning import pinned

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
    cpus: list[int] | None = None
    """The CPUs that it may use."""

    def output(self, *arguments: str) -> str:
        """What it prints when run with `arguments`."""
        result = subprocess.run(
            [*pinned(self.cpus), str(self.program), *arguments],
            env=os.environ | self.environment,
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

    def picture(self, source: Path, target: Path) -> tuple[np.ndarray, float]:
        """The upscaled picture, u8, [h, w, 3], and the milliseconds of its computation, a first one."""
        report = json.loads(
            self.output("upscale", *self.device, str(source), "-o", str(target), "--overwrite", "--json")
        )
        return np.asarray(Image.open(target).convert("RGB")), report["milliseconds"]["compute"]

    def frame_ms(self, size: str, frames: int, resident: bool = False) -> float:
        """The median milliseconds of a frame among `frames`, from host memory to host memory, one after the other.

        With `resident` those of a frame that stays on the GPU.
        """
        options = ["--size", size, "--frames", str(frames), "--depth", "1", "--json"]
        report = json.loads(self.output("bench", *self.device, *options))
        times = report["resident"]["wall"] if resident else report["end_to_end"]
        return times["median_ns"] / 1e6
