"""Files of float weights: what `abpn model quantize` reads."""

from dataclasses import dataclass
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from abpn_training.checkpoint import write_atomically
from abpn_training.errors import UserError

# What a net finds outside a picture; files without it are of nets that find zeros.
BORDER, ZEROS, MIRROR = "border", "zeros", "mirror"

FORMAT = {"format": "abpn-float", "layout": "OIHW", "range": "0..255"}


@dataclass(frozen=True)
class FloatWeights:
    """`conv.N.weight` [out, in, 3, 3] and `conv.N.bias` [out], f32, on pixels 0..255."""

    scale: int
    tensors: dict[str, Tensor]
    # zeros: each layer's outside a picture; mirror: the picture's mirror image.
    border: str = ZEROS

    def hidden(self) -> list[int]:
        """Output channels of the hidden layers."""
        layers = len(self.tensors) // 2
        return [len(self.tensors[f"conv.{layer}.bias"]) for layer in range(layers - 1)]


def write(path: Path, weights: FloatWeights) -> None:
    """Writes a file of float weights."""
    border = {} if weights.border == ZEROS else {BORDER: weights.border}
    metadata = {**FORMAT, "scale": str(weights.scale), **border}
    write_atomically(path, lambda file: file.write_bytes(save(weights.tensors, metadata)))


def read(path: Path) -> FloatWeights:
    """Reads a file of float weights."""
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.offset_keys()}
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path}: {error}") from None
    for key, value in FORMAT.items():
        if metadata.get(key) != value:
            raise UserError(f"{path}: its {key} is {metadata.get(key)!r}, not {value!r}: no float weights")
    return FloatWeights(int(metadata["scale"]), tensors, border_of(path, metadata))


def border_of(path: Path, metadata: dict[str, str]) -> str:
    """What the net of a file finds outside a picture, by the file's metadata."""
    border = metadata.get(BORDER, ZEROS)
    if border not in (ZEROS, MIRROR):
        raise UserError(f"{path}: its {BORDER} is {border!r}, neither {ZEROS!r} nor {MIRROR!r}")
    return border
