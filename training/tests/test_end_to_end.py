"""From ten pictures to an integer net, with kills on the way."""

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Folders, Program, train
from PIL import Image

from abpn_training.evaluate import evaluate
from abpn_training.intnet import IntegerNet
from abpn_training.weights import read

STEPS = 200


def settings(folders: Folders) -> list[object]:
    small = ["--steps", STEPS, "--decay-steps", 50, "--patch", 24, "--batch", 4, "--threads", 1]
    often = ["--save-every", 20, "--log-every", 10, "--seed", 7]
    return ["--hr", folders.hr, "--lr", folders.lr, *small, *often]


def log(run: Path) -> list[tuple[int, float, float | None]]:
    records = map(json.loads, (run / "log.jsonl").read_text().splitlines())
    return [(record["step"], record["loss"], record["psnr"]) for record in records]


def weights(run: Path) -> dict[str, torch.Tensor]:
    state = torch.load(run / "checkpoint.pt", weights_only=True)
    return {f"{part} {name}": value for part in ("net", "average") for name, value in state[part].items()}


def kill_after(step: int, run: Path, *arguments: object) -> None:
    """Kills a run with SIGKILL once it has logged a step."""
    process = subprocess.Popen([sys.executable, "-m", "abpn_training", *map(str, arguments)])
    deadline = time.monotonic() + 300
    while not (run / "log.jsonl").exists() or max((entry[0] for entry in whole_lines(run)), default=0) < step:
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "it doesn't get on"
        time.sleep(0.02)
    process.kill()
    process.wait()


def whole_lines(run: Path) -> list[tuple[int, float, float | None]]:
    lines = (run / "log.jsonl").read_text().split("\n")[:-1]
    return [(json.loads(line)["step"], 0.0, None) for line in lines]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, folders: Folders) -> tuple[Path, Path]:
    """A run that was never stopped, and one that was killed twice."""
    folder = tmp_path_factory.mktemp("runs")
    calm, killed = folder / "calm", folder / "killed"
    done = train("train", "-o", calm, *settings(folders))
    assert done.returncode == 0, done.stderr
    kill_after(50, killed, "train", "-o", killed, *settings(folders))
    kill_after(110, killed, "train", "--resume", killed)
    done = train("train", "--resume", killed)
    assert done.returncode == 0, done.stderr
    return calm, killed


def test_a_killed_run_ends_as_one_that_was_not(runs: tuple[Path, Path]) -> None:
    calm, killed = runs
    expected, result = weights(calm), weights(killed)
    assert expected.keys() == result.keys()
    assert all(torch.equal(expected[name], result[name]) for name in expected)
    # Each step is in the log once, with the same loss and PSNR.
    assert log(calm) == log(killed)
    assert [entry[0] for entry in log(calm)] == list(range(10, STEPS + 1, 10))
    # What it learnt shows, and the comparison can fail.
    assert log(calm)[-1][2] > log(calm)[1][2] + 0.5
    assert any((expected[f"net {name}"] != expected[f"average {name}"]).any() for name in ["layers.0.weight"])


def test_a_run_leaves_a_curve_and_no_other_files(runs: tuple[Path, Path]) -> None:
    for run in runs:
        # A kill may leave the file that it was in the middle of.
        names = sorted(file.name for file in run.iterdir() if not file.name.startswith("."))
        assert names == ["checkpoint.pt", "curve.png", "log.jsonl"]
        with Image.open(run / "curve.png") as curve:
            assert curve.width > 500


def test_another_seed_is_another_run(runs: tuple[Path, Path], folders: Folders, tmp_path: Path) -> None:
    done = train("train", "-o", tmp_path, *settings(folders), "--seed", 8, "--steps", 20, "--decay-steps", 0)
    assert done.returncode == 0, done.stderr
    assert log(tmp_path)[1] != log(runs[0])[1]


def test_from_float_to_integers(runs: tuple[Path, Path], folders: Folders, abpn: Program, tmp_path: Path) -> None:
    float_file, tuned, ranges, net = (tmp_path / name for name in ("float", "tuned", "ranges.json", "net"))
    done = train("export", runs[1], "-o", float_file)
    assert done.returncode == 0, done.stderr
    for border, options in (("mirror", []), ("zeros", ["--border", "zeros"])):
        assert train("export", runs[1], "-o", tmp_path / border, *options).returncode == 0
        assert read(tmp_path / border).border == border
    done = train("qat", "-o", tmp_path / "qat", "--weights", float_file, *settings(folders), "--steps", 40)
    assert done.returncode == 0, done.stderr
    done = train("export", tmp_path / "qat", "-o", tuned, "--ranges", ranges)
    assert done.returncode == 0, done.stderr
    abpn("model", "quantize", tuned, "--ranges", ranges, "-o", net)

    # The program, and NumPy from the same file, by the same rules.
    report = json.loads(abpn("eval", "--hr", folders.hr, "--lr", folders.lr, "-m", net, "-d", "cpu", "--json"))
    mean, ours = report["mean"]["net"], evaluate(net, folders.hr, folders.lr)
    assert [ours.psnr_rgb, ours.psnr_y, ours.ssim_y] == pytest.approx(list(mean.values()), abs=1e-9)
    # Better than bicubic after 240 steps. The integers are what was tuned: they may be better than the float weights
    # behind them, and must not be much worse.
    assert ours.psnr_rgb > report["mean"]["bicubic"]["psnr_rgb_db"]
    assert ours.psnr_rgb > evaluate(tuned, folders.hr, folders.lr).psnr_rgb - 0.1
    # What training measured last is what the integer net has, on the picture that was held out.
    measured = log(tmp_path / "qat")[-1][2]
    held_out = next(image["net"]["psnr_rgb_db"] for image in report["images"] if image["name"] == "0.png")
    assert measured == pytest.approx(held_out, abs=1e-9)

    # Byte for byte.
    abpn("upscale", folders.lr, "-m", net, "-d", "cpu", "-o", f"{tmp_path}/out/")
    reference = IntegerNet.read(net)
    files = sorted((tmp_path / "out").iterdir())
    assert len(files) == 10
    for file in files:
        expected = reference.upscale(np.asarray(Image.open(folders.lr / file.name)))
        assert np.array_equal(np.asarray(Image.open(file)), expected)


def test_a_decay_branches_off(folders: Folders, tmp_path: Path) -> None:
    whole = [*settings(folders), "--steps", 40, "--warmup", 10]
    assert train("train", "-o", tmp_path / "a", *whole, "--decay-steps", 20).returncode == 0
    assert train("train", "-o", tmp_path / "b", *whole, "--decay-steps", 0, "--keep-every", 20).returncode == 0
    branch = train("train", "-o", tmp_path / "c", "--decay-from", tmp_path / "b/step-00000020.pt", "--decay-steps", 20)
    assert branch.returncode == 0, branch.stderr
    planned, constant, branched = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(planned[name], branched[name]) for name in planned)
    assert not all(torch.equal(planned[name], constant[name]) for name in planned)
    # A decay may have a loss and a batch of its own, not a scale.
    begin = ["train", "-o", tmp_path / "d", "--decay-from", tmp_path / "b/step-00000020.pt", "--decay-steps", 2]
    assert train(*begin, "--loss", "l2", "--batch", 2).returncode == 0
    assert not all(torch.equal(weights(tmp_path / "d")[name], branched[name]) for name in planned)
    refused = train(*begin, "--scale", 2)
    assert refused.returncode == 1
    assert "--scale" in refused.stderr
    # The constant one can be longer.
    assert train("train", "--resume", tmp_path / "b", "--steps", 60).returncode == 0
    assert log(tmp_path / "b")[-1][0] == 60
    refused = train("train", "--resume", tmp_path / "a", "--steps", 60)
    assert refused.returncode == 1
    assert "--steps" in refused.stderr


def test_a_resumed_run_needs_no_file_that_it_began_from(
    runs: tuple[Path, Path], folders: Folders, tmp_path: Path
) -> None:
    begin = tmp_path / "begin"
    assert train("export", runs[0], "-o", begin).returncode == 0
    whole = [*settings(folders), "--decay-steps", 0]
    for name, init, steps in [("a", ["--init", begin], 40), ("b", ["--init", begin], 20), ("c", [], 40)]:
        assert train("train", "-o", tmp_path / name, *whole, *init, "--steps", steps).returncode == 0
    begin.unlink()
    done = train("train", "--resume", tmp_path / "b", "--steps", 40)
    assert done.returncode == 0, done.stderr
    calm, resumed, other = (weights(tmp_path / name) for name in "abc")
    assert all(torch.equal(calm[name], resumed[name]) for name in calm)
    assert not all(torch.equal(calm[name], other[name]) for name in calm)


def test_a_tuning_goes_on_without_its_weights(runs: tuple[Path, Path], folders: Folders, tmp_path: Path) -> None:
    begin = tmp_path / "begin"
    assert train("export", runs[0], "-o", begin).returncode == 0
    whole = [*settings(folders), "--weights", begin, "--steps", 60, "--save-every", 10]
    assert train("qat", "-o", tmp_path / "calm", *whole).returncode == 0
    kill_after(20, tmp_path / "killed", "qat", "-o", tmp_path / "killed", *whole)
    begin.unlink()
    done = train("qat", "--resume", tmp_path / "killed")
    assert done.returncode == 0, done.stderr
    calm, killed = weights(tmp_path / "calm"), weights(tmp_path / "killed")
    assert all(torch.equal(calm[name], killed[name]) for name in calm)
    # The ranges learnt something, so that they could differ.
    assert not torch.equal(calm["net log_ranges"], calm["average log_ranges"])


def test_what_is_wrong_is_named(runs: tuple[Path, Path], folders: Folders, tmp_path: Path) -> None:
    float_file = tmp_path / "float"
    assert train("export", runs[0], "-o", float_file).returncode == 0
    (tmp_path / "no").write_text("no")
    data = ["--hr", folders.hr, "--lr", folders.lr]
    for arguments, words in [
        (["train", "-o", runs[0], *data], [str(runs[0]), "--resume"]),
        (["train", "--resume", tmp_path / "none"], ["none", "no such checkpoint"]),
        (["train", "-o", tmp_path / "r", "--hr", tmp_path / "none", "--lr", folders.lr], ["none", "no such folder"]),
        (["train", "-o", tmp_path / "r", *data, "--patch", 14], ["--patch", "15"]),
        (["train", "-o", tmp_path / "r", *data, "--patch", 400], ["smaller than a patch", "no picture to train on"]),
        (["train", "-o", tmp_path / "r", *data, "--batch", 0], ["--batch", "at least 1"]),
        (["train", "-o", tmp_path / "r", *data, "--same-every", 4], ["--border mirror", "--same-every"]),
        (["train", "-o", tmp_path / "r", *data, "--init", tmp_path / "no"], ["no"]),
        (["train", "--resume", runs[0], "--batch", 3], ["--batch"]),
        (["qat", "-o", tmp_path / "r", *data], ["--weights"]),
        (["qat", "-o", tmp_path / "r", *data, "--weights", float_file, "--scale", 2], ["--scale"]),
        (["qat", "--resume", runs[0]], ["'train'", "'qat'"]),
        (["export", tmp_path / "no", "-o", tmp_path / "x"], ["no", "not a checkpoint"]),
        (["export", runs[0], "-o", tmp_path / "x", "--ranges", tmp_path / "y"], ["no ranges"]),
        (["evaluate", tmp_path / "no", *data], ["no"]),
    ]:
        done = train(*arguments)
        assert done.returncode == 1, (arguments, done.stderr)
        assert "Traceback" not in done.stderr
        assert all(word in done.stderr for word in words), (words, done.stderr)
