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
from abpn_training.data import Pair, load
from abpn_training.errors import UserError
from abpn_training.intnet import IntegerNet
from abpn_training.metrics import Quality, psnr_rgb, quality
from abpn_training.model import Abpn
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
    return float_weights.scale, lambda lr: upscale(float_net, lr, float_weights.scale)


def evaluate(path: Path, hr: Path, lr: Path) -> Quality:
    """The mean quality of a net on a folder of originals and one of their small versions."""
    scale, run = upscaler(path)
    read = load([hr], [lr], scale)
    for line in read.left_out:
        print(f"left out: {line}", file=sys.stderr)
    if not read.pairs:
        raise UserError(f"{hr}: no picture to measure on")
    every = [astuple(quality(run(pair.lr), pair.hr, scale)) for pair in read.pairs]
    return Quality(*(fmean(column) for column in zip(*every, strict=True)))
