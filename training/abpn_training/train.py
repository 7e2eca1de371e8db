"""Float training."""

from pathlib import Path

from torch import Tensor
from torch.optim import Optimizer

from abpn_training import optim, weights
from abpn_training.config import TrainConfig
from abpn_training.errors import UserError
from abpn_training.model import Abpn
from abpn_training.run import Kind


def make(config: TrainConfig, saved: dict[str, Tensor] | None) -> tuple[Abpn, list[Optimizer]]:
    """See `Kind.make`."""
    net = Abpn(config.scale, config.hidden, config.expansion, config.clip, config.seed)
    config.check_patch(net.halo)
    if config.start == "identity":
        net.init_identity()
    else:
        net.init_glorot()
    if config.init and not saved and not net.init_from(weights.read(Path(config.init)).tensors):
        raise UserError(f"{config.init}: no layer has the shape of this net's")
    net.to(config.device)
    return net, optim.make(net, config.optimizer, config.rate, config.bias_rate, config.beta2)


TRAIN = Kind("train", TrainConfig, make)
