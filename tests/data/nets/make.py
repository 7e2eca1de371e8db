"""Writes one small net in every format that `abpn model import` reads: the fixtures beside this file.

The net is x2, 3 > 6 > 5 > 12 channels, with PReLU, on pixels of 0..1. Its weights are random numbers of a fixed seed; nothing
is trained. `expected.png` is what PyTorch makes of `input.png`.

Needs: torch, numpy, pillow, safetensors, onnx, flatbuffers, ai-edge-litert (for TFLite's schema).
Run: python tests/data/nets/make.py
"""

from pathlib import Path

import flatbuffers
import numpy as np
import onnx
import torch
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from safetensors.numpy import save_file

HERE = Path(__file__).parent
SCALE = 2
WIDTHS = [3, 6, 5, 3 * SCALE**2]
HEIGHT, WIDTH = 10, 12


class Net(torch.nn.Module):
    """Plain convolutions with PReLU, pixel shuffle, and the picture added, as Real-ESRGAN's compact nets are built."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[torch.nn.Module] = []
        for index, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:], strict=False)):
            layers.append(torch.nn.Conv2d(inputs, outputs, 3, padding=1))
            if index + 2 < len(WIDTHS):
                layers.append(torch.nn.PReLU(outputs))
        self.body = torch.nn.ModuleList(layers)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for layer in self.body:
            y = layer(y)
        return torch.nn.functional.pixel_shuffle(y, SCALE) + torch.nn.functional.interpolate(x, scale_factor=SCALE)


def make() -> Net:
    rng = np.random.default_rng(1)
    net = Net()
    with torch.no_grad():
        for index, layer in enumerate(net.body):
            # The residual stays small: the picture is its input enlarged.
            size = 0.02 if index + 1 == len(net.body) else 0.25
            for name, parameter in layer.named_parameters():
                slope = isinstance(layer, torch.nn.PReLU)
                low, high = (-0.8, 1.3) if slope else (-size, size)
                if name == "bias":
                    low, high = low / 4, high / 4
                # Halves, so that f16 files hold the very same numbers.
                values = rng.uniform(low, high, parameter.shape).astype(np.float16)
                parameter.copy_(torch.from_numpy(values.astype(np.float32)))
    return net


def array(tensor: torch.Tensor) -> np.ndarray:
    return tensor.detach().numpy()


def convolutions(net: Net) -> list[tuple[np.ndarray, np.ndarray, np.ndarray | None]]:
    """Weights, bias and slopes of each convolution."""
    layers = list(net.body)
    found = []
    for index in range(0, len(layers), 2):
        slopes = array(layers[index + 1].weight) if index + 1 < len(layers) else None
        found.append((array(layers[index].weight), array(layers[index].bias), slopes))
    return found


# PyTorch, safetensors, NumPy.


def write_tensors(net: Net) -> None:
    state = net.state_dict()
    torch.save({"params_ema": state, "iter": 7}, HERE / "net.pth")
    torch.save(state, HERE / "legacy.pth", _use_new_zipfile_serialization=False)
    save_file({name: array(tensor) for name, tensor in state.items()}, HERE / "net.safetensors")
    arrays = {}
    for index, (weight, bias, slopes) in enumerate(convolutions(net)):
        arrays |= {f"conv{index}_w": weight.transpose(2, 3, 1, 0), f"conv{index}_b": bias}
        if slopes is not None:
            arrays[f"prelu{index}_alpha"] = slopes
    # In the order of the net, as the names are not.
    order = ["conv0_w", "conv0_b", "prelu0_alpha", "conv1_w", "conv1_b", "prelu1_alpha", "conv2_w", "conv2_b"]
    np.savez_compressed(HERE / "net.npz", **{name: np.ascontiguousarray(arrays[name]) for name in order})


# ncnn.


def write_ncnn(net: Net, name: str, half: bool) -> None:
    lines = ["Input data 0 1 data", "Split split 1 2 data data_0 data_1"]
    parts, blob = [], "data_1"
    for index, (weight, bias, slopes) in enumerate(convolutions(net)):
        lines.append(f"Convolution conv{index} 1 1 {blob} c{index} 0={len(bias)} 1=3 4=1 5=1 6={weight.size}")
        tag = np.uint32(0x01306B47 if half else 0)
        values = weight.astype(np.float16 if half else np.float32).tobytes()
        parts += [tag.tobytes(), values, bytes(-len(values) % 4), bias.tobytes()]
        blob = f"c{index}"
        if slopes is not None:
            lines.append(f"PReLU prelu{index} 1 1 {blob} p{index} 0={len(slopes)}")
            parts.append(slopes.tobytes())
            blob = f"p{index}"
    lines += [
        f"PixelShuffle shuffle 1 1 {blob} shuffled 0={SCALE}",
        f"Interp nearest 1 1 data_0 anchor 0=1 1={SCALE}.0 2={SCALE}.0",
        "BinaryOp add 2 1 shuffled anchor output",
    ]
    (HERE / f"{name}.param").write_text("\n".join(["7767517", f"{len(lines)} {len(lines) + 1}", *lines]) + "\n")
    (HERE / f"{name}.bin").write_bytes(b"".join(parts))


# Codes of the integer nets.


def codes(net: Net) -> list[tuple[float, int]]:
    """Step and zero point, of 0..255, of what the net reads and of each activation."""
    x = torch.from_numpy(np.random.default_rng(2).uniform(0, 1, (1, 3, 40, 40)).astype(np.float32))
    found = [(1 / 255, 0)]
    for layer in net.body:
        x = layer(x)
        if isinstance(layer, torch.nn.PReLU):
            low, high = min(0.0, float(x.min())), float(x.max())
            step = (high - low) / 255
            found.append((step, round(-low / step)))
    return found


def integers(weight: np.ndarray, bias: np.ndarray, step: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Weights, their scales and the bias, for a layer that reads codes of this step."""
    scale = np.abs(weight).max((1, 2, 3)) / 127
    return (
        np.round(weight / scale[:, None, None, None]).astype(np.int8),
        scale.astype(np.float32),
        np.round(bias / (scale * step)).astype(np.int32),
    )


# ONNX.


def write_onnx(net: Net, name: str, quantised: bool) -> None:
    nodes, constants = [], []

    def constant(name: str, value: np.ndarray) -> str:
        constants.append(numpy_helper.from_array(value, name))
        return name

    def node(kind: str, inputs: list[str], output: str, **attributes: object) -> str:
        nodes.append(helper.make_node(kind, inputs, [output], name=output, **attributes))
        return output

    steps = codes(net)

    def coded(blob: str, index: int) -> str:
        step, zero = steps[index]
        pair = [constant(f"step{index}", np.float32(step)), constant(f"zero{index}", np.uint8(zero))]
        node("QuantizeLinear", [blob, *pair], f"{blob}_codes")
        return node("DequantizeLinear", [f"{blob}_codes", *pair], f"{blob}_real")

    blob = coded("image", 0) if quantised else "image"
    image = blob
    for index, (weight, bias, slopes) in enumerate(convolutions(net)):
        if quantised:
            values, scale, whole = integers(weight, bias, steps[index][0])
            bias_scale = (scale * np.float32(steps[index][0])).astype(np.float32)
            inputs = [
                node(
                    "DequantizeLinear",
                    [constant(f"{what}{index}_i", value), constant(f"{what}{index}_s", by)],
                    f"{what}{index}",
                    axis=0,
                )
                for what, value, by in (("weight", values, scale), ("bias", whole, bias_scale))
            ]
        else:
            inputs = [constant(f"weight{index}", weight), constant(f"bias{index}", bias)]
        blob = node("Conv", [blob, *inputs], f"conv{index}", pads=[1, 1, 1, 1], kernel_shape=[3, 3])
        if slopes is not None:
            blob = node("PRelu", [blob, constant(f"slopes{index}", slopes[:, None, None])], f"prelu{index}")
            blob = coded(blob, index + 1) if quantised else blob
    blob = node("DepthToSpace", [blob], "shuffled", blocksize=SCALE, mode="CRD")
    scales = constant("scales", np.array([1, 1, SCALE, SCALE], np.float32))
    anchor = node(
        "Resize",
        [image, "", scales],
        "anchor",
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
        nearest_mode="floor",
    )
    blob = node("Add", [blob, anchor], "sum")
    node("Clip", [blob, constant("least", np.float32(0)), constant("most", np.float32(1))], "output")
    graph = helper.make_graph(
        nodes,
        "net",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("output", TensorProto.FLOAT, [1, 3, "out_height", "out_width"])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, HERE / f"{name}.onnx")


# TFLite.

TYPES = {"float32": 0, "int32": 2, "int8": 9}


class Model:
    """Tensors and operators as they come; activations are [1, height, width, channels]."""

    def __init__(self) -> None:
        self.model = schema.ModelT()
        self.model.version, self.model.buffers, self.model.operatorCodes = 3, [schema.BufferT()], []
        self.graph = schema.SubGraphT()
        self.graph.tensors, self.graph.operators = [], []
        self.model.subgraphs = [self.graph]

    def tensor(self, name: str, shape: tuple[int, ...], kind: str, scale: object = None, zero: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.name, tensor.shape, tensor.type, tensor.buffer = name, shape, TYPES[kind], 0
        if scale is not None:
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
            tensor.quantization.zeroPoint = np.full(tensor.quantization.scale.shape, zero, np.int64)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def constant(self, name: str, value: np.ndarray, scale: object = None) -> int:
        index = self.tensor(name, value.shape, value.dtype.name, scale)
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(value).tobytes(), np.uint8)
        self.graph.tensors[index].buffer = len(self.model.buffers)
        self.model.buffers.append(buffer)
        return index

    def operator(self, kind: str, inputs: list[int], output: int, table: str | None = None, **options: object) -> int:
        code = schema.OperatorCodeT()
        code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, kind)
        code.version = 1
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.model.operatorCodes)
        self.model.operatorCodes.append(code)
        operator.inputs, operator.outputs = inputs, [output]
        if table is not None:
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, table)
            operator.builtinOptions = getattr(schema, f"{table}T")()
            for field, value in options.items():
                setattr(operator.builtinOptions, field, value)
        self.graph.operators.append(operator)
        return output

    def save(self, path: Path, image: int, output: int) -> None:
        self.graph.inputs, self.graph.outputs = [image], [output]
        builder = flatbuffers.Builder()
        builder.Finish(self.model.Pack(builder), b"TFL3")
        path.write_bytes(builder.Output())


def write_tflite(net: Net, name: str, quantised: bool) -> None:
    model, steps = Model(), codes(net)
    kind = "int8" if quantised else "float32"

    def activation(name: str, channels: int, code: tuple[float, int] | None, factor: int = 1) -> int:
        shape = (1, factor * HEIGHT, factor * WIDTH, channels)
        return model.tensor(name, shape, kind, code[0], code[1] - 128) if quantised else model.tensor(name, shape, kind)

    blob = image = activation("image", 3, steps[0])
    block = SCALE**2
    # PyTorch's order of the last channels as TensorFlow's.
    order = [colour * block + place for place in range(block) for colour in range(3)]
    for index, (weight, bias, slopes) in enumerate(convolutions(net)):
        outputs = len(bias)
        if slopes is None:
            weight, bias = weight[order], bias[order]
        if quantised:
            values, scale, whole = integers(weight, bias, steps[index][0])
            inputs = [
                model.constant(f"weight{index}", values.transpose(0, 2, 3, 1), scale),
                model.constant(f"bias{index}", whole, scale * steps[index][0]),
            ]
        else:
            inputs = [
                model.constant(f"weight{index}", weight.transpose(0, 2, 3, 1)),
                model.constant(f"bias{index}", bias),
            ]
        blob = model.operator(
            "CONV_2D",
            [blob, *inputs],
            activation(f"conv{index}", outputs, (0.02, 128)),
            "Conv2DOptions",
            padding=0,
            strideW=1,
            strideH=1,
        )
        if slopes is not None:
            shape = slopes[None, None, :]
            if quantised:
                # So fine that the integers stand for the very slopes.
                scale = np.float32(np.abs(slopes).max() / 127)
                alpha = model.constant(f"slopes{index}", np.round(shape / scale).astype(np.int8), scale)
            else:
                alpha = model.constant(f"slopes{index}", shape)
            blob = model.operator("PRELU", [blob, alpha], activation(f"prelu{index}", outputs, steps[index + 1]))
    anchor = activation("anchor", 3 * block, steps[0])
    model.operator("CONCATENATION", [image] * block, anchor, "ConcatenationOptions", axis=3)
    total = activation("sum", 3 * block, (1 / 255, 0))
    model.operator("ADD", [blob, anchor], total, "AddOptions", fusedActivationFunction=1)
    if not quantised:
        total = model.operator("MINIMUM", [total, model.constant("most", np.float32(1))], activation("least", 3 * block, None))
    output = activation("output", 3, (1 / 255, 0), SCALE)
    model.operator("DEPTH_TO_SPACE", [total], output, "DepthToSpaceOptions", blockSize=SCALE)
    model.save(HERE / f"{name}.tflite", image, output)


def main() -> None:
    net = make()
    write_tensors(net)
    write_ncnn(net, "net", half=False)
    write_ncnn(net, "half", half=True)
    for quantised, name in ((False, "net"), (True, "int8")):
        write_onnx(net, name, quantised)
        write_tflite(net, name, quantised)
    pixels = np.random.default_rng(3).integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    Image.fromarray(pixels).save(HERE / "input.png")
    with torch.no_grad():
        output = net(torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None])[0]
    output = (output.clamp(0, 1) * 255).round().permute(1, 2, 0).numpy().astype(np.uint8)
    Image.fromarray(output).save(HERE / "expected.png")


if __name__ == "__main__":
    main()
