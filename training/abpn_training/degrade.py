"""Compressed versions of small pictures, to train nets on what people have.

`abpn_training degrade LR -o OUT --range light` makes `--versions` of each picture of LR, as OUT/0/NAME.png,
OUT/1/NAME.png and so on: half of them JPEGs, a tenth WebP, the others film, alone or as a frame of a clip that pans and
zooms over the picture. What is done to a version is drawn by the seed, its picture's name and its number, and stands in
OUT/manifest.json. What exists is kept: a stopped run goes on when it is started again.
"""

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from abpn_training import codecs
from abpn_training.checkpoint import write_atomically
from abpn_training.codecs import Picture
from abpn_training.data import decode, pictures_in
from abpn_training.errors import UserError

MANIFEST = "manifest.json"


@dataclass(frozen=True)
class Range:
    """How strong the compression is: for each kind the lowest and highest quality, or constant rate factor."""

    jpeg: tuple[int, int]
    webp: tuple[int, int]
    h264: tuple[int, int]
    h265: tuple[int, int]
    vp9: tuple[int, int]
    av1: tuple[int, int]
    # The share of versions that are left as they are.
    clean: float


# They overlap, so that where one net takes over from the other matters little.
RANGES = {
    "light": Range((70, 98), (72, 98), (13, 26), (14, 28), (12, 34), (12, 36), 0.1),
    "strong": Range((8, 78), (5, 76), (22, 38), (23, 40), (28, 56), (30, 58), 0.02),
}

# Shares of the kinds, without the clean ones.
KINDS = {"jpeg": 0.5, "webp": 0.1, "h264": 0.18, "h265": 0.08, "vp9": 0.07, "av1": 0.07}

# Parts of the JPEGs whose blocks don't begin at the picture's corner, that were saved at another quality before, and
# whose chroma has a quality of its own; by the encoder's tables; by how chroma is reduced.
SHIFTED, TWICE, OWN_CHROMA = 0.25, 0.2, 0.15
TABLES = {"annex-k": 0.8, "robidoux": 0.2}
SUBSAMPLINGS = {"4:2:0": 0.65, "4:2:2": 0.1, "4:4:4": 0.25}

# Parts of the films that are a single frame; of the others, frames before and after the one that is kept.
STILL, BEFORE, AFTER = 0.3, (2, 5), (2, 4)

# Means of how far a clip moves and zooms in a frame, in pixels and parts of the size, and the most it ever does.
PAN, ZOOM, MOST_PAN, MOST_ZOOM = 1.5, 0.004, 16, 0.02


def degrade(lr: Path, output: Path, strength: str, versions: int, seed: int, jobs: int) -> int:
    """Makes what of the versions is missing; returns how many that were."""
    files = pictures_in(lr)
    if not files:
        raise UserError(f"{lr}: no picture")
    if len({file.stem for file in files}) < len(files):
        raise UserError(f"{lr}: pictures that differ by their extension alone; their versions would have one name")
    if versions < 1 or jobs < 1:
        raise UserError("--versions and --jobs must be at least 1")
    wanted = [(file, n) for file in files for n in range(versions)]
    plans = {_name(file, n): plan(RANGES[strength], file.stem, n, seed) for file, n in wanted}
    manifest = {"range": strength, "settings": asdict(RANGES[strength]), "seed": seed, "versions": plans}
    _write_manifest(output, manifest)
    missing = [(file, n) for file, n in wanted if not (output / _name(file, n)).exists()]

    def make(file: Path, n: int) -> None:
        name = _name(file, n)
        try:
            picture = decode(file)
        # Pillow's decoders raise whatever they like on broken data.
        except Exception as error:
            raise UserError(f"{file}: {error}") from None
        result = Image.fromarray(compressed(picture, plans[name]))
        write_atomically(output / name, result.save)

    with ThreadPoolExecutor(jobs) as pool:
        for each in [pool.submit(make, *version) for version in missing]:
            try:
                each.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
    return len(missing)


def _name(file: Path, version: int) -> str:
    """A version's file in the output folder."""
    return f"{version}/{file.stem}.png"


def plan(strength: Range, name: str, version: int, seed: int) -> dict[str, Any]:
    """What is done to a version of a picture: a kind, and the arguments of what it does in `codecs`."""
    digest = hashlib.sha256(f"{seed} {version} {name}".encode()).digest()
    random = np.random.Generator(np.random.Philox(key=np.frombuffer(digest[:16], np.uint64)))
    if random.random() < strength.clean:
        return {"kind": "clean"}
    kind = _one_of(KINDS, random)
    low, high = getattr(strength, kind)
    quality = int(random.integers(low, high + 1))
    match kind:
        case "jpeg":
            saves = [_jpeg(quality, random)]
            if random.random() < TWICE:
                saves.insert(0, _jpeg(int(random.integers(low, high + 1)), random))
            return {"kind": kind, "saves": saves}
        case "webp":
            return {"kind": kind, "quality": quality}
    still = random.random() < STILL
    before, after = (0, 0) if still else (int(random.integers(low, high + 1)) for low, high in (BEFORE, AFTER))
    speed, angle = min(random.exponential(PAN), MOST_PAN), random.uniform(0, 2 * np.pi)
    zoom = float(np.clip(random.laplace(0, ZOOM), -MOST_ZOOM, MOST_ZOOM))
    return {
        "kind": kind,
        "crf": quality,
        "conversion": "careful" if random.random() < 0.5 else "quick",
        "before": before,
        "after": after,
        "pan": [round(float(speed * turn(angle)), 3) for turn in (np.sin, np.cos)],
        "zoom": round(zoom, 5),
    }


def _jpeg(quality: int, random: np.random.Generator) -> dict[str, Any]:
    chroma = quality
    if random.random() < OWN_CHROMA:
        chroma = int(np.clip(quality + random.integers(-20, 21), 5, 100))
    shifted = random.random() < SHIFTED
    offset = [int(each) for each in random.integers(0, 8, size=2)]
    return {
        "quality": quality,
        "chroma_quality": chroma,
        "subsampling": _one_of(SUBSAMPLINGS, random),
        "tables": _one_of(TABLES, random),
        "offset": offset if shifted else [0, 0],
    }


def compressed(picture: Picture, plan: dict[str, Any]) -> Picture:
    """A picture, u8 [h, w, 3], after what a plan says."""
    match plan["kind"]:
        case "clean":
            return picture
        case "jpeg":
            for save in plan["saves"]:
                picture = codecs.jpeg(picture, **save)
            return picture
        case "webp":
            return codecs.webp(picture, plan["quality"])
    frames = clip(picture, plan["before"], plan["after"], plan["pan"], plan["zoom"])
    return codecs.film(frames, plan["before"], plan["kind"], plan["crf"], plan["conversion"])


def clip(picture: Picture, before: int, after: int, pan: Sequence[float], zoom: float) -> list[Picture]:
    """Frames that pan (rows and columns a frame) and zoom over a picture, which is itself, untouched, after `before`.

    Around the picture they show its mirror image.
    """
    height, width = picture.shape[:2]
    most = max(before, after)
    margin = int(np.ceil(most * max(abs(each) for each in pan) + most * abs(zoom) * max(height, width))) + 4
    world = Image.fromarray(np.pad(picture, ((margin, margin), (margin, margin), (0, 0)), "symmetric"))
    frames = []
    for time in range(-before, after + 1):
        top, left = margin + time * pan[0], margin + time * pan[1]
        # Zooms about the middle.
        rows, columns = time * zoom * height / 2, time * zoom * width / 2
        box = (left - columns, top - rows, left + width + columns, top + height + rows)
        frame = np.asarray(world.resize((width, height), Image.Resampling.LANCZOS, box))
        frames.append(frame if time else picture)
    return frames


def _one_of(shares: dict[str, float], random: np.random.Generator) -> str:
    return str(random.choice(list(shares), p=list(shares.values())))


def _write_manifest(output: Path, manifest: dict[str, Any]) -> None:
    """Writes the manifest, and makes the folders; an existing one must agree on what both have."""
    path = output / MANIFEST
    # As it reads back.
    manifest = json.loads(json.dumps(manifest))
    if path.exists():
        try:
            old = json.loads(path.read_text())
            common = old["versions"].keys() & manifest["versions"].keys()
            same = all(old[key] == manifest[key] for key in ("range", "settings", "seed"))
            same = same and all(old["versions"][name] == manifest["versions"][name] for name in common)
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: not a manifest of this program: {error}") from None
        if not same:
            raise UserError(f"{output}: it holds versions made otherwise; name another folder")
        manifest["versions"] = old["versions"] | manifest["versions"]
    for name in manifest["versions"]:
        (output / name).parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(manifest, indent=1) + "\n"
    write_atomically(path, lambda file: file.write_text(text))
