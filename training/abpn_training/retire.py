"""Channels that others can stand in for are taken out, to make room for new ones.

A channel is replaced by the linear combination of its layer's others, and a constant, that is nearest to it; what reads
the channel reads these instead. That changes the net no more than the channel is nonlinear and its own.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from abpn_training.model import Abpn, anchor

# Of the pixels of a layer each so manieth is looked at.
EVERY = 7

Plain = list[tuple[Tensor, Tensor]]


@torch.no_grad()
def retire(net: Abpn, lr: Tensor, hr: Tensor, count: int) -> None:
    """Takes `count` channels out of each hidden layer, one after the other those without which the error grows least.

    The error is the mean over patches, `lr` [n, 3, h, w] and `hr` [n, 3*scale^2, h, w] in 0..1, of the logarithm of the
    squared error. A channel that is out is 0 everywhere, as a dead one.
    """
    layers: Plain = [(weight.clone(), bias.clone()) for weight, bias in (layer.merged() for layer in net.layers)]
    inside = slice(net.halo, -net.halo)
    target, base = hr[:, :, inside, inside], anchor(lr, net.scale)[:, :, inside, inside]

    def error(features: Tensor, first: int) -> float:
        for weight, bias in layers[first:-1]:
            features = F.relu(F.conv2d(features, weight, bias))
        result = (F.conv2d(features, *layers[-1]) + base).clamp(0, 1)
        return float((result - target).square().mean(dim=(1, 2, 3)).log().mean())

    features = lr
    for index, (weight, bias) in enumerate(layers[:-1]):
        reader, reader_bias = layers[index + 1]
        features = F.relu(F.conv2d(features, weight, bias))
        there = list(range(len(bias)))
        for _ in range(min(count, len(bias) - 1)):
            found = []
            for channel in there:
                others = [other for other in there if other != channel]
                combination = _combination(features, channel, others)
                found.append((error(_replaced(features, channel, others, combination), index + 1), channel))
            channel = min(found)[1]
            there.remove(channel)
            combination = _combination(features, channel, there)
            gone = reader[:, channel].clone()
            reader[:, there] += gone[:, None] * combination[:-1, None, None]
            reader_bias += gone.sum(dim=(1, 2)) * combination[-1]
            for tensor in (reader[:, channel], weight[channel], bias[channel], features[:, channel]):
                tensor.zero_()
    for layer, (weight, bias) in zip(net.layers, layers, strict=True):
        layer.start(weight, bias)


def _combination(features: Tensor, channel: int, others: list[int]) -> Tensor:
    """The factors of other channels, and the constant after them, of the combination nearest to a channel."""
    pixels = features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])[::EVERY].double()
    known = torch.cat([pixels[:, others], torch.ones(len(pixels), 1, dtype=torch.double)], dim=1)
    products = known.T @ known
    # Dead channels among the others would leave nothing to solve.
    products += torch.eye(len(products), dtype=torch.double) * (1e-9 * products.diagonal().mean())
    return torch.linalg.solve(products, known.T @ pixels[:, channel]).to(features.dtype)


def _replaced(features: Tensor, channel: int, others: list[int], combination: Tensor) -> Tensor:
    replaced = features.clone()
    replaced[:, channel] = torch.einsum("nchw,c->nhw", features[:, others], combination[:-1]) + combination[-1]
    return replaced
