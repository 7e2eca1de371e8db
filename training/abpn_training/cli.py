"""The command line."""

import argparse
import sys
from pathlib import Path
from typing import Any

from abpn_training import ablate, degrade, lifecycle, weights
from abpn_training.config import ABLATION, QAT_PRESETS, TRAIN_PRESETS, Common
from abpn_training.errors import UserError
from abpn_training.evaluate import evaluate
from abpn_training.export import export
from abpn_training.qat import QAT
from abpn_training.revive import revive_file
from abpn_training.run import Kind
from abpn_training.train import TRAIN


def main(arguments: list[str] | None = None) -> int:
    """Runs a command; returns the exit code."""
    options = vars(parser().parse_args(arguments))
    command = options.pop("command")
    try:
        command(options)
    except UserError as error:
        print(f"abpn_training: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("abpn_training: interrupted", file=sys.stderr)
        return 130
    return 0


def parser() -> argparse.ArgumentParser:
    """The commands and their options."""
    top = argparse.ArgumentParser("abpn_training", description="Trains the nets that abpn runs.")
    commands = top.add_subparsers(required=True, metavar="COMMAND")

    _add_training(commands, TRAIN, TRAIN_PRESETS, "cpu", "train float weights")
    _add_training(commands, QAT, QAT_PRESETS, "short", "train float weights further, for the integer net")

    one = commands.add_parser("degrade", help="make compressed versions of small pictures", description=degrade.__doc__)
    one.set_defaults(command=run_degrade)
    one.add_argument("lr", type=Path, metavar="LR", help="folder of small pictures; `abpn degrade` makes them")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for a folder a version")
    one.add_argument("--range", choices=sorted(degrade.RANGES), required=True, help="how strong the compression is")
    one.add_argument("--versions", type=int, default=4, metavar="N", help="versions of each (default: 4)")
    one.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same versions")
    text = "versions made at the same time (default: 2)"
    one.add_argument("--jobs", type=int, default=2, metavar="N", help=text)

    one = commands.add_parser("export", help="write a run's weights for `abpn model quantize`")
    one.set_defaults(command=run_export)
    one.add_argument("run", type=Path, metavar="RUN", help="a run's folder, or a checkpoint")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="safetensors file to write")
    one.add_argument("--ranges", type=Path, metavar="FILE", help="JSON file to write a qat run's ranges to")
    text = "what the net shall find outside a picture (default: what the run says)"
    one.add_argument("--border", choices=(weights.ZEROS, weights.MIRROR), help=text)

    one = commands.add_parser("revive", help="give dead channels of float weights a fresh start")
    one.set_defaults(command=run_revive)
    one.add_argument("weights", type=Path, metavar="FILE", help="float weights")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="safetensors file to write")
    one.add_argument("--hr", type=Path, nargs="+", required=True, metavar="DIR", help="originals to wake channels with")
    one.add_argument("--lr", type=Path, nargs="+", required=True, metavar="DIR", help="their small versions")
    one.add_argument("--seed", type=int, default=0, metavar="N", help="the same seed gives the same weights")

    one = commands.add_parser("evaluate", help="measure float weights, or an integer net in NumPy")
    one.set_defaults(command=run_evaluate)
    one.add_argument("weights", type=Path, metavar="FILE", help="float weights, or an integer net")
    one.add_argument("--hr", type=Path, required=True, metavar="DIR", help="originals")
    one.add_argument("--lr", type=Path, required=True, metavar="DIR", help="their small versions")

    one = commands.add_parser(
        "ablate", help="the paper's comparison of residuals, in 8 bits", description=ablate.__doc__
    )
    one.set_defaults(command=run_ablate)
    one.add_argument("-o", "--output", type=Path, required=True, metavar="DIR", help="folder for runs and tables")
    Common.add_options(one)
    return top


def _add_training(commands: Any, kind: Kind, presets: dict, preset: str, text: str) -> None:  # noqa: ANN401
    """Adds the command of a kind of training."""
    one = commands.add_parser(kind.name, help=text, description=f"{text.capitalize()}.")
    one.set_defaults(command=lambda options: run_training(kind, presets, options))
    where = one.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", type=Path, metavar="RUN", help="folder of a new run")
    where.add_argument("--resume", type=Path, metavar="RUN", help="go on with the run in this folder")
    text = "begin a wsd run's --decay-steps at this checkpoint"
    one.add_argument("--decay-from", type=Path, metavar="FILE", help=text)
    one.add_argument("--preset", choices=sorted(presets), default=preset, help=f"the defaults (default: {preset})")
    kind.config.add_options(one)


def run_training(kind: Kind, presets: dict, options: dict) -> None:
    """`train` and `qat`."""
    output, resumed, source, preset = (options.pop(key) for key in ("output", "resume", "decay_from", "preset"))
    if resumed:
        run = lifecycle.resume(kind, resumed, options)
    elif source:
        if "decay_steps" not in options:
            raise UserError("--decay-from needs --decay-steps")
        run = lifecycle.decay(kind, output, source, options.pop("decay_steps"), options)
    else:
        run = lifecycle.start(kind, output, kind.config.of(presets[preset] | options))
    run.train()


def run_ablate(options: dict) -> None:
    """`ablate`."""
    output = options.pop("output")
    print(ablate.table(ablate.ablate(output, Common.of(ABLATION | options))), end="")


def run_degrade(options: dict) -> None:
    """`degrade`."""
    made = degrade.degrade(*(options[name] for name in ("lr", "output", "range", "versions", "seed", "jobs")))
    print(f"{made} versions made")


def run_export(options: dict) -> None:
    """`export`."""
    export(options["run"], options["output"], options["ranges"], options["border"])


def run_revive(options: dict) -> None:
    """`revive`."""
    counts = revive_file(options["weights"], options["output"], options["hr"], options["lr"], options["seed"])
    print(f"revived channels of each hidden layer: {', '.join(map(str, counts))}")


def run_evaluate(options: dict) -> None:
    """`evaluate`."""
    mean = evaluate(options["weights"], options["hr"], options["lr"])
    print(f"PSNR-RGB {mean.psnr_rgb:.3f} dB, PSNR-Y {mean.psnr_y:.3f} dB, SSIM-Y {mean.ssim_y:.4f}")
