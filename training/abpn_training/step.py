"""One step of training. On CUDA its launches are recorded and replayed, as launching takes longer than computing."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from abpn_training import optim
from abpn_training.config import Common
from abpn_training.losses import loss_of
from abpn_training.patches import Batch
from abpn_training.schedule import Schedule

# Steps before the first is recorded: optimisers make their state in the first, libraries choose and allocate.
WARM_UP = 3


class Step:
    """The steps of a run: net, optimisers and averaged net change in place."""

    def __init__(
        self,
        config: Common,
        schedule: Schedule,
        net: nn.Module,
        average: nn.Module,
        optimisers: list[Optimizer],
        cut: Callable[[Any], Batch],
    ) -> None:
        """`cut` makes a batch on the run's device of what `run` is given."""
        self._config, self._schedule, self._cut = config, schedule, cut
        self._net, self._average, self._optimisers = net, average, optimisers
        device = config.device
        # The sum of the losses since it was zeroed.
        self.losses = torch.zeros((), device=device)
        # How much of the average stays in this step.
        self._decay = torch.zeros((), device=device)
        self._done = 0
        # What the recorded launches read, and the launches, by whether they pad with zeros.
        self._places: Tensor | None = None
        self._graphs: dict[bool, torch.cuda.CUDAGraph] = {}

    def run(self, step: int, drawn: Any) -> None:  # noqa: ANN401
        """Step number `step`, from 0 on, on what was drawn for it: on CUDA places, as `feed.cuda` gives them."""
        config = self._config
        optim.set_rate(self._optimisers, self._schedule.factor(step))
        # In the first steps the average forgets faster, or it would long remember the start.
        self._decay.fill_(min(config.ema, (step + 1) / (step + 10)))
        same = bool(config.padding == "same" or (config.same_every and step % config.same_every == 0))
        if config.device == "cuda":
            self._replay(drawn, same)
        else:
            self._compute(drawn, same)
        optim.refresh(self._optimisers, step)
        self._done += 1

    def _replay(self, places: Tensor, same: bool) -> None:
        if self._places is None:
            self._places = places.clone()
        else:
            self._places.copy_(places)
        if self._done < WARM_UP:
            # Not on the default stream, whose launches can't be recorded.
            stream = torch.cuda.Stream()
            stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(stream):
                self._compute(self._places, same)
            torch.cuda.current_stream().wait_stream(stream)
            return
        if same not in self._graphs:
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                self._compute(self._places, same)
            self._graphs[same] = graph
        # Recording runs nothing.
        self._graphs[same].replay()

    def _compute(self, drawn: Any, same: bool) -> None:  # noqa: ANN401
        """What is recorded: nothing in it waits for the device, or depends on a number of the host's that changes."""
        config = self._config
        batch = self._cut(drawn)
        hr = batch.hr
        if not same:
            halo = self._net.halo
            hr = hr[:, :, halo:-halo, halo:-halo]
        # Without a cache of cast weights: what was cast while recording would stay as it was.
        with torch.autocast(config.device, torch.bfloat16, enabled=config.bf16, cache_enabled=False):
            result = self._net(batch.lr / 255, same)
        loss = loss_of(config.loss, result.float() - hr / 255, batch.bicubic_mse)
        for optimiser in self._optimisers:
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        for optimiser in self._optimisers:
            optimiser.step()
        with torch.no_grad():
            self.losses += loss.detach()
            if self._average is not self._net:
                for average, now in zip(self._average.parameters(), self._net.parameters(), strict=True):
                    average.lerp_(now, 1 - self._decay)
