"""Optimisers: Adam, and Muon for the matrices of a net."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer

# Coefficients of the quintic iteration: Jordan et al., see `Muon`.
NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)
NEWTON_SCHULZ_STEPS = 5


class Muon(Optimizer):
    """Momentum, orthogonalised: every direction of a layer's matrix [out, in*9] moves alike.

    Sources: Jordan et al., "Muon: An optimizer for hidden layers in neural networks",
    kellerjordan.github.io/posts/muon; the factor that gives a step the magnitude of Adam's is from Liu et al., "Muon is
    Scalable for LLM Training", arXiv 2502.16982.
    """

    def __init__(self, params: list[dict], momentum: float = 0.95) -> None:
        """Groups of parameters of two or more dimensions, each with its `lr`."""
        super().__init__(params, {"momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One step along the gradients that are there."""
        assert closure is None
        for group in self.param_groups:
            for param in group["params"]:
                average = self.state[param].setdefault("momentum", torch.zeros_like(param))
                average.lerp_(param.grad, 1 - group["momentum"])
                # Nesterov's look ahead.
                direction = orthogonal(param.grad.lerp(average, group["momentum"]).flatten(1))
                magnitude = 0.2 * max(direction.shape) ** 0.5
                param.sub_(direction.view_as(param), alpha=group["lr"] * magnitude)


def orthogonal(matrix: Tensor) -> Tensor:
    """The matrix with all its singular values near 1, by Newton-Schulz iteration."""
    tall = matrix.shape[0] > matrix.shape[1]
    result = (matrix.T if tall else matrix) / (matrix.norm() + 1e-12)
    a, b, c = NEWTON_SCHULZ
    for _ in range(NEWTON_SCHULZ_STEPS):
        gram = result @ result.T
        result = a * result + (b * gram + c * gram @ gram) @ result
    return result.T if tall else result


def make(net: nn.Module, kind: str, rate: float, muon_rate: float, bias_factor: float, beta2: float) -> list[Optimizer]:
    """The optimisers of a net, each group with its full rate in `base_lr`.

    Muon takes the weights of the layers between the first and the last, Adam the others. Biases learn at `bias_factor`
    times the rate: in the 0..1 of training they move 255 times faster, against their input, than on pixels.
    """
    last = f"layers.{len(net.layers) - 1}."
    groups: dict[str, list[nn.Parameter]] = {"bias": [], "weight": [], "matrix": []}
    for name, param in net.named_parameters():
        ends = name.startswith(("layers.0.", last))
        matrix = kind == "muon" and param.ndim > 1 and not ends
        groups["bias" if name.endswith("bias") else "matrix" if matrix else "weight"].append(param)
    biases = {"params": groups["bias"], "lr": rate * bias_factor}
    optimisers: list[Optimizer] = [Adam([biases, {"params": groups["weight"], "lr": rate}], betas=(0.9, beta2))]
    if groups["matrix"]:
        optimisers.append(Muon([{"params": groups["matrix"], "lr": muon_rate}]))
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["base_lr"] = group["lr"]
    return optimisers


def set_rate(optimisers: list[Optimizer], factor: float) -> None:
    """Gives each group `factor` times its full rate."""
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group["lr"] = factor * group["base_lr"]
