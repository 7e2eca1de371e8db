"""Writes the shipped net in every engine's format."""

import shutil
from collections.abc import Callable
from pathlib import Path

from . import ncnn_model, net


def write(weights: Path, folder: Path, width: int, height: int) -> dict[str, str]:
    """Fills `folder` with `int8` and `f32` models for pictures of `width` x `height`.

    Gives the formats that couldn't be written, and why.
    """
    integers = net.read_int8(weights / "abpn_x3.safetensors")
    floats = net.read_float(weights / "abpn_x3_float.safetensors")

    def onnx() -> None:
        from . import onnx_model

        onnx_model.write_int8(integers, folder / "int8.onnx", width, height)
        onnx_model.write_float(floats, folder / "f32.onnx", width, height)

    def tflite() -> None:
        from . import tflite_model

        tflite_model.write_int8(integers, folder / "int8.tflite", width, height)
        tflite_model.write_float(floats, folder / "f32.tflite", width, height)

    def ncnn() -> None:
        ncnn_model.write_int8(integers, folder / "int8")
        ncnn_model.write_float(floats, folder / "f32")

    folder.mkdir(parents=True, exist_ok=True)
    # PyTorch's net is made of the weights themselves.
    shutil.copy(weights / "abpn_x3_float.safetensors", folder / "f32.safetensors")
    failures = {format_: _failure(writer) for format_, writer in (("onnx", onnx), ("tflite", tflite), ("ncnn", ncnn))}
    return {format_: failure for format_, failure in failures.items() if failure is not None}


def _failure(writer: Callable[[], None]) -> str | None:
    """Runs it; a package that isn't installed is the one failure that is expected."""
    try:
        writer()
    except ImportError as error:
        return str(error)
    return None
