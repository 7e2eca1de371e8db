"""What every kind of training shares: the loop over steps, its log, its checkpoints, and going on after a kill."""

import copy
import ctypes
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from tqdm import tqdm

from abpn_training import checkpoint, optim, plot
from abpn_training.config import Common
from abpn_training.data import Pair, Pictures, load
from abpn_training.errors import UserError
from abpn_training.evaluate import mean_psnr
from abpn_training.patches import Batch, Patches
from abpn_training.schedule import Schedule
from abpn_training.weights import MIRROR

CHECKPOINT, LOG, CURVE = "checkpoint.pt", "log.jsonl", "curve.png"

# Without --val-hr, one picture in so many is held out to measure on.
HELD_OUT = 16

CHARBONNIER_EPSILON = 1e-3

# Squared levels, 38 dB: patches with less are as good as perfect, and don't outweigh others.
PATCH_PSNR_LEAST_MSE = 10

# Of glibc's malloc.h: how much free memory at the top of the heap goes back to the system, and from what size a block
# has a mapping of its own.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_INT = 2**31 - 1


def loss_of(kind: str, error: Tensor, bicubic_mse: Tensor) -> Tensor:
    """The mean loss of errors in 0..1, [n, ...], on patches of pictures with that error, [n], in levels."""
    mse = error.flatten(1).square().mean(dim=1) * 255**2
    match kind:
        case "l1":
            return error.abs().mean()
        case "charbonnier":
            return (error.square() + CHARBONNIER_EPSILON**2).sqrt().mean()
        case "l2":
            return error.square().mean()
        case "psnr":
            return (mse / bicubic_mse).mean()
        case "patch-psnr":
            return (mse + PATCH_PSNR_LEAST_MSE).log10().mean() * 10
    raise ValueError(kind)


def keep_memory() -> None:
    """Lets each step have the memory of the last one: fetching it anew takes a fifth of a step's time on a CPU."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_INT)
        libc.mallopt(M_TRIM_THRESHOLD, LARGEST_INT)


def prepare(config: Common) -> None:
    """Makes a run repeatable, and settles the threads and the device to run on."""
    # cuBLAS reads it when it starts; without it its sums depend on chance.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory that it hasn't written.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
    keep_memory()
    config.threads = config.threads or torch.get_num_threads()
    torch.set_num_threads(config.threads)
    if config.device == "auto":
        config.device = "cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu"


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
        config, schedule, mirrored = self.config, self.schedule, self.mirrored
        patches = Patches(
            [pair.mirrored(mirrored) for pair in train.pairs],
            config.scale,
            config.patch,
            config.batch,
            config.hardest_of,
            config.seed,
            config.recolour,
            margin=mirrored,
        )
        progress = tqdm(total=schedule.steps, initial=self.step, unit="step", disable=None, dynamic_ncols=True)
        losses = torch.zeros((), device=config.device)
        psnr, since, seconds = None, self.step, time.monotonic()
        # A thread that draws beside convolutions on all cores holds them up for longer than it takes.
        ahead = config.device != "cpu" or config.threads < (os.cpu_count() or 1)
        for batch in patches.batches(range(self.step, schedule.steps), ahead):
            losses += self._step(batch)
            self.step += 1
            progress.update()
            save = self.step == schedule.steps or self.step % config.save_every == 0
            if not (save or self.step % config.log_every == 0):
                continue
            loss = 255 * float(losses) / (self.step - since)
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
            losses.zero_()
            since, seconds = self.step, time.monotonic()
        progress.close()

    def psnr(self, pairs: list[Pair]) -> float:
        """The mean PSNR-RGB in dB of the averaged weights."""
        return mean_psnr(self.average, pairs, self.config.scale, self.mirrored, self.config.device)

    def _restore(self, state: dict[str, Any]) -> None:
        self.step, self.fingerprint = state["step"], state["fingerprint"]
        self.net.load_state_dict(state["net"])
        self.average.load_state_dict(state["average"])
        for optimiser, saved in zip(self.optimisers, state["optimisers"], strict=True):
            optimiser.load_state_dict(saved)

    def _step(self, batch: Batch) -> Tensor:
        """One step. Returns the loss."""
        config = self.config
        lr, hr, bicubic_mse = (part.to(config.device) for part in (batch.lr, batch.hr, batch.bicubic_mse))
        optim.set_rate(self.optimisers, self.schedule.factor(self.step))
        same = config.padding == "same" or (config.same_every and self.step % config.same_every == 0)
        if not same:
            halo = self.net.halo
            hr = hr[:, :, halo:-halo, halo:-halo]
        with torch.autocast(config.device, torch.bfloat16, enabled=config.bf16):
            result = self.net(lr / 255, same)
        loss = loss_of(config.loss, result.float() - hr / 255, bicubic_mse)
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for optimiser in self.optimisers:
            optimiser.step()
        if self.average is not self.net:
            # In the first steps the average forgets faster, or it would long remember the start.
            decay = min(config.ema, (self.step + 1) / (self.step + 10))
            with torch.no_grad():
                torch._foreach_lerp_(list(self.average.parameters()), list(self.net.parameters()), 1 - decay)
        return loss.detach()

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
