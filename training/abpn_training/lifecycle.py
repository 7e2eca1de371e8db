"""How a run begins, goes on, and branches."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from abpn_training import checkpoint
from abpn_training.config import Common
from abpn_training.errors import UserError
from abpn_training.run import CHECKPOINT, Kind, Run
from abpn_training.schedule import Schedule

# Settings that may differ when a run goes on: they don't change what is learnt.
FREE = {"log_every", "save_every", "save_seconds", "keep_every"}

# Settings that a decay may have of its own: more patches a step and the squared error suit a run's end.
OF_A_DECAY = {"batch", "loss", "threads"}


def start(kind: Kind, folder: Path, config: Common) -> Run:
    """A new run in a folder that has none."""
    new_folder(folder)
    return Run(kind, folder, config, schedule_of(config))


def resume(kind: Kind, folder: Path, changes: dict[str, Any]) -> Run:
    """The run in a folder, from its last checkpoint on as if it had never stopped.

    The steps of a `wsd` run whose decay hasn't begun may change; its rate is constant until then.
    """
    state = checkpoint.read(folder / CHECKPOINT)
    config, schedule = _settings(kind, state, folder / CHECKPOINT)
    if "steps" in changes:
        steps = changes["steps"]
        if schedule.kind != "wsd" or min(schedule.steps, steps) - schedule.decay < state["step"]:
            raise UserError(f"{folder}: --steps can change only while a wsd schedule hasn't begun to decay")
        schedule = replace(schedule, steps=steps)
    if other := set(changes) - FREE - {"steps"}:
        raise UserError(f"--{min(other).replace('_', '-')} can't change when a run is resumed")
    config = replace(config, **changes)
    run = Run(kind, folder, config, schedule, state)
    run.read_log()
    return run


def decay(kind: Kind, folder: Path, source: Path, steps: int, changes: dict[str, Any]) -> Run:
    """A new run that goes on from a checkpoint of a `wsd` run and takes the rate to zero within `steps`.

    What isn't in `changes` is as it was in the run that it comes from.
    """
    state = checkpoint.read(source)
    config, schedule = _settings(kind, state, source)
    if schedule.kind != "wsd" or schedule.factor(state["step"]) < 1:
        raise UserError(f"{source}: a decay can begin only where the rate of a wsd schedule is constant")
    if other := set(changes) - FREE - OF_A_DECAY:
        raise UserError(f"--{min(other).replace('_', '-')} can't change when a decay begins")
    new_folder(folder)
    end = state["step"] + steps
    config = replace(config, steps=end, decay_steps=steps, **changes)
    return Run(kind, folder, config, replace(schedule, steps=end, decay=steps), state)


def schedule_of(config: Common) -> Schedule:
    """The schedule that the settings describe."""
    if config.schedule == "wsd" and config.decay_steps > config.steps:
        raise UserError(f"--decay-steps is {config.decay_steps}, more than the {config.steps} steps of the run")
    return Schedule(config.schedule, config.steps, config.warmup, config.halve_every, config.decay_steps)


def new_folder(folder: Path) -> None:
    """Makes a run's folder; one that holds a run already is an error."""
    if (folder / CHECKPOINT).exists():
        raise UserError(f"{folder}: it holds a run already; go on with --resume {folder}, or name another folder")
    folder.mkdir(parents=True, exist_ok=True)


def _settings(kind: Kind, state: dict[str, Any], path: Path) -> tuple[Common, Schedule]:
    if state["kind"] != kind.name:
        raise UserError(f"{path}: a checkpoint of {state['kind']!r}, not of {kind.name!r}")
    return kind.config.of(state["config"]), Schedule(**state["schedule"])
