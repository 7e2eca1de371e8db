"""What every kind of training shares: the loop over steps, its log, its checkpoints, and going on after a kill."""

import copy
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from abpn_training import checkpoint, feed, optim, plot
from abpn_training.config import Common
from abpn_training.data import Pair, Pictures, load
from abpn_training.device_patches import DevicePatches
from abpn_training.environment import prepare
from abpn_training.errors import UserError
from abpn_training.evaluate import mean_psnr
from abpn_training.patches import Patches
from abpn_training.schedule import Schedule
from abpn_training.step import Step
from abpn_training.weights import MIRROR

CHECKPOINT, LOG, CURVE = "checkpoint.pt", "log.jsonl", "curve.png"

# Without --val-hr, one picture in so many is held out to measure on.
HELD_OUT = 16


def pictures(config: Common) -> tuple[Pictures, list[Pair]]:
    """The pictures to train on, and those to measure PSNR on."""
    train = load([Path(d) for d in config.hr], [Path(d) for d in config.lr], config.scale, config.patch)
    for line in train.left_out:
        print(f"left out: {line}", file=sys.stderr)
    if config.val_hr:
        val = load([Path(d) for d in config.val_hr], [Path(d) for d in config.val_lr], config.scale)
        if val.left_out or not val.pairs:
            raise UserError("; ".join(val.left_out) or f"{config.val_hr[0]}: no picture to measure on")
        held_out = val.pairs
    else:
        held_out = train.pairs[::HELD_OUT]
        train = Pictures([pair for index, pair in enumerate(train.pairs) if index % HELD_OUT], train.left_out)
    if not train.pairs:
        raise UserError(f"{' '.join(config.hr)}: no picture to train on is left")
    pixels = sum(pair.hr.size for pair in train.pairs) / 3e6
    print(f"{len(train.pairs)} pictures of {pixels:.1f} megapixels, measured on {len(held_out)}", file=sys.stderr)
    return train, held_out


@dataclass(frozen=True)
class Kind:
    """A kind of training."""

    # Its command, and how its checkpoints call it.
    name: str
    config: type[Common]
    # The net at its start, or one that can take over a checkpoint's net, if that is given, and its optimisers. Files
    # that a run begins from are read at its start alone. The net gives the layout of `Abpn` and takes (lr, padded).
    make: Callable[[Any, dict[str, Tensor] | None], tuple[nn.Module, list[Optimizer]]]


class Run:
    """A run in a folder, which holds its last checkpoint, its log (a JSON object a line) and its curve."""

    def __init__(
        self, kind: Kind, folder: Path, config: Common, schedule: Schedule, state: dict[str, Any] | None = None
    ) -> None:
        """A run at its first step, or at that of a checkpoint's state."""
        prepare(config)
        self.kind, self.folder, self.config, self.schedule = kind.name, folder, config, schedule
        self.net, self.optimisers = kind.make(config, state and state["net"])
        self.net.to(memory_format=torch.channels_last)
        self.average = copy.deepcopy(self.net).requires_grad_(False) if config.ema else self.net
        self.step = 0
        self.records: list[dict[str, Any]] = []
        self.fingerprint = ""
        if state:
            self._restore(state)
        optim.settle(self.optimisers, config.device)

    @property
    def mirrored(self) -> int:
        """By how many pixels pictures are extended by their mirror images."""
        return self.net.halo if self.config.border == MIRROR else 0

    def state(self) -> dict[str, Any]:
        """All that going on takes. Random numbers have no state: they are made of seed and step."""
        return {
            "kind": self.kind,
            "config": asdict(self.config),
            "schedule": asdict(self.schedule),
            "step": self.step,
            "net": self.net.state_dict(),
            "average": self.average.state_dict(),
            "optimisers": [optimiser.state_dict() for optimiser in self.optimisers],
            "fingerprint": self.fingerprint,
        }

    def read_log(self) -> None:
        """Reads the log up to this step; what a killed run logged after its last checkpoint will come again."""
        path = self.folder / LOG
        if path.exists():
            # A kill may cut the last line.
            lines = [line for line in path.read_text().splitlines(keepends=True) if line.endswith("\n")]
            self.records = [record for record in map(json.loads, lines) if record["step"] <= self.step]
        self._write_log()

    def train(self) -> None:
        """Goes on to the last step."""
        train, held_out = pictures(self.config)
        fingerprint = train.fingerprint()
        if self.fingerprint and self.fingerprint != fingerprint:
            raise UserError(f"{self.folder}: the run began on other pictures than {' '.join(self.config.hr)} holds now")
        self.fingerprint = fingerprint
        config, schedule = self.config, self.schedule
        step, source = self._begin(train.pairs)
        progress = tqdm(total=schedule.steps, initial=self.step, unit="step", disable=None, dynamic_ncols=True)
        psnr, since, seconds = None, self.step, time.monotonic()
        saved = seconds
        for drawn in source:
            step.run(self.step, drawn)
            self.step += 1
            progress.update()
            save = self.step == schedule.steps or self.step % config.save_every == 0
            if not (save or self.step % config.log_every == 0):
                continue
            loss = 255 * float(step.losses) / (self.step - since)
            save = save or (config.save_seconds > 0 and time.monotonic() - saved >= config.save_seconds)
            if loss != loss or loss == float("inf"):
                raise UserError(f"{self.folder}: the loss is {loss} at step {self.step}; lower the learning rate")
            step_seconds = (time.monotonic() - seconds) / (self.step - since)
            if save:
                psnr = self.psnr(held_out)
            self.records.append(
                {
                    "step": self.step,
                    "loss": loss,
                    "psnr": psnr if save else None,
                    "rate": config.rate * schedule.factor(self.step - 1),
                    "step_seconds": step_seconds,
                    "seconds_left": step_seconds * (schedule.steps - self.step),
                }
            )
            self._write_log(self.records[-1])
            self._show(progress, psnr)
            if save:
                self._save()
                saved = time.monotonic()
            step.losses.zero_()
            since, seconds = self.step, time.monotonic()
        progress.close()

    def _begin(self, pairs: list[Pair]) -> tuple[Step, Iterator[Any]]:
        """What does a step, and what it is fed with from this step on."""
        config, mirrored = self.config, self.mirrored
        pairs = [pair.mirrored(mirrored) for pair in pairs]
        patches = Patches(
            pairs,
            config.scale,
            config.patch,
            config.batch,
            config.hardest_of,
            config.seed,
            config.recolour,
            margin=mirrored,
        )
        steps = range(self.step, self.schedule.steps)
        if config.device == "cuda":
            cut = DevicePatches(pairs, patches.bicubic_mse, config.patch, config.device).cut
            source: Iterator[Any] = feed.cuda(patches, steps)
        else:
            cut = partial(feed.to_device, device=config.device)
            # A thread that draws beside convolutions on all cores holds them up for longer than it takes.
            ahead = config.device != "cpu" or config.threads < (os.cpu_count() or 1)
            source = feed.host(patches, steps, ahead)
        return Step(config, self.schedule, self.net, self.average, self.optimisers, cut), source

    def psnr(self, pairs: list[Pair]) -> float:
        """The mean PSNR-RGB in dB of the averaged weights."""
        return mean_psnr(self.average, pairs, self.config.scale, self.mirrored, self.config.device)

    def _restore(self, state: dict[str, Any]) -> None:
        self.step, self.fingerprint = state["step"], state["fingerprint"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)

    def _save(self) -> None:
        state = self.state()
        checkpoint.save(self.folder / CHECKPOINT, state)
        if self.config.keep_every and self.step % self.config.keep_every == 0:
            checkpoint.save(self.folder / f"step-{self.step:08}.pt", state)
        plot.curve(self.records, self.folder / CURVE)

    def _write_log(self, record: dict[str, Any] | None = None) -> None:
        """Appends one record, or writes the log anew."""
        path = self.folder / LOG
        if record is not None:
            with path.open("a") as file:
                file.write(json.dumps(record) + "\n")
        else:
            text = "".join(json.dumps(record) + "\n" for record in self.records)
            checkpoint.write_atomically(path, lambda file: file.write_text(text))

    def _show(self, progress: tqdm, psnr: float | None) -> None:
        record = self.records[-1]
        shown = {"loss": f"{record['loss']:.4f}", "ms": f"{1000 * record['step_seconds']:.0f}"}
        if psnr is not None:
            shown["psnr"] = f"{psnr:.3f}"
        progress.set_postfix(shown)
        if progress.disable and record["psnr"] is not None:
            # No terminal: a line for each measurement.
            left = f"{record['seconds_left'] / 60:.0f} minutes left"
            print(f"step {self.step}: {', '.join(f'{k} {v}' for k, v in shown.items())}, {left}", flush=True)
