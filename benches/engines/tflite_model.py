"""The net as TFLite: in float and in int8, the form that the authors of ABPN published."""

from dataclasses import dataclass
from pathlib import Path

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

from .net import SCALE, Int8Layer, Layer

VERSION = 3
"""Of the TFLite schema."""

_TYPES = {
    np.dtype(np.float32): schema.TensorType.FLOAT32,
    np.dtype(np.int8): schema.TensorType.INT8,
    np.dtype(np.int32): schema.TensorType.INT32,
}


@dataclass(frozen=True)
class _Quantization:
    """value = scale * (integer - zero), for the whole tensor or for each entry of `axis`."""

    scale: np.ndarray
    zero: int = 0
    axis: int = 0

    def to_schema(self) -> schema.QuantizationParametersT:
        quantization = schema.QuantizationParametersT()
        quantization.scale = np.atleast_1d(self.scale).astype(np.float32)
        quantization.zeroPoint = np.full(quantization.scale.shape, self.zero, np.int64)
        quantization.quantizedDimension = self.axis
        return quantization


_CODE = _Quantization(np.float32(1), -128)
"""A code of 0..255 as an i8."""
_RESIDUAL = _Quantization(np.float32(1))


class _Graph:
    """Tensors and operators as they come; an activation is NHWC."""

    def __init__(self, element: type) -> None:
        self.element = element
        self.model = schema.ModelT()
        self.model.version = VERSION
        self.model.buffers = [schema.BufferT()]
        self.model.operatorCodes = []
        self.graph = schema.SubGraphT()
        self.graph.tensors = []
        self.graph.operators = []
        self.model.subgraphs = [self.graph]

    def tensor(self, name: str, shape: tuple[int, ...], quantization: _Quantization | None, element: type) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, _TYPES[np.dtype(element)], 0
        tensor.quantization = quantization and quantization.to_schema()
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def activation(self, name: str, shape: tuple[int, ...], quantization: _Quantization | None = None) -> int:
        return self.tensor(name, shape, quantization, self.element)

    def constant(self, name: str, value: np.ndarray, quantization: _Quantization | None = None) -> int:
        index = self.tensor(name, value.shape, quantization, value.dtype)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(value.tobytes(), np.uint8)
        self.graph.tensors[index].buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)
        return index

    def operator(self, name: str, inputs: list[int], output: int, version: int = 1, **options: object) -> int:
        """Adds the operator `name` of `BuiltinOperator`, its `options` being fields of its options' table."""
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode, code.version = code.builtinCode, version
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes)
        self.model.operatorCodes.append(code)
        operator.inputs, operator.outputs = inputs, [output]
        table = _OPTIONS[name]
        operator.builtinOptionsType = getattr(schema.BuiltinOptions, table)
        operator.builtinOptions = getattr(schema, f"{table}T")()
        for field, value in options.items():
            setattr(operator.builtinOptions, field, value)
        self.graph.operators.append(operator)
        return output

    def save(self, path: Path, image: int, upscaled: int) -> None:
        self.graph.inputs, self.graph.outputs = [image], [upscaled]
        builder = flatbuffers.Builder()
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(builder.Output())


_OPTIONS = {
    "CONV_2D": "Conv2DOptions",
    "CONCATENATION": "ConcatenationOptions",
    "ADD": "AddOptions",
    "MINIMUM": "MaximumMinimumOptions",
    "DEPTH_TO_SPACE": "DepthToSpaceOptions",
}


def _conv(graph: _Graph, inputs: list[int], output: int, relu: bool) -> int:
    activation = schema.ActivationFunctionType.RELU if relu else schema.ActivationFunctionType.NONE
    options = {"padding": schema.Padding.SAME, "strideW": 1, "strideH": 1, "fusedActivationFunction": activation}
    return graph.operator("CONV_2D", inputs, output, 3, **options)


def _upscaled(graph: _Graph, blob: int, width: int, height: int, quantization: _Quantization | None) -> int:
    upscaled = graph.activation("upscaled", (1, SCALE * height, SCALE * width, 3), quantization)
    return graph.operator("DEPTH_TO_SPACE", [blob], upscaled, 2, blockSize=SCALE)


def write_float(layers: list[Layer], path: Path, width: int, height: int) -> None:
    """Writes the float net: f32 pixels of 0..255 in, [1, height, width, 3], and out."""
    graph = _Graph(np.float32)

    def activation(name: str, channels: int) -> int:
        return graph.activation(name, (1, height, width, channels))

    blob = image = activation("image", 3)
    for index, layer in enumerate(layers):
        weight = graph.constant(f"weight{index}", layer.weight.transpose(0, 2, 3, 1))
        inputs = [blob, weight, graph.constant(f"bias{index}", layer.bias)]
        blob = _conv(graph, inputs, activation(f"conv{index}", layer.outputs), index + 1 < len(layers))
    block = layers[-1].outputs
    anchor = graph.operator("CONCATENATION", [image] * SCALE**2, activation("anchor", block), axis=3)
    relu = schema.ActivationFunctionType.RELU
    blob = graph.operator("ADD", [blob, anchor], activation("sum", block), fusedActivationFunction=relu)
    blob = graph.operator("MINIMUM", [blob, graph.constant("most", np.float32(255))], activation("clipped", block))
    graph.save(path, image, _upscaled(graph, blob, width, height, None))


def write_int8(layers: list[Int8Layer], path: Path, width: int, height: int) -> None:
    """Writes the integer net: pixels minus 128 as i8 in, [1, height, width, 3], and out."""
    graph = _Graph(np.int8)

    def activation(name: str, channels: int, quantization: _Quantization = _CODE) -> int:
        return graph.activation(name, (1, height, width, channels), quantization)

    blob = image = activation("image", 3)
    for index, layer in enumerate(layers):
        hidden = index + 1 < len(layers)
        step = _Quantization(layer.step)
        weight = graph.constant(f"weight{index}", layer.weight.transpose(0, 2, 3, 1), step)
        inputs = [blob, weight, graph.constant(f"bias{index}", layer.bias, step)]
        output = activation(f"conv{index}", layer.outputs, _CODE if hidden else _RESIDUAL)
        blob = _conv(graph, inputs, output, hidden)
    block = layers[-1].outputs
    anchor = graph.operator("CONCATENATION", [image] * SCALE**2, activation("anchor", block), 2, axis=3)
    blob = graph.operator("ADD", [blob, anchor], activation("sum", block), 2)
    graph.save(path, image, _upscaled(graph, blob, width, height, _CODE))
