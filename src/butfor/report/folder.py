"""A run folder as one value: whatever of it can be read, and a sentence for whatever cannot.

Rule      experiment.json and effects.json are what a report is about: unreadable, they are the user's mistake, named by
          file and line. Every other file that is missing or damaged costs a sentence in `gaps`, never the report.
Source    The run folder of HOUSE style: plain JSON files, one folder an arm and seed, manifest last.
Limits    Nothing is computed here and nothing is trusted: a number that is not finite is None, a name that is not a
          single path component is never followed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from butfor.core.errors import MalformedData, UserError
from butfor.core.journal import entries

Json = Any
DAMAGE = (ValueError, RecursionError, OSError)
RERUN = "run the same butfor run command again to mend it"


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """One line of effects.json, with what levels.json says about its metric."""

    suite: str
    metric: str
    treatment: str
    control: str
    estimate: float | None
    low: float | None
    high: float | None
    level: float = 0.95
    p: float | None = None
    p_adjusted: float | None = None
    n: int | None = None
    seeds: int | None = None
    method: str = ""
    unit: str = ""
    better: str = ""
    about: str = ""
    control_level: float | None = None
    treatment_level: float | None = None
    label: str = ""
    against: str = ""
    primary: bool = False

    @property
    def who(self) -> str:
        """What the page calls the treatment."""
        return self.label or self.treatment

    @property
    def whom(self) -> str:
        """What the page calls the arm that it is compared with."""
        return self.against or self.control

    @property
    def name(self) -> str:
        return f"{self.suite}/{self.metric}"

    @property
    def key(self) -> tuple[str, str, str]:
        return self.suite, self.metric, self.treatment


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One line of levels.json: the value of a metric in one arm."""

    suite: str
    metric: str
    arm: str
    estimate: float | None
    low: float | None
    high: float | None
    n: int | None
    seeds: int | None
    better: str
    unit: str
    about: str


Levels = dict[tuple[str, str], dict[str, Level]]


@dataclass(slots=True, kw_only=True)
class Run:
    """All that a report is made of."""

    folder: Path
    spec: dict[str, Json]
    primary: Effect | None
    effects: list[Effect]
    levels: list[Level]
    diff: list[dict[str, Json]] | None
    checks: list[dict[str, Json]] | None
    trusted: bool | None
    overhead: list[dict[str, Json]] | None
    notes: list[tuple[str, list[str]]]
    origin: dict[str, Json]
    seeds: dict[str, list[int]]
    gaps: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return text(self.spec.get("name")) or self.folder.name

    @property
    def arms(self) -> list[str]:
        """Every arm, the control first."""
        named = [text(arm.get("name")) for arm in mappings(self.spec.get("arms"))]
        seen = [arm for effect in self.effects for arm in (effect.control, effect.treatment)]
        return list(dict.fromkeys(arm for arm in (*named, *seen) if arm))

    @property
    def control(self) -> str:
        """The arm that the others are compared with."""
        return self.arms[0] if self.arms else ""

    @property
    def treatments(self) -> list[str]:
        """The arms that have effects, the primary one first."""
        first = [self.primary.treatment] if self.primary else []
        return list(dict.fromkeys([*first, *(effect.treatment for effect in self.effects)]))

    def label(self, arm: str) -> str:
        """What the page calls an arm: its name, or its method where the name says no more than its role."""
        methods = {text(row.get("name")): text(row.get("method")) for row in mappings(self.spec.get("arms"))}
        method = methods.get(arm, "")
        if arm not in {"control", "treatment"} or not method:
            return arm
        taken = [*methods, *(other for name, other in methods.items() if name != arm)]
        return f"{arm} ({method})" if method in taken else method

    def named(self, effect: Effect) -> Effect:
        """The effect with the arms as the page calls them, and whether it is the one that decides."""
        return replace(
            effect,
            label=self.label(effect.treatment),
            against=self.label(effect.control),
            primary=self.primary is not None and effect.key == self.primary.key,
        )


def open_run(folder: Path) -> Run:
    """Read a run folder."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such run folder; see the folders under runs/")
    names = ("experiment.json", "effects.json", "levels.json", "journal.jsonl")
    if not any((folder / name).is_file() for name in names):
        raise UserError(f"{folder}: not a run folder (no experiment.json and no effects.json in it)")
    gaps: list[str] = []
    spec = as_mapping(essential(folder / "experiment.json", gaps))
    table = as_mapping(essential(folder / "effects.json", gaps))
    levels = [to_level(row) for row in mappings(as_mapping(optional(folder / "levels.json", gaps)).get("levels"))]
    known: Levels = {}
    for level in levels:
        known.setdefault((level.suite, level.metric), {})[level.arm] = level
    effects = [to_effect(row, known) for row in mappings(table.get("effects"))]
    first = table.get("primary")
    differences = rows_of(optional(folder / "diff.json", gaps), "rows")
    checks = optional(folder / "checks.json", gaps)
    looked = rows_of(checks, "checks")
    run = Run(
        folder=folder,
        spec=spec,
        primary=to_effect(first, known) if isinstance(first, dict) else None,
        effects=effects,
        levels=levels,
        diff=None if differences is None else [to_difference(row) for row in differences],
        checks=None if looked is None else [to_check(row) for row in looked],
        trusted=truth(as_mapping(checks).get("trusted")),
        overhead=rows_of(optional(folder / "overhead.json", gaps), "overhead"),
        notes=[],
        origin=origin(folder),
        seeds={},
        gaps=gaps,
    )
    run.effects = [run.named(effect) for effect in run.effects]
    run.primary = run.named(run.primary) if run.primary else None
    run.seeds = {arm: seeds_of(folder, arm) for arm in run.arms}
    run.notes = [(arm, notes_of(folder, arm, run.seeds[arm], gaps)) for arm in run.arms]
    return run


def is_audit(folder: Path) -> bool:
    """Whether the folder holds an audit of one model, and not an experiment."""
    try:
        return as_mapping(json.loads((folder / "experiment.json").read_bytes())).get("kind") == "audit"
    except DAMAGE:
        return False


def essential(path: Path, gaps: list[str]) -> Json:
    """A file that the report is about: missing costs a sentence, damaged is an error."""
    if not path.is_file():
        gaps.append(f"{path.name} is not there: the run is not finished, or the file was removed.")
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise MalformedData(path, error.lineno, f"not JSON ({error.msg}); {RERUN}") from error
    except DAMAGE as error:
        raise MalformedData(path, 1, f"cannot be read ({type(error).__name__}); {RERUN}") from error
    if not isinstance(value, dict):
        raise MalformedData(path, 1, f"a table was expected, a {type(value).__name__} is there; {RERUN}")
    return value


def optional(path: Path, gaps: list[str]) -> Json:
    """A file that the report can do without."""
    name = "/".join(path.parts[-3:]) if path.parent.name.startswith("seed-") else path.name
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        gaps.append(f"{name} is not there.")
    except DAMAGE as error:
        gaps.append(f"{name} cannot be read ({type(error).__name__}).")
    return None


def origin(folder: Path) -> dict[str, Json]:
    """The command and the environment of the run: from the journal's start, or else from the manifest.

    The journal comes first because it is there from the start: a page made before the manifest is the same after it.
    """
    try:
        starts = [entry for entry in entries(folder / "journal.jsonl") if entry.get("event") == "start"]
    except DAMAGE:
        starts = []
    first = next((entry for entry in starts if entry.get("command")), starts[0] if starts else {})
    if not first.get("command") and (folder / "manifest.json").is_file():
        first = as_mapping(optional(folder / "manifest.json", []))
    found = as_mapping(first.get("environment"))
    if "butfor" not in found and first.get("butfor"):
        found = {"butfor": first["butfor"], **found}
    return {"command": text(first.get("command")), "environment": {key: text(value) for key, value in found.items()}}


def to_level(row: Mapping[str, Json]) -> Level:
    return Level(
        suite=text(row.get("suite")),
        metric=text(row.get("metric")),
        arm=text(row.get("arm")),
        estimate=number(row.get("estimate")),
        low=number(row.get("low")),
        high=number(row.get("high")),
        n=count(row.get("n")),
        seeds=count(row.get("seeds")),
        better=text(row.get("better")),
        unit=text(row.get("unit")),
        about=text(row.get("about")),
    )


def to_effect(row: Mapping[str, Json], levels: Levels | None = None) -> Effect:
    """An effect from its line; unit, direction and levels come from levels.json where the line has none."""
    suite, metric = text(row.get("suite")), text(row.get("metric"))
    treatment, control = text(row.get("treatment")), text(row.get("control"))
    same = (levels or {}).get((suite, metric), {})
    known = same.get(control) or same.get(treatment) or next(iter(same.values()), None)
    return Effect(
        suite=suite,
        metric=metric,
        treatment=treatment,
        control=control,
        estimate=number(row.get("estimate")),
        low=number(row.get("low")),
        high=number(row.get("high")),
        level=number(row.get("level")) or 0.95,
        p=number(row.get("p")),
        p_adjusted=number(row.get("p_adjusted")),
        n=count(row.get("n")),
        seeds=count(row.get("seeds")),
        method=text(row.get("method")),
        unit=text(row.get("unit")) or (known.unit if known else ""),
        better=text(row.get("better")) or (known.better if known else ""),
        about=text(row.get("about")) or (known.about if known else ""),
        control_level=same[control].estimate if control in same else None,
        treatment_level=same[treatment].estimate if treatment in same else None,
    )


def to_difference(row: Mapping[str, Json]) -> dict[str, Json]:
    values = {arm: text(value) for arm, value in as_mapping(row.get("values")).items()}
    return {"key": text(row.get("key")), "arms": values, "declared": row.get("declared") is True}


def to_check(row: Mapping[str, Json]) -> dict[str, Json]:
    return {key: text(row.get(key)) for key in ("code", "message", "about")} | {"ok": truth(row.get("ok"))}


def seed_folder(folder: Path, arm: str, seed: int) -> Path:
    return folder / arm / f"seed-{seed}"


def seeds_of(folder: Path, arm: str) -> list[int]:
    """The seeds that an arm has folders for."""
    if not is_component(arm) or not (folder / arm).is_dir():
        return []
    found = (re.fullmatch(r"seed-(\d{1,18})", entry.name) for entry in (folder / arm).iterdir() if entry.is_dir())
    return sorted(int(match[1]) for match in found if match)


def notes_of(folder: Path, arm: str, seeds: list[int], gaps: list[str]) -> list[str]:
    """What the method said that it did, each sentence once; a sentence of some seeds only says which."""
    said: dict[str, list[int]] = {}
    for seed in seeds:
        path = seed_folder(folder, arm, seed) / "notes.json"
        value = optional(path, gaps) if path.is_file() else []
        for sentence in dict.fromkeys(text(line) for line in value if text(line)) if isinstance(value, list) else ():
            said.setdefault(sentence, []).append(seed)
    return [
        sentence if len(where) == len(seeds) else f"{sentence} (seed {', '.join(map(str, where))})"
        for sentence, where in said.items()
    ]


def records(folder: Path, arm: str, seed: int, suite: str) -> Iterator[dict[str, Json] | None]:
    """The records of one suite, one a line; None for a line that cannot be read."""
    if not (is_component(arm) and is_component(suite)):
        return
    path = seed_folder(folder, arm, seed) / "records" / f"{suite}.jsonl"
    if not path.is_file():
        return
    with path.open(encoding="utf-8", errors="replace") as lines:
        for line in lines:
            try:
                value = json.loads(line)
            except DAMAGE:
                value = None
            yield value if isinstance(value, dict) else None


def is_component(name: str) -> bool:
    return bool(name) and name not in {".", ".."} and not re.search(r"[/\\\x00]", name) and len(name) < 200


def rows_of(value: Json, key: str) -> list[dict[str, Json]] | None:
    return mappings(value.get(key)) if isinstance(value, dict) else None


def mappings(value: Json) -> list[dict[str, Json]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def as_mapping(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}


def text(value: Json) -> str:
    """A string of whatever stands there; numbers and switches as JSON writes them, half characters spelled out."""
    if value is None:
        return ""
    found = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return re.sub("[\ud800-\udfff]", lambda half: f"⟨U+{ord(half[0]):04X}⟩", found)


def number(value: Json) -> float | None:
    """A finite number of a size that can be drawn, or None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not -1e150 < value < 1e150:
        return None
    return float(value) if abs(value) > 1e-150 else 0.0


def count(value: Json) -> int | None:
    found = number(value)
    return None if found is None else int(found)


def truth(value: Json) -> bool | None:
    return value if isinstance(value, bool) else None
