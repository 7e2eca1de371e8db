"""Tests: the models of a random net against plain arithmetic, and the figures of known measurements."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from . import ncnn_model, onnx_model, tflite_model
from .net import SCALE, Int8Layer, Layer
from .results import Group, Row, group_json, markdown, psnr_db, ratio
from .sessions import ENGINES, Setup

WIDTH, HEIGHT = 8, 5
CHANNELS = [3, 4, 6, 3 * SCALE**2]


def random_net(seed: int) -> list[Int8Layer]:
    """Random asymmetric weights that leave most codes within 0..255.

    They are small enough for engines whose sums of two products saturate at 16 bits, as OpenVINO's do without VNNI.
    """
    random = np.random.default_rng(seed)
    layers = []
    for inputs, outputs in pairwise(CHANNELS):
        weight = random.integers(-63, 64, (outputs, inputs, 3, 3)).astype(np.int8)
        bias = random.integers(-2_500, 2_500, outputs).astype(np.int32)
        layers.append(Int8Layer(weight, bias, random.uniform(0.004, 0.006, outputs).astype(np.float32)))
    return layers


def random_image(seed: int) -> np.ndarray:
    """u8, [h, w, 3]."""
    return np.random.default_rng(seed).integers(0, 256, (HEIGHT, WIDTH, 3)).astype(np.uint8)


def convolve(codes: np.ndarray, layer: Int8Layer) -> np.ndarray:
    """A 3x3 convolution with zeros outside, [in, h, w] to [out, h, w]: what an accumulator holds, times `step`."""
    padded = np.pad(codes.astype(np.float64), ((0, 0), (1, 1), (1, 1)))
    acc = np.zeros((layer.outputs, HEIGHT, WIDTH)) + layer.bias[:, None, None]
    for row in range(3):
        for column in range(3):
            window = padded[:, row : row + HEIGHT, column : column + WIDTH]
            acc += np.tensordot(layer.weight[:, :, row, column].astype(np.float64), window, 1)
    return acc * layer.step.astype(np.float64)[:, None, None]


def upscale(layers: list[Int8Layer], image: np.ndarray, rounded: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    """The net by its definition, [h, w, 3] to [3h, 3w, 3]; `rounded` makes codes of hidden layers' results."""
    codes = image.transpose(2, 0, 1)
    for layer in layers[:-1]:
        codes = rounded(np.maximum(convolve(codes, layer), 0))
    large = np.zeros((SCALE * HEIGHT, SCALE * WIDTH, 3))
    for channel, plane in enumerate(convolve(codes, layers[-1])):
        colour, position = channel % 3, channel // 3
        large[position // SCALE :: SCALE, position % SCALE :: SCALE, colour] = image[:, :, colour] + np.clip(
            np.rint(plane), -128, 127
        )
    return np.clip(large, 0, 255)


def codes_of(values: np.ndarray) -> np.ndarray:
    """Rounds to codes as integer nets do."""
    return np.clip(np.rint(values), 0, 255)


def floats_of(layers: list[Int8Layer]) -> list[Layer]:
    """The float net that these integers stand for."""
    return [
        Layer(
            (layer.weight * layer.step[:, None, None, None]).astype(np.float32),
            (layer.bias * layer.step).astype(np.float32),
        )
        for layer in layers
    ]


@pytest.mark.parametrize(
    ("engine", "precision"),
    [
        ("ONNX Runtime", "int8"),
        ("LiteRT", "int8"),
        ("OpenVINO", "int8"),
        ("OpenVINO", "int8 tflite"),
        ("ONNX Runtime", "f32"),
        ("LiteRT", "f32"),
        ("ncnn", "f32"),
    ],
)
def test_engines_compute_the_net(engine: str, precision: str, tmp_path: Path) -> None:
    """A random net's picture is that of plain arithmetic, but for roundings; another net's isn't."""
    layers, image = random_net(1), random_image(2)
    integer = precision.startswith("int8")
    onnx_model.write_int8(layers, tmp_path / "int8.onnx", WIDTH, HEIGHT)
    tflite_model.write_int8(layers, tmp_path / "int8.tflite", WIDTH, HEIGHT)
    onnx_model.write_float(floats_of(layers), tmp_path / "f32.onnx", WIDTH, HEIGHT)
    tflite_model.write_float(floats_of(layers), tmp_path / "f32.tflite", WIDTH, HEIGHT)
    ncnn_model.write_float(floats_of(layers), tmp_path / "f32")
    session = ENGINES[engine](Setup(tmp_path, precision, 1), image)
    picture = session.picture(session.run())

    rounded = codes_of if integer else (lambda values: values)
    expected = upscale(layers, image, rounded)
    # A float net's residuals aren't held in 8 bits.
    inside = np.abs(expected - np.repeat(np.repeat(image, SCALE, 0), SCALE, 1)) < 127
    assert inside.mean() > 0.5
    assert np.abs(picture - expected)[inside].max() <= 2
    assert np.abs(picture - upscale(random_net(3), image, rounded))[inside].max() > 2


def test_ncnn_keeps_seven_bits(tmp_path: Path) -> None:
    """Its int8 picture is near that of plain arithmetic."""
    layers, image = random_net(1), random_image(2)
    ncnn_model.write_int8(layers, tmp_path / "int8")
    session = ENGINES["ncnn"](Setup(tmp_path, "int8", 1), image)
    seven_bits = upscale(layers, image, lambda values: np.clip(np.rint(values * 127 / 255), 0, 127) * 255 / 127)
    error = np.abs(session.picture(session.run()) - seven_bits)
    assert np.median(error) <= 3


def test_ratios_are_of_the_same_round() -> None:
    """A round in which all was slow changes no ratio."""
    base, other = Row("abpn", "int8", [10, 1000, 12], np.inf), Row("ncnn", "f32", [20, 2000, 24], 50.0)
    assert ratio(other, base) == 2
    assert ratio(Row("ncnn", "f32"), base) is None


def test_psnr() -> None:
    """Equal, different, and of another size."""
    image = random_image(1)
    assert psnr_db(image, image) == np.inf
    assert psnr_db(image ^ 1, image) == pytest.approx(48.1308, abs=1e-4)
    assert psnr_db(image[1:], image) == -np.inf


def test_no_time_is_told_of_a_wrong_picture() -> None:
    """Nor of what is missing; abpn's own picture must be the same to the byte."""
    rows = [
        Row("abpn", "int8", [10.0], np.inf),
        Row("abpn", "other", [7.0], 80.0),
        Row("ncnn", "fp16", [5.0], 21.3),
        Row("ncnn", "f32", [20.0], 53.9),
        Row("LiteRT", "int8", missing="no wheel"),
    ]
    assert [row.wrong for row in rows] == [False, True, True, False, False]
    assert [row["median_ms"] for row in group_json(Group("CPU", rows))["rows"]] == [10.0, None, None, 20.0, None]
    text = markdown([Group("CPU", rows)])
    assert "| ncnn, f32 | 20 | 2.00 | 53.9 dB |" in text
    assert "| ncnn, fp16 | | | wrong picture: 21.3 dB |" in text
    assert "| LiteRT, int8 | | | missing: no wheel |" in text
