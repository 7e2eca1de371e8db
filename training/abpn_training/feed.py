"""What the steps are fed with: a batch each, cut on the host; or, on CUDA, places, at which the device cuts."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import torch
from torch import Tensor

from abpn_training.patches import Batch, Patches

# So many steps' places go to a device at once.
CHUNK = 100

Drawn = TypeVar("Drawn")


def host(patches: Patches, steps: range, ahead: bool) -> Iterator[Batch]:
    """Each step's batch; with `ahead` it is drawn in a thread while its predecessor is used."""
    return _ahead(patches.draw, steps) if ahead else map(patches.draw, steps)


def to_device(batch: Batch, device: str) -> Batch:
    """A batch on another device."""
    return replace(batch, **{name: getattr(batch, name).to(device) for name in ("lr", "hr", "bicubic_mse")})


def cuda(patches: Patches, steps: range) -> Iterator[Tensor]:
    """Each step's places, on the device; the host is a chunk ahead."""

    def chunk(first: int) -> Tensor:
        return torch.stack([patches.places(step) for step in steps[first : first + CHUNK]]).pin_memory()

    for places in _ahead(chunk, range(0, len(steps), CHUNK)):
        yield from places.to("cuda", non_blocking=True).unbind()


def _ahead(draw: Callable[[int], Drawn], arguments: range) -> Iterator[Drawn]:
    """`draw` of each, the next one in a thread while one is used."""
    with ThreadPoolExecutor(max_workers=1) as pool:
        waiting: Future[Drawn] | None = None
        for index, argument in enumerate(arguments):
            drawn = waiting.result() if waiting else draw(argument)
            waiting = pool.submit(draw, arguments[index + 1]) if index + 1 < len(arguments) else None
            yield drawn
