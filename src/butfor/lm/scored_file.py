"""Log-probabilities that are kept in a file while they are computed, so that a killed command goes on where it was.

Each is kept under a digest of the model's weights, its tokenizer, the prompt and the choices, butfor's code and the
packages that it runs on: another model, a text that was edited, or other code finds nothing of the old ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from butfor.core.journal import Journal, entries
from butfor.core.keys import code_version, digest, environment
from butfor.lm.scoring import score
from butfor.lm.world import LM

CHUNK = 16  # items whose scores may be lost


def logprobs(
    lm: LM, items: Sequence[tuple[str, Sequence[str]]], file: Path, advance: Callable[[int], object] = lambda _: None
) -> list[list[float]]:
    """log P(choice | prompt) of every item's choices, summed over tokens; what stands in `file` is not computed."""
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
