"""Cuts patches on the device that trains, from all pictures in its memory in 8 bits."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from abpn_training.data import Pair
from abpn_training.patches import Batch, blocks, turned


class DevicePatches:
    """The same patches as `Patches.cut` gives, with what it needs on a device; no call of it waits for that."""

    def __init__(self, pairs: Sequence[Pair], bicubic_mse: NDArray[np.float32], patch: int, device: str) -> None:
        """`bicubic_mse` is by small version, counted through all pictures."""
        self._scale, self._patch = pairs[0].scale, patch
        self._lr = torch.from_numpy(np.concatenate([pair.lr.reshape(-1, 3) for pair in pairs])).to(device)
        self._hr = torch.from_numpy(np.concatenate([pair.hr.reshape(-1, 3) for pair in pairs])).to(device)
        # By small version: where its first pixel is and that of its original, and its width.
        lr_first, hr_first, widths, lr_at, hr_at = [], [], [], 0, 0
        for pair in pairs:
            versions, height, width, _ = pair.lr.shape
            lr_first += [lr_at + index * height * width for index in range(versions)]
            hr_first += [hr_at] * versions
            widths += [width] * versions
            lr_at += versions * height * width
            hr_at += height * width * self._scale**2
        self._lr_first, self._hr_first, self._width = (
            torch.tensor(column, device=device) for column in (lr_first, hr_first, widths)
        )
        self._bicubic_mse = torch.from_numpy(bicubic_mse).to(device)
        self._lr_source, self._hr_source = (_sources(side).to(device) for side in (patch, patch * self._scale))

    def cut(self, places: Tensor) -> Batch:
        """The patches at `places`, [n, 8], as `Patches.places` has them, on the device."""
        version, y, x, turn, negative = places[:, :5].unbind(1)
        order = places[:, 5:]
        width, scale = self._width[version], self._scale
        lr = self._gather(self._lr, self._lr_first[version], width, y, x, self._lr_source[turn])
        hr = self._gather(self._hr, self._hr_first[version], width * scale, y * scale, x * scale, self._hr_source[turn])
        lr, hr = (self._recoloured(pixels, negative, order) for pixels in (lr, hr))
        return Batch(lr.permute(0, 3, 1, 2), blocks(hr, scale), self._bicubic_mse[version])

    @staticmethod
    def _gather(pixels: Tensor, first: Tensor, width: Tensor, y: Tensor, x: Tensor, source: Tensor) -> Tensor:
        """u8 [n, side, side, 3] of pixels [all, 3]: patches at (y, x), turned as `source` has rows and columns."""
        rows, columns = source.unbind(1)
        first, width, y, x = (each[:, None, None] for each in (first, width, y, x))
        return pixels[first + (y + rows) * width + x + columns]

    @staticmethod
    def _recoloured(pixels: Tensor, negative: Tensor, order: Tensor) -> Tensor:
        """Patches, [n, side, side, 3], with their colours in this order, [n, 3], and as negatives where that is 1."""
        pixels = pixels ^ (negative * 255).to(torch.uint8)[:, None, None, None]
        return pixels.gather(3, order[:, None, None, :].expand(pixels.shape))


def _sources(side: int) -> Tensor:
    """For each turn the row and column that a pixel of the turned patch comes from, [8, 2, side, side]."""
    rows, columns = np.divmod(np.arange(side**2).reshape(side, side), side)
    return torch.from_numpy(np.stack([[turned(axis, turn) for axis in (rows, columns)] for turn in range(8)]))
