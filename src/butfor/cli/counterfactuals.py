"""counterfactuals: make them of a file of texts, score them, write a page to read and a file for a person to edit."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from butfor.core.errors import MalformedData, UnknownName, UserError, no_file
from butfor.core.progress import Progress

if TYPE_CHECKING:
    from butfor.data.counterfactual.judge import Judge
    from butfor.data.counterfactual.made import Made, Maker
    from butfor.data.counterfactual.scores import Line
    from butfor.data.counterfactual.trained import Trained
    from butfor.data.counterfactual.wordmap import WordMap

MAKERS = ("rules", "learnt", "rewrite", "codes", "mice")
PEOPLE = "people"
WRITTEN = "written.json"  # in the folder of drafts: what this command wrote last
WORDS = "words"  # a judge that needs no model
Shown = tuple[str, str, str, str]  # an example: text, value, counterfactual, its value


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is to be made of SOURCE, with what, and where it goes."""

    source: Path
    out: Path
    variable: str = "sentiment"
    target: str = "other"
    makers: tuple[str, ...] = ("rules",)
    words: Path | None = None
    examples: Path | None = None
    model: str = "smollm2-135m"
    endpoint: str = ""
    style: Literal["chat", "lines"] = "chat"
    unit: Literal["text", "sentence"] = "text"
    pull: float = 0.0
    judge: Path | None = None
    guide: Path | None = None
    encoder: str = WORDS
    fluency: str = ""
    reviewed: Path | None = None
    seed: int = 0
    limit: int = 0
    sample: int = 40

    def __post_init__(self) -> None:
        if not self.makers:
            raise UserError(f"--makers names nobody; give one or more of {', '.join(MAKERS)}")
        for maker in self.makers:
            if maker not in MAKERS:
                raise UnknownName("maker", maker, MAKERS)
        if "learnt" in self.makers and self.examples is None:
            raise UserError("the maker 'learnt' learns a word map from pairs; give them with --examples FILE.jsonl")
        if self.out.suffix != ".jsonl":
            raise UserError(
                f"{self.out} holds one counterfactual a line; call it {self.out.with_suffix('.jsonl').name}"
            )
        for option in ("words", "examples", "judge", "guide", "reviewed"):
            path: Path | None = getattr(self, option)
            if path is not None and not path.is_file():
                raise UserError(f"--{option} {path}: {'is a folder' if path.is_dir() else 'there is no such file'}")
        if self.judge and self.guide and self.judge.samefile(self.guide):
            raise UserError("--judge and --guide are one file: who guided the edits cannot judge them; give other rows")

    @property
    def page(self) -> Path:
        """The page to read."""
        return self.out.with_suffix(".html")

    @property
    def review(self) -> Path:
        """The file that a person edits."""
        return self.out.with_suffix(".review.txt")

    @property
    def folder(self) -> Path:
        """Where drafts are kept, so that the same command goes on where it ended."""
        return self.out.with_suffix(".drafts")


def counterfactuals_command(asked: Wanted, *, as_json: bool, quiet: bool) -> None:
    """Write OUT, its page and its review file, and say how good each maker is."""
    from butfor.data.counterfactual import made as files
    from butfor.data.counterfactual import review
    from butfor.data.counterfactual.filters import filtered
    from butfor.data.counterfactual.page import page
    from butfor.data.counterfactual.scores import summary

    progress = Progress(quiet=quiet)
    rows = _rows(asked.source)[: asked.limit or None]
    _refuse_to_lose(asked)
    shown = _pairs(asked.examples, asked.variable) if asked.examples else []
    made = _made(asked, rows, shown, progress)
    people = _people(made, rows)
    judge = _trained(asked.judge, asked, rows) if asked.judge else None
    progress.say("scoring")
    scored = _scored([*people, *made], asked, judge)
    people, made = scored[: len(people)], filtered(scored[len(people) :])
    if asked.reviewed:
        made = review.read(asked.reviewed, made)
        mended = _scored([one for one in made if not one.scores], asked, judge)  # what a person kept is not filtered
        new = {(one.id, one.maker): one for one in mended}
        made = [new.get((one.id, one.maker), one) for one in made]
    else:
        if asked.out.is_file() and review.untouched(asked.review, files.read(asked.out)):
            asked.review.unlink()  # nobody edited it: the new one takes its place
        review.write(asked.review, made)
    lines = summary([*people, *made], people)
    files.write(asked.out, made)
    title = f"Counterfactuals of {asked.source.name}: {asked.variable}"
    text = page(
        made, lines, title=title, notes=_notes(asked, judge), people=people, sample=asked.sample, seed=asked.seed
    )
    asked.page.write_text(text, encoding="utf-8")
    _remember(asked)
    if as_json:
        from butfor.cli.app import show_json

        show_json(_facts(asked, made, lines, judge))
        return
    _show(asked, made, lines, judge)


def _refuse_to_lose(asked: Wanted) -> None:
    """Refuse to write over what this command did not write, or what a person has had a hand in."""
    from butfor.core.keys import file_digest

    there = [path for path in (asked.out, asked.page) if path.is_file()]
    if not there:
        return
    note = asked.folder / WRITTEN
    wrote = json.loads(note.read_text(encoding="utf-8")) if note.is_file() else {}
    for path in there:
        if wrote.get("files", {}).get(path.name) != file_digest(path):
            raise UserError(f"{path} is there, and is not as this command left it; move it away, or choose another OUT")
    if wrote["source"] != str(asked.source.resolve()):
        raise UserError(f"{asked.out} was made of {wrote['source']}; choose another OUT")
    if wrote["reviewed"] and not asked.reviewed:
        raise UserError(
            f"{asked.out} holds what a person said of it; add --reviewed {wrote['reviewed']}, or choose another OUT"
        )


def _remember(asked: Wanted) -> None:
    """Note what was written, so that the next command knows what is its own."""
    from butfor.core.folder import write_json
    from butfor.core.keys import file_digest

    files = {path.name: file_digest(path) for path in (asked.out, asked.page)}
    reviewed = str(asked.reviewed) if asked.reviewed else ""
    write_json(asked.folder / WRITTEN, {"source": str(asked.source.resolve()), "reviewed": reviewed, "files": files})


def _made(asked: Wanted, rows: Sequence[dict[str, Any]], shown: Sequence[Shown], progress: Progress) -> list[Made]:
    from butfor.data.counterfactual import generate

    guide = _trained(asked.guide, asked, rows).judge if asked.guide else None
    found: list[Made] = []
    for name in dict.fromkeys(asked.makers):
        maker = _maker(name, asked, shown, guide)
        with progress.task(name, len(rows)) as advance:
            found += generate(
                maker, rows, asked.variable, asked.target, seed=asked.seed, folder=asked.folder, advance=advance
            )
    return found


def _maker(name: str, asked: Wanted, shown: Sequence[Shown], guide: Judge | None) -> Maker:
    from butfor.data.counterfactual import wordmap
    from butfor.data.counterfactual.rules import Rules

    own = wordmap.read(asked.words) if asked.words else None
    if name == "rules":
        return Rules(own)
    if name == "learnt":
        return Rules(_learnt(shown, asked.variable, own), name="learnt")
    if name == "rewrite":
        from butfor.data.counterfactual.rewrite import Example, Rewriter

        return Rewriter(
            world=_world(asked), examples=tuple(Example(*pair) for pair in shown), style=asked.style, unit=asked.unit,
            pull=asked.pull, guide=guide if asked.unit == "sentence" else None,
        )  # fmt: skip
    return _editor(name, asked, guide)


def _editor(name: str, asked: Wanted, guide: Judge | None) -> Maker:
    """The makers that change words inside a text, with a model in memory."""
    from butfor.data.counterfactual.codes import Coded
    from butfor.data.counterfactual.infill import Guided
    from butfor.data.counterfactual.mice import Mice

    if asked.endpoint:
        raise UserError(f"the maker {name!r} needs a model in memory; leave out --endpoint")
    if name == "codes":
        return Coded(lm=_world(asked), judge=guide)
    if guide is None:
        raise UserError("the maker 'mice' edits until a judge follows; give rows to train it on: --guide FILE.jsonl")
    return Mice(judge=guide, editor=Guided(_world(asked)))


def _world(asked: Wanted) -> Any:
    if asked.endpoint:
        from butfor.lm.chat import Chat

        return Chat(asked.endpoint, asked.model, memory=asked.folder / "answers.jsonl")
    from butfor.lm.load import load

    return load(asked.model, dtype="auto")


def _learnt(pairs: Sequence[Shown], variable: str, own: WordMap | None) -> WordMap:
    """The map of people's edits, and what ours knows beside it, where it goes between the same values."""
    from butfor.data.counterfactual import wordmap

    values = pairs[0][1], pairs[0][3]
    turned = [
        (text, new) if before == values[0] else (new, text)
        for text, before, new, wanted in pairs
        if {before, wanted} == set(values)
    ]
    found = wordmap.learnt(turned, values)
    ours = own or (wordmap.built_in(variable) if variable in wordmap.BUILT_IN else None)
    return found.joined(ours) if ours else found


def _rows(file: Path) -> list[dict[str, Any]]:
    return [row for _, row in _numbered(file)]


def _numbered(file: Path) -> list[tuple[int, dict[str, Any]]]:
    """The rows of a file, each with its line, named as training names them."""
    from butfor.data.find import objects

    if not file.is_file():
        raise UserError(f'{file} {no_file(file)}; give a file of rows: {{"text": …, "label": …}}, one a line')
    return [(line, {"id": f"{file.stem}/{line}", **row}) for line, row in objects(file)]


def _pairs(file: Path, variable: str) -> list[Shown]:
    """The examples of a file; the wanted value is that of the other rows where a row has none."""
    rows = _numbered(file)
    known = list(dict.fromkeys(str(row.get(variable, row.get("label", ""))) for _, row in rows))
    found: list[Shown] = []
    for line, row in rows:
        value = str(row.get(variable, row.get("label", "")))
        wanted = str(row.get("wanted", next((other for other in known if other != value), "")))
        if not isinstance(row.get("text"), str) or not isinstance(row.get("counterfactual"), str) or not wanted:
            raise MalformedData(file, line, f"a pair has 'text', 'counterfactual', {variable!r} and 'wanted'")
        found.append((row["text"], value, row["counterfactual"], wanted))
    return found


def _people(made: Sequence[Made], rows: Sequence[dict[str, Any]]) -> list[Made]:
    """What persons made of the same texts, where the rows bring it."""
    from butfor.data.counterfactual.made import Draft, Made

    theirs = {str(row["id"]): row["counterfactual"] for row in rows if isinstance(row.get("counterfactual"), str)}
    cases = {one.id: one.case for one in made if one.id in theirs}
    return [Made.of(case, Draft(theirs[name]), PEOPLE) for name, case in cases.items()]


def _trained(file: Path, asked: Wanted, rows: Sequence[dict[str, Any]]) -> Trained:
    from butfor.data.counterfactual import value_of
    from butfor.data.counterfactual.trained import trained
    from butfor.data.counterfactual.wordjudge import word_judge
    from butfor.lm.load import load
    from butfor.lm.world import LM

    given = _rows(file)
    seen = {row.get(key) for row in rows for key in ("text", "counterfactual")} - {None}
    if shared := sum(row.get("text") in seen for row in given):
        raise UserError(f"{shared} rows of {file} are texts of {asked.source}: a judge must not have learnt from them")
    labels = [value_of(number, row, asked.variable) for number, row in enumerate(given)]
    texts = [row["text"] for row in given]
    groups = [str(row.get("group", row["id"])) for row in given]
    if asked.encoder == WORDS:
        return word_judge(texts, labels, seed=asked.seed, groups=groups)
    world = load(asked.encoder)
    if not isinstance(world, LM):
        raise UserError(f"{asked.encoder} reads words, not texts; give a language model with --encoder, or {WORDS}")
    return trained(world, texts, labels, seed=asked.seed, groups=groups)


def _scored(made: Sequence[Made], asked: Wanted, judge: Trained | None) -> list[Made]:
    from butfor.data.counterfactual.judge import Classifier
    from butfor.data.counterfactual.scores import scored
    from butfor.lm.load import load

    lm: Any = load(asked.fluency, dtype="auto") if asked.fluency and made else None
    space = judge.judge.lm if judge and isinstance(judge.judge, Classifier) else None
    return scored(made, judge=judge.judge if judge else None, lm=lm, space=space)


def _notes(asked: Wanted, judge: Trained | None) -> list[str]:
    found = [f"Made by {', '.join(asked.makers)}; seed {asked.seed}; target {asked.target}."]
    if judge:
        found.append(
            f"Flips are judged by what {asked.encoder} tells, trained on {judge.rows:,} rows of {asked.judge}; "
            f"on rows held out from it, it is right in {judge.accuracy}."
        )
    else:
        found.append("No judge: give rows with labels to train one on, and flips are scored.")
    if asked.fluency:
        found.append(f"Fluency by {asked.fluency}, nats per token against the old text.")
    return found


def _show(asked: Wanted, made: Sequence[Made], lines: Sequence[Line], judge: Trained | None) -> None:
    if judge:
        print(f"judge: {asked.encoder}, {judge.rows:,} rows, right on held-out ones in {judge.accuracy}\n")
    print(f"{'maker':<10} {'score':<9} {'level':<36} less people")
    for line in lines:
        print(f"{line.maker:<10} {line.score:<9} {line.level!s:<36} {line.beyond or ''}".rstrip())
    for maker in dict.fromkeys(one.maker for one in made):
        mine = [one for one in made if one.maker == maker]
        against = Counter(reason for one in mine for reason in one.reasons).most_common(3)
        why = "".join(f"; {reason}: {count}" for reason, count in against)
        print(f"\n{maker}: {sum(one.kept for one in mine)} of {len(mine)} are fit for use{why}", end="")
    edit = "" if asked.reviewed else f"\n{asked.review}  (to edit; then --reviewed {asked.review})"
    print(f"\n\n{asked.out}\n{asked.page}  (to read){edit}")


def _facts(asked: Wanted, made: Sequence[Made], lines: Sequence[Line], judge: Trained | None) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "out": str(asked.out),
        "page": str(asked.page),
        "review": str(asked.review),
        "judge": {"accuracy": asdict(judge.accuracy), "rows": judge.rows} if judge else None,
        "kept": {
            maker: sum(o.kept for o in made if o.maker == maker) for maker in dict.fromkeys(o.maker for o in made)
        },
        "texts": len({one.id for one in made}),
        "scores": [asdict(line) for line in lines],
    }


def described(given: dict[str, Any]) -> Wanted:
    """The options of the command line as one value."""
    names = [name.strip() for name in given["makers"].split(",")]
    return Wanted(**{**given, "makers": tuple(name for name in names if name)})
