"""The curve of a run as a picture."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib

from abpn_training.checkpoint import write_atomically

# No window.
matplotlib.use("agg")

from matplotlib import pyplot


def curve(records: Sequence[dict], path: Path) -> None:
    """Draws loss and validation PSNR over the steps of a log as PNG."""
    figure, loss_axis = pyplot.subplots(figsize=(9, 5), layout="constrained")
    loss_axis.set(xlabel="step", ylabel="loss (levels)", yscale="log")
    loss_axis.plot([record["step"] for record in records], [record["loss"] for record in records], "C0", alpha=0.6)
    loss_axis.yaxis.label.set_color("C0")
    measured = [record for record in records if record["psnr"] is not None]
    psnr_axis = loss_axis.twinx()
    psnr_axis.set(ylabel="PSNR-RGB (dB)")
    psnr_axis.plot([record["step"] for record in measured], [record["psnr"] for record in measured], "C1")
    psnr_axis.yaxis.label.set_color("C1")
    write_atomically(path, lambda file: figure.savefig(file, dpi=110))
    pyplot.close(figure)
