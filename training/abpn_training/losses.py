"""What a step minimises."""

from torch import Tensor

CHARBONNIER_EPSILON = 1e-3

# Squared levels, 38 dB: patches with less are as good as perfect, and don't outweigh others.
PATCH_PSNR_LEAST_MSE = 10


def loss_of(kind: str, error: Tensor, bicubic_mse: Tensor) -> Tensor:
    """The mean loss of errors in 0..1, [n, ...], on patches of pictures with that error, [n], in levels."""
    mse = error.flatten(1).square().mean(dim=1) * 255**2
    match kind:
        case "l1":
            return error.abs().mean()
        case "charbonnier":
            return (error.square() + CHARBONNIER_EPSILON**2).sqrt().mean()
        case "l2":
            return error.square().mean()
        case "psnr":
            return (mse / bicubic_mse).mean()
        case "patch-psnr":
            return (mse + PATCH_PSNR_LEAST_MSE).log10().mean() * 10
    raise ValueError(kind)
