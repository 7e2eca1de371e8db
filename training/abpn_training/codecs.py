"""What lossy compression makes of pictures, u8 [h, w, 3]: JPEG and WebP by Pillow, film by the ffmpeg program."""

import io
import subprocess
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from abpn_training.errors import UserError

Picture = NDArray[np.uint8]

# Quantisation tables of quality 50, luma and chroma, row by row, which an encoder scales by the quality: those of ITU-T
# T.81, Annex K, which almost all take.
# fmt: off
ANNEX_K = (
    [
        16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
        14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
        49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
    ],
    [
        17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
        47, 66, 99, 99, 99, 99, 99, 99, *[99] * 32,
    ],
)

# N. Robidoux's table for ImageMagick, for luma and chroma alike, which MozJPEG takes by default.
ROBIDOUX = (
    [
        16, 16, 16, 18, 25, 37, 56, 85, 16, 17, 20, 27, 34, 40, 53, 75, 16, 20, 24, 31, 43, 62, 91, 135,
        18, 27, 31, 40, 53, 74, 106, 156, 25, 34, 43, 53, 69, 94, 131, 189, 37, 40, 62, 74, 94, 124, 169, 238,
        56, 53, 91, 106, 131, 169, 226, 311, 85, 75, 135, 156, 189, 238, 311, 418,
    ],
) * 2
# fmt: on

TABLES = {"annex-k": ANNEX_K, "robidoux": ROBIDOUX}

# Pillow's names for how chroma is reduced.
SUBSAMPLINGS = {"4:4:4": 0, "4:2:2": 1, "4:2:0": 2}

# How the ffmpeg program is asked for a codec, on one thread, so that the same frames give the same bytes.
FILM = {
    "h264": ["-c:v", "libx264", "-preset", "fast"],
    "h265": ["-c:v", "libx265", "-preset", "fast", "-x265-params", "log-level=error:pools=none:frame-threads=1"],
    "vp9": ["-c:v", "libvpx-vp9", "-b:v", "0", "-deadline", "good", "-cpu-used", "4", "-row-mt", "0"],
    "av1": ["-c:v", "libsvtav1", "-preset", "8", "-svtav1-params", "lp=1"],
}

# How samples pass between RGB and YCbCr: ffmpeg's quick way, which repeats chroma, or its careful one.
CONVERSIONS = {
    "quick": "bicubic",
    "careful": "bicubic+accurate_rnd+full_chroma_int+full_chroma_inp",
}

# No codec here takes smaller frames.
LEAST_SIDE = 64


def jpeg(
    picture: Picture, quality: int, chroma_quality: int, subsampling: str, tables: str, offset: Sequence[int]
) -> Picture:
    """A picture saved as JPEG and read again.

    The qualities, 1 to 100, scale the named tables of luma and chroma as the Independent JPEG Group's library does.
    The grid of 8x8 blocks begins `offset` rows above and columns left of the picture, which is mirrored there; right
    and below the encoder fills the last blocks up.
    """
    height, width = picture.shape[:2]
    top, left = offset
    padded = np.pad(picture, ((top, 0), (left, 0), (0, 0)), "symmetric")
    luma, chroma = TABLES[tables]
    scaled = [_scaled(luma, quality), _scaled(chroma, chroma_quality)]
    saved = _saved(padded, "JPEG", qtables=scaled, subsampling=SUBSAMPLINGS[subsampling])
    return saved[top : top + height, left : left + width]


def webp(picture: Picture, quality: int) -> Picture:
    """A picture saved as lossy WebP of a quality, 0 to 100, and read again."""
    return _saved(picture, "WEBP", quality=quality)


def film(frames: Sequence[Picture], keep: int, codec: str, crf: int, conversion: str) -> Picture:
    """Frame `keep` of a film, u8 [h, w, 3] each, as it comes back from a codec at a constant rate factor, in 4:2:0."""
    height, width = frames[0].shape[:2]
    bottom, right = (max(LEAST_SIDE, side + side % 2) - side for side in (height, width))
    padded = [np.pad(frame, ((0, bottom), (0, right), (0, 0)), "symmetric") for frame in frames]
    size = f"{width + right}x{height + bottom}"
    raw = ["-f", "rawvideo", "-pix_fmt", "rgb24"]
    convert = ["-sws_flags", CONVERSIONS[conversion]]
    coded = ["-pix_fmt", "yuv420p", *FILM[codec], "-crf", str(crf), "-threads", "1"]
    encoded = _ffmpeg(
        [*raw, "-s", size, "-r", "25", "-i", "pipe:", *convert, *coded, "-f", "matroska", "pipe:"],
        b"".join(frame.tobytes() for frame in padded),
    )
    decoded = np.frombuffer(_ffmpeg(["-threads", "1", "-i", "pipe:", *convert, *raw, "pipe:"], encoded), np.uint8)
    if decoded.size != len(frames) * padded[0].size:
        raise UserError(f"ffmpeg: {len(frames)} frames of {size} came back from {codec} as {decoded.size} bytes")
    return decoded.reshape(len(frames), *padded[0].shape)[keep, :height, :width].copy()


def _scaled(table: Sequence[int], quality: int) -> list[int]:
    """A table of quality 50 at another, by the Independent JPEG Group's rule."""
    percent = 5000 // quality if quality < 50 else 200 - 2 * quality
    return [min(max((entry * percent + 50) // 100, 1), 255) for entry in table]


def _saved(picture: Picture, kind: str, **settings: object) -> Picture:
    file = io.BytesIO()
    Image.fromarray(picture).save(file, kind, **settings)
    return np.asarray(Image.open(file).convert("RGB"))


def _ffmpeg(arguments: list[str], data: bytes) -> bytes:
    command = ["ffmpeg", "-nostdin", "-v", "error", *arguments]
    # SVT-AV1 writes its settings to stderr whatever the level.
    try:
        done = subprocess.run(command, input=data, capture_output=True, check=False)
    except FileNotFoundError:
        raise UserError("ffmpeg: no such program; film needs it (Debian: apt-get install ffmpeg)") from None
    if done.returncode:
        raise UserError(f"ffmpeg: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout
