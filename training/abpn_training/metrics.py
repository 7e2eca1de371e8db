"""PSNR by the rules of `abpn eval`."""

import math

import numpy as np
from numpy.typing import NDArray


def psnr_rgb(picture: NDArray[np.uint8], original: NDArray[np.uint8], border: int) -> float:
    """PSNR in dB of red, green and blue together, u8 [h, w, 3], without `border` pixels at each side."""
    inside = (slice(border, -border or None),) * 2
    error = picture[inside].astype(np.int32) - original[inside]
    mean = float(np.mean(np.square(error)))
    return 10 * math.log10(255**2 / mean) if mean else math.inf
