"""explain, list, init: what an experiment may say, read from the code that obeys it."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path
from typing import Any, get_args, get_origin

from butfor.cli.app import show_json
from butfor.cli.wide import NARROW, PIPED, columns, shortened, wrapped

PLACES = ("models", "data")  # what is listed by its path, or the command that brings it: never cut
OFFERED = "  ["  # what a list of presets begins with
SECTION = re.compile(r"([A-Z][\w-]*)\s{2,}(\S.*)")


def list_command(kind: str, *, as_json: bool) -> None:
    """Print the names of one kind, or of all, each with one line."""
    from butfor.core.errors import UnknownName

    known = {"recipes": _recipes, "methods": _methods, "suites": _suites, "models": _models, "data": _data}
    if kind and kind not in known:
        raise UnknownName("kind", kind, known)
    found = {name: list_() for name, list_ in known.items() if kind in {"", name}}
    if as_json:
        show_json(
            {
                name: {key: _method_facts(key) for key in rows} if name == "methods" else rows
                for name, rows in found.items()
            }
        )
        return
    if kind == "methods":
        print("\n".join(line for name in found[kind] for line in _method_lines(name)))
        return
    for name, rows in found.items():
        if not kind:
            print(f"{name}:")
        width = max(map(len, rows), default=0)
        for key, about in rows.items():
            head = f"  {key:<{width}} "
            print(head + about if name in PLACES else _listed(head, about))


def _listed(head: str, about: str) -> str:
    """One line of a list: what it is about is cut at a word, the presets that a recipe offers never are."""
    text, mark, offered = about.partition(OFFERED)
    room = columns(PIPED) - len(head) - len(mark + offered)
    if room >= NARROW:
        return head + shortened(text, room) + mark + offered
    return head + shortened(text, room + len(mark + offered)) + (f"\n{' ' * len(head)}[{offered}" if mark else "")


def _first_line(made: type) -> str:
    return (inspect.getdoc(made) or "").partition("\n")[0]


def _recipes() -> dict[str, str]:
    from butfor.core.read import load, presets, recipes

    found: dict[str, str] = {}
    for name in sorted(recipes()):
        table = load(name)[2]
        offered = f"{OFFERED}{', '.join(presets(table))}]" if presets(table) else ""
        found[name] = str(table.get("about", "")) + offered
    return found


def _methods() -> dict[str, str]:
    from butfor.core.registry import resolve, targets

    return {name: _first_line(resolve("method", name)) for name in sorted(targets("method"))}


def _method_facts(name: str) -> dict[str, Any]:
    """What there is to know of a method before it is tried: its idea, source, knobs, and an arm to copy."""
    from butfor.core.registry import knobs, resolve

    made = resolve("method", name)
    parts = sections(inspect.getdoc(inspect.getmodule(made)) or "")
    return {
        "about": _first_line(made),
        "source": " ".join(parts.get("Source", "").split()),
        "knobs": {knob.name: None if knob.required else knob.default for knob in knobs(made).values()},
        "example": parts.get("Example") or f'[treatment]\nmethod = "{name}"',
    }


def _method_lines(name: str) -> list[str]:
    """The same for a reader, 80 columns wide, or as narrow as the terminal is."""
    facts = _method_facts(name)
    knobs = ", ".join(key if value is None else f"{key} = {value!r}" for key, value in facts["knobs"].items())
    told = {"about": facts["about"], "source": facts["source"] or "none", "knobs": knobs or "none"}
    lines = [name]
    for label, text in told.items():
        lines += textwrap.wrap(text, min(80, columns(80)), initial_indent=f"  {label:<9}", subsequent_indent=" " * 11)
    example = facts["example"].splitlines()
    return [*lines, f"  {'example':<9}{example[0]}", *(" " * 11 + line for line in example[1:]), ""]


def sections(text: str) -> dict[str, str]:
    """The parts of a file's opening text, by the word that stands before each: Equation, Source, Example, …"""
    found: dict[str, list[str]] = {}
    last = ""
    for line in text.splitlines():
        opened = SECTION.match(line)
        if opened:
            last = opened[1]
            found[last] = [opened[2]]
        elif line.startswith(" ") and last:
            found[last].append(line)
        else:
            last = ""
    return {name: f"{lines[0]}\n{textwrap.dedent(chr(10).join(lines[1:]))}".strip() for name, lines in found.items()}


def _suites() -> dict[str, str]:
    from butfor.core.registry import resolve, targets

    return {name: _first_line(resolve("suite", name)) for name in sorted(targets("suite"))}


def _models() -> dict[str, str]:
    from butfor.core.errors import UserError
    from butfor.lm.load import ALIASES, check

    found: dict[str, str] = {}
    for name in ALIASES:
        try:
            found[name] = str(check(name) or "made in memory")
        except UserError:
            found[name] = f"not on this machine; run: butfor fetch {name}"
    return found


def _data() -> dict[str, str]:
    from butfor.core.errors import UserError
    from butfor.data.fetch import SETS
    from butfor.data.find import find

    found: dict[str, str] = {}
    for name, files in SETS.items():
        try:
            found[name] = str(find(name, next(iter(files))).parent)
        except UserError:
            found[name] = f"not on this machine; run: butfor fetch {name}"
    return found


def explain_command(key: str) -> None:
    """Print what a spec key, a method or a suite means."""
    from butfor.core.errors import UnknownName
    from butfor.core.read import recipes
    from butfor.core.registry import KINDS, Kind, full, resolve, targets

    owner, dot, knob = full("method", key.partition("@")[0]).rpartition(".")  # an adaptation is a knob of its suite
    key = f"{full('method', owner)}{dot}{knob}"
    keys, first, last = spec_keys(), key.partition(".")[0], key.rpartition(".")[2]
    table = "arm" if first in {"control", "treatment", "arm"} else first
    names: dict[str, Kind] = {name: kind for kind in KINDS for name in targets(kind)}
    owners = [name for name in names if key == f"{name}.{last}"] or [
        name for name, kind in names.items() if (table, kind) in {("arm", "method"), ("measure", "suite")}
    ]
    found = [line for name in owners for line in knob_lines(resolve(names[name], name), name, last)]
    if key in keys:
        print(wrapped(keys[key]))
    elif f"{table}.{last}" in keys:
        print(wrapped(keys[f"{table}.{last}"]))
    elif key in names or ":" in key:
        print(wrapped(describe(key, resolve(names[key], key) if key in names else _plugged(key))))
    elif found:
        print(wrapped("\n".join(found)))
    elif key in recipes():
        print(recipes()[key].read_text(encoding="utf-8").rstrip())
    elif key in {**_models(), **_data()}:
        print(f"{key}: {({**_models(), **_data()})[key]}")
    else:
        raise UnknownName("key, method or suite", key, [*keys, *names, *recipes()])


def _plugged(key: str) -> type:
    from butfor.core.errors import UserError
    from butfor.core.registry import resolve

    try:
        return resolve("method", key)
    except UserError:
        return resolve("suite", key)


def knob_lines(made: type, name: str, knob: str) -> list[str]:
    """The line of one knob of a method or suite, if it has that knob."""
    from butfor.core.registry import knobs

    if knob not in knobs(made):
        return []
    found = knobs(made)[knob]
    return [
        f"{name}.{knob}: {type_text(found.type)} ({'required' if found.required else f'default {found.default!r}'})"
    ]


def spec_keys() -> dict[str, str]:
    """Every key of an experiment and its line of explanation."""
    from butfor.core.spec import Arm, Budget, Experiment, Measure, Train

    found: dict[str, str] = {}
    tables = {"": Experiment, "budget.": Budget, "train.": Train, "arm.": Arm, "measure.": Measure}
    for prefix, table in tables.items():
        for name, field in table.model_fields.items():
            about = field.description or inspect.getdoc(tables.get(f"{name}.")) or ""
            default = "required" if field.is_required() else f"default {field.get_default(call_default_factory=True)!r}"
            if f"{name}." in tables or name in {"control", "treatment"}:
                default = f"a table; its keys: {', '.join(tables.get(f'{name}.', Arm).model_fields)}"
            found[prefix + name] = f"{prefix}{name} ({default}): {about}"
    return found


def describe(name: str, made: type) -> str:
    """A method or suite: its idea, its knobs, and for a suite its metrics."""
    from butfor.core.registry import knobs

    module = inspect.getdoc(inspect.getmodule(made)) or ""
    lines = [f"{name}: {_first_line(made)}", "", module, ""]
    lines.append("knobs:" if knobs(made) else "knobs: none")
    for knob in knobs(made).values():
        lines += [f"  {line.removeprefix(f'{name}.')}" for line in knob_lines(made, name, knob.name)]
    metrics: tuple[Any, ...] = getattr(made, "metrics", ())
    for m in metrics:
        null = "" if m.null is None else f"; null: {m.null}"
        lines.append(f"metric {m.name} [{m.unit}; {m.better} is better{null}]: {m.about}")
    return "\n".join(lines + card_lines(getattr(made, "card", None)))


def card_lines(card: Any) -> list[str]:
    """What a reader must know of a suite: chance, source, known faults, published figures."""
    if card is None:
        return []
    lines = ["", f"chance: {card.chance}", f"source: {card.source}"]
    lines += [f"known fault: {fault}" for fault in card.faults]
    return lines + [f"published: {figure}" for figure in card.published]


def type_text(hint: Any) -> str:
    """A type as a person would say it."""
    if get_origin(hint) in (tuple, list, dict):
        parts = [type_text(part) for part in get_args(hint) if part is not ...]
        return f"table of {parts[-1]}" if get_origin(hint) is dict else f"list of {' and '.join(dict.fromkeys(parts))}"
    options = [option for option in get_args(hint) if not hasattr(option, "annotation")]
    if isinstance(hint, type) and not options:
        return "nothing" if hint is type(None) else hint.__name__
    if options and all(isinstance(option, str) for option in options):
        return " | ".join(repr(option) for option in options)
    return " or ".join(dict.fromkeys(type_text(option) for option in options)) if options else str(hint)


def init_command(file: Path) -> None:
    """Write the quickstart as an experiment of the user's own."""
    from butfor.core.errors import UserError
    from butfor.core.folder import write_bytes
    from butfor.core.read import recipes

    text = recipes()["quickstart"].read_text(encoding="utf-8")
    if file.exists():
        raise UserError(f"{file} is already there; choose another name")
    if not file.parent.is_dir():
        raise UserError(f"there is no folder {file.parent}; make it, or choose another name")
    write_bytes(file, text.encode())
    print(f"{file}\nnext: butfor plan {file}; butfor run {file}")
