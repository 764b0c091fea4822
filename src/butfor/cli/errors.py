"""From errors to exit codes: a mistake costs a few lines on stderr, never a traceback.

0 done · 1 failed while running (the same command resumes) · 2 the input is wrong · 3 done, but not to be trusted ·
130 interrupted. `BUTFOR_DEBUG=1` shows the traceback.
"""

from __future__ import annotations

import codecs
import functools
import io
import os
import re
import sys
from collections.abc import Callable
from typing import NoReturn, ParamSpec, TypeVar

CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f]")
P = ParamSpec("P")
R = TypeVar("R")


def reported(command: Callable[P, R]) -> Callable[P, R]:
    """Wrap a command so that errors become lines on stderr and an exit code."""

    @functools.wraps(command)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        from butfor.core.errors import ButforError, refused

        try:
            return command(*args, **kwargs)
        except ButforError as error:
            fail(str(error), error.exit_code, error)
        except KeyboardInterrupt as error:
            fail("interrupted; the same command goes on from here", 130, error)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(0)
        except (PermissionError, IsADirectoryError, NotADirectoryError) as error:
            told = refused(error)
            fail(str(told), told.exit_code, error) if told else _fault(error)
        except MemoryError as error:
            fail(
                "out of memory; ask for less at once: a smaller train.batch_size, a smaller model, fewer draws",
                1,
                error,
            )
        except Exception as error:
            if out_of_memory(error):
                fail(f"{type(error).__name__}: out of memory; try a smaller train.batch_size or model", 1, error)
            _fault(error)

    return wrapped


def _fault(error: Exception) -> NoReturn:
    """Nobody expected this."""
    said = str(error).strip().splitlines() or [""]
    fail(
        f"{type(error).__name__}: {said[0]}\nthis looks like a fault in butfor or a plug-in; "
        "BUTFOR_DEBUG=1 shows where. The same command resumes.",
        1,
        error,
    )


SIGNS = {
    "−": "-",
    "–": "-",
    "—": "-",
    "×": "x",
    "…": "...",
    "●": "*",
    "■": "#",
    "◆": "<>",
    "○": "o",
    "·": ".",
    "─": "-",
}


def ascii_where_needed() -> None:
    """A terminal or file that has no word for a sign gets the nearest it has, not an error after the work is done."""
    codecs.register_error("butfor", lambda error: (_nearest(error), getattr(error, "end", 0)))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="butfor")


def _nearest(error: UnicodeError) -> str:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(SIGNS.get(sign, "?") for sign in error.object[error.start : error.end])


def out_of_memory(error: BaseException) -> bool:
    return "OutOfMemory" in type(error).__name__ or "can't allocate memory" in str(error)


def fail(message: str, code: int, error: BaseException | None = None) -> NoReturn:
    """Say what went wrong and leave."""
    if os.environ.get("BUTFOR_DEBUG") and error is not None:
        raise error
    lines = [CONTROL.sub(lambda found: repr(found[0])[1:-1], line) for line in message.split("\n")] or ["failed"]
    shown = lines if len(lines) <= 40 else [*lines[:40], f"… and {len(lines) - 40} more"]
    print("\n".join(("error: " if number == 0 else "  ") + line for number, line in enumerate(shown)), file=sys.stderr)
    sys.exit(code)
