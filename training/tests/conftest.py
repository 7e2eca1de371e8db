"""What the tests share: the Rust program, and small pictures from the repository's photo."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).parents[2]

# Rows and columns of ten pieces of the photo, which have detail.
SIDE = 132
PIECES = [(y, x) for y in (60, 200) for x in (20, 170, 300, 440, 600)]


@dataclass(frozen=True)
class Program:
    """The Rust program."""

    path: Path

    def __call__(self, *arguments: object) -> str:
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout


@pytest.fixture(scope="session")
def abpn() -> Program:
    path = Path(os.environ.get("ABPN", ROOT / "target/debug/abpn"))
    assert path.exists(), f"{path}: the tests need the program; run `cargo build`, or set ABPN to its path"
    return Program(path)


@pytest.fixture(scope="session")
def photo() -> NDArray[np.uint8]:
    return np.asarray(Image.open(ROOT / "examples/kodim23.png").convert("RGB"))


@dataclass(frozen=True)
class Folders:
    """Ten small pictures, and their reduced versions."""

    hr: Path
    lr: Path


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory, photo: NDArray[np.uint8], abpn: Program) -> Folders:
    hr, lr = tmp_path_factory.mktemp("hr"), tmp_path_factory.mktemp("data") / "lr"
    for index, (y, x) in enumerate(PIECES):
        Image.fromarray(photo[y : y + SIDE, x : x + SIDE]).save(hr / f"{index}.png")
    abpn("degrade", hr, "-o", lr)
    return Folders(hr, lr)


def train(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the trainer as a user does."""
    command = [sys.executable, "-m", "abpn_training", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)
