"""What the figures were measured on."""

import platform
import subprocess
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

FLAGS = ("sse4", "avx", "fma", "f16c", "amx", "asimd", "i8mm", "dotprod", "sve")
"""How the names of instruction sets begin that these engines use."""

PACKAGES = {
    "OpenVINO": "openvino",
    "ONNX Runtime": "onnxruntime",
    "ONNX Runtime GPU": "onnxruntime-gpu",
    "LiteRT": "ai-edge-litert",
    "ncnn": "ncnn",
    "PyTorch": "torch",
}
"""An engine's package on PyPI."""


def version(package: str) -> str | None:
    """The installed version, if any."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def describe(repository: Path, cpus: int) -> dict[str, Any]:
    """Date, commit, CPU and versions."""
    info = _cpu_info()
    flags = (info.get("flags") or info.get("Features") or "").split()
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": _commit(repository),
        "cpu": info.get("model name") or platform.processor() or platform.machine(),
        "cpu_flags": sorted(flag for flag in flags if flag.startswith(FLAGS)),
        "cpus": cpus,
        "system": platform.platform(),
        "python": platform.python_version(),
        "versions": {engine: version(package) for engine, package in PACKAGES.items()},
    }


def _cpu_info() -> dict[str, str]:
    """The first CPU of /proc/cpuinfo."""
    path = Path("/proc/cpuinfo")
    if not path.exists():
        return {}
    first = path.read_text().split("\n\n")[0]
    pairs = (line.split(":", 1) for line in first.splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _commit(repository: Path) -> str | None:
    """The commit, with `-dirty` if files were changed since."""
    command = ["git", "-C", str(repository), "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None
