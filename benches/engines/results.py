"""What was measured, as figures, as JSON and as Markdown."""

from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np

LEAST_PSNR_DB = 40
"""A picture further from abpn's is not of the same net."""


@dataclass
class Row:
    """One contender of a group."""

    engine: str
    precision: str
    rounds_ms: list[float] = field(default_factory=list)
    """The median of each round."""
    psnr_db: float | None = None
    """Its picture against abpn's on the CPU; infinite if they are the same."""
    missing: str | None = None
    """Why it has no times."""

    @property
    def wrong(self) -> bool:
        """Whether its picture isn't what the net gives."""
        return self.psnr_db is not None and self.psnr_db < (np.inf if self.engine == "abpn" else LEAST_PSNR_DB)


@dataclass
class Group:
    """Contenders that took turns; the first is what the others are compared with."""

    title: str
    rows: list[Row]


def psnr_db(picture: np.ndarray, reference: np.ndarray) -> float:
    """Of two u8 pictures, [h, w, 3]; infinite if they are equal, minus infinite if their sizes differ."""
    if picture.shape != reference.shape:
        return -np.inf
    error = np.mean((picture.astype(np.float64) - reference) ** 2)
    return float(10 * np.log10(255**2 / error)) if error > 0 else np.inf


def ratio(row: Row, base: Row) -> float | None:
    """How many times as long as `base` it took: the median of the rounds' ratios."""
    pairs = list(zip(row.rounds_ms, base.rounds_ms, strict=False))
    return median(own / other for own, other in pairs) if pairs else None


def row_json(row: Row, base: Row) -> dict[str, Any]:
    """One row; the units are in the keys."""
    same = row.psnr_db == np.inf
    return {
        "engine": row.engine,
        "precision": row.precision,
        "median_ms": median(row.rounds_ms) if row.rounds_ms and not row.wrong else None,
        "min_ms": min(row.rounds_ms) if row.rounds_ms and not row.wrong else None,
        "times_as_long_as_abpn": None if row.wrong else ratio(row, base),
        "rounds_ms": row.rounds_ms,
        "same_bytes_as_abpn": None if row.psnr_db is None else same,
        "psnr_db": row.psnr_db if row.psnr_db is not None and np.isfinite(row.psnr_db) else None,
        "wrong_picture": row.wrong,
        "missing": row.missing,
    }


def group_json(group: Group) -> dict[str, Any]:
    """One group."""
    return {"title": group.title, "rows": [row_json(row, group.rows[0]) for row in group.rows]}


def markdown(groups: list[Group]) -> str:
    """A table a group, the fastest first; what has no time comes last, with the reason."""
    return "\n\n".join(_table(group) for group in groups) + "\n"


def _table(group: Group) -> str:
    base = group.rows[0]
    order = sorted(group.rows, key=lambda row: (not _timed(row), median(row.rounds_ms or [0])))
    lines = [f"| {group.title} | ms | times abpn's | picture |", "|---|---:|---:|---|"]
    return "\n".join(lines + [_line(row, base) for row in order])


def _timed(row: Row) -> bool:
    return bool(row.rounds_ms) and not row.wrong


def _line(row: Row, base: Row) -> str:
    name = f"{row.engine}, {row.precision}"
    if not _timed(row):
        reason = f"wrong picture: {row.psnr_db:.1f} dB" if row.wrong else f"missing: {row.missing}"
        return f"| {name} | | | {reason} |"
    times = ratio(row, base)
    picture = "the reference's bytes" if row.psnr_db == np.inf else f"{row.psnr_db:.1f} dB"
    return f"| {name} | {_short(median(row.rounds_ms))} | {'' if times is None else f'{times:.2f}'} | {picture} |"


def _short(ms: float) -> str:
    """Three digits, or all before the point."""
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}"
