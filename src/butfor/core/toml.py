"""Experiments as TOML: presets and `--set` overrides merged in, and the line on which every key stands.

The standard library's reader does not say where a key stands; one pass over the lines finds the table headers and keys.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from typing import Any, cast

KeyPath = tuple[str | int, ...]
_HEADER = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")


def _split(dotted: str) -> tuple[str, ...]:
    """The parts of a TOML key, quotes honoured."""
    table: Any = tomllib.loads(f"{dotted} = 0")
    parts: list[str] = []
    while isinstance(table, dict):
        ((name, table),) = cast(dict[str, Any], table).items()
        parts.append(name)
    return tuple(parts)


def lines_of(text: str) -> dict[KeyPath, int]:
    """The line (from 1) of every table header and key."""
    found: dict[KeyPath, int] = {}
    prefix: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        try:
            if header := _HEADER.match(line):
                prefix = _split(header[2])
                if header[1] == "[[":
                    counts[prefix] = counts.get(prefix, -1) + 1
                    prefix = (*prefix, counts[prefix])
                found.setdefault(prefix, number)
            elif key := _KEY.match(line):
                path = _split(key[1])
                for depth in range(1, len(path) + 1):
                    found.setdefault((*prefix, *path[:depth]), number)
        except tomllib.TOMLDecodeError:
            continue
    return found


def line_of(path: KeyPath, lines: Mapping[KeyPath, int]) -> int | None:
    """The line of a key, or of the nearest table around it."""
    for depth in range(len(path), 0, -1):
        if path[:depth] in lines:
            return lines[path[:depth]]
    return None


def override(text: str) -> dict[str, Any]:
    """`a.b=c` as a nested table. A value that is no TOML is taken as a string."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip() or "\n" in text:
        raise ValueError(f"{text!r} should read KEY=VALUE, as in --set budget.steps=20")
    if key.strip() == "preset":
        raise ValueError("a preset is chosen with --preset NAME")
    try:
        return tomllib.loads(f"{key} = {value}")
    except tomllib.TOMLDecodeError:
        try:
            return tomllib.loads(f"{key} = {json.dumps(value.strip())}")
        except tomllib.TOMLDecodeError as error:
            raise ValueError(f"{text!r} should read KEY=VALUE, as in --set budget.steps=20") from error


def merge(base: Any, over: Any) -> Any:
    """`base` with `over` laid on top. A list's entry is found by number, `suite` or `name`."""
    if not isinstance(over, dict):
        return over
    layer = cast(dict[str, Any], over)
    if isinstance(base, list):
        entries = list(cast(list[Any], base))
        for key, value in layer.items():
            place, rest = _entry(entries, key, value)
            entries[place] = merge(entries[place], rest)
        return entries
    merged = dict(cast(dict[str, Any], base)) if isinstance(base, dict) else {}
    return merged | {key: merge(merged.get(key), value) for key, value in layer.items()}


def _entry(entries: list[Any], key: str, value: Any) -> tuple[int, Any]:
    """Which entry `key` means, and what to lay on it; `bias.professions.limit` reaches suite `bias.professions`."""
    tables = [cast(dict[str, Any], entry) if isinstance(entry, dict) else {} for entry in entries]
    names = [str(table.get("suite") or table.get("name")) for table in tables]
    asked = key
    while True:
        for place, name in enumerate(names):
            if key in {str(place), name}:
                return place, value
        inner = cast(dict[str, Any], value) if isinstance(value, dict) else {}
        if len(inner) != 1:
            raise ValueError(f"no entry {asked!r}; there are: {', '.join(names) or 'none'}")
        ((name, value),) = inner.items()
        key = f"{key}.{name}"
