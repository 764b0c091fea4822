"""Log-probabilities that are kept in a file while they are computed, so that a killed command goes on where it was.

Each is kept under a digest of the model's weights, its tokenizer, the prompt and the choices, butfor's code and the
packages that it runs on: another model, a text that was edited, or other code finds nothing of the old ones.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from butfor.core.errors import UserError
from butfor.core.journal import Journal, entries
from butfor.core.keys import code_version, digest, environment
from butfor.lm.scoring import score
from butfor.lm.world import LM

CHUNK = 16  # items whose scores may be lost


def writable(file: Path) -> None:
    """Refuse a file that scores cannot be appended to, and one that holds something else."""
    if file.is_dir():
        raise UserError(f"{file} is a folder; scores are kept in a file")
    if not file.parent.is_dir():
        raise UserError(f"{file} cannot be written: there is no folder {file.parent}")
    if not os.access(file if file.exists() else file.parent, os.W_OK):
        raise UserError(f"{file} cannot be written; keep scores elsewhere")
    if file.exists() and not file.is_file():
        raise UserError(f"{file} is no file that scores can be kept in")
    held = file.read_bytes() if file.exists() else b""
    torn = b"\n" not in held and held.startswith(b'{"t": ')  # killed while it wrote the first
    if held and not torn and not any(entry["event"] == "scored" for entry in entries(file)):
        raise UserError(f"{file} holds something else than scores: it is left as it is; name another file")


def logprobs(
    lm: LM, items: Sequence[tuple[str, Sequence[str]]], file: Path, advance: Callable[[int], object] = lambda _: None
) -> list[list[float]]:
    """log P(choice | prompt) of every item's choices, summed over tokens; what stands in `file` is not computed."""
    writable(file)
    state = [lm.fingerprint(), lm.tokenizer_fingerprint(), code_version(), environment()]
    keys = [digest(state, prompt, list(choices)) for prompt, choices in items]
    known = {entry["key"]: entry["logprobs"] for entry in entries(file) if entry["event"] == "scored"}
    missing = list({key: item for key, item in zip(keys, items, strict=True) if key not in known}.items())
    journal = Journal(file)
    try:
        for start in range(0, len(missing), CHUNK):
            part = missing[start : start + CHUNK]
            scored = score(lm, [{"prompt": prompt, "choices": list(choices)} for _, (prompt, choices) in part])
            for (key, _), found in zip(part, scored, strict=True):
                known[key] = found.logprobs
                journal.write("scored", key=key, logprobs=found.logprobs)
            advance(start + len(part))
    finally:
        journal.close()
    return [known[key] for key in keys]
