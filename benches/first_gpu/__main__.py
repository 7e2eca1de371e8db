"""`scripts/first-gpu`."""

import argparse
import os
import platform
import subprocess
import sys
import time
from pathlib import Path

from . import pack, steps
from .process import Runner, say
from .recipes import recipes
from .results import Results, now

EPILOG = """
Here:            scripts/first-gpu pack gpu --photos photos
There:           gpu/program/first-gpu collect gpu/photos-1 gpu/photos-2 --photos photos
                 gpu/program/first-gpu run --budget-s 840 --photos photos -o results
A try, anywhere: scripts/first-gpu run --small --budget-s 300 -o target/first-gpu

`run` needs a Vulkan driver and Python 3.11; PyTorch, NumPy, Pillow and safetensors for the comparison and for training.
It needs no network and no window system. docs/gpu.md describes what it writes.
"""


def main() -> int:
    """Runs a command; returns the exit code: 1 if something failed."""
    arguments = _parser().parse_args()
    try:
        return arguments.command(arguments)
    except (pack.PackError, subprocess.CalledProcessError, OSError) as error:
        say(str(error))
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="first-gpu",
        description="What a machine with a GPU tells in its first minutes.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    one = commands.add_parser("pack", help="pack program, code, weights and photos for another machine")
    one.set_defaults(command=_pack)
    one.add_argument(
        "target",
        type=Path,
        metavar="DIR",
        help="a new folder: DIR/program, DIR/photos-1, ...",
    )
    one.add_argument(
        "--photos",
        type=Path,
        metavar="DIR",
        help="originals in DIR/hr, small versions in DIR/x3, ...",
    )
    one.add_argument(
        "--loader",
        type=Path,
        nargs="+",
        default=[],
        metavar="FILE",
        help="libvulkan.so.1 to carry along",
    )

    one = commands.add_parser("collect", help="put portions of photos together")
    one.set_defaults(command=_collect)
    one.add_argument(
        "portions",
        type=Path,
        nargs="+",
        metavar="PORTION",
        help="photos-1, photos-2, ...",
    )
    one.add_argument("--photos", type=Path, required=True, metavar="DIR", help="where they go")

    one = commands.add_parser("run", help="measure, then train until the budget ends")
    one.set_defaults(command=_run)
    one.add_argument(
        "-o",
        "--out",
        type=Path,
        required=True,
        metavar="DIR",
        help="folder for results.json and weights",
    )
    one.add_argument(
        "--budget-s",
        type=float,
        default=840,
        metavar="S",
        help="seconds in all (default: 840)",
    )
    one.add_argument(
        "--photos",
        type=Path,
        metavar="DIR",
        help="to train on; without, nothing is trained",
    )
    names = ", ".join(recipes())
    one.add_argument(
        "--train",
        nargs="+",
        default=["x3-clean"],
        metavar="NET",
        help=f"of {names} (default: x3-clean)",
    )
    one.add_argument("--gpu", metavar="NAME", help="part of an adapter's name in `abpn adapters`")
    one.add_argument("--small", action="store_true", help="sizes for a try on a software driver")
    return parser


def _pack(arguments: argparse.Namespace) -> int:
    pack.pack(arguments.target, arguments.photos, arguments.loader)
    return 0


def _collect(arguments: argparse.Namespace) -> int:
    say(f"{pack.collect(arguments.portions, arguments.photos)} files in {arguments.photos}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    deadline = time.monotonic() + arguments.budget_s
    unknown = [name for name in arguments.train if name not in recipes()]
    if unknown:
        raise pack.PackError(f"no net is called {unknown[0]}; there are {', '.join(recipes())}")
    root = pack.REPOSITORY
    packed = (root / "abpn").exists()
    abpn = root / ("abpn" if packed else "target/release/abpn")
    if not abpn.exists():
        raise pack.PackError(f"{abpn}: it isn't built; run cargo build --release")
    if packed and any((root / "lib").iterdir()):
        # The loader that was carried along, for all that is started from here.
        os.environ["LD_LIBRARY_PATH"] = os.pathsep.join([str(root / "lib"), os.environ.get("LD_LIBRARY_PATH", "")])
    about = {
        "commit": pack.commit(root),
        "system": platform.platform(),
        "python": sys.version.split()[0],
    }
    about |= {
        "cpus": os.cpu_count(),
        "budget_s": arguments.budget_s,
        "small": arguments.small,
    }
    places = {root: "PROGRAM", arguments.out: "RESULTS", Path(sys.executable): "python", Path.home(): "HOME"}
    places |= {arguments.photos: "PHOTOS"} if arguments.photos else {}
    results = Results(arguments.out, about, {place.absolute(): name for place, name in places.items()})
    plan = steps.Plan(
        abpn,
        root / "weights",
        arguments.out,
        arguments.photos,
        arguments.gpu,
        arguments.small,
        arguments.train,
    )
    steps.run(plan, Runner(results, deadline))
    results.content["ended"] = now()
    results.write()
    say(f"written to {results.path}")
    if results.failed:
        say(f"failed: {', '.join(results.failed)}")
    return int(bool(results.failed))


if __name__ == "__main__":
    sys.exit(main())
