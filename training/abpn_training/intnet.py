"""The integer net in NumPy, from its weight file: written after the specification, to check the Rust program.

Matrix products run in f64, which holds every sum here exactly (all are below 2^53); all else is i64.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open

from abpn_training.data import mirror
from abpn_training.errors import UserError
from abpn_training.weights import MIRROR, border_of

NAMES = ("weight", "bias", "limit", "pre", "mul", "post")


@dataclass(frozen=True)
class IntegerNet:
    """The tensors of each layer by their names in the file: weight [out, in, 3, 3], the others [out]; all i64."""

    scale: int
    layers: list[dict[str, NDArray[np.int64]]]
    # Whether the picture is extended by its mirror image, or each layer by zeros.
    mirrored: bool

    @classmethod
    def read(cls, path: Path) -> "IntegerNet":
        """Reads a weight file."""
        try:
            with safe_open(path, "np") as file:
                metadata = file.metadata() or {}
                tensors = {name: file.get_tensor(name).astype(np.int64) for name in file.offset_keys()}
        except (OSError, SafetensorError) as error:
            raise UserError(f"{path}: {error}") from None
        if metadata.get("format") != "abpn" or metadata.get("scheme") != "abpn-int8":
            raise UserError(f"{path}: no integer net of abpn")
        count = len(tensors) // len(NAMES)
        layers = [{name: tensors[f"conv.{index}.{name}"] for name in NAMES} for index in range(count)]
        return cls(int(metadata["scale"]), layers, border_of(path, metadata) == MIRROR)

    def upscale(self, picture: NDArray) -> NDArray:
        """Runs the net on a picture, u8 or u16 [h, w, 3], to [scale*h, scale*w, 3] of the same type."""
        if not self.mirrored:
            return self._upscale(picture)
        halo = len(self.layers)
        inside = slice(halo * self.scale, -halo * self.scale)
        return self._upscale(mirror(picture, halo))[inside, inside]

    def _upscale(self, picture: NDArray) -> NDArray:
        """The same with zeros around the picture."""
        fine = picture.dtype == np.uint16
        samples = picture.astype(np.int64)
        # 16 bits rounded to 8: the nearest multiple of 257.
        codes = (samples + 128) // 257 if fine else samples
        for layer in self.layers[:-1]:
            codes = _codes(_accumulators(codes, layer), layer)
        last = self.layers[-1]
        residual = _residuals(_accumulators(codes, last), last, 257 if fine else 1)
        sums = np.tile(samples, (1, 1, self.scale**2)) + residual
        height, width, scale = *samples.shape[:2], self.scale
        pixels = sums.reshape(height, width, scale, scale, 3).swapaxes(1, 2).reshape(height * scale, width * scale, 3)
        return pixels.clip(0, np.iinfo(picture.dtype).max).astype(picture.dtype)


def _accumulators(codes: NDArray[np.int64], layer: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """The bias and the sum of weight * code over the 3x3 window, outside the picture 0: [h, w, in] to [h, w, out]."""
    height, width = codes.shape[:2]
    padded = np.pad(codes, ((1, 1), (1, 1), (0, 0))).astype(np.float64)
    weight = layer["weight"].astype(np.float64)
    sums = np.zeros((height, width, len(weight)))
    for dy in range(3):
        for dx in range(3):
            sums += padded[dy : dy + height, dx : dx + width] @ weight[:, :, dy, dx].T
    return sums.astype(np.int64) + layer["bias"]


def _codes(acc: NDArray[np.int64], layer: dict[str, NDArray[np.int64]]) -> NDArray[np.int64]:
    """A hidden layer's requantisation: ReLU, clip and scale in one."""
    product = (np.clip(acc, 0, layer["limit"]) >> layer["pre"]) * layer["mul"]
    return (product + (1 << (layer["post"] - 1))) >> layer["post"]


def _residuals(acc: NDArray[np.int64], layer: dict[str, NDArray[np.int64]], steps: int) -> NDArray[np.int64]:
    """The last layer's residual, in `steps` to a level of 8 bits."""
    product = (np.clip(acc, -layer["limit"], layer["limit"]) >> layer["pre"]) * layer["mul"]
    return (steps * product + (1 << (layer["post"] - 1))) >> layer["post"]
