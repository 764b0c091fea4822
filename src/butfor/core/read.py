"""Reading an experiment from a recipe, a TOML file or a mapping: all mistakes at once, each where it stands.

The shape is checked first (types, unknown keys), then the meaning (names, knobs, one primary, declared differences),
then what the caller adds (is the model on this machine). Each stage runs on what the one before understood.
"""

from __future__ import annotations

import json
import tomllib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ValidationError

from butfor.core import toml
from butfor.core.errors import Mistake, SpecError, UserError, did_you_mean, no_file, refused
from butfor.core.keys import canonical
from butfor.core.registry import Kind, build, plain, resolve
from butfor.core.spec import Arm, Budget, Experiment, Measure, Train

Problem = tuple[toml.KeyPath, str]
Table = dict[str, Any]
TABLES: dict[str, type[BaseModel]] = {"budget": Budget, "train": Train, "arm": Arm, "measure": Measure}
VARIABLE = ("model", "corpus")
RESERVED = {"steps", "figures"}  # folders of a run beside those of its arms


def recipes() -> dict[str, Any]:
    """The experiments that ship with butfor, by name."""
    folder = resources.files("butfor") / "recipes"
    return {item.name.removesuffix(".toml"): item for item in folder.iterdir() if item.name.endswith(".toml")}


def presets(table: Table) -> list[str]:
    """The presets that a recipe offers."""
    return sorted(table.get("preset", {}))


def read(
    source: str | Path | Mapping[str, Any],
    *,
    preset: str | None = None,
    overrides: Sequence[str] = (),
    also: Callable[[Experiment], Iterable[Problem]] = lambda _: (),
) -> Experiment:
    """The experiment in `source`, or `SpecError` with every mistake. `also` adds checks that this floor cannot make."""
    label, text, table = load(source)
    lines, foreign = toml.lines_of(text), dict[toml.KeyPath, str]()

    def place(path: toml.KeyPath) -> str:
        dotted = ".".join(str(part) for part in path)
        if path in foreign:
            return f"{foreign[path]} {dotted}"
        line = toml.line_of(path, lines)
        return f"{label}:{line} {dotted}" if line else f"{label} {dotted}".strip()

    early: list[Problem] = []
    found: Any = table.pop("preset", {})
    over = cast(dict[str, Table], found if isinstance(found, dict) else {"": found})
    if not all(isinstance(changes, dict) for changes in cast(dict[str, Any], over).values()):
        early.append((("preset",), "should hold tables, as [preset.tiny]; choose one with --preset"))
        over = {}
    offered, given = sorted(over), table
    layers: list[tuple[str, Table]] = []
    if preset is not None:
        if preset not in offered:
            raise SpecError(
                [Mistake(f"--preset {preset}", f"{label} has no such preset{did_you_mean(preset, offered)}")]
            )
        layers.append((f"preset {preset}", {"preset": preset, **over[preset]}))
    name = "--set"
    try:
        layers += [("--set", toml.override(text)) for text in overrides]
        for name, layer in layers:
            before = dict(_leaves(table))
            table = toml.merge(table, layer)
            foreign |= {
                path: name
                for path, leaf in _leaves(table)
                if not _holds_tables(leaf) and before.get(path, before) != leaf
            }
    except ValueError as error:
        raise SpecError([Mistake(name, str(error))]) from error
    experiment, problems = _shape(table)
    problems += early + _meaning(table)
    if experiment is not None:
        problems += also(experiment)
    mistakes = [Mistake(place(path), problem) for path, problem in dict.fromkeys(problems)]
    mistakes += [Mistake(place(path), problem) for path, problem in _in_presets(given, over, preset)]
    if mistakes or experiment is None:
        raise SpecError(mistakes)
    return experiment


def _in_presets(given: Table, over: Table, chosen: str | None) -> Iterator[Problem]:
    """Keys and types that are wrong in the presets that were not chosen; what they name may be on another machine."""
    known = _shape(given)[1]
    for name in sorted(set(over) - {chosen}):
        try:
            table = toml.merge(given, over[name])
        except ValueError as error:
            yield ("preset", name), str(error)
            continue
        for path, problem in _shape(table)[1]:
            if (path, problem) not in known:
                yield ("preset", name, *path), problem


def check(experiment: Experiment, *, also: Callable[[Experiment], Iterable[Problem]] = lambda _: ()) -> Experiment:
    """The same experiment, if what was made in Python also means something."""
    problems = [*_meaning(json.loads(experiment.model_dump_json())), *also(experiment)]
    if problems:
        raise SpecError(Mistake(".".join(map(str, path)), problem) for path, problem in dict.fromkeys(problems))
    return experiment


def load(source: str | Path | Mapping[str, Any]) -> tuple[str, str, Table]:
    """The name that errors use, the text, and the raw table of a recipe, a file or a mapping."""
    if isinstance(source, Mapping):
        return "experiment", "", {**source}
    known = recipes()
    if str(source) in known:
        label, text = f"{source}.toml", known[str(source)].read_text(encoding="utf-8")
    else:
        path = Path(source)
        if len(str(path)) > 1000 or not path.is_file():
            if len(str(path)) <= 1000 and path.exists():
                raise UserError(f"{path} {no_file(path)}; give a .toml file, or a recipe: butfor list recipes")
            if path.suffix == ".toml" or len(path.parts) > 1:
                raise UserError(f"no such file: {path}; write one with: butfor init {path}")
            raise UserError(f"no recipe or file is called {str(source)!r}{did_you_mean(str(source), known)}")
        label = str(path)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except OSError as error:
            raise refused(error) or UserError(f"{path} cannot be read: {error.strerror or error}") from error
        except UnicodeDecodeError as error:
            raise UserError(
                f"{path} cannot be read: it is not UTF-8 (byte {error.start + 1}); save it as UTF-8"
            ) from error
    try:
        return label, text, tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SpecError([Mistake(label, f"is not TOML: {error}")]) from error


def _holds_tables(leaf: Any) -> bool:
    return isinstance(leaf, dict) or (
        isinstance(leaf, list) and any(isinstance(i, dict) for i in cast(list[Any], leaf))
    )


def _leaves(value: Any, path: toml.KeyPath = ()) -> Iterator[tuple[toml.KeyPath, Any]]:
    items: Iterable[tuple[str | int, Any]] = ()
    if isinstance(value, dict):
        items = cast(Table, value).items()
    elif isinstance(value, list):
        items = enumerate(cast(list[Any], value))
    for key, item in items:
        yield (*path, key), item
        yield from _leaves(item, (*path, key))


def _shape(table: Table) -> tuple[Experiment | None, list[Problem]]:
    """Types and unknown keys. A broken experiment is None."""
    try:
        return Experiment.model_validate_json(canonical(table), strict=True), []
    except ValidationError as error:
        errors = error.errors()
        deep = {item["loc"][:1] for item in errors if len(item["loc"]) > 1}
        return None, [_problem(item) for item in errors if item["type"] != "too_short" or item["loc"] not in deep]


def _problem(error: Any) -> Problem:
    path: toml.KeyPath = tuple(error["loc"])
    match error["type"]:
        case "missing":
            hint = "; write [treatment] with method = '…'" if path == ("treatment",) else ""
            hint = "; write [[measure]] with suite = '…' and primary = true" if path == ("measure",) else hint
            return path, "is required" + hint
        case "extra_forbidden":
            holder = TABLES.get(str(path[0]), Experiment) if len(path) > 1 else Experiment
            return path, "no such key" + did_you_mean(str(error["loc"][-1]), holder.model_fields)
        case "model_type" | "model_attributes_type":
            return path, f"should be a table, [{path[0]}], not {error['input']!r}"
        case "tuple_type" | "list_type" if path in {("arm",), ("measure",)}:
            return path, f"should be a list of tables: write [[{path[0]}]], not [{path[0]}]"
        case "string_pattern_mismatch":
            about = TABLES.get(str(path[0]), Experiment).model_fields[str(error["loc"][-1])].description
            return path, f"{error['input']!r} does not fit: {about} (pattern {error['ctx']['pattern']})"
        case "too_short":
            return path, f"is empty; {Experiment.model_fields[str(path[0])].description}"
        case "value_error":
            return path, plain(error)
        case _:
            return path, f"{plain(error)}, not {error['input']!r}"


def _tables(value: Any) -> Iterator[tuple[int, Table]]:
    for number, item in enumerate(cast(list[Any], value) if isinstance(value, list) else []):
        if isinstance(item, dict):
            yield number, cast(Table, item)


def _meaning(table: Table) -> list[Problem]:
    """Names, knobs, primaries and declared differences, of whatever has the right shape."""
    arms: list[tuple[toml.KeyPath, str, Table]] = [
        ((name,), name, cast(Table, table[name]))
        for name in ("control", "treatment")
        if isinstance(table.get(name), dict)
    ]
    arms += [(("arm", number), str(arm.get("name", "")), arm) for number, arm in _tables(table.get("arm"))]
    measures = list(_tables(table.get("measure")))
    problems = _arm_names(arms) + _primaries(measures) + _undeclared(table, arms)
    for path, _, arm in arms:
        problems += _knobs("method", path, arm.get("method", "standard"), arm, Arm)
    for number, measure in measures:
        path = ("measure", number)
        problems += _knobs("suite", path, measure.get("suite"), measure, Measure)
    return problems


def _knobs(kind: Kind, path: toml.KeyPath, name: Any, table: Table, holder: type[BaseModel]) -> list[Problem]:
    """Is the name registered, and do its knobs fit; for a suite also: does it have the metric."""
    if not isinstance(name, str):
        return []
    try:
        found = resolve(kind, name)
    except UserError as error:
        return [((*path, kind), str(error))]
    knobs = {key: value for key, value in table.items() if key not in holder.model_fields}
    _, wrong = build(found, knobs)
    problems: list[Problem] = [((*path, knob) if knob else path, problem) for knob, problem in wrong]
    metric, metrics = table.get("metric"), [metric.name for metric in getattr(found, "metrics", ())]
    if kind == "suite" and isinstance(metric, str) and metric not in metrics:
        problems.append(((*path, "metric"), f"{name} has no metric {metric!r}{did_you_mean(metric, metrics)}"))
    return problems


def _arm_names(arms: list[tuple[toml.KeyPath, str, Table]]) -> list[Problem]:
    problems: list[Problem] = []
    named = ["control", "treatment", *(name for path, name, _ in arms if len(path) > 1)]
    names = Counter(name.casefold() for name in named)
    for path, name, arm in arms:
        if not name:
            problems.append((path, "every [[arm]] needs a name"))
        elif names[name.casefold()] > 1 and len(path) > 1:
            problems.append(((*path, "name"), f"two arms are called {name!r}"))
        elif name.casefold() in RESERVED or name.casefold().endswith((".json", ".jsonl", ".html")):
            problems.append(((*path, "name"), f"{name!r} is a place in the run folder; call the arm something else"))
        if len(path) == 1 and (arm.get("name") or name) != name:
            problems.append(((*path, "name"), f"this arm is called {name!r}"))
        against = arm.get("against", "control")
        if path == ("control",) and against not in {"control", ""}:
            problems.append(((*path, "against"), "the control is what the others are compared with"))
        elif path == ("treatment",) and against == "":
            problems.append(((*path, "against"), "the treatment must be compared with another arm"))
        elif isinstance(against, str) and (against not in {*named, ""} or against == name != "control"):
            others = [other for other in dict.fromkeys(named) if other != name]
            problems.append(((*path, "against"), f"no other arm is called {against!r}{did_you_mean(against, others)}"))
    return problems


def _primaries(measures: list[tuple[int, Table]]) -> list[Problem]:
    problems: list[Problem] = []
    primaries = [number for number, measure in measures if measure.get("primary") is True]
    suites = Counter(canonical(measure.get("suite")) for _, measure in measures)
    problems += [
        (("measure", number, "suite"), f"{measure.get('suite')!r} is measured twice")
        for number, measure in measures
        if suites[canonical(measure.get("suite"))] > 1
    ][1:]
    if measures and not primaries:
        problems.append((("measure",), "no measure is primary; write primary = true on the one that decides"))
    if len(primaries) > 1:
        problems += [(("measure", number, "primary"), "only one measure can be primary") for number in primaries[1:]]
    return problems


def _undeclared(table: Table, arms: list[tuple[toml.KeyPath, str, Table]]) -> list[Problem]:
    """Arms may differ in method and knobs; any other key must stand in `varies`."""
    varies, named = table.get("varies", []), {name: arm for _, name, arm in arms}
    train = table.get("train")
    corpus = cast(Table, train).get("corpus") if isinstance(train, dict) else None
    defaults = {
        "model": table.get("model", Experiment.model_fields["model"].default),
        "corpus": corpus or Train.model_fields["corpus"].default,
    }
    problems: list[Problem] = [
        (("varies",), f"{key!r} cannot vary{did_you_mean(str(key), VARIABLE)}")
        for key in (cast(list[Any], varies) if isinstance(varies, list) else [])
        if key not in VARIABLE
    ]
    for path, name, arm in arms:
        against = str(arm.get("against", "control"))
        for key in VARIABLE if name != "control" and against else ():
            base, own = (one.get(key) or defaults[key] for one in (named.get(against, {}), arm))
            if own != base and key not in (varies or []):
                problems.append(
                    (
                        (*path, key),
                        f"is {own!r} here and {base!r} in the arm it is compared with; "
                        f"that difference must be declared: varies = [{key!r}]",
                    )
                )
    return problems
