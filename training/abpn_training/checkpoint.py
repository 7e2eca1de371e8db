"""Files that are there whole or not at all."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from abpn_training.errors import UserError


def write_atomically(path: Path, write: Callable[[Path], None]) -> None:
    """`write` writes a file beside `path`, which then takes its place: a kill leaves the old file or the new one."""
    # The extension stays: some writers choose the format by it.
    temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def save(path: Path, state: dict[str, Any]) -> None:
    """Writes a checkpoint."""
    write_atomically(path, lambda file: torch.save(state, file))


def read(path: Path) -> dict[str, Any]:
    """Reads a checkpoint: tensors and plain values, never code."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise UserError(f"{path}: no such checkpoint") from None
    except Exception as error:
        raise UserError(f"{path}: not a checkpoint of this program: {error}") from None
