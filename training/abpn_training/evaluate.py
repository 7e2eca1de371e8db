"""The mean PSNR of a net on whole pictures."""

from collections.abc import Callable, Sequence
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abpn_training.data import Pair
from abpn_training.metrics import psnr_rgb
from abpn_training.patches import unblocks

# [1, 3, h, w] in 0..1 to [1, 3*scale^2, h, w] in 0..1.
Net = Callable[[Tensor], Tensor]


@torch.no_grad()
def upscale(net: Net, lr: NDArray[np.uint8], scale: int, device: str = "cpu") -> NDArray[np.uint8]:
    """Runs a net on one picture, u8 [h, w, 3] to [scale*h, scale*w, 3], and rounds the result."""
    pixels = torch.tensor(lr, device=device).permute(2, 0, 1)[None] / 255
    return unblocks((net(pixels) * 255).round().clamp(0, 255), scale)[0].to(torch.uint8).cpu().numpy()


def mean_psnr(net: Net, pairs: Sequence[Pair], scale: int, device: str = "cpu") -> float:
    """The mean over the pictures of PSNR-RGB in dB, `scale` pixels shaved off each side."""
    return fmean(psnr_rgb(upscale(net, pair.lr, scale, device), pair.hr, scale) for pair in pairs)
