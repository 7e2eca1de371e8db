"""Pictures and patches."""

from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import Folders
from PIL import Image

from abpn_training.data import Pair, load, mirror
from abpn_training.errors import UserError
from abpn_training.losses import loss_of
from abpn_training.patches import Patches, blocks, unblocks


def test_pictures_that_can_not_be_used_are_named(folders: Folders, tmp_path: Path) -> None:
    hr, lr = tmp_path / "hr", tmp_path / "lr"
    hr.mkdir()
    lr.mkdir()
    whole = Image.open(folders.hr / "0.png")
    small = Image.open(folders.lr / "0.png")
    for name in ("fine", "suffix", "alone", "mismatched", "broken", "tiny", "alpha"):
        whole.save(hr / f"{name}.png")
    for name in ("fine", "suffixx3", "mismatched", "broken", "alpha"):
        small.save(lr / f"{name}.png")
    whole.crop((0, 0, 90, 132)).save(hr / "mismatched.png")
    (hr / "broken.png").write_bytes((folders.hr / "0.png").read_bytes()[:5000])
    whole.crop((0, 0, 30, 60)).save(hr / "tiny.png")
    small.crop((0, 0, 10, 20)).save(lr / "tiny.png")
    whole.convert("RGBA").save(hr / "alpha.png")
    (hr / "notes.txt").write_text("no picture")
    read = load([hr], [lr], 3, 24)
    assert [pair.name for pair in read.pairs] == ["fine.png", "suffix.png"]
    reasons = {Path(line.split(":")[0]).stem: line for line in read.left_out}
    assert reasons.keys() == {"alone", "mismatched", "broken", "tiny", "alpha"}
    for name, reason in [
        ("alone", "abpn degrade"),
        ("mismatched", "is 44x44, which is not 90x132 reduced 3 times"),
        ("broken", "truncated"),
        ("tiny", "10x20, smaller than a patch of 24x24"),
        ("alpha", "it has alpha"),
    ]:
        assert reason in reasons[name]
    with pytest.raises(UserError, match="one for each"):
        load([hr, hr], [lr], 3)


def test_other_data_has_another_fingerprint(folders: Folders) -> None:
    read = load([folders.hr], [folders.lr], 3)
    assert read.fingerprint() == load([folders.hr], [folders.lr], 3).fingerprint()
    changed = load([folders.hr], [folders.lr], 3)
    changed.pairs.reverse()
    assert read.fingerprint() != changed.fingerprint()


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_channels_of_a_block_are_position_then_colour(scale: int) -> None:
    pictures = torch.randint(0, 256, (2, 5 * scale, 7 * scale, 3), dtype=torch.uint8)
    channels = blocks(pictures, scale)
    assert torch.equal(unblocks(channels, scale), pictures)
    for k in range(3 * scale**2):
        row, column = divmod(k // 3, scale)
        assert torch.equal(channels[:, k], pictures[:, row::scale, column::scale, k % 3])


@pytest.mark.parametrize("hardest_of", [1, 3])
def test_patches_are_pieces_of_their_pictures(folders: Folders, hardest_of: int) -> None:
    pairs = load([folders.hr], [folders.lr], 3).pairs
    patches = Patches(pairs, 3, 20, 16, hardest_of, seed=5)
    batch = patches.draw(9)
    assert torch.equal(batch.lr, Patches(pairs, 3, 20, 16, hardest_of, seed=5).draw(9).lr)
    assert not torch.equal(batch.lr, patches.draw(10).lr)
    assert not torch.equal(batch.lr, Patches(pairs, 3, 20, 16, hardest_of, seed=6).draw(9).lr)
    found = set()
    for lr, hr in zip(batch.lr, unblocks(batch.hr, 3).numpy(), strict=True):
        lr = lr.permute(1, 2, 0).numpy()
        places = [
            (index, y, x, turn)
            for index, pair in enumerate(pairs)
            for turn in range(8)
            for y, x in np.argwhere((pair.lr[0] == turned(lr, turn)[0, 0]).all(2)[:-19, :-19])
            if np.array_equal(pair.lr[0, y : y + 20, x : x + 20], turned(lr, turn))
        ]
        assert len(places) == 1
        index, y, x, turn = places[0]
        assert np.array_equal(pairs[index].hr[3 * y :, 3 * x :][:60, :60], turned(hr, turn))
        found.add(turn)
    assert len(found) > 4


def test_a_mirrored_pair_repeats_the_edge_in_both(folders: Folders) -> None:
    pair = load([folders.hr], [folders.lr], 3).pairs[0]
    wider = pair.mirrored(7)
    height, width = pair.lr.shape[1:3]
    assert wider.lr.shape == (1, height + 14, width + 14, 3)
    assert wider.hr.shape == (3 * (height + 14), 3 * (width + 14), 3)
    for large, small, pixels in ((wider.lr[0], pair.lr[0], 7), (wider.hr, pair.hr, 21)):
        assert np.array_equal(large[pixels:-pixels, pixels:-pixels], small)
        assert np.array_equal(large[pixels:-pixels, pixels - 1], small[:, 0])
        assert np.array_equal(large[pixels:-pixels, 0], small[:, pixels - 1])
        assert np.array_equal(large[-1, pixels:-pixels], small[-pixels])
        assert np.array_equal(large[:pixels, :pixels], small[pixels - 1 :: -1, pixels - 1 :: -1])
    # A picture smaller than its mirror image is mirrored again and again.
    line = np.arange(2, dtype=np.uint8)[None, :, None] * np.ones(3, np.uint8)
    assert mirror(line, 3)[3, :, 0].tolist() == [1, 1, 0, 0, 1, 1, 0, 0]
    assert (mirror(line[:, :1] + 9, 5) == 9).all()


def test_with_a_margin_more_patches_lie_at_the_border() -> None:
    """A picture of which each pixel says where it is, and patches whose corners say where they are."""
    rows, columns = np.mgrid[:30, :40]
    lr = np.stack([rows, columns, rows], axis=2).astype(np.uint8)
    pair = Pair("a", lr[None], lr.repeat(3, axis=0).repeat(3, axis=1))

    def corners(margin: int) -> tuple[np.ndarray, np.ndarray]:
        batch = Patches([pair], 3, 20, 2000, seed=1, margin=margin).draw(0)
        pixels = batch.lr[:, :2].flatten(2).amin(dim=2).numpy()
        return pixels[:, 0], pixels[:, 1]

    for margin in (0, 6):
        tops, lefts = corners(margin)
        assert set(tops.tolist()) == set(range(11))
        assert set(lefts.tolist()) == set(range(21))
        for places, count in ((tops, 11), (lefts, 21)):
            at_first, at_last = ((places == place).mean() for place in (0, count - 1))
            assert at_first == pytest.approx((margin + 1) / (count + 2 * margin), abs=0.03)
            assert at_last == pytest.approx((margin + 1) / (count + 2 * margin), abs=0.03)


@pytest.mark.parametrize("hardest_of", [1, 2])
def test_patches_come_from_all_versions(folders: Folders, hardest_of: int) -> None:
    """Versions that differ in brightness, of one picture more than of the other, share the originals."""
    first, second = load([folders.hr], [folders.lr], 3).pairs[:2]
    versions = [np.clip(first.lr[0].astype(int) + change, 0, 255).astype(np.uint8) for change in (0, 15, -15)]
    pairs = [Pair("a", np.stack(versions), first.hr), second]
    patches = Patches(pairs, 3, 20, 400, hardest_of, seed=5)
    batch = patches.draw(0)
    found = []
    for lr, hr, mse in zip(batch.lr, unblocks(batch.hr, 3).numpy(), batch.bicubic_mse.tolist(), strict=True):
        lr = lr.permute(1, 2, 0).numpy()
        places = [
            (index, version, y, x, turn)
            for index, pair in enumerate(pairs)
            for version, small in enumerate(pair.lr)
            for turn in range(8)
            for y, x in np.argwhere((small == turned(lr, turn)[0, 0]).all(2)[:-19, :-19])
            if np.array_equal(small[y : y + 20, x : x + 20], turned(lr, turn))
        ]
        assert len(places) == 1
        index, version, y, x, turn = places[0]
        assert np.array_equal(pairs[index].hr[3 * y :, 3 * x :][:60, :60], turned(hr, turn))
        found.append((index, version, mse))
    shares = [sum(each[:2] == place for each in found) / 400 for place in ((0, 0), (0, 1), (0, 2), (1, 0))]
    if hardest_of == 1:
        assert shares == pytest.approx([0.25] * 4, abs=0.08)
    else:
        # The version that is its original made small has the least error.
        assert shares[0] < 0.75 * min(shares[1:3])
    # Each version has an error of its own.
    assert len(set(found)) == 4
    assert len({mse for _, _, mse in found}) == 4


def test_a_patch_and_its_original_are_recoloured_alike(folders: Folders) -> None:
    pairs = load([folders.hr], [folders.lr], 3).pairs
    plain, changed = (Patches(pairs, 3, 20, 64, seed=5, recolour=each).draw(9) for each in (0, 0.5))
    assert torch.equal(changed.lr, Patches(pairs, 3, 20, 64, seed=5, recolour=0.5).draw(9).lr)
    originals = unblocks(plain.hr, 3).numpy()
    found = set()
    for n, (lr, hr) in enumerate(
        zip(changed.lr.permute(0, 2, 3, 1).numpy(), unblocks(changed.hr, 3).numpy(), strict=True)
    ):
        ways = [
            (negative, order)
            for negative in (0, 255)
            for order in permutations(range(3))
            if np.array_equal(lr, plain.lr[n].permute(1, 2, 0).numpy()[:, :, order] ^ np.uint8(negative))
        ]
        assert len(ways) == 1
        negative, order = ways[0]
        assert np.array_equal(hr, originals[n][:, :, order] ^ np.uint8(negative))
        found.add(ways[0])
    # Of twelve ways the least likely is one patch's in 24.
    assert len(found) > 9


def turned(picture: np.ndarray, turn: int) -> np.ndarray:
    """Each of the eight symmetries once."""
    return np.rot90(picture[:, ::-1] if turn >= 4 else picture, turn % 4)


def test_hard_patches_are_where_bicubic_errs(folders: Folders) -> None:
    pairs = load([folders.hr], [folders.lr], 3).pairs

    def error(hardest_of: int) -> float:
        batch = Patches(pairs, 3, 20, 200, hardest_of).draw(0)
        lr = batch.lr.float().repeat(1, 9, 1, 1)
        return float((batch.hr - lr).square().mean())

    assert error(4) > 1.3 * error(1)


def test_patches_know_the_error_of_their_picture(folders: Folders) -> None:
    pairs = load([folders.hr], [folders.lr], 3).pairs[:2]
    expected = []
    for pair in pairs:
        height, width = pair.hr.shape[:2]
        bicubic = Image.fromarray(pair.lr[0]).resize((width, height), Image.Resampling.BICUBIC)
        expected.append(np.square(np.asarray(bicubic, np.float64) - pair.hr).mean())
    batch = Patches(pairs, 3, 20, 50).draw(0)
    assert sorted(set(batch.bicubic_mse.tolist())) == pytest.approx(sorted(expected), rel=1e-5)
    assert expected[0] != pytest.approx(expected[1], rel=1e-2)


def test_a_decibel_counts_alike_in_all_pictures() -> None:
    """Errors as large as bicubic interpolation's, of pictures that are easy and hard, have the same loss: 1."""
    mse = torch.tensor([2.0, 50.0, 800.0])
    error = (mse.sqrt() / 255)[:, None, None, None] * torch.ones(3, 27, 4, 4)
    assert float(loss_of("psnr", error, mse)) == pytest.approx(1, rel=1e-5)
    # 3 dB off one of three, whichever.
    for n in range(3):
        better = error.clone()
        better[n] /= 2**0.5
        assert float(loss_of("psnr", better, mse)) == pytest.approx(5 / 6, rel=1e-5)


def test_a_decibel_counts_alike_in_all_patches_but_near_perfect_ones() -> None:
    mse = torch.tensor([50.0, 800.0, 0.0])
    error = (mse.sqrt() / 255)[:, None, None, None] * torch.ones(3, 27, 4, 4)
    loss = float(loss_of("patch-psnr", error, torch.ones(3)))
    assert loss == pytest.approx(10 * np.log10([60, 810, 10]).mean(), rel=1e-5)
    for n in range(2):
        # With the 10 of the perfect ones, half as much: 3 dB off one of three.
        better = error.clone()
        better[n] *= ((mse[n] / 2 - 5) / mse[n]).sqrt()
        assert loss - float(loss_of("patch-psnr", better, torch.ones(3))) == pytest.approx(
            10 * np.log10(2) / 3, rel=1e-4
        )
