"""Tests: what a step leaves however it ends, which adapter is taken, and that portions hold all that they should."""

import json
import sys
import time
from pathlib import Path

import pytest

from . import pack, steps
from .process import Runner, Step
from .recipes import recipes
from .results import Results


def run(tmp_path: Path, code: str, limit_s: float = 30, left_s: float = 60, reads: Path | None = None) -> dict:
    """The record, as it is on the disk, of a step that runs Python code."""
    runner = Runner(Results(tmp_path, {}), time.monotonic() + left_s)
    runner.run(Step("step", [sys.executable, "-c", code], limit_s, reads))
    return json.loads((tmp_path / "results.json").read_text())["steps"]["step"]


def test_a_step_that_ends_well(tmp_path: Path) -> None:
    """JSON is kept as such, text as text, and a result may come in a file."""
    assert run(tmp_path, "print('[1, 2]')")["output"] == [1, 2]
    assert run(tmp_path, "print('equal')")["output"] == "equal\n"
    file = tmp_path / "made.json"
    record = run(tmp_path, f"open({str(file)!r}, 'w').write('{{}}'); print('else')", reads=file)
    assert (record["outcome"], record["output"]) == ("done", {})


def test_a_step_that_fails(tmp_path: Path) -> None:
    """Its code and messages are kept; so it is with a program that isn't there, and with a file that isn't written."""
    record = run(tmp_path, "import sys; print('half'); sys.exit('no driver')")
    assert (record["outcome"], record["exit_code"], record["messages"]) == ("failed", 1, "no driver\n")
    assert "output" not in record
    assert run(tmp_path, "", reads=tmp_path / "never")["outcome"] == "failed"
    results = Results(tmp_path, {})
    Runner(results, time.monotonic() + 9).run(Step("step", ["no-such-program"], 9))
    assert results.content["steps"]["step"]["outcome"] == "not installed"
    assert results.failed == []


def test_a_step_that_takes_too_long(tmp_path: Path) -> None:
    """It is ended with all that it started, at its limit or at the budget's end; one without time isn't begun."""
    start = time.monotonic()
    sleep = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(60)'])"
    record = run(tmp_path, sleep, limit_s=2)
    assert (record["outcome"], record["exit_code"]) == ("out of time", None)
    assert run(tmp_path, sleep, left_s=2)["outcome"] == "out of time"
    assert run(tmp_path, sleep, left_s=0.5)["outcome"] == "no time"
    assert time.monotonic() - start < 30


def test_the_file_has_no_paths_of_the_machine(tmp_path: Path) -> None:
    """What is sent to others says which folder was meant, not where it lies or whose it is."""
    places = {tmp_path: "RESULTS", tmp_path / "photos": "PHOTOS", Path(sys.executable): "python"}
    results = Results(tmp_path, {}, places)
    command = [sys.executable, "-c", f"print({str(tmp_path / 'photos' / 'hr')!r}); raise SystemExit({str(tmp_path)!r})"]
    Runner(results, time.monotonic() + 30).run(Step("step", command, 30))
    record = json.loads(results.path.read_text())["steps"]["step"]
    assert record["command"][0] == "python"
    assert (record["messages"], record["printed"]) == ("RESULTS\n", "PHOTOS/hr\n")


def test_the_adapter() -> None:
    """The best one, or the best of those that are named; the CPU is none."""
    rows = [
        {"index": 0, "name": "llvmpipe", "backend": "vulkan", "rank": 3},
        {"index": 1, "name": "NVIDIA H100", "backend": "vulkan", "rank": 1},
        {"index": 2, "name": "NVIDIA H100", "backend": "gl", "rank": 2},
        {"index": None, "name": "CPU", "backend": "cpu", "rank": 4},
    ]
    chosen = [steps.choose(rows, name) for name in (None, "h100 (gl)", "llvm", "cpu", "radeon")]
    assert [row and row["index"] for row in chosen] == [1, 2, 0, None, None]


def test_portions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each holds whole groups and at most so many bytes; together they are the folder."""
    monkeypatch.setattr(pack, "PORTION_BYTES", 1000)
    photos = tmp_path / "photos"
    for place, size in (("hr", 300), ("x3", 40), ("x3-strong/0", 30), ("x3-strong/1", 30)):
        (photos / place).mkdir(parents=True)
        for index in range(7):
            (photos / place / f"{index}.png").write_bytes(bytes([index]) * size)
    portions = pack.pack_photos(tmp_path / "packed", photos)
    sizes = [sum(file.stat().st_size for file in portion.rglob("*.png")) for portion in portions]
    assert sizes == [800, 800, 800, 400]
    assert pack.collect(portions, tmp_path / "there") == 28
    assert (tmp_path / "there/x3-strong/1/6.png").read_bytes() == bytes([6]) * 30
    with pytest.raises(pack.PackError, match="hr"):
        pack.pack_photos(tmp_path / "other", tmp_path)


def test_every_recipe_begins_from_weights_of_its_scale() -> None:
    """Their names say so; one begins from nothing."""
    for name, recipe in recipes().items():
        assert name.startswith(f"x{recipe.scale}-")
        assert recipe.small.startswith(f"x{recipe.scale}")
        assert recipe.init is None or recipe.init.startswith(f"abpn_x{recipe.scale}")
