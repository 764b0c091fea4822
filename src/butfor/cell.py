"""One arm with one seed: make its model, then measure every suite on it, in steps that a killed run finds again.

make     base model → the method's edit → the shared training loop; kept as `model/`, or as a pointer to equal weights
measure  items in fixed chunks; a chunk's key is the digest of all that decides its records; its file is whole or absent
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from butfor.core.errors import RunError, disk_errors
from butfor.core.folder import RunFolder, write_json
from butfor.core.journal import Journal
from butfor.core.keys import code_version, digest, environment, file_digest
from butfor.core.progress import Progress
from butfor.core.seeds import derive, generator
from butfor.core.spec import Arm, Experiment
from butfor.measure import Measuring, asked, identity_of

if TYPE_CHECKING:
    from butfor.lm import LM, World
    from butfor.train.loop import TrainSettings

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
        measures = {m.suite: identity_of(self.experiment.suite(m)) for m in self.experiment.measure}
        key = digest(self._make_key(), measures)
        facts = _facts(self.path / "facts.json", key)
        if facts is not None and facts["records"] == self._records(facts["records"]):
            if facts["saved"]:
                self.made.setdefault(facts["final"], facts["model"])
            return facts
        world, made = self._make()
        items = self._measure(world, method_key=made["opaque"])
        compared = {**made["compared"], **items}
        facts = {**made, "key": key, "compared": compared, "records": self._records(measures)}
        write_json(self.path / "overhead.json", facts["costs"])
        write_json(self.path / "notes.json", facts["notes"])
        write_json(self.path / "facts.json", facts)
        return facts

    def _records(self, suites: Iterable[str]) -> dict[str, str]:
        """The content of the records on disk, suite by suite."""
        files = {suite: self.path / "records" / f"{suite}.jsonl" for suite in suites}
        return {suite: file_digest(file) for suite, file in files.items() if file.is_file()}

    def _make_key(self) -> str:
        from butfor.lm.load import kind, place

        experiment, method = self.experiment, self.experiment.method(self.arm)
        model = experiment.model_of(self.arm)
        shared = (
            experiment.dtype,
            place(experiment.device) if kind(model) == "lm" else "",
            experiment.budget.model_dump(),
            experiment.train.model_dump() | {"corpus": experiment.corpus_of(self.arm)},
        )
        return digest(model, self.sources, identity_of(method), self.root, shared, code_version(), environment())

    def _make(self) -> tuple[World, Facts]:
        """The arm's model and what was found while making it."""
        from butfor.train.method import touched

        key = self._make_key()
        facts = _facts(self.path / "made.json", key)
        if facts is not None and facts["model"]:
            world = self._reloaded(facts)
            if world is not None and (world.fingerprint(), _behaviour(world)) == (facts["final"], facts["behaviour"]):
                return self._answering(world) if facts["answers"] else world, facts
        world = self._load(self.experiment.model_of(self.arm))
        method = self.experiment.method(self.arm)
        compared: Facts = {"start": world.fingerprint(), "tokenizer": _tokenizer(world), "device": _device(world)}
        plain = _behaviour(world)
        hooks, begin = touched(method), time.perf_counter()
        world = method.model(world, generator(self.root, "method", "model"))
        costs = {"edit seconds": time.perf_counter() - begin if "model" in hooks else 0.0}
        if self.experiment.budget.trains:
            trained, trained_costs = self._train(world, method)
            compared, costs = compared | trained, costs | trained_costs
        if look := getattr(method, "check", None):
            look(world, generator(self.root, "method", "check"))
        final, behaviour = world.fingerprint(), _behaviour(world)
        facts = {
            "key": key,
            "start": compared["start"],
            "final": final,
            "behaviour": behaviour,
            "opaque": key if world.hooked else "",
            "answers": getattr(world, "answers", None) is not None,
            "compared": compared,
            "touched": sorted(hooks),
            "costs": costs,
            "notes": list(world.notes),
            **self._keep(world, final, changed=(final, behaviour) != (compared["start"], plain)),
        }
        write_json(self.path / "made.json", facts)
        shutil.rmtree(self.path / "checkpoint", ignore_errors=True)
        return world, facts

    def _reloaded(self, facts: Facts) -> World | None:
        """The world that an earlier process made, if its folder is still whole."""
        try:
            return self._load(str(self.folder.path / facts["model"]) if facts["saved"] else facts["model"])
        except Exception:  # torn, half deleted, or replaced: make it again
            return None

    def _answering(self, world: World) -> World:
        """The same weights, in whose place the method answers: a method that does so changes none by itself."""
        return self.experiment.method(self.arm).model(world, generator(self.root, "method", "model"))

    def _load(self, name: str) -> World:
        from butfor.lm.load import load

        device = None if self.experiment.device == "auto" else self.experiment.device
        return load(name, dtype=self.experiment.dtype, device=device, seed=derive(self.root, "init"))

    def _train(self, world: World, method: Any) -> tuple[Facts, dict[str, float | None]]:
        """Train with the shared loop; what both arms must have in common, and what it cost."""
        from butfor.data.corpora import rows
        from butfor.train.loop import train
        from butfor.train.method import touched

        experiment = self.experiment
        for measure in experiment.measure:  # what cannot be asked should not cost a training first
            if world.kind in experiment.suite(measure).worlds:
                asked(measure.suite, experiment.suite(measure), world)
        with self.progress.task(f"train {self.name}", experiment.budget.steps or 1) as advance:
            found = train(
                cast("LM", world),
                rows(experiment.corpus_of(self.arm)),
                method,
                settings=train_settings(experiment),
                seed=derive(self.root, "train"),
                folder=self.path,
                progress=lambda step, total, loss: advance(step, f"loss {loss:.3f}", total),
            )
        common = {"steps": found.steps, "tokens": found.tokens, "rows": found.rows_hash, "batches": found.batches_hash}
        costs = {
            "train seconds": found.seconds,
            "attach seconds": found.attach_seconds if "attach" in touched(method) else 0.0,
            "train tokens per second": found.tokens_per_second,
            "train peak memory": found.peak_memory_bytes,
            "train flops": found.flops,
        }
        return common, costs

    def _keep(self, world: World, final: str, *, changed: bool) -> Facts:
        """Save the changed weights once; where they stand, relative to the run folder (or the base model's name)."""
        from butfor.lm.world import LM

        if not changed:
            return {"model": self.experiment.model_of(self.arm), "saved": False}
        bare = replace(world, answers=None) if isinstance(world, LM) else world  # answers are no weights
        if self.experiment.keep == "records" or bare.hooked or world.kind == "analyst":
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

    def _measure(self, world: World, method_key: str) -> dict[str, str]:
        """Every suite that fits this world; returns a digest of the items of each.

        `method_key` names the arm's method where it left code on the model, which no fingerprint can see into.
        """
        seen = (world.fingerprint(), _behaviour(world), method_key, _tokenizer(world))
        measuring = Measuring(
            folder=self.folder,
            journal=self.journal,
            progress=self.progress,
            arm=self.name,
            seed=self.seed,
            identity=(*seen, self.experiment.dtype, _device(world)),
        )
        digests: dict[str, str] = {}
        for measure in self.experiment.measure:
            suite = self.experiment.suite(measure)
            if world.kind in suite.worlds:
                items = asked(measure.suite, suite, world)
                if not digests:
                    suite.measure(world, items[:1])  # the first call of a model is slow, and is nobody's cost
                digests[f"items of {measure.suite}"] = digest([asdict(item) for item in items])
                measuring.suite(world, measure.suite, suite, items)
        return digests


def _behaviour(world: World) -> str:
    """What the model makes of a fixed text: an edit may show in no weight, hook or class."""
    from butfor.lm.identity import behaviour

    return behaviour(cast("LM", world)) if world.kind == "lm" else ""


def _device(world: World) -> str:
    return str(getattr(world, "device", ""))


def _tokenizer(world: World) -> str:
    return cast("LM", world).tokenizer_fingerprint() if world.kind == "lm" else ""


def train_settings(experiment: Experiment) -> TrainSettings:
    """How every arm trains, or `SpecError` where that cannot be."""
    from butfor.train.loop import TrainSettings

    budget = {key: value for key, value in experiment.budget.model_dump().items() if value}
    return TrainSettings(**budget, **experiment.train.model_dump(exclude={"corpus"}))


def _facts(path: Path, key: str) -> Facts | None:
    """Facts on disk, if they are whole and were found under this very key."""
    try:
        facts: Any = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return cast(Facts, facts) if isinstance(facts, dict) and facts.get("key") == key else None
