"""The layers of the net in training: a plain 3x3 convolution, or several branches that are one.

Without a nonlinearity between them, parallel and consecutive branches are one 3x3 convolution. Its kernel is made anew
at every step, so that training costs what a plain net costs, and merging is exact by construction. Sources: Ding et
al., "RepVGG", arXiv 2101.03697; Zhang et al., "Edge-oriented Convolution Block", ACM MM 2021 (the expanded branch).
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Convolution(nn.Module):
    """A 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int) -> None:
        """Begins with zeros; see `start`."""
        super().__init__()
        self.shape = (outputs, inputs, 3, 3)
        self.weight = nn.Parameter(torch.zeros(self.shape))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def merged(self) -> tuple[Tensor, Tensor]:
        """Weight [out, in, 3, 3] and bias [out] of the plain convolution."""
        return self.weight, self.bias

    @torch.no_grad()
    def start(self, weight: Tensor, bias: Tensor) -> None:
        """Makes the layer that plain convolution."""
        self.weight.copy_(weight)
        self.bias.copy_(bias)

    def forward(self, features: Tensor, padded: bool) -> Tensor:
        """[n, in, h, w] to [n, out, h, w], outside it zero; or, not `padded`, to [n, out, h-2, w-2]."""
        return F.conv2d(features, *self.merged(), padding=int(padded))


class Reparameterised(Convolution):
    """A 3x3 branch, a 1x1 branch, a scaled identity, and a branch that is 3x3 to a larger width, then 1x1."""

    def __init__(self, inputs: int, outputs: int, expansion: int) -> None:
        """The expanded branch has `expansion` times `outputs` channels inside."""
        super().__init__(inputs, outputs)
        self.point = nn.Parameter(torch.zeros(outputs, inputs, 1, 1))
        self.identity = nn.Parameter(torch.zeros(min(inputs, outputs)))
        generator = torch.Generator().manual_seed(inputs * 1000 + outputs)
        expand = torch.empty(expansion * outputs, inputs, 3, 3)
        self.expand = nn.Parameter(nn.init.kaiming_normal_(expand, generator=generator))
        self.squeeze = nn.Parameter(torch.zeros(outputs, expansion * outputs, 1, 1))

    def merged(self) -> tuple[Tensor, Tensor]:
        """The sum of the branches' kernels."""
        point = self.point + F.pad(torch.diag(self.identity), self._identity_padding())[:, :, None, None]
        expanded = torch.einsum("om,mikl->oikl", self.squeeze[:, :, 0, 0], self.expand)
        return self.weight + F.pad(point, (1, 1, 1, 1)) + expanded, self.bias

    @torch.no_grad()
    def start(self, weight: Tensor, bias: Tensor) -> None:
        """Makes the layer that plain convolution, with whatever the other branches hold."""
        super().start(weight, bias)
        self.weight += weight - self.merged()[0]

    def _identity_padding(self) -> tuple[int, int, int, int]:
        outputs, inputs = self.shape[:2]
        least = min(inputs, outputs)
        return (0, inputs - least, 0, outputs - least)
