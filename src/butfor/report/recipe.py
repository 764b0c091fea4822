"""The resolved experiment as the TOML that makes the same run: experiment.json in the words of a spec."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from butfor.report.folder import as_mapping, mappings


def recipe(spec: Mapping[str, Any]) -> str:
    """TOML of a resolved spec: plain keys, then tables, then arms and measures with their knobs spread out."""
    lines = [f"# preset {json.dumps(spec['preset'])}"] if isinstance(spec.get("preset"), str) else []
    lines += [assign(key, value) for key, value in spec.items() if not isinstance(value, dict) and is_plain(key, value)]
    for key, value in spec.items():
        if isinstance(value, dict):
            lines += section(f"[{bare(key)}]", value)
    for arm in mappings(spec.get("arms")):
        arm = {key: value for key, value in arm.items() if key != "model" or value != spec.get("model")}
        name = arm.get("name")
        role = name if name in ("control", "treatment") else None
        lines += section(f"[{role}]" if role else "[[arm]]", spread(arm, frozenset({"name"} if role else ())))
    for measure in mappings(spec.get("measures")):
        lines += section("[[measure]]", spread(measure))
    return "\n".join(lines).strip() + "\n" if lines else ""


def is_plain(key: str, value: Any) -> bool:
    return value is not None and key not in {"arms", "measures", "preset"}


def spread(table: Mapping[str, Any], drop: frozenset[str] = frozenset()) -> dict[str, Any]:
    """A table with its knobs beside its other keys; what is not set is left out."""
    own = {key: value for key, value in table.items() if key not in {"knobs", *drop} and value is not None}
    return own | {key: value for key, value in as_mapping(table.get("knobs")).items() if value is not None}


def section(header: str, table: Mapping[str, Any]) -> list[str]:
    return ["", header, *(assign(key, value) for key, value in table.items() if value is not None)]


def assign(key: str, value: Any) -> str:
    return f"{bare(key)} = {literal(value)}"


def bare(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key)


def literal(value: Any) -> str:
    """A TOML value; JSON writes strings, numbers and switches the same way."""
    if isinstance(value, dict):
        inner = ", ".join(assign(key, item) for key, item in value.items() if item is not None)
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list):
        return "[" + ", ".join(literal(item) for item in value if item is not None) + "]"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
