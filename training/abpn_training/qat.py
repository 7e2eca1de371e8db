"""Quantisation-aware training: the integer net in floating point, with gradients.

Weights, biases and activations are the integers of abpn's net, as `abpn model quantize --ranges` makes them; f32 holds
them exactly, and requantisation has the integer net's 16-bit multipliers and shifts: what is measured here is, to the
byte, what that net gives. Gradients pass rounding straight through (Bengio et al., arXiv 1308.3432), clipping only
inside; the ranges of the activations learn with the weights (Esser et al., "Learned Step Size Quantization",
arXiv 1902.08153). The residual is never squeezed into 8 bits.
"""

from dataclasses import dataclass
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

# The bits of a requantisation's multiplier, its largest limit, and its largest shifts for a code and a residual.
MULTIPLIER_BITS, MOST_LIMIT, MOST_POST_CODE, MOST_POST_RESIDUAL = 16, (1 << 31) - 1, 24, 22

# Patches that the first ranges are chosen on.
RANGE_PATCHES = 32

# The part of them that counts for a layer: a net may answer one patch in many a hundred times louder than all others,
# and a range for that one would leave the others no codes.
RANGE_USUAL = 0.9

# The first ranges are tried down from the largest activation, in these parts of it.
RANGE_PARTS = [1 - part / 20 for part in range(15)]


class Replace(torch.autograd.Function):
    """Has the values of one tensor and passes the gradient on to another."""

    @staticmethod
    def forward(_: object, smooth: Tensor, exact: Tensor) -> Tensor:
        """The exact values."""
        return exact.to(smooth.dtype)

    @staticmethod
    def backward(_: object, gradient: Tensor) -> tuple[Tensor, None]:
        """The gradient as it is, to the smooth ones."""
        return gradient, None


def rounded(values: Tensor) -> Tensor:
    """Rounds, halves away from zero as Rust's `round` does; the gradient passes."""
    return Replace.apply(values, torch.trunc(values + values.sign() / 2))


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
            if step is None:
                codes = requantised(acc, unit, -MOST_CODE, MOST_POST_RESIDUAL)
            else:
                # A code can't be finer than the accumulator that it is made from.
                step_in = step.maximum(unit.detach().max())
                codes = requantised(acc, unit / step_in, 0, MOST_POST_CODE)
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
    whole = rounded(weight.double() / unit[:, None, None, None])
    acc_unit = unit * step_in
    return whole.to(weight.dtype), rounded(levels.double() / acc_unit.detach()).to(bias.dtype), acc_unit


def requantised(acc: Tensor, multiplier: Tensor, least: int, most_post: int) -> Tensor:
    """Accumulators [n, out, h, w] times f64 multipliers [out], in integers `least`..255, as the net has them."""
    exact = Requantisation.of(multiplier.detach(), most_post).apply(acc.detach(), bool(least))
    return Replace.apply((acc * multiplier.to(acc.dtype)[:, None, None]).clamp(least, MOST_CODE), exact)


@dataclass(frozen=True)
class Requantisation:
    """The integers that requantise each output channel, as f64 [out]: those of `abpn model quantize`."""

    limit: Tensor
    pre: Tensor
    mul: Tensor
    post: Tensor

    @classmethod
    def of(cls, multiplier: Tensor, most_post: int) -> "Requantisation":
        """As `Requantisation::new` in `src/net/quantize/requantisation.rs`."""
        limit = (MOST_CODE / multiplier).floor().clamp(max=MOST_LIMIT)
        # The exponent of a whole number is how many bits it has.
        pre = (torch.frexp(limit).exponent - MULTIPLIER_BITS).clamp(min=0)
        # The multiplier gets all its bits, and one fewer where rounding would make one more of them.
        post = (MULTIPLIER_BITS - pre - torch.frexp(multiplier).exponent).clamp(max=most_post)
        post -= (_half_up(torch.ldexp(multiplier, pre + post)) >= 2**MULTIPLIER_BITS).to(post.dtype)
        mul = _half_up(torch.ldexp(multiplier, pre + post))
        return cls(limit, pre.to(limit), mul, post.to(limit))

    def apply(self, acc: Tensor, signed: bool) -> Tensor:
        """The results for accumulators [n, out, h, w], whole numbers below 2^24; f64, which holds each product."""
        limit, shift, mul, scale = (
            tensor[:, None, None] for tensor in (self.limit, 2**-self.pre, self.mul, 2**-self.post)
        )
        low = -limit if signed else torch.zeros_like(limit)
        return acc.double().clamp_(low, limit).mul_(shift).floor_().mul_(mul).mul_(scale).add_(0.5).floor_()


def _half_up(values: Tensor) -> Tensor:
    return (values + 0.5).floor()


@torch.no_grad()
def first_ranges(net: Abpn, lr: Tensor) -> list[float]:
    """For each hidden layer the range, in levels, that rounds its activations on patches [n, 3, h, w] in 0..1 best.

    The patches with a layer's largest activations are left out.
    """
    ranges, features = [], lr
    for layer in net.layers[:-1]:
        features = F.relu(layer(features, False))
        peaks = features.amax(dim=(1, 2, 3))
        usual = features[peaks <= peaks.quantile(RANGE_USUAL)]
        peak = max(float(usual.max()), 1e-6)
        error = {}
        for part in RANGE_PARTS:
            step = peak * part / MOST_CODE
            error[part] = float(((usual / step).round().clamp(max=MOST_CODE) * step - usual).square().mean())
        ranges.append(255 * peak * min(error, key=error.__getitem__))
    return ranges


def make(config: QatConfig, saved: dict[str, Tensor] | None) -> tuple[Quantised, list[Optimizer]]:
    """See `Kind.make`."""
    quantised = (_like(config.scale, saved) if saved else _first(config)).to(config.device)
    optimisers = optim.make(quantised.net, config.optimizer, config.rate, config.bias_rate, config.beta2)
    ranges = Adam([{"params": [quantised.log_ranges], "lr": config.range_rate, "base_lr": config.range_rate}])
    return quantised, [*optimisers, ranges]


def _like(scale: int, saved: dict[str, Tensor]) -> Quantised:
    """A net of the shape of a checkpoint's."""
    hidden = [len(tensor) for name, tensor in saved.items() if name.endswith(".weight")][:-1]
    return Quantised(Abpn(scale, hidden), [1.0] * len(hidden))


def _first(config: QatConfig) -> Quantised:
    """The net of --weights, with ranges from the pictures."""
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
    return Quantised(net, first_ranges(net, patches.draw(0).lr / 255))


QAT = Kind("qat", QatConfig, make)
