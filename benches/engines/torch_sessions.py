"""The float net in PyTorch, as fast as it goes on a GPU: f16, channels last in memory, launches in a CUDA graph."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from .net import SCALE, Layer


class Net(nn.Module):
    """u8 pixels, [1, 3, h, w], to u8 pixels, [1, 3, 3h, 3w]."""

    def __init__(self, layers: list[Layer], element: torch.dtype) -> None:
        super().__init__()
        self.element = element
        self.weights, self.biases = nn.ParameterList(), nn.ParameterList()
        for index, layer in enumerate(layers):
            # Values of 0..1, where f16 is at its finest; PyTorch's pixel shuffle has the colour outermost.
            order = np.arange(layer.outputs)
            if index + 1 == len(layers):
                order = order.reshape(SCALE**2, 3).T.ravel()
            self.weights.append(_parameter(layer.weight[order], element))
            self.biases.append(_parameter(layer.bias[order] / 255, element))

    def forward(self, pixels: Tensor) -> Tensor:
        """As in the class's description."""
        image = pixels.to(self.element).contiguous(memory_format=torch.channels_last) / 255
        features = image
        last = len(self.weights) - 1
        for index, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            features = F.conv2d(features, weight, bias, padding=1)
            features = F.relu(features) if index < last else features
        large = features + image.repeat_interleave(SCALE**2, 1)
        return F.pixel_shuffle(large.clamp(0, 1), SCALE).mul(255).round().to(torch.uint8)


def _parameter(values: np.ndarray, element: torch.dtype) -> nn.Parameter:
    tensor = torch.from_numpy(np.ascontiguousarray(values)).to(element)
    return nn.Parameter(tensor.contiguous(memory_format=torch.channels_last) if tensor.ndim == 4 else tensor, False)


class Runner:
    """A net on a device with an input that is there."""

    def __init__(self, layers: list[Layer], precision: str, device: str, image: np.ndarray) -> None:
        """`precision` is `fp16` or `f32`, and after it `compiled` or `graph`, or nothing."""
        half = precision.startswith("fp16")
        self.cuda = device == "cuda"
        # The fastest f32 that PyTorch has: products of 10-bit mantissas.
        torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
        torch.backends.cudnn.benchmark = True
        net: Callable[[Tensor], Tensor] = Net(layers, torch.float16 if half else torch.float32).to(device)
        if precision.endswith("compiled"):
            net = torch.compile(net, mode="max-autotune" if self.cuda else "default")
        source = torch.from_numpy(np.ascontiguousarray(image.transpose(2, 0, 1)[None]))
        self.host_in = source.pin_memory() if self.cuda else source
        self.device_in = source.to(device)
        self.launch = _graph(net, self.device_in) if precision.endswith("graph") else lambda: net(self.device_in)
        output = self.once()
        self.host_out = torch.empty(output.shape, dtype=output.dtype, pin_memory=self.cuda)

    def once(self) -> Tensor:
        """One frame on the device."""
        with torch.inference_mode():
            return self.launch()

    def resident(self, frames: int) -> None:
        """So many frames whose pixels are on the device and stay there, to the end of the last one."""
        for _ in range(frames):
            self.once()
        self._wait()

    def end_to_end(self) -> Tensor:
        """One frame from host memory to host memory."""
        self.device_in.copy_(self.host_in, non_blocking=True)
        self.host_out.copy_(self.once(), non_blocking=True)
        self._wait()
        return self.host_out

    def _wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()


def _graph(net: Callable[[Tensor], Tensor], source: Tensor) -> Callable[[], Tensor]:
    """Records the launches of a frame, to be replayed at once."""
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.inference_mode(), torch.cuda.stream(stream):
        for _ in range(3):
            net(source)
    torch.cuda.current_stream().wait_stream(stream)
    graph = torch.cuda.CUDAGraph()
    with torch.inference_mode(), torch.cuda.graph(graph):
        output = net(source)

    def replay() -> Tensor:
        graph.replay()
        return output

    return replay


def picture(output: Any) -> np.ndarray:
    """What a frame gave, as u8 RGB, [h, w, 3]."""
    return np.ascontiguousarray(output[0].cpu().numpy().transpose(1, 2, 0))
