"""The net in ncnn's format: a text of layers (`.param`) and their weights one after the other (`.bin`)."""

from pathlib import Path

import numpy as np

from .net import SCALE, Int8Layer, Layer

MAGIC = 7767517
FLOAT_TAG = np.uint32(0)
INT8_TAG = np.uint32(0x000D4B38)
RELU = 1
MOST_CODE = 127
"""ncnn's codes are signed and symmetric: of a ReLU's output it keeps 7 bits."""
DEPTH_COLUMN_ROW = 1
"""The mode of PixelShuffle that is TensorFlow's depth_to_space."""


def write_float(layers: list[Layer], stem: Path) -> None:
    """Writes the float net: `image`, 3 planes of f32 pixels of 0..255, to `upscaled`."""
    _write(stem, [_conv_params(layer, {}) for layer in layers], [_float_weights(layer) for layer in layers])


def write_int8(layers: list[Int8Layer], stem: Path) -> None:
    """Writes the integer net with the inputs and outputs of the float one."""
    last = len(layers) - 1
    # 8: an int8 layer with a scale a channel; 100 more: its output has a scale too and stays int8.
    params = [_conv_params(layer, {8: 1 if index == last else 101}) for index, layer in enumerate(layers)]
    weights = [_int8_weights(layer, index == last) for index, layer in enumerate(layers)]
    _write(stem, params, weights)


def _conv_params(layer: Layer | Int8Layer, more: dict[int, int]) -> dict[int, int]:
    """Output channels, kernel, dilation, stride, padding, bias or not, number of weights."""
    return {0: layer.outputs, 1: 3, 2: 1, 3: 1, 4: 1, 5: 1, 6: layer.weight.size} | more


def _float_weights(layer: Layer) -> bytes:
    return FLOAT_TAG.tobytes() + layer.weight.tobytes() + layer.bias.tobytes()


def _int8_weights(layer: Int8Layer, last: bool) -> bytes:
    weight = layer.weight.tobytes()
    padding = bytes(-len(weight) % 4)
    code = np.float32(MOST_CODE / 255)
    parts = [INT8_TAG, weight, padding, layer.bias * layer.step, 1 / layer.step, code]
    if not last:
        parts.append(code)
    return b"".join(part if isinstance(part, bytes) else part.astype(_kept(part)).tobytes() for part in parts)


def _kept(part: np.ndarray) -> type:
    return np.uint32 if part.dtype == np.uint32 else np.float32


def _write(stem: Path, convs: list[dict[int, int]], weights: list[bytes]) -> None:
    copies = [f"anchor{index}" for index in range(SCALE**2)]
    layers = [
        _layer("Input", [], ["image"], {}),
        _layer("Split", ["image"], ["conv_input", *copies], {}),
    ]
    blob = "conv_input"
    for index, params in enumerate(convs):
        relu = {9: RELU} if index + 1 < len(convs) else {}
        layers.append(_layer("Convolution", [blob], [f"conv{index}"], params | relu))
        blob = f"conv{index}"
    layers += [
        _layer("Concat", copies, ["anchor"], {0: 0}),
        _layer("BinaryOp", [blob, "anchor"], ["sum"], {0: 0}),
        _layer("Clip", ["sum"], ["clipped"], {0: 0, 1: 255}),
        _layer("PixelShuffle", ["clipped"], ["upscaled"], {0: SCALE, 1: DEPTH_COLUMN_ROW}),
    ]
    blobs = len(convs) + len(copies) + 6
    lines = [str(MAGIC), f"{len(layers)} {blobs}", *layers]
    stem.with_suffix(".param").write_text("\n".join(lines) + "\n")
    stem.with_suffix(".bin").write_bytes(b"".join(weights))


def _layer(kind: str, inputs: list[str], outputs: list[str], params: dict[int, int]) -> str:
    """Kind, name, numbers of inputs and outputs, their names, parameters."""
    values = [f"{key}={value}" for key, value in params.items()]
    return " ".join([kind, outputs[0], str(len(inputs)), str(len(outputs)), *inputs, *outputs, *values])
