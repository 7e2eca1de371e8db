"""Packs all that another machine needs: the program, this code, the weights, and photos in portions."""

import os
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from .process import say

REPOSITORY = Path(__file__).resolve().parents[2]
"""The repository, or a packed folder, which is laid out alike."""
PORTION_BYTES = 60_000_000
"""The most that a folder of photos takes, as some ways onto a machine carry no more at a time."""
HR = "hr"
"""The originals' folder among the photos; beside it are their small versions, as `x3` or `x3-strong`."""
IMAGES = {".png", ".webp", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".qoi", ".ppm"}


class PackError(Exception):
    """It can't be packed, for this reason."""


def pack(target: Path, photos: Path | None, loader: list[Path]) -> None:
    """Fills `target`: `program` with everything but photos, and `photos-1`, `photos-2` and so on.

    `loader` are files to carry along for a machine without a Vulkan loader, as `libvulkan.so.1`.
    """
    if target.exists() and any(target.iterdir()):
        raise PackError(f"{target}: it is not empty; name a new folder")
    subprocess.run(["cargo", "build", "--release"], cwd=REPOSITORY, check=True)
    program = target / "program"
    (program / "lib").mkdir(parents=True)
    shutil.copy(REPOSITORY / "target/release/abpn", program)
    shutil.copy(REPOSITORY / "scripts/first-gpu", program)
    # In the places that they have here, where they look for each other.
    for source in ("benches/first_gpu", "benches/engines", "training/abpn_training"):
        shutil.copytree(REPOSITORY / source, program / source, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(
        REPOSITORY / "weights",
        program / "weights",
        ignore=shutil.ignore_patterns("*.md"),
    )
    (program / "examples").mkdir()
    shutil.copy(REPOSITORY / "examples/kodim23.png", program / "examples")
    for file in loader:
        # A link is followed: the name that programs ask for is what counts.
        shutil.copy(file, program / "lib" / file.name)
    (program / "commit").write_text(commit(REPOSITORY) + "\n")
    portions = [program, *pack_photos(target, photos)] if photos else [program]
    for portion in portions:
        size = sum(file.stat().st_size for file in portion.rglob("*") if file.is_file())
        say(f"{portion}: {size / 1e6:.1f} MB")


def commit(repository: Path) -> str:
    """The commit that is checked out, with `-dirty` if files were changed since; in a packed folder what was noted."""
    noted = repository / "commit"
    if noted.exists():
        return noted.read_text().strip()
    command = [
        "git",
        "-C",
        str(repository),
        "describe",
        "--always",
        "--dirty",
        "--abbrev=12",
    ]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def pack_photos(target: Path, photos: Path) -> list[Path]:
    """Portions with an original and all its small versions in the same one."""
    if not (photos / HR).is_dir():
        raise PackError(f"{photos}: it has no folder {HR} of originals; docs/gpu.md says how photos lie")
    folders = sorted(folder for folder in photos.rglob("*") if folder.is_dir())
    files: dict[str, list[Path]] = {}
    for folder in folders:
        for file in sorted(folder.iterdir()):
            if file.suffix.lower() in IMAGES:
                files.setdefault(file.stem, []).append(file)
    portions: list[Path] = []
    room = 0
    for group in files.values():
        size = sum(file.stat().st_size for file in group)
        if size > room:
            portions.append(target / f"photos-{len(portions) + 1}")
            room = PORTION_BYTES
        room -= size
        for file in group:
            place = portions[-1] / file.relative_to(photos)
            place.parent.mkdir(parents=True, exist_ok=True)
            _link_or_copy(file, place)
    return portions


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy(source, target)


def collect(portions: Iterable[Path], photos: Path) -> int:
    """Puts portions together again; returns how many files there are then."""
    for portion in portions:
        if not portion.is_dir():
            raise PackError(f"{portion}: no such folder")
        shutil.copytree(portion, photos, dirs_exist_ok=True)
    return sum(1 for file in photos.rglob("*") if file.is_file())
