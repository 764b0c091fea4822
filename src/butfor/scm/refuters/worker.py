"""A second Python that takes a share of the copies: `python -m butfor.scm.refuters.worker`, pickles in and out by pipe.

Unlike `multiprocessing`, this never runs the caller's script again, so it works from a script without a main guard,
from a notebook and beside threads. An estimator whose class lives in the script itself cannot travel: `travels` says
so.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from butfor.core.errors import RunError


def travels(thing: object) -> bool:
    """Can another process rebuild this?"""
    if type(thing).__module__ == "__main__":
        return False
    try:
        pickle.dumps(thing)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False
    return True


def spread(work: Callable[..., Any], calls: Sequence[tuple[Any, ...]]) -> list[Any]:
    """work(*call) of every call, each in a process of its own."""
    results: list[Any] = [None] * len(calls)
    threads = [threading.Thread(target=_ask, args=(results, at, work, call)) for at, call in enumerate(calls)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result in results:
        if isinstance(result, BaseException):
            raise result
    return results


def _ask(results: list[Any], at: int, work: Callable[..., Any], call: tuple[Any, ...]) -> None:
    paths = os.pathsep.join(path for path in sys.path if path)
    done = subprocess.run(
        [sys.executable, "-m", __name__],
        input=pickle.dumps((work, call)),
        capture_output=True,
        check=False,
        env={**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()
        results[at] = RunError(f"a helper process failed ({last[-1] if last else done.returncode}); try jobs=1")
    else:
        results[at] = pickle.loads(done.stdout)


if __name__ == "__main__":
    asked, given = pickle.load(sys.stdin.buffer)
    sys.stdout.buffer.write(pickle.dumps(asked(*given)))
