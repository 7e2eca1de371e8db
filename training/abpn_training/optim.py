"""Optimisers: Adam, and SOAP for the weights of a net."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

EPSILON = 1e-8


class Soap(Optimizer):
    """Adam in the eigenbasis of Shampoo's preconditioner, for layers as matrices [out, in*height*width].

    Source: Vyas et al., "SOAP: Improving and Stabilizing Shampoo using Adam", arXiv 2409.11321.
    """

    def __init__(self, params: list[dict], betas: tuple[float, float] = (0.95, 0.95), refresh_every: int = 10) -> None:
        """Groups of parameters of two or more dimensions, each with its `lr`; the basis is renewed now and then."""
        super().__init__(params, {"betas": betas, "refresh_every": refresh_every})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One step along the gradients that are there; the first only finds the basis."""
        assert closure is None
        for group in self.param_groups:
            for param in group["params"]:
                state, gradient = self.state[param], param.grad.flatten(1)
                if state:
                    change = _advance(state, gradient, group["betas"], group["refresh_every"])
                    param.sub_(change.view_as(param), alpha=group["lr"])
                else:
                    state.update(_begin(gradient))


def _begin(gradient: Tensor) -> dict[str, Tensor]:
    """The state of one matrix after its first gradient: both moments, both factors and their eigenvectors."""
    state = {"steps": torch.zeros(()), "mean": torch.zeros_like(gradient), "square": torch.zeros_like(gradient)}
    for side, factor in (("rows", gradient @ gradient.T), ("columns", gradient.T @ gradient)):
        state[side] = factor
        state[f"{side}_basis"] = torch.linalg.eigh(factor.double()).eigenvectors.to(factor)
    return state


def _advance(state: dict[str, Tensor], gradient: Tensor, betas: tuple[float, float], refresh_every: int) -> Tensor:
    """Takes a gradient into the state and gives Adam's step in the eigenbasis, turned back."""
    rows, columns = state["rows_basis"], state["columns_basis"]
    state["steps"] += 1
    steps = int(state["steps"])
    state["mean"].lerp_(gradient, 1 - betas[0])
    state["square"].lerp_((rows.T @ gradient @ columns).square(), 1 - betas[1])
    mean = rows.T @ state["mean"] @ columns / (1 - betas[0] ** steps)
    square = state["square"] / (1 - betas[1] ** steps)
    change = rows @ (mean / (square.sqrt() + EPSILON)) @ columns.T
    for side, factor in (("rows", gradient @ gradient.T), ("columns", gradient.T @ gradient)):
        state[side].lerp_(factor, 1 - betas[1])
        if steps % refresh_every == 0:
            # One power iteration keeps up with a factor that moves slowly.
            state[f"{side}_basis"] = torch.linalg.qr(state[side] @ state[f"{side}_basis"]).Q
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


def set_rate(optimisers: list[Optimizer], factor: float) -> None:
    """Gives each group `factor` times its full rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = factor * group["base_lr"]
