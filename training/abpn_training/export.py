"""What a run hands to `abpn model quantize`: float weights, and the ranges that they were trained for."""

import json
from pathlib import Path

from torch import nn

from abpn_training import checkpoint, weights
from abpn_training.config import Common, QatConfig, TrainConfig
from abpn_training.errors import UserError
from abpn_training.model import Abpn
from abpn_training.qat import Quantised
from abpn_training.run import CHECKPOINT


def net_of(path: Path) -> tuple[nn.Module, Common]:
    """The net of a run's folder or of a checkpoint, with the averaged weights; and the run's settings."""
    file = path / CHECKPOINT if path.is_dir() else path
    state = checkpoint.read(file)
    match state.get("kind"):
        case "train":
            config: Common = TrainConfig.of(state["config"])
            net: nn.Module = Abpn(config.scale, config.hidden, config.expansion, config.clip)
        case "qat":
            config = QatConfig.of(state["config"])
            hidden = [len(state["net"][f"net.layers.{index}.bias"]) for index in range(len(state["net"]["log_ranges"]))]
            net = Quantised(Abpn(config.scale, hidden), [1.0] * len(hidden))
        case kind:
            raise UserError(f"{file}: a checkpoint of {kind!r}, from which nothing can be exported")
    net.load_state_dict(state["average"])
    return net, config


def export(source: Path, output: Path, ranges: Path | None, border: str | None = None) -> None:
    """Writes a run's float weights, and the ranges of a `qat` run; a given border takes the place of the run's."""
    net, config = net_of(source)
    if isinstance(net, Quantised):
        if ranges is None:
            raise UserError(f"{source}: these weights were trained for ranges; name a file for them with --ranges")
        text = json.dumps({"ranges": net.ranges()}) + "\n"
        checkpoint.write_atomically(ranges, lambda file: file.write_text(text))
        net = net.net
    elif ranges is not None:
        raise UserError(f"{source}: a float run has no ranges; `abpn_training qat` or `abpn model quantize` finds some")
    weights.write(output, weights.FloatWeights(net.scale, net.plain_weights(), border or config.border))
