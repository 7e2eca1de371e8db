"""The net as ONNX: in float, and in int8 as pairs of QuantizeLinear and DequantizeLinear."""

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from .net import SCALE, Int8Layer, Layer

OPSET = 21
PADS = [1, 1, 1, 1]


class _Graph:
    """Nodes and constants as they come."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants.append(numpy_helper.from_array(value, name))
        return name

    def node(self, operator: str, inputs: list[str], output: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def save(self, path: Path, element: int, width: int, height: int) -> None:
        """Writes the model: `image`, [1, 3, height, width], to `upscaled`, three times as large, of the same type."""
        graph = helper.make_graph(
            self.nodes,
            "abpn",
            [helper.make_tensor_value_info("image", element, [1, 3, height, width])],
            [helper.make_tensor_value_info("upscaled", element, [1, 3, SCALE * height, SCALE * width])],
            self.constants,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=10)
        onnx.checker.check_model(model, full_check=True)
        onnx.save(model, path)


def write_float(layers: list[Layer], path: Path, width: int, height: int) -> None:
    """Writes the float net: f32 pixels of 0..255 in and out."""
    graph = _Graph()
    blob = "image"
    for index, layer in enumerate(layers):
        inputs = [
            blob,
            graph.constant(f"weight{index}", layer.weight),
            graph.constant(f"bias{index}", layer.bias),
        ]
        blob = graph.node("Conv", inputs, f"conv{index}", pads=PADS)
        if index + 1 < len(layers):
            blob = graph.node("Relu", [blob], f"relu{index}")
    anchor = graph.node("Concat", ["image"] * SCALE**2, "anchor", axis=1)
    blob = graph.node("Add", [blob, anchor], "sum")
    limits = [graph.constant("least", np.float32(0)), graph.constant("most", np.float32(255))]
    blob = graph.node("Clip", [blob, *limits], "clipped")
    graph.node("DepthToSpace", [blob], "upscaled", blocksize=SCALE, mode="DCR")
    graph.save(path, TensorProto.FLOAT, width, height)


def write_int8(layers: list[Int8Layer], path: Path, width: int, height: int) -> None:
    """Writes the integer net: u8 pixels in and out, u8 codes, i8 residuals and weights, i32 biases."""
    graph = _Graph()
    one = graph.constant("one", np.float32(1))
    code, residual = graph.constant("code", np.uint8(0)), graph.constant("residual", np.int8(0))

    def dequantized(blob: str, zero: str) -> str:
        return graph.node("DequantizeLinear", [blob, one, zero], f"{blob}_real")

    blob = "image"
    for index, layer in enumerate(layers):
        step = graph.constant(f"step{index}", layer.step)
        inputs = [
            dequantized(blob, code),
            *(
                graph.node("DequantizeLinear", [graph.constant(name, value), step], f"{name}_real", axis=0)
                for name, value in ((f"weight{index}", layer.weight), (f"bias{index}", layer.bias))
            ),
        ]
        blob = graph.node("Conv", inputs, f"conv{index}", pads=PADS)
        if index + 1 < len(layers):
            blob = graph.node("Relu", [blob], f"relu{index}")
            blob = graph.node("QuantizeLinear", [blob, one, code], f"codes{index}")
    blob = graph.node("QuantizeLinear", [blob, one, residual], "residuals")
    anchor = graph.node("Concat", ["image"] * SCALE**2, "anchor", axis=1)
    blob = graph.node("Add", [dequantized(blob, residual), dequantized(anchor, code)], "sum")
    blob = graph.node("QuantizeLinear", [blob, one, code], "pixels")
    graph.node("DepthToSpace", [blob], "upscaled", blocksize=SCALE, mode="DCR")
    graph.save(path, TensorProto.UINT8, width, height)
