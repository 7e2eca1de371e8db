"""How the learning rate goes: a factor on the full rate for each step."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A rate over the steps of a run, which grows linearly in the first `warmup` steps.

    `halving` halves it every `every` steps; `cosine` takes it to zero along half a cosine; `wsd` (warm-up, stable,
    decay) keeps it and takes it to zero in the last `decay` steps. With `decay` = 0 a `wsd` run never decays, and can
    go on for ever; a decay is branched off from any of its checkpoints.
    """

    kind: str
    steps: int
    warmup: int = 0
    every: int = 0
    decay: int = 0

    def factor(self, step: int) -> float:
        """The factor for a step, the first being 0."""
        return min(1.0, (step + 1) / (self.warmup + 1)) * self._late(step)

    def _late(self, step: int) -> float:
        match self.kind:
            case "halving":
                return 0.5 ** (step // self.every)
            case "cosine":
                return 0.5 * (1 + math.cos(math.pi * step / self.steps))
            case "wsd":
                left = self.steps - step
                # Falls fast first: Hägele et al., "Scaling Laws and Compute-Optimal Training", arXiv 2405.18392.
                return 1.0 if left >= self.decay else 1 - math.sqrt(1 - left / self.decay)
        raise ValueError(self.kind)
