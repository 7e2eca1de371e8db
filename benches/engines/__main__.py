"""`python -m engines`: see `scripts/bench-engines --help`."""

import argparse
import json
import random
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image

from . import machine, models, pinning
from .abpn import Abpn, AbpnError
from .contenders import AbpnContender, Contender, ContenderError, EngineContender
from .results import Group, Row, group_json, markdown, psnr_db
from .sessions import Setup

REPOSITORY = Path(__file__).resolve().parents[2]
SIZE = "640x360"
CORNER = (64, 76)
"""Where the frame lies in the photo, left and top."""

CPU_ENGINES = [
    ("OpenVINO", "int8"),
    ("OpenVINO", "int8 tflite"),
    ("OpenVINO", "f32"),
    ("LiteRT", "int8"),
    ("LiteRT", "f32"),
    ("ONNX Runtime", "int8"),
    ("ONNX Runtime", "f32"),
    ("ncnn", "int8"),
    ("ncnn", "bf16"),
    ("ncnn", "f32"),
]
CUDA_ENGINES = [
    ("PyTorch", "fp16 graph"),
    ("PyTorch", "fp16 compiled"),
    ("PyTorch", "f32 graph"),
    ("ONNX Runtime GPU", "f32 CUDA"),
    ("ONNX Runtime GPU", "fp16 TensorRT"),
    ("ONNX Runtime GPU", "int8 TensorRT"),
]
HOST_ENGINES = [("PyTorch", "f32"), ("PyTorch", "f32 compiled")]
"""In their place where there is no CUDA device."""
VULKAN_ENGINES = [("ncnn", "int8"), ("ncnn", "fp16"), ("ncnn", "f32")]
LIMIT_S = 150
"""After this time a group has no further rounds, if it had two."""


def main() -> int:
    """Measures and writes the results; 1 if a contender that is there failed or gave a wrong picture."""
    args = _arguments()
    folder: Path = args.folder
    image = _frame(folder, *args.size)
    missing = models.write(args.weights, folder / "models", *args.size)
    for format_, reason in missing.items():
        _say(f"no {format_} models: {reason}")
    reference, _ = Abpn(args.abpn).picture(folder / "frame.png", folder / "reference.png")
    cpus = pinning.cpus()
    threads = args.threads or sorted({1, len(cpus)})

    groups = []
    if args.only in (None, "cpu"):
        for count in threads:
            contenders = _on_cpu(args, image, count, cpus)
            title = f"CPU, {count} thread{'s' if count > 1 else ''}"
            groups.append(_measure(title, contenders, reference, args.rounds))
    adapter = None
    if args.only == "gpu":
        adapter = _adapter(Abpn(args.abpn), args.adapter)
        for title, contenders in _on_gpu(args, image, adapter, len(cpus)):
            groups.append(_measure(title, contenders, reference, args.rounds))
    elif args.only != "cpu":
        adapter = _adapter(Abpn(args.abpn), args.adapter)
        if adapter is None:
            _say("no Vulkan adapter: on Debian, apt install mesa-vulkan-drivers has a software one")
        else:
            families = adapter["kernels"] if args.families else []
            contenders = _on_vulkan(args, image, adapter, families, len(cpus))
            groups.append(_measure(adapter["name"], contenders, reference, args.vulkan_rounds))
    _write(args, groups, machine.describe(REPOSITORY, len(cpus)) | {"adapter": adapter})
    return int(any(_failed(row) for group in groups for row in group.rows))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="scripts/bench-engines",
        description="Times abpn and other engines on the same net and picture, three times enlarged, in turns.",
    )
    parser.add_argument(
        "--only",
        choices=["cpu", "vulkan", "gpu"],
        help="run this part alone; gpu, PyTorch and ONNX Runtime on the GPU, is run only when it is named",
    )
    parser.add_argument("--size", type=_size, default=_size(SIZE), metavar="WxH", help=f"the frame's (default: {SIZE})")
    parser.add_argument("--threads", type=int, nargs="+", metavar="N", help="of the CPU; by default 1 and all")
    parser.add_argument("--adapter", metavar="NAME", help="part of a Vulkan adapter's name in `abpn adapters`")
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="turns of each on the CPU")
    parser.add_argument("--vulkan-rounds", type=int, default=3, metavar="N", help="the same on the adapter")
    parser.add_argument(
        "--families", action="store_true", help="run each of abpn's kernel families on the adapter, too"
    )
    parser.add_argument("--out", type=Path, metavar="STEM", help="write STEM.json and STEM.md")
    parser.add_argument("--weights", type=Path, default=REPOSITORY / "weights", help=argparse.SUPPRESS)
    parser.add_argument("--abpn", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, required=True, help=argparse.SUPPRESS)
    args = parser.parse_args()
    args.out = args.out or args.folder / "results"
    return args


def _size(text: str) -> tuple[int, int]:
    width, _, height = text.partition("x")
    return int(width), int(height)


def _frame(folder: Path, width: int, height: int) -> Path:
    """Cuts the frame out of the photo: `frame.png`, and `frame.npy`, u8, [height, width, 3]; gives the latter."""
    left, top = CORNER
    photo = Image.open(REPOSITORY / "examples/kodim23.png").convert("RGB")
    frame = photo.crop((left, top, left + width, top + height))
    folder.mkdir(parents=True, exist_ok=True)
    frame.save(folder / "frame.png")
    np.save(folder / "frame.npy", np.asarray(frame))
    return folder / "frame.npy"


def _on_cpu(args: argparse.Namespace, image: Path, threads: int, cpus: list[int]) -> list[Contender]:
    """All engines, after abpn with its best kernel, and with AVX2 where that isn't the best."""
    allowed = cpus[:threads]
    kernels = next((row["kernels"] for row in Abpn(args.abpn).adapters() if row["backend"] == "cpu"), [])
    chosen = [kernels[0], *(["avx2"] if "avx2" in kernels[1:] else [])] if kernels else [None]

    def abpn(kernel: str | None) -> Contender:
        environment = {"RAYON_NUM_THREADS": str(threads)} | ({"ABPN_CPU": kernel} if kernel else {})
        runner = Abpn(args.abpn, environment=environment, cpus=allowed)
        return _abpn(args, runner, f"int8 {kernel}" if kernel else "int8")

    def other(engine: str, precision: str) -> Contender:
        return EngineContender(engine, Setup(args.folder / "models", precision, threads), image, allowed)

    return [*map(abpn, chosen), *(other(*names) for names in CPU_ENGINES)]


def _on_vulkan(
    args: argparse.Namespace, image: Path, adapter: dict[str, Any], families: list[str], cpus: int
) -> list[Contender]:
    """On one adapter: abpn with the kernel that it takes by itself and with these families, and ncnn."""

    def abpn(family: str | None) -> Contender:
        options = ("--kernel", family) if family else ()
        runner = Abpn(args.abpn, ("--gpu", str(adapter["index"]), *options))
        return _abpn(args, runner, f"int8 {family}" if family else "int8")

    others = [
        EngineContender(engine, Setup(args.folder / "models", precision, cpus, adapter["name"]), image)
        for engine, precision in VULKAN_ENGINES
    ]
    return [*map(abpn, [None, *families]), *others]


def _on_gpu(
    args: argparse.Namespace, image: Path, adapter: dict[str, Any] | None, cpus: int
) -> list[tuple[str, list[Contender]]]:
    """On one adapter: abpn, and what is mostly used instead on the same device; the CPU where there is no CUDA."""
    cuda = _has_cuda()
    setup = Setup(args.folder / "models", "", cpus, device="cuda" if cuda else "cpu")
    options = ("--gpu", str(adapter["index"])) if adapter else ("--device", "cpu")
    groups = []
    for title, resident in (("frames that stay on the GPU", True), ("from host memory to host memory", False)):
        contenders: list[Contender] = [_abpn(args, Abpn(args.abpn, options), "int8", resident)]
        for engine, precision in CUDA_ENGINES if cuda else HOST_ENGINES:
            contenders.append(EngineContender(engine, replace(setup, precision=precision), image, resident=resident))
        groups.append((f"{adapter['name'] if adapter else 'CPU'}, {title}", contenders))
    return groups


def _has_cuda() -> bool:
    try:
        import torch
    except ImportError:
        return False
    return torch.cuda.is_available()


def _abpn(args: argparse.Namespace, runner: Abpn, precision: str, resident: bool = False) -> AbpnContender:
    size = "{}x{}".format(*args.size)
    return AbpnContender(runner, precision, args.folder / "frame.png", size, resident)


def _adapter(abpn: Abpn, name: str | None) -> dict[str, Any] | None:
    """The best Vulkan adapter."""
    found = [row for row in abpn.adapters() if row["backend"] == "vulkan" and (name or "") in row["name"]]
    return min(found, key=lambda row: row["rank"], default=None)


def _measure(title: str, contenders: list[Contender], reference: np.ndarray, rounds: int) -> Group:
    """Starts all, then lets all that give a right picture take turns, in a new order each round."""
    _say(title)
    rows = [Row(contender.engine, contender.precision) for contender in contenders]
    try:
        ready = [pair for pair in zip(contenders, rows, strict=True) if _start(*pair, reference)]
        shuffle = random.Random(title).shuffle
        start = time.monotonic()
        for done in range(rounds):
            if done >= 2 and time.monotonic() - start > LIMIT_S:
                _say(f"  {done} rounds of {rounds}: out of time")
                break
            shuffle(ready)
            for contender, row in list(ready):
                try:
                    row.rounds_ms.append(median(contender.visit()))
                except (AbpnError, ContenderError) as error:
                    row.missing, row.rounds_ms = str(error), []
                    ready.remove((contender, row))
    finally:
        for contender in contenders:
            contender.stop()
    return Group(title, rows)


def _start(contender: Contender, row: Row, reference: np.ndarray) -> bool:
    """Whether it runs, and the net that it should."""
    package = machine.PACKAGES.get(contender.engine)
    if package and machine.version(package) is None:
        row.missing = f"{package} could not be installed"
        return False
    try:
        row.psnr_db = psnr_db(contender.start(), reference)
    except (AbpnError, ContenderError) as error:
        row.missing = str(error)
    _say(f"  {row.engine} {row.precision}: {row.missing or f'{row.psnr_db:.1f} dB'}")
    return row.missing is None and not row.wrong


def _failed(row: Row) -> bool:
    package = machine.PACKAGES.get(row.engine)
    return row.wrong or (row.missing is not None and (package is None or machine.version(package) is not None))


def _write(args: argparse.Namespace, groups: list[Group], about: dict[str, Any]) -> None:
    text, stem = markdown(groups), args.out
    report = about | {"input": "{}x{}".format(*args.size), "groups": [group_json(group) for group in groups]}
    stem.parent.mkdir(parents=True, exist_ok=True)
    stem.with_suffix(".md").write_text(text)
    stem.with_suffix(".json").write_text(json.dumps(report, indent=2) + "\n")
    print(text, end="")
    _say(f"written to {stem}.md and {stem}.json")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
