"""Optimisers: Adam, and SOAP for the weights of a net. A step of theirs waits for no GPU: it can be recorded."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

EPSILON = 1e-8

# Steps between two renewals of SOAP's basis.
REFRESH_EVERY = 10


class Soap(Optimizer):
    """Adam in the eigenbasis of Shampoo's preconditioner, for layers as matrices [out, in*height*width].

    Source: Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", arXiv 2409.11321.
    """

    def __init__(self, params: list[dict], betas: tuple[float, float] = (0.95, 0.95)) -> None:
        """Groups of parameters of two or more dimensions, each with its `lr`."""
        super().__init__(params, {"betas": betas})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One step along the gradients that are there; the first only finds the basis."""
        assert closure is None
        for group in self.param_groups:
            for param in group["params"]:
                state, gradient = self.state[param], param.grad.flatten(1)
                if state:
                    change = _advance(state, gradient, group["betas"])
                    param.sub_(change.view_as(param) * group["lr"])
                else:
                    state.update(_begin(gradient))

    @torch.no_grad()
    def refresh(self) -> None:
        """Renews the basis: one power iteration keeps up with factors that move slowly.

        Apart from `step`, as GPUs are slow at it and can't record it. Matrices of one size are taken together.
        """
        waiting: dict[torch.Size, list[tuple[dict[str, Any], str]]] = {}
        for state in self.state.values():
            for side in ("rows", "columns"):
                waiting.setdefault(state[side].shape, []).append((state, side))
        for alike in waiting.values():
            factors = torch.stack([state[side] for state, side in alike])
            bases = torch.stack([state[f"{side}_basis"] for state, side in alike])
            for (state, side), basis in zip(alike, torch.linalg.qr(factors @ bases).Q, strict=True):
                # In place: a recorded step reads where the basis was when it was recorded.
                state[f"{side}_basis"].copy_(basis)


def _begin(gradient: Tensor) -> dict[str, Tensor]:
    """The state of one matrix after its first gradient: both moments, both factors and their eigenvectors."""
    state = {"steps": gradient.new_zeros(()), "mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
    for side, factor in (("rows", gradient @ gradient.T), ("columns", gradient.T @ gradient)):
        state[side] = factor
        state[f"{side}_basis"] = torch.linalg.eigh(factor.double()).eigenvectors.to(factor)
    return state


def _advance(state: dict[str, Tensor], gradient: Tensor, betas: tuple[float, float]) -> Tensor:
    """Takes a gradient into the state and gives Adam's step in the eigenbasis, turned back."""
    rows, columns = state["rows_basis"], state["columns_basis"]
    state["steps"] += 1
    state["mean"].lerp_(gradient, 1 - betas[0])
    state["square"].lerp_((rows.T @ gradient @ columns).square(), 1 - betas[1])
    mean = rows.T @ state["mean"] @ columns / (1 - betas[0] ** state["steps"])
    square = state["square"] / (1 - betas[1] ** state["steps"])
    change = rows @ (mean / (square.sqrt() + EPSILON)) @ columns.T
    for side, factor in (("rows", gradient @ gradient.T), ("columns", gradient.T @ gradient)):
        state[side].lerp_(factor, 1 - betas[1])
    return change


def make(net: nn.Module, kind: str, rate: float, bias_factor: float, beta2: float) -> list[Optimizer]:
    """The optimisers of a net, each group with its full rate in `base_lr`.

    SOAP takes all weights, Adam the biases. Biases learn at `bias_factor` times the rate: in the 0..1 of training they
    move 255 times faster, against their input, than on pixels.
    """
    groups: dict[bool, list[nn.Parameter]] = {False: [], True: []}
    for param in net.parameters():
        groups[param.ndim > 1].append(param)
    biases, weights = {"params": groups[False], "lr": rate * bias_factor}, {"params": groups[True], "lr": rate}
    if kind == "soap":
        optimisers: list[Optimizer] = [Adam([biases], betas=(0.9, beta2)), Soap([weights])]
    else:
        optimisers = [Adam([biases, weights], betas=(0.9, beta2))]
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["base_lr"] = group["lr"]
    return optimisers


def settle(optimisers: list[Optimizer], device: str) -> None:
    """Makes optimisers fit for a device, whatever they were made or saved on: CUDA's keep rates and counts there."""
    on_cuda = device == "cuda"
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            rate = float(group["lr"])
            group["lr"] = torch.tensor(rate, device=device) if on_cuda else rate
            if isinstance(optimiser, Adam):
                group["capturable"] = on_cuda
        for state in optimiser.state.values():
            state.update({name: value.to(device) for name, value in state.items() if isinstance(value, Tensor)})


def set_rate(optimisers: list[Optimizer], factor: float) -> None:
    """Gives each group `factor` times its full rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(factor * group["base_lr"])
            else:
                group["lr"] = factor * group["base_lr"]


def refresh(optimisers: list[Optimizer], step: int) -> None:
    """What is due after step number `step` (from 0) and is no part of a step."""
    # The first step only finds the basis.
    if step and step % REFRESH_EVERY == 0:
        for optimiser in optimisers:
            if isinstance(optimiser, Soap):
                optimiser.refresh()
