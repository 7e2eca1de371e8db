"""The paper's comparison of where the residual is added, and what 8 bits cost each net.

Source: Du et al., arXiv 2105.09750, table 1 and section 4; FSRCNN: Dong et al., arXiv 1608.00367. Every net is trained
alike. Two ways to 8 bits, both without training for them:

- TFLite's: each tensor between two operators has 8 bits, between the least and the largest value seen on training
  patches; the residual and its sum with the anchor too.
- abpn's: hidden layers have codes 0..255, the last layer's result is rounded to whole levels and not squeezed.
"""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Optimizer

from abpn_training import checkpoint, optim
from abpn_training.config import Common
from abpn_training.evaluate import mean_psnr
from abpn_training.model import Abpn, anchor, hidden_channels
from abpn_training.patches import Patches, blocks, unblocks
from abpn_training.qat import RANGE_PATCHES, Quantised, first_ranges
from abpn_training.reparam import Convolution
from abpn_training.run import CHECKPOINT, Kind, Run, pictures
from abpn_training.schedule import Schedule

# Codes of 8 bits.
CODES = 255

# FSRCNN's channels, shrunk channels, mapping layers and the side of its last kernel.
FSRCNN_WIDTH, FSRCNN_SHRUNK, FSRCNN_LAYERS, FSRCNN_KERNEL = 56, 12, 4, 9


class Tap(nn.Module):
    """A tensor between two operators: passed on as it is, measured, or rounded to 8 bits."""

    def __init__(self) -> None:
        """Passes its tensor on."""
        super().__init__()
        self.mode, self.low, self.high = "pass", 0.0, 0.0

    def forward(self, values: Tensor) -> Tensor:
        """The tensor, or what 8 bits leave of it."""
        if self.mode == "measure":
            # Zero must have a code.
            self.low, self.high = min(self.low, float(values.min())), max(self.high, float(values.max()))
        elif self.mode == "round":
            step = (self.high - self.low) / CODES or 1.0
            zero = round(-self.low / step)
            return ((values / step).round() + zero).clamp(0, CODES).sub(zero) * step
        return values


class Tapped(nn.Module):
    """A net with a tap after each operator; made into TFLite's integers by `to_tflite`."""

    def __init__(self, taps: int) -> None:
        """The input has a tap too."""
        super().__init__()
        self.taps = nn.ModuleList(Tap() for _ in range(taps))

    @torch.no_grad()
    def to_tflite(self, lr: Tensor) -> None:
        """Measures all tensors on patches in 0..1, then rounds them; weights to -127..127 a channel."""
        for mode in ("measure", "round"):
            for tap in self.taps:
                tap.mode = mode
            self(lr)
        for module in self.modules():
            if isinstance(module, Convolution | nn.Conv2d | nn.ConvTranspose2d):
                dims = (0, 2, 3) if isinstance(module, nn.ConvTranspose2d) else (1, 2, 3)
                step = module.weight.abs().amax(dim=dims, keepdim=True).clamp(min=1e-12) / 127
                module.weight.copy_((module.weight / step).round() * step)


class Plain(Tapped):
    """ABPN's layers with one of the paper's residuals: none, fsrl, isrl-bilinear, isrl-nearest, abrl."""

    def __init__(self, scale: int, residual: str, clip: bool, seed: int) -> None:
        """With `clip` the result is clipped to 0..1 within the net."""
        layers = len(hidden_channels(scale)) + 1
        super().__init__(layers + 4)
        self.scale, self.residual, self.clip = scale, residual, clip
        self.net = Abpn(scale, seed=seed)
        self.net.init_glorot()

    def forward(self, lr: Tensor, padded: bool = True) -> Tensor:
        """As `Abpn.forward`, but padded alone."""
        assert padded
        taps = iter(self.taps)
        lr = features = next(taps)(lr)
        first = None
        last = len(self.net.layers) - 1
        for index, layer in enumerate(self.net.layers):
            features = layer(features, True)
            features = next(taps)(F.relu(features) if index < last else features)
            if index == 0:
                first = features
            elif self.residual == "fsrl" and index == last - 2:
                # Over the body: the layers between the input's and those to image space.
                features = next(taps)(features + first)
        match self.residual:
            case "abrl":
                features = next(taps)(features + anchor(lr, self.scale))
            case "isrl-nearest" | "isrl-bilinear":
                mode = self.residual.removeprefix("isrl-")
                align = {"align_corners": False} if mode == "bilinear" else {}
                large = next(taps)(F.interpolate(lr, scale_factor=self.scale, mode=mode, **align))
                pixels = unblocks(features, self.scale).permute(0, 3, 1, 2)
                features = blocks(next(taps)(pixels + large).permute(0, 2, 3, 1), self.scale)
        return next(taps)(features.clamp(0, 1)) if self.clip else features


class Fsrcnn(Tapped):
    """FSRCNN on three colours."""

    def __init__(self, scale: int, seed: int) -> None:
        """PyTorch's own start, from the seed."""
        super().__init__(FSRCNN_LAYERS + 6)
        torch.manual_seed(seed)
        width, shrunk = FSRCNN_WIDTH, FSRCNN_SHRUNK
        self.scale = scale
        shapes = [(3, width, 5), (width, shrunk, 1), *[(shrunk, shrunk, 3)] * FSRCNN_LAYERS, (shrunk, width, 1)]
        self.layers = nn.ModuleList(nn.Conv2d(i, o, side, padding=side // 2) for i, o, side in shapes)
        self.slopes = nn.ModuleList(nn.PReLU(o) for _, o, _ in shapes)
        padding = (FSRCNN_KERNEL - scale + 1) // 2
        self.last = nn.ConvTranspose2d(
            width, 3, FSRCNN_KERNEL, scale, padding, output_padding=2 * padding + scale - FSRCNN_KERNEL
        )

    def forward(self, lr: Tensor, padded: bool = True) -> Tensor:
        """As `Abpn.forward`, but padded alone."""
        assert padded
        taps = iter(self.taps)
        features = next(taps)(lr)
        for layer, slopes in zip(self.layers, self.slopes, strict=True):
            features = next(taps)(slopes(layer(features)))
        pixels = next(taps)(self.last(features).clamp(0, 1))
        return blocks(pixels.permute(0, 2, 3, 1), self.scale)


@dataclass(frozen=True)
class Row:
    """A net of the table."""

    name: str
    # The paper's drop in dB, where it gives one.
    paper: float | None
    # The net from scale and seed.
    make: Callable[[int, int], Tapped]


ROWS = [
    Row("no residual", -1.93, lambda scale, seed: Plain(scale, "none", True, seed)),
    Row("feature-space residual (FSRL)", -0.78, lambda scale, seed: Plain(scale, "fsrl", True, seed)),
    Row("image-space residual (ISRL), bilinear", -0.13, lambda scale, seed: Plain(scale, "isrl-bilinear", True, seed)),
    Row("image-space residual (ISRL), nearest", None, lambda scale, seed: Plain(scale, "isrl-nearest", True, seed)),
    Row("anchor-based residual (ABRL)", None, lambda scale, seed: Plain(scale, "abrl", True, seed)),
    Row("ABRL without the final clip", None, lambda scale, seed: Plain(scale, "abrl", False, seed)),
    Row("FSRCNN", None, Fsrcnn),
]


@dataclass(frozen=True)
class Result:
    """A row's figures: mean PSNR-RGB in dB."""

    name: str
    float_psnr: float
    tflite_psnr: float
    tflite_drop: float
    # None where the engine runs no such net.
    abpn_psnr: float | None
    abpn_drop: float | None
    paper_drop: float | None


def ablate(folder: Path, config: Common) -> list[Result]:
    """Trains and measures every row in a folder of its own; rows that are trained already are only measured."""
    results = []
    for index, row in enumerate(ROWS):
        print(f"{row.name}: {config.steps} steps", flush=True)
        kind = Kind("ablate", Common, lambda config, _, row=row: _start(row, config))
        where = folder / f"row-{index}"
        where.mkdir(parents=True, exist_ok=True)
        schedule = Schedule(config.schedule, config.steps, config.warmup, config.halve_every)
        last = where / CHECKPOINT
        run = Run(kind, where, config, schedule, checkpoint.read(last) if last.exists() else None)
        run.read_log()
        if run.step < config.steps:
            run.train()
        results.append(_measure(row, run))
    record = {"settings": asdict(config), "rows": [asdict(result) for result in results]}
    checkpoint.write_atomically(folder / "ablation.json", lambda file: file.write_text(json.dumps(record, indent=2)))
    checkpoint.write_atomically(folder / "ablation.md", lambda file: file.write_text(table(results)))
    return results


def table(results: list[Result]) -> str:
    """The results as Markdown."""
    lines = [
        "| net | float | int8, TFLite's | drop | int8, abpn's | drop | the paper's drop |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results:
        cells: list[Any] = [row.float_psnr, row.tflite_psnr, row.tflite_drop, row.abpn_psnr, row.abpn_drop]
        texts = ["" if cell is None else f"{cell:.2f}" for cell in [*cells, row.paper_drop]]
        lines.append(f"| {row.name} | {' | '.join(texts)} |")
    return "\n".join(lines) + "\n"


def _start(row: Row, config: Common) -> tuple[nn.Module, list[Optimizer]]:
    net = row.make(config.scale, config.seed).to(config.device)
    return net, optim.make(net, config.optimizer, config.rate, config.bias_rate, config.beta2)


def _measure(row: Row, run: Run) -> Result:
    train, held_out = pictures(run.config)
    config, net = run.config, run.average.eval()
    patches = Patches(train.pairs, config.scale, config.patch, RANGE_PATCHES, config.hardest_of, config.seed)
    lr = patches.draw(0).lr.to(config.device) / 255

    def psnr(net: nn.Module) -> float:
        return mean_psnr(net, held_out, config.scale, device=config.device)

    whole = psnr(net)
    ours = psnr(_quantised(net, lr)) if isinstance(net, Plain) and net.residual == "abrl" and net.clip else None
    net.to_tflite(lr)
    tflite = psnr(net)
    drop = None if ours is None else ours - whole
    return Result(row.name, whole, tflite, tflite - whole, ours, drop, row.paper)


def _quantised(net: Plain, lr: Tensor) -> Quantised:
    return Quantised(net.net, first_ranges(net.net, lr))
