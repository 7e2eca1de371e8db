"""Quantisation-aware training: the integer net in floating point, with gradients.

Weights, biases and activations are the integers of abpn's net, as `abpn model quantize --ranges` makes them; f32 holds
them exactly. Rounding passes gradients straight through (Bengio et al., arXiv 1308.3432), clipping only inside; the
ranges of the activations learn with the weights (Esser et al., "Learned Step Size Quantization", arXiv 1902.08153). The
residual is never squeezed into 8 bits. What differs from the integer net: its requantisation multiplies by 16-bit
integers, so that now and then a code is a neighbour of the one here.
"""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

from abpn_training import optim, weights
from abpn_training.config import QatConfig
from abpn_training.data import load
from abpn_training.errors import UserError
from abpn_training.model import Abpn, anchor
from abpn_training.patches import Patches
from abpn_training.run import Kind

# The largest weight, code and bias: those of abpn's quantiser.
MOST_WEIGHT, MOST_CODE, MOST_BIAS = 127, 255, 1 << 23

# Patches that the first ranges are chosen on.
RANGE_PATCHES = 32

# The first ranges are tried down from the largest activation, in these parts of it.
RANGE_PARTS = [1 - part / 20 for part in range(15)]


class Round(torch.autograd.Function):
    """Rounds half up; the gradient passes."""

    @staticmethod
    def forward(_: object, values: Tensor) -> Tensor:
        """The rounded values."""
        return (values + 0.5).floor_()

    @staticmethod
    def backward(_: object, gradient: Tensor) -> Tensor:
        """The gradient as it is."""
        return gradient


class Quantised(nn.Module):
    """The integer net; takes and gives what `Abpn` does, the result in whole levels."""

    def __init__(self, net: Abpn, ranges: list[float]) -> None:
        """A net of plain layers, and the real value of code 255 of each hidden layer, in levels."""
        super().__init__()
        self.net, self.scale, self.halo = net, net.scale, net.halo
        # The logarithm: a range stays positive, and learns in parts of itself. As exact as the quantiser's.
        self.log_ranges = nn.Parameter(torch.tensor(ranges, dtype=torch.float64).log())

    def ranges(self) -> list[float]:
        """The real value of code 255 of each hidden layer, in levels."""
        return self.log_ranges.detach().exp().tolist()

    def forward(self, lr: Tensor, padded: bool = True) -> Tensor:
        """As `Abpn.forward`."""
        codes = (lr * 255).round()
        lr = codes if padded else codes[:, :, self.halo : -self.halo, self.halo : -self.halo]
        steps = [*(self.log_ranges.exp() / MOST_CODE), None]
        step_in = torch.ones((), dtype=torch.float64, device=lr.device)
        for layer, step in zip(self.net.layers, steps, strict=True):
            weight, bias, unit = integers(*layer.merged(), step_in)
            acc = F.conv2d(codes, weight, bias, padding=int(padded))
            multiplier = unit if step is None else unit / step
            codes = Round.apply(acc * multiplier.to(acc.dtype)[None, :, None, None])
            if step is not None:
                codes, step_in = codes.clamp(0, MOST_CODE), step
        return (codes + anchor(lr, self.scale)).clamp(0, 255) / 255


def integers(weight: Tensor, bias: Tensor, step_in: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A layer's integers: weight [out, in, 3, 3], bias [out], and the real value of an accumulator's unit, f64 [out].

    The layer takes activations in 0..1; `step_in` is the real value, in levels, of its input's codes.
    """
    # The quantiser reads f32 biases in levels.
    levels = bias * 255
    with torch.no_grad():
        unit = weight.abs().amax(dim=(1, 2, 3)).double() / MOST_WEIGHT
        unit = unit.maximum(levels.abs().double() / (step_in * MOST_BIAS))
        # Of a channel of zeros any unit will do.
        unit = torch.where(unit > 0, unit, 1)
    whole = Round.apply(weight.double() / unit[:, None, None, None])
    acc_unit = unit * step_in
    return whole.to(weight.dtype), Round.apply(levels.double() / acc_unit.detach()).to(bias.dtype), acc_unit


@torch.no_grad()
def first_ranges(net: Abpn, lr: Tensor) -> list[float]:
    """For each hidden layer the range, in levels, that rounds its activations on patches [n, 3, h, w] in 0..1 best."""
    ranges, features = [], lr
    for layer in net.layers[:-1]:
        features = F.relu(layer(features, False))
        peak = max(float(features.max()), 1e-6)
        error = {}
        for part in RANGE_PARTS:
            step = peak * part / MOST_CODE
            error[part] = float(((features / step).round().clamp(max=MOST_CODE) * step - features).square().mean())
        ranges.append(255 * peak * min(error, key=error.__getitem__))
    return ranges


def make(config: QatConfig) -> tuple[Quantised, list[Optimizer]]:
    """The net at its start, and its optimisers."""
    if not config.weights:
        raise UserError("no float weights to start from: name a file with --weights")
    start = weights.read(Path(config.weights))
    if start.scale != config.scale:
        raise UserError(f"{config.weights}: a net that upscales {start.scale} times; --scale is {config.scale}")
    net = Abpn(start.scale, start.hidden())
    net.init_from(start.tensors)
    config.check_patch(net.halo)
    pairs = load([Path(d) for d in config.hr], [Path(d) for d in config.lr], config.scale, config.patch).pairs
    if not pairs:
        raise UserError(f"{' '.join(config.hr)}: no picture to train on")
    patches = Patches(pairs, config.scale, config.patch, RANGE_PATCHES, config.hardest_of, config.seed)
    quantised = Quantised(net, first_ranges(net, patches.draw(0).lr / 255)).to(config.device)
    optimisers = optim.make(net, config.optimizer, config.rate, config.bias_rate, config.beta2)
    ranges = Adam([{"params": [quantised.log_ranges], "lr": config.range_rate, "base_lr": config.range_rate}])
    return quantised, [*optimisers, ranges]


QAT = Kind("qat", QatConfig, make)
