"""An audit: one model as it is, every suite that fits it, one record an item. Changes nothing and knows no method.

load (a model in memory, or one behind an address) → suites that fit → records, in resumable steps → levels, effects
against each metric's null, groups, mistakes → report.html → manifest.json

The run folder is like any other, with one arm called "model"; so two audits are compared, paired, like two runs.
Steps are named by content: weights, template, suite, items, code. A cache that audits share (`cache`) cannot give one
model the other's answers. What an address answered is kept word by word, so a killed audit asks nothing twice.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from butfor._version import __version__
from butfor.core.errors import MissingData, UnknownName, UserError
from butfor.core.folder import RunFolder, read_lines, write_json
from butfor.core.journal import Journal
from butfor.core.keys import code_version, digest, environment, file_digest, source_version
from butfor.core.progress import Progress
from butfor.core.registry import build, knobs, resolve, settings_of, targets
from butfor.effects import UNTRUSTED, align, clusters_of, correct_family, entry, numbers, told, values_of
from butfor.levels import Found, judge
from butfor.measure import Measuring
from butfor.report import render

if TYPE_CHECKING:
    from butfor.lm import World
    from butfor.lm.chat import Chat

ARM, SEED = "model", 0
OWN = {"items": "own.items", "pairs": "own.pairs"}
PACE = {"concurrency", "rate", "timeout", "retries", "price", "key_from"}  # how an address is asked, not what


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What is asked of which model."""

    model: str  # an alias, an id, a folder; behind an address, the name that it is served under
    endpoint: str = ""
    suites: tuple[str, ...] = ()  # names or beginnings of names, each with @adaptation if wanted; () = all that fit
    items: Path | None = None
    pairs: Path | None = None
    limit: int = 200  # items of each suite, 0 = all
    by: str = "auto"
    dtype: str = "auto"
    device: str = "auto"
    level: float = 0.95
    seed: int = 0
    endpoint_settings: Mapping[str, Any] = field(default_factory=dict)  # concurrency, timeout, rate, prices …

    @property
    def name(self) -> str:
        """What the run folder's name begins with."""
        plain = re.sub(r"[^A-Za-z0-9.]+", "-", Path(self.model).name or self.model).strip("-.")[:40]
        return f"audit-{plain or 'model'}"


@dataclass(frozen=True, slots=True)
class Asked:
    """One suite of an audit: its name there, and the suite, built."""

    name: str
    suite: Any


@dataclass(frozen=True, slots=True)
class Audited:
    """A finished audit."""

    path: Path
    effects: list[dict[str, Any]]
    suites: list[dict[str, Any]]
    trusted: bool

    @property
    def report(self) -> Path:
        return self.path / "report.html"


def audit(
    asked: Audit,
    *,
    out: Path | str = "runs",
    cache: Path | None = None,
    progress: Progress | None = None,
    command: str = "",
) -> Audited:
    """Run an audit, or what is left of it; a finished one is opened, not run again."""
    progress = progress or Progress(quiet=True)
    from butfor.data.find import watched

    if asked.endpoint:
        from butfor.lm.chat_wire import place

        asked = replace(asked, endpoint=str(place(asked.endpoint)))  # refused before a word of it is written down
    with watched() as files:
        chosen, passed = choose(asked)
    if cache is not None:
        _writable(cache)
    folder = RunFolder(Path(out) / f"{asked.name}-{_digest(asked, chosen, files)[:8]}")
    if folder.finished(progress):
        if not folder.intact("report.html"):
            render(folder.path)
        return open_audit(folder.path)
    with folder.hold() as journal:
        if wrong := folder.damaged():
            progress.say(f"note: {wrong} was changed or removed after the audit; what is missing is made again")
            (folder.path / "manifest.json").unlink()
        if not folder.whole:
            _Auditing(asked, chosen, passed, folder, journal, progress, cache, command).go()
    return open_audit(folder.path)


def _writable(cache: Path) -> None:
    try:
        cache.mkdir(parents=True, exist_ok=True)
        if not os.access(cache, os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        why = (error.strerror or "refused").lower()
        raise UserError(f"steps cannot be kept in {cache} ({why}); choose another folder with --cache DIR") from error


def open_audit(path: Path) -> Audited:
    """A finished audit on disk."""
    import json

    found, suites, checks = (
        json.loads((path / f"{name}.json").read_bytes()) for name in ("effects", "suites", "checks")
    )
    return Audited(path, found["effects"], suites["suites"], checks["trusted"])


def choose(asked: Audit) -> tuple[list[Asked], list[tuple[str, str]]]:
    """The suites of an audit, built and ready; and those passed over, each with the reason.

    What was named in full must be there; of a group (`bias`) or of all, what is not here is passed over and told.
    """
    kind = "chat" if asked.endpoint else _kind(asked)
    chosen: list[Asked] = []
    passed: list[tuple[str, str]] = []
    for name, exact in _named(asked):
        try:
            suite = _built(asked, name, kind, exact=exact)
            getattr(suite, "ready", lambda: None)()
        except MissingData as error:
            if exact:
                raise
            passed.append((name, str(error).splitlines()[-1]))
            continue
        except _Unfit as error:
            if exact:
                raise UserError(f"{name} cannot be asked of {asked.model}: {error}") from None
            passed.append((name, str(error)))
            continue
        chosen.append(Asked(name, suite))
    if not chosen:
        reasons = "".join(f"\n{name}: {reason}" for name, reason in passed[:4])
        raise UserError(f"there is nothing to measure on {asked.model}{reasons}")
    return chosen, passed


class _Unfit(Exception):
    """A suite that this world or these settings have no use for."""


def _kind(asked: Audit) -> str:
    from butfor.lm.load import kind

    return kind(asked.model)


def _named(asked: Audit) -> Iterator[tuple[str, bool]]:
    """Every suite that was asked for, once, and whether it was named in full."""
    own = [name for key, name in OWN.items() if getattr(asked, key)]
    known = [name for name in targets("suite") if name in own or not name.startswith("own.")]
    wanted = asked.suites or (() if own else tuple(dict.fromkeys(name.partition(".")[0] for name in known)))
    found: dict[str, bool] = dict.fromkeys(own, True)
    for word in wanted:
        base, mark, adapted = word.partition("@")
        if base in OWN.values() and base not in own:
            flag = next(key for key, name in OWN.items() if name == base)
            raise UserError(f"{base} is your own file: give it with --{flag} FILE.jsonl")
        if base in known or ":" in base or base.startswith("standard."):
            found[word] = True
            continue
        group = [name for name in known if name.startswith(f"{base}.")]
        if not group:
            raise UnknownName(
                "suite", base, {*known, *(name.partition(".")[0] for name in known)}, "butfor list suites"
            )
        for name in group:
            found.setdefault(name + mark + adapted, False)
    yield from found.items()


def _built(asked: Audit, name: str, kind: str, *, exact: bool) -> Any:
    base, _, adapted = name.partition("@")
    suite = resolve("suite", base)
    if kind not in suite.worlds:
        why = {
            "chat": "it needs log-probabilities, which are not told there",
            "vectors": "it asks a language model, and this is a table of word vectors",
        }
        raise _Unfit(why.get(kind, f"it measures {' and '.join(suite.worlds)}"))
    if not exact and (why := getattr(suite, "only_named", "")):
        raise _Unfit(f"{why}; name it in full to ask it all the same")
    own = knobs(suite)
    settings: dict[str, Any] = {}
    if adapted:
        if "adapt" not in own:
            raise _Unfit(f"it has no adaptations; leave out @{adapted}")
        settings["adapt"] = adapted
    if "by" in own:
        settings["by"] = asked.by
    if "seed" in own:
        settings["seed"] = asked.seed
    for key in OWN:
        if base == OWN[key]:
            settings["path"] = str(getattr(asked, key))
    made, problems = build(suite, settings)
    if not problems and asked.limit and "limit" in own:
        made = replace(made, limit=max(1, asked.limit // getattr(made, "cost", 1)))
    if not suite.metrics:
        raise UserError(f"suite {name!r} has no metrics; the first one of them is its headline")
    if problems:
        told = "; ".join(f"{knob} {problem}" for knob, problem in problems)
        raise (UserError if exact or adapted else _Unfit)(f"{name}: {told}")
    return made


def _digest(asked: Audit, chosen: Sequence[Asked], files: Iterable[Path]) -> str:
    """Names the audit: what is asked of which model, and the content of every file that it rests on."""
    from butfor.lm.load import stamp

    weights = "" if asked.endpoint else stamp(asked.model)
    suites = [(one.name, settings_of(one.suite)) for one in chosen]
    kinds = [type(one.suite) for one in chosen]
    plugged = [source_version(kind) for kind in kinds if not kind.__module__.startswith("butfor.")]
    settings = {key: value for key, value in asked.endpoint_settings.items() if key not in PACE}
    what = asdict(replace(asked, endpoint_settings=settings))
    return digest(what, suites, sorted({file_digest(file) for file in files}), weights, plugged)


@dataclass(eq=False)
class _Auditing:
    """An audit in progress."""

    asked: Audit
    chosen: list[Asked]
    passed: list[tuple[str, str]]
    folder: RunFolder
    journal: Journal
    progress: Progress
    cache: Path | None
    command: str

    def go(self) -> None:
        """Everything, in order; each part finds what an earlier process finished."""
        path = self.folder.path
        self.journal.write("start", command=self.command, cells=1, suites=len(self.chosen), environment=environment())
        write_json(path / "experiment.json", self._described())
        for reason in dict.fromkeys(reason for _, reason in self.passed):
            names = ", ".join(name for name, why in self.passed if why == reason)
            self.progress.say(f"passed over: {names}: {reason}")
        world = self._world()
        self.journal.write("cell", arm=ARM, seed=SEED, number=1)
        measuring = Measuring(
            folder=self.folder, journal=self.journal, progress=self.progress, arm=ARM, seed=SEED,
            identity=self._identity(world), steps=self.cache,
        )  # fmt: skip
        for one in self.chosen:
            measuring.suite(world, one.name, one.suite, one.suite.items(world))
        self._judge(world)

    def _world(self) -> World | Chat:
        if self.asked.endpoint:
            from butfor.lm.chat import Chat

            memory = self.folder.path / "answers.jsonl"
            return Chat(self.asked.endpoint, self.asked.model, memory=memory, **self.asked.endpoint_settings)
        from butfor.lm.load import load

        device = None if self.asked.device == "auto" else self.asked.device
        return load(self.asked.model, dtype=self.asked.dtype, device=device)

    def _identity(self, world: Any) -> tuple[str, ...]:
        """All of the world that decides its answers."""
        if self.asked.endpoint:
            return ("chat", str(world.identity()))
        if world.kind != "lm":
            return (world.kind, world.fingerprint())
        from butfor.lm.identity import behaviour

        tokenizer = world.tokenizer_fingerprint()
        return world.fingerprint(), behaviour(world), tokenizer, str(world.model.dtype), str(world.device)

    def _judge(self, world: Any) -> None:
        path, level = self.folder.path, self.asked.level
        records = path / ARM / f"seed-{SEED}" / "records"
        found = {
            one.name: judge(records / f"{one.name}.jsonl", one.name, one.suite.metrics, ARM, level)
            for one in self.chosen
        }
        for one in self.chosen:
            found[one.name].levels += summaries(one, records / f"{one.name}.jsonl", level)
        heads = {one.name: one.suite.metrics[0].name for one in self.chosen}
        effects = [row for part in found.values() for row in part.effects]
        effects += adapted(path, self.chosen, level)
        corrected(effects, heads)
        checks = [row for part in found.values() for row in part.checks]
        checks += [row for one in self.chosen for row in _unread(found[one.name], one.name)]
        unsound = {
            check["about"].rpartition(": ")[0] for check in checks if check["code"] in UNTRUSTED and not check["ok"]
        }
        known = {f"{row['suite']}/{row['metric']}" for part in found.values() for row in part.levels}
        for name, head in heads.items():
            if f"{name}/{head}" not in known:
                told = f"none of the {found[name].n} items has a value of it"
                checks.append({"code": "no-value", "ok": False, "message": told, "about": f"{name}/{head}"})
        trusted = any(f"{name}/{head}" in known - unsound for name, head in heads.items())
        write_json(path / "levels.json", {"levels": [row for part in found.values() for row in part.levels]})
        write_json(path / "groups.json", {"groups": [row for part in found.values() for row in part.groups]})
        write_json(
            path / "suites.json", {"suites": self._told(found), "passed": self._passed(), "world": _world_told(world)}
        )
        write_json(path / "checks.json", {"trusted": trusted, "checks": checks})
        write_json(path / "effects.json", {"primary": None, "effects": effects})
        render(path)
        self.journal.write("done", trusted=trusted)
        self.folder.seal(butfor=__version__, code=code_version(), environment=environment(), command=self.command)
        shutil.rmtree(path / "steps", ignore_errors=True)  # last: until it is sealed, a killed audit needs them

    def _told(self, found: Mapping[str, Found]) -> list[dict[str, Any]]:
        """Every suite: its card, how much was asked, what went wrong, what could have been seen."""
        rows: list[dict[str, Any]] = []
        for one in self.chosen:
            part, card = found[one.name], getattr(one.suite, "card", None)
            rows.append(
                {
                    "suite": one.name,
                    "headline": one.suite.metrics[0].name,
                    "n": part.n,
                    "detectable": part.power,
                    "mistakes": part.mistakes,
                    "card": None if card is None else asdict(card),
                    "knobs": settings_of(one.suite),
                }
            )
        return rows

    def _passed(self) -> list[dict[str, str]]:
        return [{"suite": name, "reason": reason} for name, reason in self.passed]

    def _described(self) -> dict[str, Any]:
        """The audit as it stands in experiment.json, in the words of an experiment."""
        asked = {key: str(value) if isinstance(value, Path) else value for key, value in asdict(self.asked).items()}
        measures = [
            {
                "suite": one.name,
                "primary": False,
                "metric": one.suite.metrics[0].name,
                "knobs": settings_of(one.suite),
            }
            for one in self.chosen
        ]
        arm = {"name": ARM, "method": "as it is", "against": None, "model": self.asked.model, "knobs": {}}
        return {"kind": "audit", "name": self.asked.name, **asked, "seeds": [SEED], "arms": [arm], "measures": measures}


def summaries(one: Asked, path: Path, level: float) -> list[dict[str, Any]]:
    """What a suite says of all its records together: a score that is no mean over items."""
    from butfor.evaluate.suite import Record

    make = getattr(one.suite, "summary", None)
    if make is None:
        return []
    rows = [{key: row[key] for key in ("item", "cluster", "metrics")} for row in read_lines(path)]
    about = {"suite": one.name, "arm": ARM, "better": "higher", "kind": "mean", "weight": "", "unit": "points"}
    return [
        {**about, "metric": name, "about": effect.method, **numbers(effect)}
        for name, effect in make([Record(**row) for row in rows], level).items()
    ]


def adapted(path: Path, chosen: Sequence[Asked], level: float) -> list[dict[str, Any]]:
    """Each adaptation against the plain form of its suite, on the items that both were asked."""
    from butfor.stats import paired

    heads = {one.name: one.suite.metrics[0] for one in chosen}
    rows: list[dict[str, Any]] = []
    for name in heads:
        base, _, way = name.partition("@")
        if not way or base not in heads:
            continue
        head = heads[base]
        values = [values_of(path, ARM, [SEED], suite, head.name, head.weight) for suite in (name, base)]
        table = align([{SEED: _by_item(cells[SEED])} for cells in values])
        if table is not None:
            kind = told(head)["kind"]
            effect = paired(*table.values, clusters=clusters_of(table), level=level, kind=kind, unit=head.unit)
            rows.append(entry(effect, suite=name, metric=head.name, treatment=way, control="plain"))
    return rows


def _by_item(cell: Mapping[str, tuple[str, float, float]]) -> dict[str, tuple[str, float, float]]:
    """By the item alone: what else is shown with it (worked examples) is the adaptation's doing."""
    return {name.rpartition(" ")[0]: value for name, value in cell.items()}


def corrected(effects: Sequence[dict[str, Any]], heads: Mapping[str, str]) -> None:
    """Fill `p_adjusted`: Holm over the headlines of all suites, and Holm over all other effects."""
    for family in (True, False):
        correct_family(
            [row for row in effects if (row["metric"] == heads[row["suite"]] and row["treatment"] == ARM) is family]
        )


def _unread(found: Found, name: str) -> Iterator[dict[str, Any]]:
    """A warning where much of what the model wrote could not be read, or where questions were too long to be asked."""
    if long := found.mistakes.get("does not fit"):
        told = f"{long} of {found.n} questions are longer than the model reads and have no numbers: no random ones"
        yield {"code": "too-long", "ok": False, "message": told, "about": f"{name}/{long} items"}
    read = next((row for row in found.levels if row["metric"] == "parsed"), None)
    if read is not None and read["estimate"] < 0.9:
        told = f"{1 - read['estimate']:.0%} of the answers could not be read and count as wrong; look at the items"
        yield {"code": "unread", "ok": False, "message": told, "about": f"{name}/parsed"}


def _world_told(world: Any) -> dict[str, Any]:
    """What a reader should know of the model: its size and form; of an address, what the asking cost."""
    if getattr(world, "remote", False):
        return {"kind": "endpoint", **cast("dict[str, Any]", world.cost())}
    if world.kind == "vectors":
        return {"kind": "word vectors", "words": len(world.words)}
    if world.kind == "analyst":
        return {"kind": "analyst of tables"}
    from butfor.lm.prompt import is_chat

    size = sum(weight.numel() for weight in world.model.parameters())
    return {
        "kind": "chat model" if is_chat(world) else "base model",
        "parameters": size,
        "type": world.model.config.model_type,
        "computed in": str(world.model.dtype).removeprefix("torch."),
    }
