"""Compressed versions of small pictures."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from conftest import Folders, train
from PIL import Image

from abpn_training import codecs, degrade
from abpn_training.data import load
from abpn_training.errors import UserError


def psnr(a: np.ndarray, b: np.ndarray) -> float:
    return float(10 * np.log10(255**2 / max(np.square(a.astype(float) - b).mean(), 1e-9)))


@pytest.fixture
def picture(photo: np.ndarray) -> np.ndarray:
    return photo[150:241, 300:417].copy()


def test_a_jpeg_of_the_usual_tables_is_pillows(picture: np.ndarray, tmp_path: Path) -> None:
    for quality in (5, 8, 49, 50, 75, 97):
        for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
            file = tmp_path / "p.jpg"
            Image.fromarray(picture).save(file, quality=quality, subsampling=subsampling)
            with Image.open(file) as saved:
                expected = np.asarray(saved)
            result = codecs.jpeg(picture, quality, quality, subsampling, "annex-k", (0, 0))
            assert np.array_equal(result, expected)
            assert not np.array_equal(codecs.jpeg(picture, quality, quality, subsampling, "robidoux", (0, 0)), expected)


def test_blocks_of_a_shifted_jpeg_begin_elsewhere(picture: np.ndarray) -> None:
    """A flat block is a multiple of the quantiser's step, so that a coarse JPEG changes its level at the blocks."""
    ramp = np.repeat(np.repeat(np.arange(100, 165, dtype=np.uint8)[None, :], 40, axis=0)[:, :, None], 3, axis=2)
    steps = {}
    for left in (0, 3):
        flat = codecs.jpeg(ramp, 3, 3, "4:4:4", "robidoux", (0, left))[..., 0].astype(int)
        assert flat.shape == (40, 65)
        steps[left] = {int(column) for column in np.flatnonzero(np.abs(np.diff(flat[20])) > 2) + 1}
    assert steps[0]
    assert all(column % 8 == 0 for column in steps[0])
    assert steps[3]
    assert all((column + 3) % 8 == 0 for column in steps[3])
    # Position and size stay.
    assert psnr(codecs.jpeg(picture, 95, 95, "4:2:0", "annex-k", (5, 2)), picture) > 30


def test_chroma_has_a_quality_of_its_own(picture: np.ndarray) -> None:
    def errors(quality: int, chroma: int) -> np.ndarray:
        result = codecs.jpeg(picture, quality, chroma, "4:4:4", "annex-k", (0, 0))
        both = [np.asarray(Image.fromarray(each).convert("YCbCr"), float) for each in (result, picture)]
        return np.square(both[0] - both[1]).mean(axis=(0, 1))

    fine, coarse = errors(80, 95), errors(80, 20)
    assert coarse[0] == pytest.approx(fine[0], rel=0.1)
    assert (coarse[1:] > 3 * fine[1:]).all()


@pytest.mark.parametrize("codec", codecs.FILM)
@pytest.mark.parametrize("before", [0, 3])
def test_film_gives_back_the_frame_that_was_asked_for(picture: np.ndarray, codec: str, before: int) -> None:
    frames = degrade.clip(picture, before, before, [4, -3], 0.01)
    fine, coarse = (codecs.film(frames, before, codec, crf, "careful") for crf in (20, 50))
    assert fine.shape == picture.shape
    assert psnr(fine, picture) > psnr(coarse, picture) + 3
    assert psnr(fine, picture) > 28
    assert np.array_equal(fine, codecs.film(frames, before, codec, 20, "careful"))
    # Its neighbours are something else.
    assert all(psnr(fine, frame) < 25 for index, frame in enumerate(frames) if index != before)


def test_a_clip_passes_through_the_picture(picture: np.ndarray) -> None:
    frames = degrade.clip(picture, 2, 3, [4, -3], 0)
    assert len(frames) == 6
    assert np.array_equal(frames[2], picture)
    for time in (-2, -1, 1, 2, 3):
        down, right = 4 * time, -3 * time
        there = picture[max(down, 0) : 91 + min(down, 0), max(right, 0) : 117 + min(right, 0)]
        frame = frames[2 + time]
        assert frame.shape == picture.shape
        here = frame[max(-down, 0) : 91 + min(-down, 0), max(-right, 0) : 117 + min(-right, 0)]
        assert np.array_equal(here, there)
    # Zooming keeps the middle, on average.
    zoomed = degrade.clip(picture, 1, 1, [0, 0], 0.02)
    middle = (slice(43, 48), slice(56, 61))
    assert psnr(zoomed[2][middle], picture[middle]) > psnr(zoomed[2], picture) > 15


def test_a_plan_is_a_function_of_seed_name_and_version() -> None:
    strong = degrade.RANGES["strong"]
    assert degrade.plan(strong, "a", 0, 0) == degrade.plan(strong, "a", 0, 0)
    others = [degrade.plan(strong, *each) for each in (("b", 0, 0), ("a", 1, 0), ("a", 0, 1))]
    assert degrade.plan(strong, "a", 0, 0) not in others


@pytest.mark.parametrize("name", degrade.RANGES)
def test_plans_keep_to_their_range_and_shares(name: str) -> None:
    strength = degrade.RANGES[name]
    plans = [degrade.plan(strength, "picture", version, 0) for version in range(4000)]
    shares = {kind: sum(plan["kind"] == kind for plan in plans) / len(plans) for kind in ("clean", *degrade.KINDS)}
    assert sum(shares.values()) == pytest.approx(1)
    assert shares["clean"] == pytest.approx(strength.clean, abs=0.02)
    for kind, share in degrade.KINDS.items():
        assert shares[kind] == pytest.approx(share * (1 - strength.clean), abs=0.03)
        low, high = getattr(strength, kind)
        mine = [plan for plan in plans if plan["kind"] == kind]
        found = {plan.get("quality", plan.get("crf")) for plan in mine if "saves" not in plan}
        found |= {save["quality"] for plan in mine for save in plan.get("saves", [])}
        assert found <= set(range(low, high + 1))
        assert len(found) > (high - low) * 0.8
    saves = [save for plan in plans for save in plan.get("saves", [])]
    twice = sum(len(plan["saves"]) == 2 for plan in plans if "saves" in plan)
    assert len(saves) / (len(saves) - twice) == pytest.approx(1 + degrade.TWICE, abs=0.03)
    assert {save["subsampling"] for save in saves} == set(codecs.SUBSAMPLINGS)
    assert {save["tables"] for save in saves} == set(codecs.TABLES)
    films = [plan for plan in plans if "crf" in plan]
    assert sum(plan["before"] == 0 for plan in films) / len(films) == pytest.approx(degrade.STILL, abs=0.04)


def test_versions_are_made_once_and_the_same_again(folders: Folders, tmp_path: Path) -> None:
    arguments = ["degrade", folders.lr, "--range", "strong", "--versions", 3]
    done = train(*arguments, "-o", tmp_path / "a")
    assert done.returncode == 0, done.stderr
    assert done.stdout == "30 versions made\n"
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in (tmp_path / "a").rglob("*.png")}
    assert len(before) == 30
    # What was stopped goes on, to the same bytes.
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    shutil.rmtree(tmp_path / "b/1")
    assert train(*arguments, "-o", tmp_path / "b").stdout == "10 versions made\n"
    for file, (_, data) in before.items():
        assert (tmp_path / "b" / file.relative_to(tmp_path / "a")).read_bytes() == data
    # More versions leave those that there are.
    assert train(*arguments[:-1], 4, "-o", tmp_path / "a").stdout == "10 versions made\n"
    assert all(file.stat().st_mtime_ns == time for file, (time, _) in before.items())
    refused = train(*arguments, "-o", tmp_path / "a", "--seed", 1)
    assert refused.returncode == 1
    assert "made otherwise" in refused.stderr
    # Not the pictures themselves, but close to them, and each its plan's.
    manifest = json.loads((tmp_path / "a/manifest.json").read_text())
    assert len(manifest["versions"]) == 40
    for name, plan in manifest["versions"].items():
        original = np.asarray(Image.open(folders.lr / Path(name).name))
        version = np.asarray(Image.open(tmp_path / "a" / name))
        assert np.array_equal(version, original) == (plan["kind"] == "clean")
        assert np.array_equal(version, degrade.compressed(original, plan))
        assert psnr(version, original) > 15
    # Training finds a version in each folder.
    pairs = load([folders.hr], [tmp_path / "a"], 3).pairs
    assert [pair.lr.shape for pair in pairs] == [(4, 44, 44, 3)] * 10
    (tmp_path / "a/2/5.png").unlink()
    assert [line.split(":")[0] for line in load([folders.hr], [tmp_path / "a"], 3).left_out] == [f"{folders.hr}/5.png"]


def test_what_is_wrong_is_named(folders: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(folder: Path, message: str, versions: int = 1) -> None:
        with pytest.raises(UserError, match=message):
            degrade.degrade(folder, tmp_path / "out", "light", versions, 0, 1)

    refused(tmp_path / "none", "no such folder")
    (tmp_path / "empty").mkdir()
    refused(tmp_path / "empty", "no picture")
    refused(folders.lr, "--versions", versions=0)
    broken = tmp_path / "broken"
    shutil.copytree(folders.lr, broken)
    shutil.copy(broken / "1.png", broken / "1.bmp")
    refused(broken, "one name")
    (broken / "1.bmp").unlink()
    (broken / "1.png").write_bytes((folders.lr / "1.png").read_bytes()[:900])
    refused(broken, "1.png")
    assert not (tmp_path / "out/0/1.png").exists()
    (tmp_path / "out/manifest.json").write_text("{}")
    refused(folders.lr, "not a manifest")
    with monkeypatch.context() as patched:
        patched.setitem(os.environ, "PATH", "")
        with pytest.raises(UserError, match="no such program"):
            codecs.film([np.zeros((64, 64, 3), np.uint8)], 0, "h264", 20, "quick")
    monkeypatch.setitem(codecs.FILM, "h264", ["-c:v", "none"])
    with pytest.raises(UserError, match="ffmpeg: Unknown encoder 'none'"):
        codecs.film([np.zeros((64, 64, 3), np.uint8)], 0, "h264", 20, "quick")
