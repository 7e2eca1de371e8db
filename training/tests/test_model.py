"""The net, its layers, its optimisers."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from abpn_training import optim, weights
from abpn_training.model import Abpn, anchor
from abpn_training.reparam import Reparameterised
from abpn_training.revive import revive
from abpn_training.schedule import Schedule


def random_net(scale: int, expansion: int = 0) -> Abpn:
    net = Abpn(scale, (8, 9, 8), expansion)
    generator = torch.Generator().manual_seed(scale)
    for param in net.parameters():
        param.data = torch.randn(param.shape, generator=generator) / 6
    return net


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_inside_it_does_not_matter_what_is_outside(scale: int) -> None:
    net, lr = random_net(scale), torch.rand(2, 3, 20, 17)
    halo = net.halo
    assert halo == 4
    torch.testing.assert_close(net(lr, False), net(lr, True)[:, :, halo:-halo, halo:-halo])
    # One pixel further out it does.
    nearer = net(lr, True)[:, :, halo - 1 : -halo - 1, halo:-halo]
    assert not torch.allclose(net(lr, False), nearer, atol=1e-3)


def test_the_identity_is_the_anchor_nearly() -> None:
    net, lr = Abpn(3), torch.rand(1, 3, 12, 12)
    net.init_identity()
    assert (net(lr) - anchor(lr, 3)).abs().mean() < 0.03


@pytest.mark.parametrize(("inputs", "outputs"), [(3, 8), (8, 8), (8, 5)])
@pytest.mark.parametrize("padded", [False, True])
def test_branches_are_the_merged_convolution(inputs: int, outputs: int, padded: bool) -> None:
    layer = Reparameterised(inputs, outputs, 2).double()
    for param in layer.parameters():
        torch.nn.init.normal_(param)
    features = torch.randn(2, inputs, 9, 8, dtype=torch.float64)

    def branches(source: Tensor) -> Tensor:
        pad = int(padded)
        inside = source if padded else source[:, :, 1:-1, 1:-1]
        both = min(inputs, outputs)
        identity = torch.zeros(len(source), outputs, *inside.shape[2:], dtype=source.dtype)
        identity[:, :both] = inside[:, :both] * layer.identity[None, :, None, None]
        expanded = F.conv2d(F.conv2d(source, layer.expand, padding=pad), layer.squeeze)
        three = F.conv2d(source, layer.weight, layer.bias, padding=pad)
        return three + F.conv2d(inside, layer.point) + identity + expanded

    expected = branches(features)
    torch.testing.assert_close(layer(features, padded), expected, rtol=1e-12, atol=1e-12)
    layer.point.data[0, 0] += 1e-6
    assert not torch.allclose(layer(features, padded), expected, rtol=1e-12, atol=1e-12)


def test_a_plain_net_of_merged_weights_is_the_same_net(tmp_path: Path) -> None:
    net, lr = random_net(3, expansion=2), torch.rand(1, 3, 16, 16)
    weights.write(tmp_path / "float", weights.FloatWeights(3, net.plain_weights()))
    read = weights.read(tmp_path / "float")
    plain = Abpn(read.scale, read.hidden())
    assert plain.init_from(read.tensors) == 4
    torch.testing.assert_close(plain(lr), net(lr))
    # It starts a re-parameterised net as well, and the body of one of another scale.
    again = random_net(3, expansion=2)
    assert again.init_from(read.tensors) == 4
    torch.testing.assert_close(again(lr), net(lr))
    assert random_net(2).init_from(read.tensors) == 3


def test_dead_channels_wake_and_the_net_stays_what_it_was() -> None:
    # Of most other random nets, channels that lose their inputs here die with them.
    torch.manual_seed(1)
    net, lr = random_net(3), torch.rand(2, 3, 20, 20)
    revive(net, lr, 0)
    assert revive(net, lr, 0) == [0, 0, 0]
    for layer, channel in [(0, 2), (0, 5), (1, 3)]:
        net.layers[layer].bias.data[channel] = -1e3
    before = net(lr, False).detach()
    assert revive(net, lr, 0) == [2, 1, 0]
    torch.testing.assert_close(net(lr, False), before)
    first = F.relu(net.layers[0](lr, False))
    second = F.relu(net.layers[1](first, False))
    for features, channel in [(first, 2), (first, 5), (second, 3)]:
        assert (features[:, channel] > 0).float().mean() > 0.1
    # What reads them learns.
    net(lr, False).square().sum().backward()
    assert net.layers[1].weight.grad[:, [2, 5]].abs().sum() > 0
    assert net.layers[2].weight.grad[:, 3].abs().sum() > 0


def test_soap_goes_down_a_crooked_valley() -> None:
    target = torch.randn(6, 5, 3, 3, generator=torch.Generator().manual_seed(1))
    scales = torch.logspace(-2, 0, 45).reshape(5, 3, 3)

    def loss_after(steps: int, optimiser_of: object) -> float:
        param = torch.nn.Parameter(torch.zeros_like(target))
        optimiser = optimiser_of([{"params": [param], "lr": 0.03}])
        for _ in range(steps):
            optimiser.zero_grad()
            ((param - target) * scales).square().sum().backward()
            optimiser.step()
        return float(((param - target) * scales).square().sum().detach())

    assert loss_after(300, optim.Soap) < 0.01 * loss_after(0, optim.Soap)


def test_rates() -> None:
    halving = Schedule("halving", 100, every=20)
    assert [halving.factor(step) for step in (0, 19, 20, 99)] == [1, 1, 0.5, 1 / 16]
    cosine = Schedule("cosine", 100, warmup=9)
    assert cosine.factor(0) == pytest.approx(0.1)
    assert cosine.factor(50) == pytest.approx(0.5)
    assert cosine.factor(99) < 0.001
    stable, decaying = Schedule("wsd", 100), Schedule("wsd", 100, decay=40)
    assert all(stable.factor(step) == 1 for step in range(200))
    assert all(decaying.factor(step) == 1 for step in range(61))
    factors = [decaying.factor(step) for step in range(60, 101)]
    assert factors == sorted(factors, reverse=True)
    assert factors[-1] == 0
