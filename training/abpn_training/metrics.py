"""Quality by the rules of `abpn eval`."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

# BT.601's luma in limited range, of samples in 0..255.
LUMA = np.array([65.481, 128.553, 24.966]) / 255
LUMA_OFFSET = 16

# Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004.
SSIM_SIDE, SSIM_SIGMA = 11, 1.5
SSIM_C1, SSIM_C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


@dataclass(frozen=True)
class Quality:
    """How close a picture is to its original; PSNR in dB."""

    psnr_rgb: float
    psnr_y: float
    ssim_y: float


def psnr_rgb(picture: NDArray[np.uint8], original: NDArray[np.uint8], border: int) -> float:
    """PSNR in dB of red, green and blue together, u8 [h, w, 3], without `border` pixels at each side."""
    return _psnr(_inside(picture, border).astype(np.int32) - _inside(original, border))


def quality(picture: NDArray[np.uint8], original: NDArray[np.uint8], border: int) -> Quality:
    """All figures, of u8 [h, w, 3] without `border` pixels at each side."""
    y, wanted = (_inside(image, border) @ LUMA + LUMA_OFFSET for image in (picture, original))
    return Quality(psnr_rgb(picture, original, border), _psnr(y - wanted), _ssim(y, wanted))


def _inside(picture: NDArray, border: int) -> NDArray:
    return picture[border : picture.shape[0] - border, border : picture.shape[1] - border]


def _psnr(error: NDArray) -> float:
    mean = float(np.mean(np.square(error)))
    return 10 * math.log10(255**2 / mean) if mean else math.inf


def _ssim(a: NDArray, b: NDArray) -> float:
    """The mean over the windows that lie inside."""
    mean_a, mean_b = _blur(a), _blur(b)
    var_a, var_b, both = _blur(a * a) - mean_a**2, _blur(b * b) - mean_b**2, _blur(a * b) - mean_a * mean_b
    means = (2 * mean_a * mean_b + SSIM_C1) / (mean_a**2 + mean_b**2 + SSIM_C1)
    return float(np.mean(means * (2 * both + SSIM_C2) / (var_a + var_b + SSIM_C2)))


def _blur(values: NDArray) -> NDArray:
    """A Gaussian window over [h, w], where it lies inside."""
    at = np.arange(SSIM_SIDE) - SSIM_SIDE // 2
    window = np.exp(-(at**2) / (2 * SSIM_SIGMA**2))
    window /= window.sum()
    for axis in (0, 1):
        values = np.lib.stride_tricks.sliding_window_view(values, SSIM_SIDE, axis) @ window
    return values
