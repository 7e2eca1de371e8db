"""Channels that no picture wakes get a fresh start, from which the net computes what it did.

A unit whose sum is negative everywhere has no gradient, and stays dead for good (Lu et al., "Dying ReLU and
Initialization", arXiv 1903.06733).
"""

from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abpn_training import weights
from abpn_training.data import load
from abpn_training.errors import UserError
from abpn_training.model import Abpn
from abpn_training.patches import Patches

# What is looked at: so many patches of so many pixels' side, each the harder of two.
PATCHES, PATCH, HARDEST_OF = 32, 64, 2


def revive_file(source: Path, output: Path, hr: Sequence[Path], lr: Sequence[Path], seed: int) -> list[int]:
    """Writes float weights with dead channels revived; returns how many of each hidden layer were."""
    start = weights.read(source)
    net = Abpn(start.scale, start.hidden())
    net.init_from(start.tensors)
    pairs = load(hr, lr, start.scale, PATCH).pairs
    if not pairs:
        raise UserError(f"{' '.join(map(str, hr))}: no picture of {PATCH}x{PATCH} or more when reduced")
    patches = Patches(pairs, start.scale, PATCH, PATCHES, HARDEST_OF, seed)
    counts = revive(net, patches.draw(0).lr / 255, seed)
    weights.write(output, weights.FloatWeights(net.scale, net.plain_weights(), start.border))
    return counts


@torch.no_grad()
def revive(net: Abpn, lr: Tensor, seed: int) -> list[int]:
    """Revives channels of hidden layers that are zero on all patches [n, 3, h, w] in 0..1; returns how many of each.

    A revived channel is half a Kaiming draw without its mean, so that edges wake it whatever the brightness. Channels
    that were alive don't read it at first, and learn to.
    """
    generator = torch.Generator().manual_seed(seed)
    counts, features = [], lr
    dead = torch.zeros(lr.shape[1], dtype=torch.bool)
    for index, layer in enumerate(net.layers):
        weight, bias = (tensor.clone() for tensor in layer.merged())
        # What was dead until now has weights that nobody trained.
        weight[:, dead] = 0
        if index < len(net.layers) - 1:
            dead = F.relu(F.conv2d(features, weight, bias)).amax(dim=(0, 2, 3)) == 0
            draw = nn.init.kaiming_normal_(torch.empty_like(weight), generator=generator) / 2
            draw -= draw.mean(dim=(1, 2, 3), keepdim=True)
            weight[dead], bias[dead] = draw[dead], 0
            features = F.relu(F.conv2d(features, weight, bias))
            counts.append(int(dead.sum()))
        layer.start(weight, bias)
    return counts
