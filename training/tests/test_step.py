"""What is done on a GPU, done on the CPU: the same batches, and from them the same steps."""

import copy

import pytest
import torch
from conftest import Folders

from abpn_training import feed, optim
from abpn_training.config import TrainConfig
from abpn_training.data import Pair, load
from abpn_training.device_patches import DevicePatches
from abpn_training.model import Abpn
from abpn_training.patches import Batch, Patches
from abpn_training.schedule import Schedule
from abpn_training.step import Step

STEPS = 25


def pictures(folders: Folders) -> list[Pair]:
    """Small pictures of several sizes, the third in two versions."""
    pairs = load([folders.hr], [folders.lr], 3).pairs[:3]
    first, second, third = pairs
    return [
        Pair("cut", first.lr[:, :30, 3:], first.hr[:90, 9:]),
        second,
        Pair("two", torch.cat([torch.from_numpy(third.lr), torch.from_numpy(third.lr) // 2]).numpy(), third.hr),
    ]


def drawn(pairs: list[Pair], recolour: float = 0.5) -> tuple[Patches, DevicePatches]:
    patches = Patches(pairs, 3, 20, 64, 2, seed=3, recolour=recolour, margin=3)
    return patches, DevicePatches(pairs, patches.bicubic_mse, 20, "cpu")


def equal(left: Batch, right: Batch) -> bool:
    return all(torch.equal(getattr(left, name), getattr(right, name)) for name in ("lr", "hr", "bicubic_mse"))


def test_a_device_cuts_the_same_patches(folders: Folders) -> None:
    patches, device = drawn(pictures(folders))
    places = patches.places(4)
    assert equal(patches.cut(places), device.cut(places))
    # All that there is to get wrong is among them.
    assert set(places[:, 0].tolist()) == {0, 1, 2, 3}
    assert set(places[:, 3].tolist()) == set(range(8))
    assert set(places[:, 4].tolist()) == {0, 1}
    assert len({tuple(order) for order in places[:, 5:].tolist()}) == 6
    # And the comparison can fail, column by column.
    for column in range(8):
        changed = places.clone()
        changed[0, column] = (changed[0, column] + 1) % (3 if column else 4)
        assert not equal(patches.cut(places), device.cut(changed))


@pytest.mark.parametrize("optimizer", ["soap", "adam"])
def test_steps_from_places_are_steps_from_batches(folders: Folders, optimizer: str) -> None:
    pairs = pictures(folders)
    patches, device = drawn(pairs)
    config = TrainConfig(hr=["x"], device="cpu", ema=0.9, same_every=4, loss="patch-psnr")

    def weights(of_places: bool, steps: int = STEPS) -> list[torch.Tensor]:
        net = Abpn(3, [8, 8, 27])
        net.init_identity()
        average = copy.deepcopy(net).requires_grad_(False)
        optimisers = optim.make(net, optimizer, 1e-3, 0.1, 0.99)
        optim.settle(optimisers, "cpu")
        cut = device.cut if of_places else lambda batch: feed.to_device(batch, "cpu")
        step = Step(config, Schedule("cosine", STEPS, warmup=3), net, average, optimisers, cut)
        for number in range(steps):
            step.run(number, patches.places(number) if of_places else patches.draw(number))
        return [*net.parameters(), *average.parameters(), step.losses]

    expected = weights(False)
    assert all(map(torch.equal, expected, weights(True)))
    assert not all(map(torch.equal, expected, weights(True, STEPS - 1)))


def test_the_host_draws_ahead_what_it_would_draw_then(folders: Folders) -> None:
    patches, _ = drawn(pictures(folders))
    plain, ahead = (list(feed.host(patches, range(3, 7), each)) for each in (False, True))
    assert len(plain) == 4
    assert all(map(equal, plain, ahead))
    assert list(feed.host(patches, range(3, 3), True)) == []


def test_optimisers_go_on_on_another_device() -> None:
    """Rates and counts are where a device wants them, whatever they were saved on."""
    net = Abpn(3, [8, 27])
    net.init_identity()
    optimisers = optim.make(net, "soap", 1e-3, 0.1, 0.99)
    net(torch.rand(1, 3, 8, 8)).sum().backward()
    for optimiser in optimisers:
        optimiser.step()
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            # As a GPU's checkpoint has it.
            group["lr"] = torch.tensor(group["lr"])
            group["capturable"] = True
    optim.settle(optimisers, "cpu")
    optim.set_rate(optimisers, 0.5)
    assert [group["lr"] for optimiser in optimisers for group in optimiser.param_groups] == [0.5e-4, 0.5e-3]
    assert not optimisers[0].param_groups[0]["capturable"]
