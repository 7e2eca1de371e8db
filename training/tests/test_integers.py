"""The net in training, the net in NumPy and the Rust program."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, Program
from numpy.typing import NDArray

from abpn_training import checkpoint, weights
from abpn_training.data import mirror
from abpn_training.errors import UserError
from abpn_training.evaluate import upscale, upscaler
from abpn_training.intnet import IntegerNet
from abpn_training.model import Abpn
from abpn_training.qat import (
    MOST_POST_CODE,
    MOST_POST_RESIDUAL,
    Quantised,
    Requantisation,
    first_ranges,
    integers,
)

SHIPPED = ROOT / "weights/abpn_x3.safetensors"
FLOAT = ROOT / "weights/abpn_x3_float.safetensors"


def write_ppm(path: Path, picture: NDArray) -> None:
    """A picture of 8 or 16 bits."""
    most = np.iinfo(picture.dtype).max
    header = f"P6 {picture.shape[1]} {picture.shape[0]} {most}\n".encode()
    path.write_bytes(header + picture.astype(picture.dtype.newbyteorder(">")).tobytes())


def read_ppm(path: Path, shape: tuple[int, ...], dtype: type) -> NDArray:
    """The samples of a picture whose shape is known."""
    data = path.read_bytes()[-int(np.prod(shape)) * np.dtype(dtype).itemsize :]
    return np.frombuffer(data, np.dtype(dtype).newbyteorder(">")).reshape(shape).astype(dtype)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("size", [(1, 1), (2, 5), (61, 83), (240, 200)])
def test_the_program_gives_the_bytes_of_the_specification(
    abpn: Program, photo: NDArray[np.uint8], tmp_path: Path, dtype: type, size: tuple[int, int]
) -> None:
    height, width = size
    picture = photo[100 : 100 + height, 250 : 250 + width].astype(dtype)
    if dtype is np.uint16:
        # All 16 bits count.
        picture = np.minimum(picture * 257 + np.random.default_rng(1).integers(0, 200, picture.shape), 65535)
        picture = picture.astype(dtype)
    write_ppm(tmp_path / "in.ppm", picture)
    abpn("upscale", tmp_path / "in.ppm", "-d", "cpu", "-o", tmp_path / "out.ppm")
    net = IntegerNet.read(SHIPPED)
    expected = net.upscale(picture)
    result = read_ppm(tmp_path / "out.ppm", (3 * height, 3 * width, 3), dtype)
    assert np.array_equal(result, expected)
    if height > 50:
        # The last bits of an output channel's weights show, whichever channels are awake.
        net.layers[-1]["weight"][5, :, 1, 1] += 1
        assert not np.array_equal(result, net.upscale(picture))


@pytest.fixture(scope="module")
def quantised(photo: NDArray[np.uint8]) -> Quantised:
    """The shipped float net, with ranges from a piece of the photo."""
    float_weights = weights.read(FLOAT)
    net = Abpn(float_weights.scale, float_weights.hidden())
    net.init_from(float_weights.tensors)
    lr = torch.from_numpy(photo[:96, 100:196].copy()).permute(2, 0, 1)[None] / 255
    return Quantised(net, first_ranges(net, lr))


@pytest.fixture(scope="module")
def integer_net(quantised: Quantised, abpn: Program, tmp_path_factory: pytest.TempPathFactory) -> IntegerNet:
    """What the program makes of it."""
    folder = tmp_path_factory.mktemp("net")
    net = quantised.net
    weights.write(folder / "float", weights.FloatWeights(net.scale, net.plain_weights()))
    ranges = ", ".join(map(repr, quantised.ranges()))
    checkpoint.write_atomically(folder / "ranges", lambda file: file.write_text(f'{{"ranges": [{ranges}]}}'))
    abpn("model", "quantize", folder / "float", "--ranges", folder / "ranges", "-o", folder / "net")
    return IntegerNet.read(folder / "net")


def test_training_has_the_integers_of_the_quantiser(quantised: Quantised, integer_net: IntegerNet) -> None:
    step_in = torch.ones((), dtype=torch.float64)
    steps = [*(quantised.log_ranges.detach().exp() / 255), None]
    for layer, expected, step in zip(quantised.net.layers, integer_net.layers, steps, strict=True):
        weight, bias, unit = (tensor.detach() for tensor in integers(*layer.merged(), step_in))
        assert np.array_equal(weight, expected["weight"])
        assert np.array_equal(bias, expected["bias"])
        most_post = MOST_POST_RESIDUAL if step is None else MOST_POST_CODE
        # The quantiser raises a range below which codes would be finer than accumulators.
        step = step if step is None else step.maximum(unit.max())
        requantisation = Requantisation.of(unit if step is None else unit / step, most_post)
        for name in ("limit", "pre", "mul", "post"):
            assert np.array_equal(getattr(requantisation, name), expected[name]), name
        step_in = step


def test_training_has_the_pixels_of_the_integer_net(
    quantised: Quantised, integer_net: IntegerNet, photo: NDArray[np.uint8]
) -> None:
    lr = photo[150:270, 300:430]
    expected = integer_net.upscale(lr)
    assert np.array_equal(upscale(quantised, lr, 3), expected)
    # Another range would show.
    quantised.log_ranges.data[2] += 0.01
    try:
        assert (upscale(quantised, lr, 3) != expected).mean() > 0.02
    finally:
        quantised.log_ranges.data[2] -= 0.01


def test_a_mirrored_border_is_that_of_a_larger_picture(
    quantised: Quantised, integer_net: IntegerNet, photo: NDArray[np.uint8], tmp_path: Path
) -> None:
    lr = photo[150:181, 300:350]
    mirrored = dataclasses.replace(integer_net, mirrored=True)
    expected = integer_net.upscale(mirror(lr, 20))[60:-60, 60:-60]
    assert np.array_equal(mirrored.upscale(lr), expected)
    assert not np.array_equal(integer_net.upscale(lr), expected)
    assert np.array_equal(upscale(quantised, lr, 3, quantised.halo), expected)
    # A picture of one colour has no border to see, however small it is.
    for size in ((1, 1), (3, 40)):
        flat = mirrored.upscale(np.full((*size, 3), 200, np.uint8))
        blocks = flat.reshape(size[0], 3, size[1], 3, 3)
        assert (blocks == blocks[:1, :, :1]).all()
    # Files say it, of float weights too.
    net = quantised.net
    results = {}
    for border in (weights.ZEROS, weights.MIRROR):
        weights.write(tmp_path / border, weights.FloatWeights(net.scale, net.plain_weights(), border))
        assert weights.read(tmp_path / border).border == border
        results[border] = upscaler(tmp_path / border)[1](lr)
    assert np.array_equal(results[weights.MIRROR], upscale(net, mirror(lr, 20), 3)[60:-60, 60:-60])
    assert not np.array_equal(results[weights.MIRROR], results[weights.ZEROS])
    weights.write(tmp_path / "other", weights.FloatWeights(net.scale, net.plain_weights(), "wrapped"))
    with pytest.raises(UserError, match="'wrapped'"):
        weights.read(tmp_path / "other")


def test_gradients_reach_weights_biases_and_ranges(quantised: Quantised) -> None:
    quantised(torch.rand(1, 3, 24, 24), False).square().sum().backward()
    for name, param in quantised.named_parameters():
        assert param.grad.abs().sum() > 0, name
    quantised.zero_grad()


def test_a_wider_range_pulls_the_way_the_loss_falls(quantised: Quantised) -> None:
    """The straight-through gradient of a clipped range agrees in sign with a finite difference."""
    lr = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(2))
    wanted = quantised.net(lr, False).detach()

    def loss() -> torch.Tensor:
        return (quantised(lr, False) - wanted).square().mean()

    start = quantised.log_ranges.data.clone()
    # So narrow that the loss is by what it clips, not by the rounding that a wider one makes coarser.
    quantised.log_ranges.data[4] -= 2.0
    loss().backward()
    gradient = float(quantised.log_ranges.grad[4])
    quantised.log_ranges.data[4] += 0.2
    after = float(loss().detach())
    quantised.log_ranges.data[4] -= 0.2
    assert gradient < 0
    assert after < float(loss().detach())
    quantised.log_ranges.data = start
    quantised.zero_grad()
