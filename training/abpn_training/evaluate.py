"""The quality of a net on whole pictures."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import astuple
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from torch import Tensor

from abpn_training import weights
from abpn_training.data import Pair, load, mirror
from abpn_training.errors import UserError
from abpn_training.intnet import IntegerNet
from abpn_training.metrics import Quality, psnr_rgb, quality
from abpn_training.model import Abpn
from abpn_training.patches import unblocks

# [1, 3, h, w] in 0..1 to [1, 3*scale^2, h, w] in 0..1, as `Abpn.forward` has it.
Net = Callable[[Tensor, bool], Tensor]


@torch.no_grad()
def upscale(net: Net, lr: NDArray[np.uint8], scale: int, mirrored: int = 0, device: str = "cpu") -> NDArray[np.uint8]:
    """Runs a net on one picture, u8 [h, w, 3] to [scale*h, scale*w, 3], and rounds the result.

    The net finds zeros around the picture, or the picture `mirrored` by so many pixels, which is its halo.
    """
    pixels = torch.tensor(mirror(lr, mirrored), device=device).permute(2, 0, 1)[None] / 255
    result = net(pixels, not mirrored)
    return unblocks((result * 255).round().clamp(0, 255), scale)[0].to(torch.uint8).cpu().numpy()


def mean_psnr(net: Net, pairs: Sequence[Pair], scale: int, mirrored: int = 0, device: str = "cpu") -> float:
    """The mean over all small versions of PSNR-RGB in dB, `scale` pixels shaved off each side."""
    return fmean(
        psnr_rgb(upscale(net, lr, scale, mirrored, device), pair.hr, scale) for pair in pairs for lr in pair.lr
    )


def upscaler(path: Path) -> tuple[int, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]]:
    """The scale of a file of float weights or of an integer net, and what upscales a picture with it."""
    try:
        with safe_open(path, "np") as file:
            integer = (file.metadata() or {}).get("format") == "abpn"
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: {error}") from None
    if integer:
        net = IntegerNet.read(path)
        return net.scale, net.upscale
    float_weights = weights.read(path)
    float_net = Abpn(float_weights.scale, float_weights.hidden())
    float_net.init_from(float_weights.tensors)
    mirrored = float_net.halo if float_weights.border == weights.MIRROR else 0
    return float_weights.scale, lambda lr: upscale(float_net, lr, float_weights.scale, mirrored)


def evaluate(path: Path, hr: Path, lr: Path) -> Quality:
    """The mean quality of a net on a folder of originals and one of their small versions."""
    scale, run = upscaler(path)
    read = load([hr], [lr], scale)
    for line in read.left_out:
        print(f"left out: {line}", file=sys.stderr)
    if not read.pairs:
        raise UserError(f"{hr}: no picture to measure on")
    every = [astuple(quality(run(lr), pair.hr, scale)) for pair in read.pairs for lr in pair.lr]
    return Quality(*(fmean(column) for column in zip(*every, strict=True)))
