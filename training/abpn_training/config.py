"""The settings of a run: each is a field, which gives it its command-line option and its place in checkpoints."""

import argparse
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, Self

from abpn_training.errors import UserError


def option(default: Any, text: str, choices: tuple[str, ...] = (), least: float | None = None) -> Any:  # noqa: ANN401
    """A setting with its help; `least` is the smallest value it may have."""
    made = {"default_factory": lambda: list(default)} if isinstance(default, list) else {"default": default}
    return field(**made, metadata={"help": text, "choices": choices, "least": least})


@dataclass
class Common:
    """Settings of every kind of training."""

    hr: list[str] = option([], "folders of original pictures")
    lr: list[str] = option([], "folders of their small versions, one for each of --hr; `abpn degrade` makes them")
    val_hr: list[str] = option([], "folders of originals to measure PSNR on; without, every 16th picture is held out")
    val_lr: list[str] = option([], "folders of their small versions")
    scale: int = option(3, "how many times the net upscales", least=2)
    seed: int = option(0, "the same seed gives the same run", least=0)
    steps: int = option(100_000, "steps in all", least=1)
    batch: int = option(16, "patches a step", least=1)
    patch: int = option(64, "side of a patch, in input pixels", least=1)
    padding: str = option(
        "valid",
        "valid: real pixels around, the loss is taken inside; same: zeros around, the loss is taken everywhere",
        ("valid", "same"),
    )
    border: str = option(
        "zeros",
        "what the net finds outside a picture: zeros, in each layer; or mirror, the picture's own mirror image",
        ("zeros", "mirror"),
    )
    same_every: int = option(0, "with --padding valid: every so many steps pad with zeros (0: never)", least=0)
    hardest_of: int = option(1, "draw so many patches, keep the one where bicubic interpolation errs most", least=1)
    recolour: float = option(
        0.0, "probability that a patch becomes its negative, and that its colours trade places", least=0
    )
    rate: float = option(1e-3, "learning rate", least=0)
    optimizer: str = option("adam", "soap: Adam in the eigenbasis of each layer's gradients", ("adam", "soap"))
    bias_rate: float = option(0.1, "learning rate of biases, in rates of weights", least=0)
    beta2: float = option(0.999, "Adam's second decay", least=0)
    warmup: int = option(0, "steps in which the rate grows from zero", least=0)
    schedule: str = option("cosine", "how the rate falls", ("halving", "cosine", "wsd"))
    halve_every: int = option(200_000, "steps after which `halving` halves the rate", least=1)
    decay_steps: int = option(0, "last steps of `wsd`, in which the rate goes to zero (0: it stays)", least=0)
    loss: str = option(
        "l1",
        "charbonnier: sqrt(error^2 + 0.001^2); psnr: squared errors as parts of bicubic interpolation's on the whole "
        "picture, so that a dB counts alike in all; patch-psnr: a dB counts alike in all patches",
        ("l1", "charbonnier", "l2", "psnr", "patch-psnr"),
    )
    ema: float = option(0.0, "decay of the moving average of the weights, which is what is exported", least=0)
    threads: int = option(0, "CPU threads (0: PyTorch's choice); a resumed run keeps the number", least=0)
    device: str = option("auto", "auto takes a GPU if there is one", ("auto", "cpu", "cuda", "mps"))
    bf16: bool = option(False, "convolve in bfloat16: faster on GPUs and CPUs that have it")
    log_every: int = option(100, "steps between two lines of the log", least=1)
    save_every: int = option(1000, "steps between two checkpoints and measurements of PSNR", least=1)
    save_seconds: float = option(
        0.0, "save also when, at a line of the log, so many seconds have passed since (0: never)", least=0
    )
    keep_every: int = option(0, "steps between checkpoints that are kept (0: the last one alone)", least=0)

    def check_patch(self, halo: int) -> None:
        """Checks that something is left of a patch for a net that sees `halo` pixels around."""
        if self.padding == "valid" and self.patch <= 2 * halo:
            raise UserError(f"--patch is {self.patch}; without padding nothing is left of fewer than {2 * halo + 1}")
        if self.border == "mirror" and (self.padding == "same" or self.same_every):
            raise UserError("--border mirror: no layer sees zeros then; give neither --padding same nor --same-every")

    @classmethod
    def add_options(cls, parser: argparse.ArgumentParser) -> None:
        """Adds an option for each setting; one that isn't given is absent from the result."""
        for setting in fields(cls):
            default = setting.default_factory() if setting.default is MISSING else setting.default
            shown = "" if default in ([], False, "") else f" (default: {default})"
            keywords: dict[str, Any] = {"default": argparse.SUPPRESS, "help": setting.metadata["help"] + shown}
            if isinstance(default, bool):
                keywords["action"] = argparse.BooleanOptionalAction
            elif isinstance(default, list):
                keywords |= {"nargs": "+", "type": int if setting.name == "hidden" else str}
                keywords["metavar"] = "N" if setting.name == "hidden" else "DIR"
            elif setting.metadata["choices"]:
                keywords["choices"] = setting.metadata["choices"]
            else:
                keywords |= {"type": type(default), "metavar": {int: "N", float: "X", str: "FILE"}[type(default)]}
            parser.add_argument(f"--{setting.name.replace('_', '-')}", **keywords)

    @classmethod
    def of(cls, values: dict[str, Any]) -> Self:
        """Settings from those that were given, checked."""
        config = cls(**values)
        for setting in fields(cls):
            value, least = getattr(config, setting.name), setting.metadata["least"]
            if least is not None and not value >= least:
                raise UserError(f"--{setting.name.replace('_', '-')} is {value}; it must be at least {least}")
        if not config.hr:
            raise UserError("no pictures to train on: name folders with --hr and --lr")
        return config


@dataclass
class TrainConfig(Common):
    """Settings of float training."""

    hidden: list[int] = option([], "output channels of each hidden layer (default: ABPN's)")
    expansion: int = option(0, "train re-parameterised layers so many times wider inside (0: plain ones)", least=0)
    clip: bool = option(True, "clip the net's result in training too")
    init: str = option("", "float weights to start from; layers of other shapes start as --start says")
    start: str = option("identity", "the weights at the start", ("identity", "glorot"))


TRAIN_PRESETS: dict[str, dict[str, Any]] = {
    # 1000 epochs of 1000 steps.
    "paper": {
        "steps": 1_000_000,
        "padding": "same",
        "schedule": "halving",
        "halve_every": 200_000,
        "start": "glorot",
        "bias_rate": 1.0,
    },
    # A few hours on two cores. Rates of 3e-3 and more leave most channels of the first layers dead in the end.
    "cpu": {
        "steps": 60_000,
        "batch": 8,
        "optimizer": "soap",
        "rate": 1e-3,
        "warmup": 200,
        "border": "mirror",
        "hardest_of": 2,
        "schedule": "wsd",
        "decay_steps": 10_000,
        "ema": 0.999,
    },
}


@dataclass
class QatConfig(Common):
    """Settings of quantisation-aware training."""

    weights: str = option("", "float weights to start from")
    range_rate: float = option(1e-3, "learning rate of the ranges, in parts of themselves (0: they stay)", least=0)


QAT_PRESETS: dict[str, dict[str, Any]] = {
    # 200 epochs of 1000 steps.
    "paper": {
        "steps": 200_000,
        "padding": "same",
        "rate": 1e-4,
        "bias_rate": 1.0,
        "schedule": "halving",
        "halve_every": 50_000,
    },
    "short": {
        "steps": 4_000,
        "rate": 1e-4,
        "beta2": 0.99,
        "warmup": 100,
        "hardest_of": 2,
        "border": "mirror",
        "schedule": "cosine",
        "ema": 0.99,
    },
}


# The ablation's settings: a few minutes a net on two cores.
ABLATION: dict[str, Any] = {
    "steps": 2_000,
    "batch": 8,
    "patch": 48,
    "padding": "same",
    "rate": 1e-3,
    "bias_rate": 1.0,
    "beta2": 0.99,
    "warmup": 100,
    "schedule": "cosine",
    "ema": 0.99,
}
