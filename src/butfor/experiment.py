"""A controlled experiment, end to end: plan, make each arm, measure it, compare.

for each seed and arm:  load the model → the method's edit → the shared training loop → every suite, in resumable steps
then:                   pair the records of the arms → effects.json → report.html → manifest.json

A step is named by the content that decides its result (weights, tokenizer, suite, items, code, environment). A killed
run finds its finished steps by that name; a chunk of items is always batched alike, so the bytes come out the same.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from butfor._version import __version__
from butfor.cell import Cell, Facts, train_settings
from butfor.core.diff import arm_diff, refuse_undeclared, same
from butfor.core.errors import RunError, SpecError, UserError
from butfor.core.folder import RunFolder, write_json
from butfor.core.journal import Journal, entries
from butfor.core.keys import code_version, digest, environment, file_digest, files_named, source_version
from butfor.core.progress import Progress
from butfor.core.read import Problem, check, read
from butfor.core.registry import resolve, settings_of
from butfor.core.spec import Arm, Experiment
from butfor.report import render


def load(
    source: Experiment | str | Path | Mapping[str, Any],
    *,
    preset: str | None = None,
    overrides: Sequence[str] = (),
) -> Experiment:
    """The experiment, checked against what is on this machine: models, data sets, and which suite fits which world."""
    if isinstance(source, Experiment):
        return check(source, also=_on_this_machine)
    return read(source, preset=preset, overrides=overrides, also=_on_this_machine)


def _on_this_machine(experiment: Experiment) -> Iterator[Problem]:
    """What stands in the way here. Names and knobs that do not fit have been reported already, and are passed over."""
    from butfor.data.corpora import rows
    from butfor.lm.load import kind, place
    from butfor.train.marks import checked
    from butfor.train.method import touched
    from butfor.train.task import labelled

    places = {"control": ("control",), "treatment": ("treatment",)}
    places |= {arm.name: ("arm", number) for number, arm in enumerate(experiment.arm)}
    worlds: dict[str, str] = {}
    for name, arm in experiment.arms.items():
        model, where = experiment.model_of(arm), _model_place(arm, places[name])
        try:
            worlds[name] = kind(model)
        except UserError as error:
            yield where, str(error)
        try:
            method = experiment.method(arm)
        except UserError:
            continue
        try:
            getattr(method, "rests_on", ())
        except UserError as error:
            yield (*places[name], "method"), str(error)
        hooks = touched(method)
        if hooks and "model" not in hooks and not experiment.budget.trains:
            yield (
                (*places[name], "method"),
                f"{arm.method} acts in training, and nothing is trained: set budget.steps",
            )
        if experiment.budget.trains and worlds.get(name, "lm") != "lm":
            yield where, f"{model} is no language model and cannot be trained; set budget.steps = 0"
        if worlds.get(name, method.worlds[0]) not in method.worlds:
            yield (
                (*places[name], "method"),
                f"{arm.method} works on {' and '.join(method.worlds)}, and {model} is not one",
            )
    trained: dict[str, set[str]] = {}  # corpus → the files that it reads
    if experiment.budget.trains:
        yield from _wordless(experiment, places, worlds)
        for name in dict.fromkeys(map(experiment.corpus_of, experiment.arms.values())):
            arms = [label for label, arm in experiment.arms.items() if experiment.corpus_of(arm) == name]
            corpus: list[dict[str, Any]] = []
            try:
                trained[name] = _digests(lambda name=name, corpus=corpus: corpus.extend(rows(name)))
                checked(corpus)
                labelled(corpus, experiment.train.objective)
            except UserError as error:
                own = experiment.arms[arms[0]].corpus is not None
                yield (*places[arms[0]], "corpus") if own else ("train", "corpus"), str(error)
            else:
                yield from _unfit(experiment, {arm: places[arm] for arm in arms}, corpus)
        try:
            train_settings(experiment)
        except SpecError as error:
            yield from ((tuple(mistake.where.split(".")), mistake.problem) for mistake in error.mistakes)
    yield from _unmeasurable(experiment, set(worlds.values()), trained)
    if experiment.device != "auto":
        try:
            place(experiment.device)
        except UserError as error:
            yield ("device",), str(error)


def _model_place(arm: Arm, place: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """Where the model of an arm is written."""
    return (*place, "model") if arm.model else ("model",)


def _wordless(
    experiment: Experiment, places: Mapping[str, tuple[str | int, ...]], worlds: Mapping[str, str]
) -> Iterator[Problem]:
    """Encoders that should learn which option comes next."""
    from butfor.lm.load import encodes

    if experiment.train.objective != "choice":
        return
    for name, arm in experiment.arms.items():
        model = experiment.model_of(arm)
        if worlds.get(name) == "lm" and encodes(model):
            problem = f"{model} is an encoder and goes on with no text; set train.objective = 'label'"
            yield _model_place(arm, places[name]), problem


def _unmeasurable(experiment: Experiment, worlds: set[str], trained: Mapping[str, set[str]]) -> Iterator[Problem]:
    """Suites whose data are not here, that measure no arm, or that read what every arm trains on."""
    for number, measure in enumerate(experiment.measure):
        try:
            suite = experiment.suite(measure)
        except UserError:
            continue
        read: set[str] = set()
        try:
            read = _digests(getattr(suite, "ready", lambda: None))
        except UserError as error:
            yield ("measure", number), str(error)
        if worlds and not set(suite.worlds) & worlds:
            yield (
                ("measure", number, "suite"),
                f"{measure.suite} measures {' and '.join(suite.worlds)}; no arm is one",
            )
        if faculty := getattr(suite, "faculty", ""):
            asked = [arm.method for arm in experiment.arms.values() if experiment.model_of(arm) != "analyst"]
            if unable := [method for method in asked if not _answers(method, faculty)]:
                yield (
                    ("measure", number, "suite"),
                    f"{measure.suite} measures methods that draw graphs, not {unable[0]}",
                )
        answering = [arm.method for arm in experiment.arms.values() if _answers(arm.method)]
        if answering and not getattr(suite, "by_methods", False):
            problem = f"{measure.suite} asks in a way of its own, in which {answering[0]} cannot answer"
            yield ("measure", number, "suite"), f"{problem}; take a suite of questions, such as reason.ladder"
        apart = getattr(suite, "apart_from", ())  # corpora that leave out what this suite asks of the same file
        if any(files & read for corpus, files in trained.items() if corpus not in apart):
            yield ("measure", number), "reads the text that every arm trains on; measure on other text, or train on it"


def _answers(method: str, faculty: str = "steps") -> bool:
    """Whether a method answers in the model's place."""
    try:
        return callable(getattr(resolve("method", method), faculty, None))
    except UserError:  # it has been reported
        return False


def _unfit(
    experiment: Experiment, places: Mapping[str, tuple[str | int, ...]], corpus: list[dict[str, Any]]
) -> Iterator[Problem]:
    """Arms whose head or method cannot work with the corpus or the training: known before anything is trained."""
    from butfor.train import trl
    from butfor.train.loop import unsuited
    from butfor.train.task import outgrown

    if experiment.train.loop == "trl" and (problem := trl.unpaired(corpus, experiment.train.objective)):
        yield ("train", "loop"), problem
    for name, place in places.items():
        arm = experiment.arms[name]
        try:
            if experiment.train.objective == "label" and (problem := outgrown(experiment.model_of(arm), corpus)):
                yield _model_place(arm, place), problem
        except UserError as error:
            yield _model_place(arm, place), str(error)
        try:
            method = experiment.method(arm)
        except UserError:  # its knobs have been reported
            continue
        try:
            getattr(method, "fits", lambda _: None)(corpus)
        except UserError as error:
            yield (*place, "method"), str(error)
        with suppress(SpecError):  # settings that cannot be have been reported
            if problem := unsuited(method, train_settings(experiment), corpus, experiment.model_of(arm)):
                yield (*place, "method"), problem


def _digests(look: Callable[[], object]) -> set[str]:
    """The content of every data file that `look` reads."""
    from butfor.data.find import watched

    with watched() as files:
        look()
    return {file_digest(file) for file in files}


def sources(experiment: Experiment) -> str:
    """Digest of all that a result rests on here: data and model files, wherever they were found, and plug-ins' code."""
    from butfor.data.corpora import rows
    from butfor.lm.load import stamp

    corpora = set(map(experiment.corpus_of, experiment.arms.values())) if experiment.budget.trains else set[str]()
    read = _digests(lambda: [rows(name) for name in corpora])
    for measure in experiment.measure:
        read |= _digests(getattr(experiment.suite(measure), "ready", lambda: None))
    made = [experiment.method(arm) for arm in experiment.arms.values()]
    read |= {digest for method in made for digest in getattr(method, "rests_on", ())}
    for knobs in map(settings_of, [*made, *map(experiment.suite, experiment.measure)]):
        read |= {file_digest(file) for file in files_named(knobs)}
    kinds = map(type, [*made, *map(experiment.suite, experiment.measure)])
    plugged = [source_version(kind) for kind in kinds if not kind.__module__.startswith("butfor.")]
    models = sorted({experiment.model_of(arm) for arm in experiment.arms.values()})
    return digest(sorted(read), [stamp(model) for model in models], plugged)


def name_of(experiment: Experiment, found: str) -> str:
    """The run folder's name: the same experiment on the same files (`sources`) finds its folder again."""
    return f"{experiment.name}-{digest(experiment.model_dump(), found)[:8]}"


def settings(experiment: Experiment) -> dict[str, dict[str, Any]]:
    """Every setting of every arm, defaults filled in: what the arm diff compares."""
    shared = {"dtype": experiment.dtype, "seeds": list(experiment.seeds)}
    shared |= {f"budget.{key}": value for key, value in experiment.budget.model_dump().items()}
    if experiment.budget.trains:
        shared |= {f"train.{key}": value for key, value in experiment.train.model_dump().items()}
    return {
        name: {
            "method": arm.method,
            **{f"knob.{key}": value for key, value in settings_of(experiment.method(arm)).items()},
            "model": experiment.model_of(arm),
            "seeding": "shared" if experiment.seeding == "shared" else f"{name}'s own",
            **shared,
            **({"train.corpus": experiment.corpus_of(arm)} if experiment.budget.trains else {}),
        }
        for name, arm in experiment.arms.items()
    }


def diff(experiment: Experiment) -> list[dict[str, Any]]:
    """The arm diff of an experiment, before anything has run."""
    varies = {"corpus": "train.corpus"}
    declared = frozenset({"method", "seeding", *(varies.get(key, key) for key in experiment.varies)})
    return arm_diff(settings(experiment), declared, experiment.pairs)


def plan(experiment: Experiment) -> dict[str, Any]:
    """What a run would do: arms, arm diff, the items and steps of every suite. Loads the models, runs none."""
    from butfor.lm.load import load as load_world

    worlds = {experiment.model_of(arm): arm for arm in experiment.arms.values()}
    counts: dict[str, int] = {}
    for model in worlds:
        world = load_world(model, dtype=experiment.dtype, device="cpu")
        for measure in experiment.measure:
            suite = experiment.suite(measure)
            if world.kind in suite.worlds:
                counts[measure.suite] = max(counts.get(measure.suite, 0), len(suite.items(world)))
    measures = [
        {
            "suite": measure.suite,
            "primary": measure.primary,
            "items": counts.get(measure.suite, 0),
            "steps": -(-counts.get(measure.suite, 0) // experiment.suite(measure).chunk),
        }
        for measure in experiment.measure
    ]
    budget, shape = experiment.budget, experiment.train
    tokens = budget.tokens or budget.steps * shape.batch_size * shape.length
    return {
        "name": experiment.name,
        "run": name_of(experiment, sources(experiment)),
        "arms": list(experiment.arms),
        "seeds": list(experiment.seeds),
        "diff": diff(experiment),
        "same": same(settings(experiment)),
        "training": f"{tokens} tokens for each arm and seed" if tokens else "none",
        "measures": measures,
    }


@dataclass(frozen=True, slots=True)
class Result:
    """A finished run."""

    path: Path
    primary: dict[str, Any]
    effects: list[dict[str, Any]]
    trusted: bool

    @property
    def report(self) -> Path:
        return self.path / "report.html"


def open_run(path: Path | str) -> Result:
    """A finished run on disk."""
    path = Path(path)
    if not path.is_dir():
        raise UserError(f"no run folder at {path}; see the folders under runs/")
    if not RunFolder(path).whole:
        raise UserError(f"{path} is not finished; the command that started it finishes it: {command_of(path)}")
    if wrong := RunFolder(path).damaged():
        raise UserError(f"{path}: {wrong} was changed after the run; the same command mends it: {command_of(path)}")
    found = json.loads((path / "effects.json").read_text(encoding="utf-8"))
    trusted = json.loads((path / "checks.json").read_text(encoding="utf-8"))["trusted"]
    return Result(path, found["primary"], found["effects"], trusted)


def compare(a: Path | str, b: Path | str) -> dict[str, Any]:
    """Run B minus run A, both finished: every metric of every arm that both have, on what was asked alike."""
    from butfor.effects import compare

    return compare(open_run(a).path, open_run(b).path)


def recovered(run: Path | str, part: str, whole: str, none: str = "control") -> list[dict[str, Any]]:
    """Of every metric of a finished run, the share of the gain of arm `whole` over `none` that arm `part` reaches."""
    from butfor.effects import recovered

    return recovered(open_run(run).path, part, whole, none)


def command_of(path: Path) -> str:
    """The command that made a run folder."""
    return next((e["command"] for e in entries(path / "journal.jsonl") if e.get("command")), "butfor run")


def run(
    experiment: Experiment | str | Path | Mapping[str, Any],
    *,
    out: Path | str = "runs",
    progress: Progress | None = None,
    command: str = "",
) -> Result:
    """Run an experiment, or what is left of it, in its folder under `out`; a finished one is opened, not run again."""
    experiment = load(experiment)
    found = sources(experiment)
    folder = RunFolder(Path(out) / name_of(experiment, found))
    progress = progress or Progress(quiet=True)
    if folder.finished(progress):
        if not folder.intact("report.html"):
            render(folder.path)
        return open_run(folder.path)
    with folder.hold() as journal:
        if wrong := folder.damaged():
            if folder.made_elsewhere:
                raise UserError(
                    f"{folder.path / wrong} was changed after the run, and other code or packages made the rest\n"
                    "restore that file, or move the folder away and run again"
                )
            progress.say(f"note: {wrong} was changed or removed after the run; what is missing is made again")
            (folder.path / "manifest.json").unlink()
        if not folder.whole:
            _Run(experiment, folder, journal, progress, command, found).go()
    return open_run(folder.path)


@dataclass(eq=False)
class _Run:
    """One run in progress. `facts` holds, for each arm and seed, what was found while making and measuring it."""

    experiment: Experiment
    folder: RunFolder
    journal: Journal
    progress: Progress
    command: str
    sources: str
    facts: dict[tuple[str, int], Facts] = field(default_factory=dict)

    def go(self) -> None:
        """Everything, in order; each part finds what an earlier process finished."""
        path, experiment = self.folder.path, self.experiment
        arms = list(experiment.arms)  # every other seed backwards: coming first must not cost one arm more than another
        cells = [(name, seed) for n, seed in enumerate(experiment.seeds) for name in (arms[::-1] if n % 2 else arms)]
        self.journal.write(
            "start", command=self.command, cells=len(cells), suites=len(experiment.measure), environment=environment()
        )
        write_json(path / "experiment.json", describe(experiment))
        write_json(path / "diff.json", {"rows": diff(experiment)})
        made: dict[str, str] = {}
        for number, (name, seed) in enumerate(cells, 1):
            self.progress.say(f"[{number}/{len(cells)}] {name}, seed {seed}")
            self.journal.write("cell", arm=name, seed=seed, number=number)
            cell = Cell(experiment, self.folder, self.journal, self.progress, name, seed, self.sources, made)
            self.facts[name, seed] = cell.go()
        self._compare()

    def _compare(self) -> None:
        from butfor.effects import find, overhead

        path, experiment = self.folder.path, self.experiment
        rows = diff(experiment) + self._found_differences()
        refuse_undeclared(rows)
        self._refuse_a_moving_ground()
        write_json(path / "diff.json", {"rows": rows})
        found = find(path, experiment)
        write_json(path / "levels.json", {"levels": found.levels})
        costs = overhead(self._costs(), experiment.pairs, experiment.level)
        write_json(path / "overhead.json", {"overhead": costs})
        write_json(path / "checks.json", {"trusted": found.trusted, "checks": found.checks})
        write_json(path / "effects.json", {"primary": found.primary, "effects": found.effects})
        render(path)
        shutil.rmtree(path / "steps", ignore_errors=True)
        self.journal.write("done", trusted=found.trusted)
        self.folder.seal(butfor=__version__, code=code_version(), environment=environment(), command=self.command)

    def _refuse_a_moving_ground(self) -> None:
        """An arm rests on the same model, device, text and items with every seed."""
        from butfor.lm.load import made

        for name, arm in self.experiment.arms.items():
            first, *rest = (self.facts[name, seed]["compared"] for seed in self.experiment.seeds)
            fixed = {"tokenizer", "device", "rows"}
            fixed |= set[str]() if made(self.experiment.model_of(arm)) else {"start"}  # a seed draws these weights
            for key in (key for key in first if key in fixed or " of " in key):
                if any(facts.get(key) != first[key] for facts in rest):
                    raise RunError(
                        f"{key} of {name} changed from one seed to the next: a file was replaced while the run was "
                        f"unfinished\nremove {self.folder.path} and run the same command again"
                    )

    def _found_differences(self) -> list[dict[str, Any]]:
        """What turned out different between an arm and the one it is compared with, seed by seed."""
        from butfor.lm.load import made

        rows: list[dict[str, Any]] = []
        for name, against in self.experiment.pairs:
            for seed in self.experiment.seeds:
                pair = {label: self.facts[label, seed] for label in (against, name)}
                hooks = {hook for facts in pair.values() for hook in facts["touched"]}
                own = self.experiment.seeding == "own"
                declared = {"batches", "tokens", "steps"} if "data" in hooks or own else set[str]()
                if own and made(self.experiment.model_of(self.experiment.arms[name])):
                    declared |= {"start"}  # its weights are drawn by the arm's own seed
                if len({self.experiment.corpus_of(self.experiment.arms[label]) for label in pair}) > 1:
                    declared |= {"rows", "batches", "tokens", "steps"}
                compared = {label: facts["compared"] for label, facts in pair.items()}
                if "model" in self.experiment.varies:  # another tokenizer cuts other batches and windows
                    declared |= {"start", "tokenizer", "device", "batches", "tokens", "steps"}
                    declared |= {key for facts in compared.values() for key in facts if key.startswith("items of ")}
                found = arm_diff(compared, frozenset(declared), [(name, against)])
                rows += [{**row, "key": f"{row['key']} (seed {seed})"} for row in found]
        return rows

    def _costs(self) -> dict[str, dict[str, dict[Any, float]]]:
        """cost → arm → unit → value, from the journal (steps) and the cells (training)."""
        costs: dict[str, dict[str, dict[Any, float]]] = {}
        for event in entries(self.folder.path / "journal.jsonl"):
            if event["event"] in {"step", "timed"} and "processor_seconds" in event:
                unit = (event["seed"], event["suite"], event["chunk"])
                for kind in ("seconds", "processor_seconds"):
                    cost = costs.setdefault(f"score {kind.replace('_', ' ')}", {})
                    cost.setdefault(event["arm"], {})[unit] = event[kind]
        for (name, seed), facts in self.facts.items():
            for cost, value in facts["costs"].items():
                if value is not None:
                    costs.setdefault(cost, {}).setdefault(name, {})[seed] = value
        return costs


def describe(experiment: Experiment) -> dict[str, Any]:
    """The resolved experiment, as it stands in experiment.json."""
    table = experiment.model_dump(exclude={"control", "treatment", "arm", "measure"})
    arms = [
        {
            "name": name,
            "method": arm.method,
            "against": arm.against if name != "control" and arm.against else None,
            "model": experiment.model_of(arm),
            "corpus": experiment.corpus_of(arm) if experiment.budget.trains else None,
            "knobs": settings_of(experiment.method(arm)),
        }
        for name, arm in experiment.arms.items()
    ]
    measures = [
        {
            "suite": measure.suite,
            "primary": measure.primary,
            "metric": measure.metric,
            "knobs": settings_of(experiment.suite(measure)),
        }
        for measure in experiment.measure
    ]
    return {**table, "arms": arms, "measures": measures}
