"""Content keys: a step is named by everything that its result depends on.

key = blake2b(canonical JSON of the parts). Two arms can share a result only where weights, tokenizer, suite, items,
code and environment are the same to the byte, and then the result is the same by construction.
"""

from __future__ import annotations

import hashlib
import json
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, cast

PACKAGES = ("butfor", "numpy", "scipy", "torch", "transformers", "tokenizers", "andrey-core")


def canonical(value: Any) -> str:
    """JSON with sorted keys and no spaces: equal values give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)


def digest(*parts: Any) -> str:
    """32 hex digits that name these parts."""
    return hashlib.blake2b(canonical(parts).encode(), digest_size=16).hexdigest()


def file_digest(path: Path) -> str:
    """sha256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_named(value: Any) -> list[Path]:
    """The files that a setting names (texts with a slash or an ending), if they are there; of a folder, all in it."""
    if isinstance(value, dict):
        return files_named(list(cast(dict[Any, Any], value).values()))
    if isinstance(value, (list, tuple)):
        return [path for item in cast(list[Any], value) for path in files_named(item)]
    if not isinstance(value, str) or not 0 < len(value) < 1000 or "\0" in value:
        return []
    try:
        path = Path(value).expanduser()
        if not (path.suffix or len(path.parts) > 1):
            return []
        return [path] if path.is_file() else sorted(file for file in path.glob("*") if file.is_file())
    except (OSError, RuntimeError):
        return []


@cache
def code_version() -> str:
    """A digest of butfor's own source: an edit anywhere in it makes every stored step stale."""
    root = Path(__file__).parent.parent
    hasher = hashlib.blake2b(digest_size=16)
    for path in sorted(root.rglob("*")):
        if path.suffix in {".py", ".json", ".jsonl", ".txt"} and "__pycache__" not in path.parts:
            hasher.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    return hasher.hexdigest()


def source_version(kind: type) -> str:
    """A digest of the module that defines `kind`: keeps the steps of plug-ins from going stale unseen."""
    import inspect

    try:
        return digest(Path(inspect.getfile(kind)).read_text(encoding="utf-8"))
    except (OSError, TypeError):
        return ""


@cache
def environment() -> dict[str, str]:
    """What else decides the last bits of a number: the interpreter, the processor's kind, the numeric packages."""
    found = {"python": platform.python_version(), "machine": platform.machine(), "system": platform.system()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
