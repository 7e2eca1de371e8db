"""Pictures and their small versions, decoded once and held in memory."""

import hashlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from abpn_training.errors import UserError

EXTENSIONS = {".bmp", ".jpeg", ".jpg", ".png", ".ppm", ".qoi", ".tif", ".tiff", ".webp"}

# Large photos are what is wanted here.
Image.MAX_IMAGE_PIXELS = None


@dataclass(frozen=True)
class Pair:
    """A picture, and its small versions: what `abpn degrade` makes of it, or that compressed in several ways."""

    name: str
    # u8 [versions, h, w, 3].
    lr: NDArray[np.uint8]
    # u8 [scale*h, scale*w, 3].
    hr: NDArray[np.uint8]

    @property
    def scale(self) -> int:
        """How many times smaller the small versions are."""
        return self.hr.shape[0] // self.lr.shape[1]

    def mirrored(self, pixels: int) -> "Pair":
        """The pair with so many more input pixels at each side, as a net sees a picture whose border is mirrored."""
        return Pair(self.name, mirror(self.lr, pixels), mirror(self.hr, pixels * self.scale))


@dataclass(frozen=True)
class Pictures:
    """What was read of some folders."""

    pairs: list[Pair]
    # A line for each picture that can't be used: which, and why.
    left_out: list[str]

    def fingerprint(self) -> str:
        """A digest of the names and the small pictures' bytes: the same for the same data in the same order."""
        digest = hashlib.sha256()
        for pair in self.pairs:
            digest.update(f"{pair.name} {pair.hr.shape}\n".encode())
            digest.update(np.ascontiguousarray(pair.lr))
        return digest.hexdigest()


def mirror(pictures: NDArray, pixels: int) -> NDArray:
    """Pictures [..., h, w, 3] extended at each side by their mirror images, in which the outermost pixels repeat."""
    widths = [(0, 0)] * (pictures.ndim - 3) + [(pixels, pixels), (pixels, pixels), (0, 0)]
    return np.pad(pictures, widths, "symmetric")


def decode(path: Path) -> NDArray[np.uint8]:
    """The picture in a file, u8 [h, w, 3], turned as its EXIF says; grey becomes r = g = b."""
    with Image.open(path) as picture:
        if picture.has_transparency_data:
            raise ValueError("it has alpha")
        return np.asarray(ImageOps.exif_transpose(picture).convert("RGB"))


def load(hr: Sequence[Path], lr: Sequence[Path], scale: int, least: int = 1) -> Pictures:
    """Reads the pictures of folders `hr` and their small versions of folders `lr`, paired in order.

    A small picture has its original's name, or that with the scale after it (`0801.png` or `0801x3.png`), and any
    extension. A folder that holds folders, as `abpn_training degrade` makes it, has a version in each. The original is
    cut at its right and bottom edges to the small one's size times `scale`. A picture whose small version has a side
    shorter than `least`, that is broken or doesn't fit its small version is left out.
    """
    if len(hr) != len(lr):
        raise UserError(f"{len(hr)} folders of originals and {len(lr)} of small pictures: give one for each")
    files = [file for hr, lr in zip(hr, lr, strict=True) for file in _files(hr, lr, scale)]
    with ThreadPoolExecutor() as pool:
        results = list(pool.map(lambda file: _read(*file, scale, least), files))
    pairs = [result for result in results if isinstance(result, Pair)]
    return Pictures(pairs, [result for result in results if isinstance(result, str)])


def pictures_in(folder: Path) -> list[Path]:
    """The files of pictures in a folder, in the order of their names."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    return [file for file in sorted(folder.iterdir()) if file.suffix.lower() in EXTENSIONS]


def _files(hr: Path, lr: Path, scale: int) -> list[tuple[Path, list[Path]]]:
    """The originals of a folder in the order of their names, each with its small versions; none where one lacks."""
    originals = pictures_in(hr)
    if not lr.is_dir():
        raise UserError(f"{lr}: no such folder")
    folders = [folder for folder in sorted(lr.iterdir()) if folder.is_dir()] or [lr]
    versions = [{file.stem: file for file in pictures_in(folder)} for folder in folders]
    small = [[each.get(file.stem, each.get(f"{file.stem}x{scale}")) for each in versions] for file in originals]
    return [(file, [] if None in found else found) for file, found in zip(originals, small, strict=True)]


def _read(hr_file: Path, lr_files: list[Path], scale: int, least: int) -> Pair | str:
    """A pair, or why it is none."""
    if not lr_files:
        return f"{hr_file}: it has no small picture; `abpn degrade` makes them"
    file = hr_file
    lr = []
    try:
        hr = decode(hr_file)
        for file in lr_files:
            lr.append(decode(file))
    # Pillow's decoders raise whatever they like on broken data.
    except Exception as error:
        return f"{file}: {error}"
    for file, small in zip(lr_files, lr, strict=True):
        height, width = small.shape[:2]
        if (hr.shape[0] // scale, hr.shape[1] // scale) != (height, width):
            large = f"{hr.shape[1]}x{hr.shape[0]}"
            return f"{hr_file}: {file} is {width}x{height}, which is not {large} reduced {scale} times"
    if min(height, width) < least:
        return f"{hr_file}: reduced it is {width}x{height}, smaller than a patch of {least}x{least}"
    return Pair(hr_file.name, np.stack(lr), hr[: height * scale, : width * scale])
