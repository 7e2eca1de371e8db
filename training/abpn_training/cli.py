"""The command line."""

import argparse
import sys
from pathlib import Path

from abpn_training import train, weights
from abpn_training.checkpoint import read
from abpn_training.config import TRAIN_PRESETS, TrainConfig
from abpn_training.errors import UserError
from abpn_training.model import Abpn


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

    one = commands.add_parser("train", help="train float weights", description=train.__doc__)
    one.set_defaults(command=run_train)
    where = one.add_mutually_exclusive_group(required=True)
    where.add_argument("-o", "--output", type=Path, metavar="RUN", help="folder of a new run")
    where.add_argument("--resume", type=Path, metavar="RUN", help="go on with the run in this folder")
    one.add_argument(
        "--decay-from", type=Path, metavar="FILE", help="begin a wsd run's --decay-steps at this checkpoint"
    )
    one.add_argument("--preset", choices=sorted(TRAIN_PRESETS), default="cpu", help="the defaults (default: cpu)")
    TrainConfig.add_options(one)

    one = commands.add_parser("export", help="write a run's weights for `abpn model quantize`")
    one.set_defaults(command=run_export)
    one.add_argument("run", type=Path, help="a run's folder, or a checkpoint")
    one.add_argument("-o", "--output", type=Path, required=True, metavar="FILE", help="safetensors file to write")
    return top


def run_train(options: dict) -> None:
    """`train`."""
    output, resumed, source, preset = (options.pop(key) for key in ("output", "resume", "decay_from", "preset"))
    if resumed:
        run = train.resume(resumed, options)
    elif source:
        if "decay_steps" not in options:
            raise UserError("--decay-from needs --decay-steps")
        run = train.decay(output, source, options.pop("decay_steps"), options)
    else:
        run = train.start(output, TrainConfig.of(TRAIN_PRESETS[preset] | options))
    run.train()


def run_export(options: dict) -> None:
    """`export`."""
    path = options["run"]
    state = read(path / "checkpoint.pt" if path.is_dir() else path)
    config = TrainConfig.of(state["config"])
    net = Abpn(config.scale, config.hidden, config.expansion, config.clip)
    net.load_state_dict(state["average"])
    weights.write(options["output"], weights.FloatWeights(config.scale, net.plain_weights()))
