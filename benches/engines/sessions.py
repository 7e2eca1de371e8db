"""A session is a net loaded into an engine, its input in the engine's own form: what is left to time is the net."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Picture = np.ndarray
"""u8 RGB, [h, w, 3]."""


@dataclass(frozen=True)
class Session:
    """One engine, ready to run."""

    run: Callable[[], Any]
    """From the input in host memory to the output in host memory."""
    picture: Callable[[Any], Picture]
    """What `run` gave, as a picture; not timed."""
    resident: Callable[[int], None] | None = None
    """So many frames whose pixels are in device memory and stay there, to the end of the last one; None if it can't."""


@dataclass(frozen=True)
class Setup:
    """What an engine is to run."""

    models: Path
    """The folder that `models.write` filled."""
    precision: str
    threads: int
    adapter: str | None = None
    """A part of a Vulkan adapter's name; None is the CPU."""
    device: str = "cpu"
    """Where PyTorch and ONNX Runtime compute: `cpu` or `cuda`."""


def openvino(setup: Setup, image: Picture) -> Session:
    """OpenVINO on the CPU: `int8` from ONNX, `int8 tflite` from TFLite, `f32`."""
    import openvino as ov

    file, planar = {
        "int8": ("int8.onnx", True),
        "int8 tflite": ("int8.tflite", False),
        "f32": ("f32.onnx", True),
    }[setup.precision]
    core = ov.Core()
    options = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": setup.threads, "NUM_STREAMS": 1}
    request = core.compile_model(core.read_model(setup.models / file), "CPU", options).create_infer_request()
    if planar:
        tensor = ov.Tensor(_planes(image, _element(setup)))
        return Session(lambda: _openvino_run(request, tensor), _from_planes)
    tensor = ov.Tensor(_stored(image)[None])
    return Session(lambda: _openvino_run(request, tensor), _from_stored)


def _openvino_run(request: Any, tensor: Any) -> np.ndarray:
    request.infer({0: tensor}, share_inputs=True)
    return request.get_output_tensor(0).data


PROVIDERS = {"CUDA": "CUDAExecutionProvider", "TensorRT": "TensorrtExecutionProvider"}
"""What ONNX Runtime computes with on NVIDIA's devices, by the end of the precision's name."""


def onnx_runtime_gpu(setup: Setup, image: Picture) -> Session:
    """ONNX Runtime on an NVIDIA device: `f32 CUDA`, `f32 TensorRT`, `fp16 TensorRT` and `int8 TensorRT`."""
    import onnxruntime as ort

    precision, provider = setup.precision.split()
    if PROVIDERS[provider] not in ort.get_available_providers():
        raise RuntimeError(f"this ONNX Runtime has no {PROVIDERS[provider]}")
    options = {"trt_fp16_enable": precision == "fp16", "trt_int8_enable": precision == "int8"}
    options = options if provider == "TensorRT" else {}
    file = "int8.onnx" if precision == "int8" else "f32.onnx"
    session = ort.InferenceSession(setup.models / file, providers=[(PROVIDERS[provider], options)])
    planes = _planes(image, np.uint8 if precision == "int8" else np.float32)
    bound = session.io_binding()
    bound.bind_ortvalue_input("image", ort.OrtValue.ortvalue_from_numpy(planes, "cuda", 0))
    bound.bind_output("upscaled", "cuda")

    def resident(frames: int) -> None:
        for _ in range(frames):
            session.run_with_iobinding(bound)
        bound.synchronize_outputs()

    return Session(lambda: session.run(None, {"image": planes})[0], _from_planes, resident)


def pytorch(setup: Setup, image: Picture) -> Session:
    """PyTorch on the CPU or a CUDA device: `fp16` or `f32`, then nothing, `compiled` or `graph`."""
    import torch

    from .net import read_float
    from .torch_sessions import Runner, picture

    if setup.device == "cuda" and not torch.cuda.is_available():
        raise RuntimeError("PyTorch sees no CUDA device")
    torch.set_num_threads(setup.threads)
    runner = Runner(read_float(setup.models / "f32.safetensors"), setup.precision, setup.device, image)
    return Session(runner.end_to_end, picture, runner.resident)


def onnx_runtime(setup: Setup, image: Picture) -> Session:
    """ONNX Runtime on the CPU: `int8` and `f32`."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = setup.threads, 1
    # Without VNNI its sums of products of u8 and i8 saturate at 16 bits: this asks for exact ones.
    options.add_session_config_entry("session.x64quantprecision", "1")
    session = ort.InferenceSession(setup.models / f"{setup.precision}.onnx", options, ["CPUExecutionProvider"])
    planes = _planes(image, _element(setup))
    return Session(lambda: session.run(None, {"image": planes})[0], _from_planes)


def litert(setup: Setup, image: Picture) -> Session:
    """LiteRT on the CPU, that is XNNPACK: `int8` and `f32`."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(setup.models / f"{setup.precision}.tflite"), num_threads=setup.threads)
    interpreter.allocate_tensors()
    source = interpreter.get_input_details()[0]["index"]
    target = interpreter.get_output_details()[0]["index"]
    integer = setup.precision == "int8"
    pixels = (_stored(image) if integer else image.astype(np.float32))[None]

    def run() -> np.ndarray:
        interpreter.set_tensor(source, pixels)
        interpreter.invoke()
        return interpreter.get_tensor(target)

    return Session(run, _from_stored if integer else lambda output: _rounded(output[0]))


def ncnn(setup: Setup, image: Picture) -> Session:
    """On the CPU or a Vulkan adapter, ncnn: `int8`, `f32`, and the float net in `bf16` or `fp16`."""
    import ncnn as engine

    net = engine.Net()
    net.opt.num_threads = setup.threads
    net.opt.use_bf16_storage = setup.precision == "bf16"
    half = setup.precision == "fp16"
    net.opt.use_fp16_packed = net.opt.use_fp16_storage = net.opt.use_fp16_arithmetic = half
    if setup.adapter is not None:
        net.opt.use_vulkan_compute = True
        net.set_vulkan_device(_ncnn_adapter(engine, setup.adapter))
    stem = setup.models / ("int8" if setup.precision == "int8" else "f32")
    for step in (net.load_param(f"{stem}.param"), net.load_model(f"{stem}.bin")):
        if step != 0:
            raise RuntimeError(f"ncnn can't load {stem}: error {step}")
    # A Mat made of an array doesn't keep the array alive: `source` does until it is copied.
    source = _planes(image, np.float32)[0]
    planes = engine.Mat(source).clone()

    def run() -> Any:
        extractor = net.create_extractor()
        extractor.input("image", planes)
        result, output = extractor.extract("upscaled")
        if result != 0:
            raise RuntimeError(f"ncnn can't run: error {result}")
        return output

    return Session(run, lambda output: _from_planes(np.array(output)[None]))


def _ncnn_adapter(engine: Any, name: str) -> int:
    names = [engine.get_gpu_info(index).device_name() for index in range(engine.get_gpu_count())]
    for index, candidate in enumerate(names):
        if name in candidate or candidate in name:
            return index
    raise RuntimeError(f"ncnn sees no Vulkan adapter {name!r}, only {names}")


def _element(setup: Setup) -> type:
    return np.uint8 if setup.precision == "int8" else np.float32


def _planes(image: Picture, element: type) -> np.ndarray:
    """[1, 3, h, w]."""
    return np.ascontiguousarray(image.transpose(2, 0, 1)[None], element)


def _stored(image: Picture) -> np.ndarray:
    """Pixels minus 128 as i8."""
    return (image ^ 0x80).view(np.int8)


def _rounded(image: np.ndarray) -> Picture:
    return np.clip(np.rint(image), 0, 255).astype(np.uint8)


def _from_planes(output: np.ndarray) -> Picture:
    return np.ascontiguousarray(_rounded(output[0]).transpose(1, 2, 0))


def _from_stored(output: np.ndarray) -> Picture:
    return output[0].view(np.uint8) ^ 0x80


ENGINES = {
    "OpenVINO": openvino,
    "ONNX Runtime": onnx_runtime,
    "ONNX Runtime GPU": onnx_runtime_gpu,
    "LiteRT": litert,
    "ncnn": ncnn,
    "PyTorch": pytorch,
}
"""Every engine by its name."""
