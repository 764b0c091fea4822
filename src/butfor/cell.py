"""One arm with one seed: make its model, then measure every suite on it, in steps that a killed run finds again.

make     base model → the method's edit → the shared training loop; kept as `model/`, or as a pointer to equal weights
measure  items in fixed chunks; a chunk's key is the digest of all that decides its records; its file is whole or absent
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from butfor.core.errors import RunError, disk_errors
from butfor.core.folder import RunFolder, read_lines, write_json, write_lines
from butfor.core.journal import Journal, entries
from butfor.core.keys import code_version, digest, environment, source_version
from butfor.core.progress import Progress
from butfor.core.registry import settings_of
from butfor.core.seeds import derive, generator
from butfor.core.spec import Arm, Experiment, Measure

if TYPE_CHECKING:
    from butfor.evaluate.suite import Item
    from butfor.lm import LM, World

Facts = dict[str, Any]


@dataclass(eq=False)
class Cell:
    """One arm, one seed, and where their files stand."""

    experiment: Experiment
    folder: RunFolder
    journal: Journal
    progress: Progress
    name: str
    seed: int
    sources: str  # digest of the data and model files that the experiment rests on
    made: dict[str, str]  # weights that this run has saved so far: fingerprint → folder, shared by all its cells

    @property
    def arm(self) -> Arm:
        return self.experiment.arms[self.name]

    @property
    def root(self) -> int:
        """The seed that all randomness of this cell comes from."""
        return self.seed if self.experiment.seeding == "shared" else derive(self.seed, "arm", self.name)

    @property
    def path(self) -> Path:
        return self.folder.path / self.name / f"seed-{self.seed}"

    def go(self) -> Facts:
        """The facts of this cell, from disk where an earlier process finished it."""
        measures = {m.suite: _identity(self.experiment.suite(m)) for m in self.experiment.measure}
        key = digest(self._make_key(), measures)
        facts = _facts(self.path / "facts.json", key)
        if facts is not None:
            self.made.setdefault(facts["final"], facts["model"])
            return facts
        world, made = self._make()
        items = self._measure(world)
        facts = {**made, "key": key, "compared": {**made["compared"], **items}}
        write_json(self.path / "overhead.json", facts["costs"])
        write_json(self.path / "notes.json", facts["notes"])
        write_json(self.path / "facts.json", facts)
        return facts

    def _make_key(self) -> str:
        from butfor.lm.load import place

        experiment, method = self.experiment, self.experiment.method(self.arm)
        model = experiment.model_of(self.arm)
        shared = (
            experiment.dtype,
            place(experiment.device),
            experiment.budget.model_dump(),
            experiment.train.model_dump(),
        )
        return digest(model, self.sources, _identity(method), self.root, shared, code_version(), environment())

    def _make(self) -> tuple[World, Facts]:
        """The arm's model and what was found while making it."""
        from butfor.train.method import touched

        key = self._make_key()
        facts = _facts(self.path / "made.json", key)
        if facts is not None and (facts["saved"] or facts["final"] == facts["start"]):
            world = self._load(str(self.folder.path / facts["model"]) if facts["saved"] else facts["model"])
            if world.fingerprint() == facts["final"]:
                return world, facts
        world = self._load(self.experiment.model_of(self.arm))
        method = self.experiment.method(self.arm)
        compared: Facts = {"start": world.fingerprint(), "tokenizer": _tokenizer(world), "device": _device(world)}
        hooks, begin = touched(method), time.perf_counter()
        world = method.model(world, generator(self.root, "method", "model"))
        costs = {"edit seconds": time.perf_counter() - begin if "model" in hooks else 0.0}
        if self.experiment.budget.trains:
            trained, trained_costs = self._train(world, method)
            compared, costs = compared | trained, costs | trained_costs
        final = world.fingerprint()
        facts = {
            "key": key,
            "start": compared["start"],
            "final": final,
            "compared": compared,
            "touched": sorted(hooks),
            "costs": costs,
            "notes": list(world.notes),
            **self._keep(world, compared["start"], final),
        }
        write_json(self.path / "made.json", facts)
        shutil.rmtree(self.path / "checkpoint", ignore_errors=True)
        return world, facts

    def _load(self, name: str) -> World:
        from butfor.lm.load import load

        device = None if self.experiment.device == "auto" else self.experiment.device
        return load(name, dtype=self.experiment.dtype, device=device)

    def _train(self, world: World, method: Any) -> tuple[Facts, dict[str, float | None]]:
        """Train with the shared loop; what both arms must have in common, and what it cost."""
        from butfor.data.corpora import rows
        from butfor.train.loop import TrainSettings, train

        experiment = self.experiment
        budget = {key: value for key, value in experiment.budget.model_dump().items() if value}
        options = experiment.train.model_dump(exclude={"corpus"})
        with self.progress.task(f"train {self.name}", budget.get("steps", 0) or 1) as advance:
            found = train(
                cast("LM", world),
                rows(experiment.train.corpus),
                method,
                settings=TrainSettings(**budget, **options),
                seed=derive(self.root, "train"),
                folder=self.path,
                progress=lambda step, total, loss: advance(step, f"loss {loss:.3f}", total),
            )
        common = {"steps": found.steps, "tokens": found.tokens, "rows": found.rows_hash, "batches": found.batches_hash}
        costs = {
            "train seconds": found.seconds,
            "train tokens per second": found.tokens_per_second,
            "train peak memory": found.peak_memory_bytes,
            "train flops": found.flops,
        }
        return common, costs

    def _keep(self, world: World, start: str, final: str) -> Facts:
        """Save the changed weights once; where they stand, relative to the run folder (or the base model's name)."""
        if final == start:
            return {"model": self.experiment.model_of(self.arm), "saved": False}
        if self.experiment.keep == "records":
            return {"model": "", "saved": False}
        from butfor.lm.save import save

        target = self.path / "model"
        if final in self.made and (self.folder.path / self.made[final]).is_dir():
            return {"model": self.made[final], "saved": True}
        beside = target.with_name(".model.part")
        shutil.rmtree(beside, ignore_errors=True)
        shutil.rmtree(target, ignore_errors=True)
        with disk_errors(target):
            try:
                save(world, beside)
                beside.replace(target)
            except BaseException as error:
                shutil.rmtree(beside, ignore_errors=True)
                if "No space left" in str(error):
                    raise RunError(
                        f"the disk is full at {target}; free some space and run the same command again, "
                        "or save no weights with --set keep='\"records\"'"
                    ) from error
                raise
        self.made[final] = target.relative_to(self.folder.path).as_posix()
        return {"model": self.made[final], "saved": True}

    def _measure(self, world: World) -> dict[str, str]:
        """Every suite that fits this world; returns a digest of the items of each."""
        identity = (world.fingerprint(), _tokenizer(world), self.experiment.dtype, _device(world))
        digests: dict[str, str] = {}
        for measure in self.experiment.measure:
            suite = self.experiment.suite(measure)
            if kind_of(world) in suite.worlds:
                items = suite.items(world)
                if not digests and items:
                    suite.measure(world, items[:1])  # the first call of a model is slow, and is nobody's cost
                digests[f"items of {measure.suite}"] = digest([asdict(item) for item in items])
                self._suite(world, measure, suite, items, identity)
        return digests

    def _suite(self, world: World, measure: Measure, suite: Any, items: list[Item], identity: tuple[str, ...]) -> None:
        chunks = [items[at : at + suite.chunk] for at in range(0, len(items), suite.chunk)]
        whole: list[dict[str, Any]] = []
        timed = any(event.get("suite") == measure.suite and self._mine(event) for event in entries(self.journal.path))
        with self.progress.task(f"{self.name}: {measure.suite}", len(items)) as advance:
            for number, chunk in enumerate(chunks):
                content = [asdict(item) for item in chunk]
                key = digest(identity, measure.suite, _identity(suite), content, code_version(), environment())
                step = self.folder.step(key)
                known = step.is_file()
                if not known or (number == 0 and not timed):  # what another cell has scored is still timed once here
                    place = {"suite": measure.suite, "chunk": number, "of": len(chunks)}
                    self._score(step, place, lambda chunk=chunk: suite.measure(world, chunk))
                whole += read_lines(step)
                advance(min((number + 1) * suite.chunk, len(items)), "already known" if known else "")
        write_lines(self.path / "records" / f"{measure.suite}.jsonl", whole)

    def _mine(self, event: Mapping[str, Any]) -> bool:
        return event["event"] in {"step", "timed"} and (event["arm"], event["seed"]) == (self.name, self.seed)

    def _score(self, step: Path, place: Facts, measure: Callable[[], list[Any]]) -> None:
        begin, busy = time.perf_counter(), time.process_time()
        records = measure()
        seconds, busy = time.perf_counter() - begin, time.process_time() - busy
        again = step.is_file()
        if not again:
            write_lines(step, [asdict(record) for record in records])
        spent = {"seconds": round(seconds, 4), "processor_seconds": round(busy, 4)}
        self.journal.write("timed" if again else "step", arm=self.name, seed=self.seed, **place, **spent, key=step.stem)


def _identity(made: Any) -> tuple[Any, ...]:
    """What decides what a method or suite computes, beside the data: its class, its knobs, its source."""
    kind = type(made)
    return f"{kind.__module__}:{kind.__qualname__}", settings_of(made), source_version(kind)


def kind_of(world: World) -> str:
    """The word that methods and suites use for a kind of world."""
    return "vectors" if hasattr(world, "matrix") else "lm"


def _device(world: World) -> str:
    return str(getattr(world, "device", ""))


def _tokenizer(world: World) -> str:
    return "" if kind_of(world) == "vectors" else cast("LM", world).tokenizer_fingerprint()


def _facts(path: Path, key: str) -> Facts | None:
    """Facts on disk, if they were found under this very key."""
    if not path.is_file():
        return None
    facts: Facts = json.loads(path.read_text(encoding="utf-8"))
    return facts if facts["key"] == key else None
