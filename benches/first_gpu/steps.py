"""The steps on the machine with the GPU, in the order of their worth: what comes late may find no time left."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .pack import REPOSITORY
from .process import Runner, Step, say
from .train import train

FRAMES = ["640x360", "1280x720", "1920x1080"]
SMALL_FRAMES = ["64x36"]
"""For a try on a software driver."""
STEP_S = 120
"""The most that a step other than training may take."""
TRAINING_LEAST_S = 45
"""With less time left no training is begun."""


@dataclass(frozen=True)
class Plan:
    """What to do."""

    abpn: Path
    weights: Path
    out: Path
    photos: Path | None
    gpu: str | None
    """A part of the adapter's name."""
    small: bool
    """Sizes of a try, not of a measurement."""
    nets: list[str]
    """Those to train, names of `recipes.RECIPES`."""


def run(plan: Plan, runner: Runner) -> None:
    """Runs all steps."""
    runner.run(Step("nvidia-smi", ["nvidia-smi", "-q"], 20))
    rows = runner.run(_abpn(plan, "adapters", "adapters", "--json"))
    adapter = choose(rows if isinstance(rows, list) else [], plan.gpu)
    if adapter is None:
        say("no adapter: install a Vulkan driver (on Debian: apt install mesa-vulkan-drivers)")
        device = ["--device", "cpu"]
    else:
        say(f"{adapter['name']} ({adapter['backend']})")
        device = ["--gpu", str(adapter["index"])]
        _on_adapter(plan, runner, adapter, device)
    _beside_pytorch(plan, runner, adapter)
    if plan.photos is not None:
        for position, net in enumerate(plan.nets):
            left_s = runner.left_s / (len(plan.nets) - position)
            if left_s < TRAINING_LEAST_S:
                say(f"{net}: {left_s:.0f} s are too few to train")
                break
            train(plan.weights, plan.photos, plan.out, net, runner, left_s, plan.small)


def choose(rows: list[dict[str, Any]], name: str | None) -> dict[str, Any] | None:
    """The adapter whose name has that part, or the best; `abpn adapters` lists them."""
    fit = [row for row in rows if row["index"] is not None and (name or "").lower() in _label(row).lower()]
    return min(fit, key=lambda row: row["rank"], default=None)


def _label(row: dict[str, Any]) -> str:
    return f"{row['name']} ({row['backend']})"


def _on_adapter(plan: Plan, runner: Runner, adapter: dict[str, Any], device: list[str]) -> None:
    """Proofs first, then times."""
    runner.run(_abpn(plan, "selftest", "selftest", *device))
    runner.run(_abpn(plan, "tune", "tune", *device, "--json"))
    frames = "3" if plan.small else "200"
    sizes = SMALL_FRAMES if plan.small else FRAMES
    for size in sizes:
        for bits in ("8", "16"):
            options = [
                *device,
                "--size",
                size,
                "--bits",
                bits,
                "--frames",
                frames,
                "--json",
            ]
            runner.run(_abpn(plan, f"bench x3 {size} {bits} bits", "bench", *options))
    for scale in (2, 4):
        model = str(plan.weights / f"abpn_x{scale}.safetensors")
        options = [
            *device,
            "--model",
            model,
            "--size",
            sizes[0],
            "--frames",
            frames,
            "--json",
        ]
        runner.run(_abpn(plan, f"bench x{scale} {sizes[0]} 8 bits", "bench", *options))
    for kernel in adapter["kernels"]:
        options = [
            *device,
            "--kernel",
            kernel,
            "--size",
            sizes[0],
            "--frames",
            frames,
            "--json",
        ]
        runner.run(_abpn(plan, f"bench {kernel} x3 {sizes[0]} 8 bits", "bench", *options))
    options = [*device, "--size", sizes[0], "--frames", frames, "--json"]
    runner.run(_abpn(plan, f"profile x3 {sizes[0]}", "profile", *options))


def _abpn(plan: Plan, name: str, *arguments: str) -> Step:
    return Step(name, [str(plan.abpn), *arguments], STEP_S)


def _beside_pytorch(plan: Plan, runner: Runner, adapter: dict[str, Any] | None) -> None:
    """The same net in other engines on the same device, in turns with abpn."""
    stem = plan.out / "engines"
    command = [
        sys.executable,
        "-m",
        "engines",
        "--only",
        "gpu",
        "--abpn",
        str(plan.abpn),
    ]
    command += [
        "--weights",
        str(plan.weights),
        "--folder",
        str(plan.out / "scratch"),
        "--out",
        str(stem),
    ]
    command += ["--adapter", adapter["name"]] if adapter else []
    command += ["--rounds", "2", "--size", SMALL_FRAMES[0]] if plan.small else ["--rounds", "5"]
    environment = {"PYTHONPATH": os.pathsep.join([str(REPOSITORY / "benches"), os.environ.get("PYTHONPATH", "")])}
    runner.run(Step("engines", command, STEP_S, stem.with_suffix(".json"), environment))
