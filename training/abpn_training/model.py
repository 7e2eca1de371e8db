"""ABPN, and the other plain nets that abpn runs: 3x3 convolutions with ReLU, and an anchor.

Source: Du et al., "Anchor-based Plain Net for Mobile Image Super-Resolution", arXiv 2105.09750.
"""

from collections.abc import Sequence
from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from abpn_training.reparam import Convolution, Reparameterised

# ABPN's: five layers of 28 channels, and one that goes to image space.
BODY_CHANNELS = 28
BODY_LAYERS = 5


def hidden_channels(scale: int) -> tuple[int, ...]:
    """Output channels of ABPN's hidden layers."""
    return (BODY_CHANNELS,) * BODY_LAYERS + (3 * scale**2,)


def anchor(lr: Tensor, scale: int) -> Tensor:
    """Nearest-neighbour upscaling in the layout of the net's output channels: [n, 3, h, w] to [n, 3*scale^2, h, w]."""
    return lr.repeat(1, scale**2, 1, 1)


class Abpn(nn.Module):
    """Pixels in 0..1, [n, 3, h, w], to [n, 3*scale^2, h, w] in 0..1.

    Channel k is colour k mod 3 at row (k // 3) // scale, column (k // 3) mod scale of the pixel's block.
    """

    def __init__(
        self, scale: int, hidden: Sequence[int] = (), expansion: int = 0, clip: bool = True, seed: int = 0
    ) -> None:
        """An expansion above 0 trains re-parameterised layers, with that many times their width inside."""
        super().__init__()
        self.scale, self.clip = scale, clip
        self.hidden = tuple(hidden or hidden_channels(scale))
        widths = (3, *self.hidden, 3 * scale**2)
        make = (lambda i, o: Reparameterised(i, o, expansion)) if expansion else Convolution
        self.layers = nn.ModuleList(make(inputs, outputs) for inputs, outputs in pairwise(widths))
        self._generator = torch.Generator().manual_seed(seed)

    @property
    def halo(self) -> int:
        """Pixels that the net sees around one: one a layer."""
        return len(self.layers)

    def forward(self, lr: Tensor, padded: bool = True) -> Tensor:
        """Pads each layer with zeros; or, not `padded`, leaves `halo` pixels off each side of the result."""
        features = lr
        for layer in self.layers[:-1]:
            features = F.relu(layer(features, padded))
        if not padded:
            lr = lr[:, :, self.halo : -self.halo, self.halo : -self.halo]
        sums = self.layers[-1](features, padded) + anchor(lr, self.scale)
        return sums.clamp(0, 1) if self.clip else sums

    @torch.no_grad()
    def plain_weights(self) -> dict[str, Tensor]:
        """`conv.N.weight` [out, in, 3, 3] and `conv.N.bias` [out] of plain convolutions on pixels 0..255."""
        weights = {}
        for index, layer in enumerate(self.layers):
            weight, bias = layer.merged()
            weights[f"conv.{index}.weight"] = weight.detach().clone().contiguous()
            weights[f"conv.{index}.bias"] = bias.detach() * 255
        return weights

    @torch.no_grad()
    def init_glorot(self) -> None:
        """The paper's: Glorot's uniform draw, biases 0."""
        for layer in self.layers:
            weight = torch.empty(layer.shape)
            layer.start(nn.init.xavier_uniform_(weight, generator=self._generator), torch.zeros(layer.shape[0]))

    @torch.no_grad()
    def init_identity(self) -> None:
        """Starts from a net that carries the picture through: far fewer units die than from a random one.

        The first three channels of the first layer are the picture; each further hidden layer is the identity plus
        half a Kaiming draw; the last layer is near zero.
        """
        last = len(self.layers) - 1
        for index, layer in enumerate(self.layers):
            weight = nn.init.kaiming_normal_(torch.empty(layer.shape), generator=self._generator)
            if index == last:
                weight *= 0.01
            elif index == 0:
                weight[:3] = _identity(layer.shape)[:3]
            else:
                weight = weight / 2 + _identity(layer.shape)
            layer.start(weight, torch.zeros(layer.shape[0]))

    @torch.no_grad()
    def init_from(self, weights: dict[str, Tensor]) -> int:
        """Takes those layers of plain weights (pixels 0..255) that have the shape of this net's; returns how many.

        Others keep what they have, so that a net of another scale begins with a trained body.
        """
        taken = 0
        for index, layer in enumerate(self.layers):
            weight, bias = (weights.get(f"conv.{index}.{name}") for name in ("weight", "bias"))
            if weight is not None and bias is not None and tuple(weight.shape) == layer.shape:
                layer.start(weight.float(), bias.float() / 255)
                taken += 1
        return taken


def _identity(shape: tuple[int, int, int, int]) -> Tensor:
    """A 3x3 kernel [out, in, 3, 3] that passes channel i to channel i."""
    return nn.init.dirac_(torch.empty(shape))
