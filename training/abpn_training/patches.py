"""Batches of random patches: a function of seed and step alone, so that a run resumes with the order it had."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from abpn_training.data import Pair

# Three bytes, as one element of an array.
PIXEL = np.dtype("V3")

# What a picture's error is taken to be at least, in squared levels: 48 dB.
LEAST_MSE = 1.0


@dataclass(frozen=True)
class Batch:
    """Patches and what the net shall make of them."""

    # u8 [n, 3, patch, patch]; both have their channels last in memory, as convolutions like them best.
    lr: Tensor
    # u8 [n, 3*scale^2, patch, patch], channels as the net's: position in the block, then colour.
    hr: Tensor
    # f32 [n]: the mean squared error, in levels, of bicubic interpolation on the whole version that a patch is from.
    bicubic_mse: Tensor


def blocks(hr: Tensor, scale: int) -> Tensor:
    """[n, scale*h, scale*w, 3] as the net's output channels, [n, 3*scale^2, h, w]; the inverse of `unblocks`."""
    n, height, width, _ = hr.shape
    split = hr.reshape(n, height // scale, scale, width // scale, scale, 3)
    channels_last = split.permute(0, 1, 3, 2, 4, 5).reshape(n, height // scale, width // scale, 3 * scale**2)
    return channels_last.permute(0, 3, 1, 2)


def unblocks(channels: Tensor, scale: int) -> Tensor:
    """The net's output channels, [n, 3*scale^2, h, w], as pictures, [n, scale*h, scale*w, 3]."""
    n, _, height, width = channels.shape
    split = channels.reshape(n, scale, scale, 3, height, width)
    return split.permute(0, 4, 1, 5, 2, 3).reshape(n, scale * height, scale * width, 3)


class Patches:
    """Draws patches evenly over all positions of all small versions, with flips and quarter turns.

    With `margin` positions up to so far outside a picture are drawn too, and moved to its border, which would be in few
    patches otherwise.

    Of `hardest_of` positions drawn for a patch the one is kept where bicubic interpolation errs most. With probability
    `recolour` a patch becomes its negative, and with the same its colours are in a random order: what holds for dark
    lines holds for bright ones, but photos alone don't teach it.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        scale: int,
        patch: int,
        batch: int,
        hardest_of: int = 1,
        seed: int = 0,
        recolour: float = 0,
        margin: int = 0,
    ) -> None:
        """Patches have `patch` x `patch` input pixels; no picture may be smaller."""
        self._pairs, self._scale, self._patch, self._batch = pairs, scale, patch, batch
        self._hardest_of, self._recolour, self._seed = hardest_of, recolour, seed
        self._margin = margin
        self._rows, self._columns = (np.array([pair.lr.shape[axis] - patch + 1 for pair in pairs]) for axis in (1, 2))
        rows, columns = self._rows + 2 * margin, self._columns + 2 * margin
        versions = np.array([len(pair.lr) for pair in pairs])
        # The positions of picture i are numbered from _first[i], version by version.
        self._first = np.concatenate([[0], np.cumsum(versions * rows * columns)])
        # The versions of picture i are numbered from _first_version[i].
        self._first_version = np.concatenate([[0], np.cumsum(versions)])
        mse, tables = [], []
        for pair in pairs:
            for lr in pair.lr:
                errors = _bicubic_errors(lr, pair.hr)
                mse.append(max(errors.mean(), LEAST_MSE))
                if hardest_of > 1:
                    tables.append(_summed(errors))
        self._bicubic_mse = np.array(mse, np.float32)
        if hardest_of > 1:
            self._table = np.concatenate([table.ravel() for table in tables])
            self._table_first = np.cumsum([0] + [table.size for table in tables[:-1]])
            self._table_stride = np.array([table.shape[1] for table in tables])

    @property
    def bicubic_mse(self) -> NDArray[np.float32]:
        """By small version, counted through all pictures: as in `Batch`."""
        return self._bicubic_mse

    def draw(self, step: int) -> Batch:
        """The batch of a step."""
        return self.cut(self.places(step))

    def places(self, step: int) -> Tensor:
        """Where the patches of a step are, and what becomes of them: i64 [n, 8].

        The small version, counted through all pictures; row and column; the turn, 0..7; 1 for a negative; which colours
        the first, second and third shall be.
        """
        # A counter-based generator has no state to keep: step and seed are all that matter.
        random = np.random.Generator(np.random.Philox(key=[self._seed, step]))
        positions = random.integers(self._first[-1], size=(self._hardest_of, self._batch))
        turns = random.integers(8, size=self._batch)
        picture = np.searchsorted(self._first, positions, side="right") - 1
        rows, columns, margin = self._rows[picture], self._columns[picture], self._margin
        row, x = np.divmod(positions - self._first[picture], columns + 2 * margin)
        version, y = np.divmod(row, rows + 2 * margin)
        y, x = np.clip(y - margin, 0, rows - 1), np.clip(x - margin, 0, columns - 1)
        chosen = np.zeros(self._batch, np.int64)
        if self._hardest_of > 1:
            chosen = self._errors(self._first_version[picture] + version, y, x).argmax(axis=0)
        picture, version, y, x = (axis[chosen, np.arange(self._batch)] for axis in (picture, version, y, x))
        negative, exchanged = random.random((2, self._batch)) < self._recolour
        orders = random.permuted(np.tile(np.arange(3), (self._batch, 1)), axis=1)
        orders[~exchanged] = np.arange(3)
        columns = (self._first_version[picture] + version, y, x, turns, negative, *orders.T)
        return torch.from_numpy(np.stack(columns, axis=1).astype(np.int64))

    def cut(self, places: Tensor) -> Batch:
        """The patches at such places."""
        version, y, x, turns, negative, *orders = places.numpy().T
        picture = np.searchsorted(self._first_version, version, side="right") - 1
        own = version - self._first_version[picture]
        cut = [self._cut(*place) for place in zip(picture, own, y, x, turns, strict=True)]
        lr, hr = (np.stack(patches).view(np.uint8) for patches in zip(*cut, strict=True))
        orders = np.stack(orders, axis=1)
        for patches in (lr, hr):
            patches[negative.astype(bool)] ^= 255
            for patch in np.flatnonzero((orders != np.arange(3)).any(axis=1)):
                patches[patch] = patches[patch][:, :, orders[patch]]
        lr, hr = torch.from_numpy(lr), torch.from_numpy(hr)
        mse = torch.from_numpy(self._bicubic_mse[version])
        return Batch(lr.permute(0, 3, 1, 2), blocks(hr, self._scale), mse)

    def _cut(self, picture: int, version: int, y: int, x: int, turn: int) -> tuple[NDArray, NDArray]:
        """A patch and its original, turned, each of [height, width, 1] pixels: whole ones are copied twice as fast."""
        pair, patch, scale = self._pairs[picture], self._patch, self._scale
        lr = pair.lr[version, y : y + patch, x : x + patch]
        hr = pair.hr[y * scale : (y + patch) * scale, x * scale : (x + patch) * scale]
        return turned(lr.view(PIXEL), turn), turned(hr.view(PIXEL), turn)

    def _errors(self, version: NDArray, y: NDArray, x: NDArray) -> NDArray[np.uint32]:
        """The summed error of bicubic interpolation over patches; versions are numbered through all pictures."""
        stride = self._table_stride[version]
        corner = self._table_first[version] + y * stride + x
        below, table, patch = corner + self._patch * stride, self._table, self._patch
        # Sums wrap at 2^32; the difference is right all the same.
        return table[below + patch] - table[below] - table[corner + patch] + table[corner]


def turned(picture: NDArray, turn: int) -> NDArray:
    """One of the eight symmetries of the square."""
    quarters = np.rot90(picture, turn % 4)
    return quarters[:, ::-1] if turn >= 4 else quarters


def _bicubic_errors(lr: NDArray[np.uint8], hr: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The mean squared error of bicubic interpolation in each block, in levels: [h, w]."""
    height, width = lr.shape[:2]
    scale = hr.shape[0] // height
    bicubic = np.asarray(Image.fromarray(lr).resize((width * scale, height * scale), Image.Resampling.BICUBIC))
    squares = np.square(bicubic.astype(np.int32) - hr)
    return squares.reshape(height, scale, width, scale * 3).mean(axis=(1, 3), dtype=np.float32)


def _summed(errors: NDArray[np.float32]) -> NDArray[np.uint32]:
    """Sums, modulo 2^32, of errors in whole squared levels over all blocks above and left: [h+1, w+1]."""
    sums = errors.astype(np.uint32).cumsum(axis=0, dtype=np.uint32).cumsum(axis=1, dtype=np.uint32)
    return np.pad(sums, ((1, 0), (1, 0)))
