"""Float training."""

from pathlib import Path

from torch.optim import Optimizer

from abpn_training import optim, weights
from abpn_training.config import TrainConfig
from abpn_training.errors import UserError
from abpn_training.model import Abpn
from abpn_training.run import Kind


def make(config: TrainConfig) -> tuple[Abpn, list[Optimizer]]:
    """The net at its start, and its optimisers."""
    net = Abpn(config.scale, config.hidden, config.expansion, config.clip, config.seed)
    config.check_patch(net.halo)
    if config.start == "identity":
        net.init_identity()
    else:
        net.init_glorot()
    if config.init:
        if not net.init_from(weights.read(Path(config.init)).tensors):
            raise UserError(f"{config.init}: no layer has the shape of this net's")
        # Checkpoints have what became of it: going on takes no such file, and another machine has none.
        config.init = ""
    net.to(config.device)
    return net, optim.make(net, config.optimizer, config.rate, config.bias_rate, config.beta2)


TRAIN = Kind("train", TrainConfig, make)
