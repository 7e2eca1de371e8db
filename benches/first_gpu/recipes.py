"""The nets that may be trained, each with its photos, its start and its settings."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Recipe:
    """One run of `abpn_training train`."""

    scale: int
    small: str
    """The folder of small versions among the photos."""
    init: str | None
    """The float weights to begin from; None begins from scratch."""
    settings: list[str]


ON = "--optimizer soap --rate 7e-4 --bias-rate 0.1 --beta2 0.99 --warmup 300".split()
FROM_SCRATCH = "--optimizer soap --rate 1e-3 --bias-rate 0.1 --beta2 0.99 --warmup 500".split()
SAMPLES = "--batch 32 --patch 64 --recolour 0.5 --loss patch-psnr --ema 0.9995 --border mirror".split()


def recipes() -> dict[str, Recipe]:
    """By name: `x3-clean`, `x3-light`, `x3-strong`, the same of x2 and x4, and `x3-scratch`."""
    found = {}
    for scale in (3, 2, 4):
        for net, suffix in (("clean", ""), ("light", "-light"), ("strong", "-strong")):
            init = f"abpn_x{scale}{suffix.replace('-', '_')}_float.safetensors"
            found[f"x{scale}-{net}"] = Recipe(scale, f"x{scale}{suffix}", init, ON + SAMPLES)
    found["x3-scratch"] = Recipe(3, "x3", None, FROM_SCRATCH + SAMPLES)
    return found
