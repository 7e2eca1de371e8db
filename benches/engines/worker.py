"""One engine in a process of its own, with its threads: `python -m engines.worker SETUP_JSON IMAGE.npy PICTURE.npy`.

Loads the net, runs it once, keeps that picture and says so in a line of JSON; then, for each line of standard input, a
number, runs the net as often and answers with a line of JSON, the milliseconds of each run. With the word `resident`
after the number it answers with the milliseconds of one of so many frames that stay in device memory.
"""

import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from .sessions import ENGINES, Session, Setup


def main() -> None:
    """Runs the worker until standard input ends."""
    # What engines print must not get between the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    request = json.loads(sys.argv[1])
    engine = request.pop("engine")
    setup = Setup(**request | {"models": Path(request["models"])})
    session = ENGINES[engine](setup, np.load(sys.argv[2]))
    start = time.perf_counter()
    picture = session.picture(session.run())
    warm_up_ms = _ms_since(start)
    np.save(sys.argv[3], picture)
    print(json.dumps({"warm_up_ms": warm_up_ms}), file=answers)
    for line in sys.stdin:
        runs, *words = line.split()
        if words == ["resident"]:
            times_ms = [_resident_ms(session, int(runs))]
        else:
            times_ms = [_timed(session) for _ in range(int(runs))]
        print(json.dumps(times_ms), file=answers)


def _timed(session: Session) -> float:
    start = time.perf_counter()
    output = session.run()
    elapsed_ms = _ms_since(start)
    # Its memory is freed outside of the measured time.
    del output
    return elapsed_ms


def _resident_ms(session: Session, frames: int) -> float:
    if session.resident is None:
        raise RuntimeError("it can't leave frames in device memory")
    start = time.perf_counter()
    session.resident(frames)
    return _ms_since(start) / frames


def _ms_since(start: float) -> float:
    return (time.perf_counter() - start) * 1e3


if __name__ == "__main__":
    main()
