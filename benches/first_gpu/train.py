"""Trains one net for as long as there is time, and leaves its float weights and its last checkpoint."""

import json
import os
import shutil
import sys
from pathlib import Path

from .pack import REPOSITORY
from .process import Runner, Step, say
from .recipes import recipes

CONSTANT_SHARE = 0.6
"""Of the time; the rest is for the decay and what comes after it."""
END_S = 15
"""Kept for exporting and measuring."""
SAFETY = 0.85
"""A step may take this much longer at the end than before: the reciprocal."""


def train(
    weights: Path,
    photos: Path,
    out: Path,
    name: str,
    runner: Runner,
    time_s: float,
    small: bool,
) -> None:
    """A run at a constant rate for its share of `time_s`, a decay from its last checkpoint, and the export."""
    recipe = recipes()[name]
    end_s = runner.left_s - time_s
    work = out / "scratch" / name
    environment = {"PYTHONPATH": os.pathsep.join([str(REPOSITORY / "training"), os.environ.get("PYTHONPATH", "")])}

    def step(title: str, limit_s: float, *arguments: str) -> bool:
        command = [sys.executable, "-m", "abpn_training", *arguments]
        record = f"train {name}: {title}"
        runner.run(Step(record, command, limit_s, environment=environment))
        return runner.results.content["steps"][record]["outcome"] in (
            "done",
            "out of time",
        )

    settings = [
        *recipe.settings,
        "--scale",
        str(recipe.scale),
        "--hr",
        str(photos / "hr"),
    ]
    settings += [
        "--lr",
        str(photos / recipe.small),
        "--log-every",
        "50" if small else "500",
    ]
    # A line of the log waits for the device, and so does a checkpoint; these are seconds apart.
    settings += ["--save-every", "50"] if small else ["--save-every", "100000000", "--save-seconds", "60"]
    settings += ["--init", str(weights / recipe.init)] if recipe.init else []
    settings += ["--batch", "2", "--patch", "24", "--warmup", "5"] if small else ["--bf16"]
    constant, decayed = work / "constant", work / "decayed"
    endless = ["--schedule", "wsd", "--decay-steps", "0", "--steps", "100000000"]
    if not step(
        "constant rate",
        time_s * CONSTANT_SHARE,
        "train",
        "-o",
        str(constant),
        *endless,
        *settings,
    ):
        return
    seconds = _step_seconds(constant)
    if seconds is None:
        say(f"{name}: it had no time for a checkpoint")
        return
    # Whatever comes, the constant rate can go on from here.
    shutil.copy(constant / "checkpoint.pt", out / f"{name}_constant.pt")
    decay_s = runner.left_s - end_s - END_S
    steps = max(1, int(decay_s * SAFETY / seconds))
    source, saves = (
        str(constant / "checkpoint.pt"),
        ["--save-every", str(max(1, steps // 4))],
    )
    if not step(
        "decay",
        decay_s,
        "train",
        "-o",
        str(decayed),
        "--decay-from",
        source,
        "--decay-steps",
        str(steps),
        *saves,
    ):
        return
    step(
        "export",
        END_S,
        "export",
        str(decayed),
        "-o",
        str(out / f"{name}_float.safetensors"),
    )
    runner.results.add(
        f"train {name}: log",
        {"outcome": "done", "output": _log(constant) + _log(decayed)},
    )


def _log(run: Path) -> list[dict]:
    """What a run logged; a kill may cut the last line."""
    path = run / "log.jsonl"
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _step_seconds(run: Path) -> float | None:
    """Seconds of a late step, or None if there is no checkpoint to go on from."""
    log = _log(run)
    return log[-1]["step_seconds"] if log and (run / "checkpoint.pt").exists() else None
