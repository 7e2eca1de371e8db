"""The results file: each step is in it, on the disk, as soon as it has ended."""

import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

FORMAT = 1
"""Of the file; docs/gpu.md describes it field by field."""


class Results:
    """`results.json` in a folder. A run that is cut off leaves a whole file with the steps that ended before."""

    def __init__(self, folder: Path, about: dict[str, Any], places: dict[Path, str] | None = None) -> None:
        """Begins a file anew with what is known before the first step.

        `places` are folders of this machine and what stands for them in the file, which people send to others.
        """
        # The longest first: one folder may lie within another.
        pairs = sorted((places or {}).items(), key=lambda pair: -len(str(pair[0])))
        self.places = [(json.dumps(str(place))[1:-1], name) for place, name in pairs if place != place.parent]
        self.path = folder / "results.json"
        self.content: dict[str, Any] = {"format": FORMAT, "began": now()} | about | {"steps": {}}
        folder.mkdir(parents=True, exist_ok=True)
        self.write()

    def add(self, name: str, step: dict[str, Any]) -> None:
        """Adds a step."""
        self.content["steps"][name] = step
        self.write()

    @property
    def failed(self) -> list[str]:
        """The steps that failed, by name."""
        return [name for name, step in self.content["steps"].items() if step["outcome"] == "failed"]

    def write(self) -> None:
        """Writes the file, whole or not at all."""
        temporary = self.path.with_suffix(".tmp")
        text = json.dumps(self.content, indent=1)
        for place, name in self.places:
            text = text.replace(place, name)
        with temporary.open("w") as file:
            file.write(text + "\n")
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self.path)


def now() -> str:
    """The time, UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
