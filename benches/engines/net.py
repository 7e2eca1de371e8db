"""The shipped net, as integers and as floats, in the form that all model writers take."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open

SCALE = 3
"""How many times larger the output is along each axis."""


@dataclass(frozen=True)
class Layer:
    """One 3x3 convolution with zero padding; a ReLU follows each but the last."""

    weight: NDArray[np.float32]
    """[out, in, 3, 3]"""
    bias: NDArray[np.float32]
    """[out]"""

    @property
    def outputs(self) -> int:
        """Output channels."""
        return self.weight.shape[0]

    @property
    def inputs(self) -> int:
        """Input channels."""
        return self.weight.shape[1]


@dataclass(frozen=True)
class Int8Layer:
    """The same in integers: code = round(step * (bias + sum(weight * code))), 0..255 but in the last layer.

    Codes count as real numbers from 0 to 255: every activation has the scale 1, and `step` is the weights' scale.
    """

    weight: NDArray[np.int8]
    """[out, in, 3, 3], -127..127"""
    bias: NDArray[np.int32]
    """[out], in units of the accumulator"""
    step: NDArray[np.float32]
    """[out], what a unit of the accumulator is worth"""

    @property
    def outputs(self) -> int:
        """Output channels."""
        return self.weight.shape[0]

    @property
    def inputs(self) -> int:
        """Input channels."""
        return self.weight.shape[1]


def read_float(path: Path) -> list[Layer]:
    """The layers of a file of format `abpn-float`, for pixels of 0..255."""
    with safe_open(path, "np") as file:
        return [
            Layer(file.get_tensor(f"{name}.weight"), file.get_tensor(f"{name}.bias"))
            for name in _layer_names(file.keys())
        ]


def read_int8(path: Path) -> list[Int8Layer]:
    """The layers of a file of format `abpn`; what its shifts and multipliers stand for becomes `step`."""
    with safe_open(path, "np") as file:

        def layer(name: str) -> Int8Layer:
            shift = file.get_tensor(f"{name}.pre").astype(np.float64) + file.get_tensor(f"{name}.post")
            step = file.get_tensor(f"{name}.mul") / np.exp2(shift)
            return Int8Layer(
                file.get_tensor(f"{name}.weight"), file.get_tensor(f"{name}.bias"), step.astype(np.float32)
            )

        return [layer(name) for name in _layer_names(file.keys())]


def _layer_names(keys: list[str]) -> list[str]:
    """`conv.0`, `conv.1` and so on, in their order."""
    names = {key.rsplit(".", 1)[0] for key in keys}
    return sorted(names, key=lambda name: int(name.rsplit(".", 1)[1]))
