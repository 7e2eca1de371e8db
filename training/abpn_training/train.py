"""Float training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from abpn_training import checkpoint, optim, weights
from abpn_training.config import TrainConfig
from abpn_training.errors import UserError
from abpn_training.model import Abpn
from abpn_training.run import CHECKPOINT, Run, prepare
from abpn_training.schedule import Schedule

KIND = "train"

# Settings that may differ when a run goes on: they don't change what is learnt.
FREE = {"log_every", "save_every", "keep_every"}


def start(folder: Path, config: TrainConfig) -> Run:
    """A new run in a folder that has none."""
    new_folder(folder)
    run = _make(folder, config, schedule_of(config))
    if config.init:
        float_weights = weights.read(Path(config.init))
        if not run.net.init_from(float_weights.tensors):
            raise UserError(f"{config.init}: no layer has the shape of this net's")
        run.average.load_state_dict(run.net.state_dict())
    return run


def resume(folder: Path, changes: dict[str, Any]) -> Run:
    """The run in a folder, from its last checkpoint on as if it had never stopped.

    The steps of a `wsd` run whose decay hasn't begun may change; its rate is constant until then.
    """
    state = checkpoint.read(folder / CHECKPOINT)
    config, schedule = _settings(state, folder / CHECKPOINT)
    if "steps" in changes:
        steps = changes["steps"]
        if schedule.kind != "wsd" or min(schedule.steps, steps) - schedule.decay < state["step"]:
            raise UserError(f"{folder}: --steps can change only while a wsd schedule hasn't begun to decay")
        schedule = replace(schedule, steps=steps)
    if other := set(changes) - FREE - {"steps"}:
        raise UserError(f"--{min(other).replace('_', '-')} can't change when a run is resumed")
    config = replace(config, **changes)
    run = _make(folder, config, schedule)
    run.restore(state)
    run.read_log()
    return run


def decay(folder: Path, source: Path, steps: int, changes: dict[str, Any]) -> Run:
    """A new run that goes on from a checkpoint of a `wsd` run and takes the rate to zero within `steps`."""
    state = checkpoint.read(source)
    config, schedule = _settings(state, source)
    if schedule.kind != "wsd" or schedule.factor(state["step"]) < 1:
        raise UserError(f"{source}: a decay can begin only where the rate of a wsd schedule is constant")
    if other := set(changes) - FREE:
        raise UserError(f"--{min(other).replace('_', '-')} can't change when a decay begins")
    new_folder(folder)
    end = state["step"] + steps
    run = _make(
        folder, replace(config, steps=end, decay_steps=steps, **changes), replace(schedule, steps=end, decay=steps)
    )
    run.restore(state)
    return run


def schedule_of(config: TrainConfig) -> Schedule:
    """The schedule that the settings describe."""
    if config.decay_steps > config.steps:
        raise UserError(f"--decay-steps is {config.decay_steps}, more than the {config.steps} steps of the run")
    return Schedule(config.schedule, config.steps, config.warmup, config.halve_every, config.decay_steps)


def new_folder(folder: Path) -> None:
    """Makes a run's folder; one that holds a run already is an error."""
    if (folder / CHECKPOINT).exists():
        raise UserError(f"{folder}: it holds a run already; go on with --resume {folder}, or name another folder")
    folder.mkdir(parents=True, exist_ok=True)


def net_of(config: TrainConfig) -> Abpn:
    """A net at its start."""
    net = Abpn(config.scale, config.hidden, config.expansion, config.clip, config.seed)
    if config.padding == "valid" and config.patch <= 2 * net.halo:
        raise UserError(f"--patch is {config.patch}; without padding nothing is left of fewer than {2 * net.halo + 1}")
    if config.start == "identity":
        net.init_identity()
    else:
        net.init_glorot()
    return net


def _make(folder: Path, config: TrainConfig, schedule: Schedule) -> Run:
    device = prepare(config)
    net = net_of(config).to(device)
    optimisers = optim.make(net, config.optimizer, config.rate, config.bias_rate, config.beta2)
    return Run(KIND, folder, config, net, optimisers, schedule)


def _settings(state: dict[str, Any], path: Path) -> tuple[TrainConfig, Schedule]:
    if state["kind"] != KIND:
        raise UserError(f"{path}: a checkpoint of {state['kind']}, not of {KIND}")
    return TrainConfig.of(state["config"]), Schedule(**state["schedule"])
