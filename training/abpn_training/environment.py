"""What a run needs of the process that it runs in: repeatable sums, memory that stays, threads and a device."""

import ctypes
import os
import sys

import torch

from abpn_training.config import Common

# Of glibc's malloc.h: how much free memory at the top of the heap goes back to the system, and from what size a block
# has a mapping of its own.
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST_INT = 2**31 - 1


def keep_memory() -> None:
    """Lets each step have the memory of the last one: fetching it anew takes a fifth of a step's time on a CPU."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "mallopt"):
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST_INT)
        libc.mallopt(M_TRIM_THRESHOLD, LARGEST_INT)


def prepare(config: Common) -> None:
    """Makes a run repeatable, and settles the threads and the device to run on."""
    # cuBLAS reads it when it starts; without it its sums depend on chance.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True)
    # Nothing here reads memory that it hasn't written.
    torch.utils.deterministic.fill_uninitialized_memory = False
    torch.backends.cudnn.benchmark = False
    keep_memory()
    config.threads = config.threads or torch.get_num_threads()
    torch.set_num_threads(config.threads)
    if config.device == "auto":
        config.device = "cuda" if torch.cuda.is_available() else "mps" if torch.mps.is_available() else "cpu"
