"""A bridge to lm-evaluation-harness: its tasks as suites here, our questions as tasks there, and the same scores.

Idea      `standard.<task>` takes a task's documents, prompts and metrics from the package, and the numbers from our
          engine; `export` writes the questions of our suites as YAML tasks with their prompts in JSONL.
Equation  log P(continuation | context) = Σ log P(token) over the tokens of the whole text after the first n, n the
          number of tokens of the context alone; blanks at its end are counted to the continuation. It is the package's
          own rule, so that numbers agree to rounding.
Metrics   what the task itself computes for a document (acc, acc_norm, exact_match, …), if it is a number; margin is
          ours.
Source    lm-evaluation-harness (EleutherAI), the optional package lm_eval: pip install 'butfor[peers]'
Limits    Tasks of multiple choice, of likelihood and of generation; not rolling likelihoods (see text.perplexity),
          images or sound. No chat template, as is the package's default. Metrics that exist only over all documents
          (corpus F1, BLEU) are left out. Exported prompts are plain text, unless a model is given.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from butfor.core.errors import MissingData, UnknownName, UserError
from butfor.core.extras import need
from butfor.data.adapt import cloze, unpacked, ways
from butfor.evaluate.questions import Questions
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM

SHOT_SEED = 1234  # the package's own default
KINDS = ("multiple_choice", "loglikelihood", "generate_until")
ROOM = 256  # new tokens where a task does not say
SHOWN = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Standard:
    """A task of lm-evaluation-harness. `folder`: where the task's own YAML file lies; `shots`: worked examples."""

    card: ClassVar[Card] = Card(
        measures="what the task of lm-evaluation-harness measures, with its own prompts and metrics",
        chance="1 / number of choices where there are choices",
        source="the task's own source and licence: see its folder in lm-evaluation-harness",
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("acc", "higher", "share", "share of documents answered right", "binary", null="chance"),
        Metric("acc_norm", "higher", "share", "the same, likelihoods divided by characters", "binary", null="chance"),
        Metric("acc_bytes", "higher", "share", "the same, likelihoods divided by bytes", "binary", null="chance"),
        Metric("acc_mutual_info", "higher", "share", "the same, less the choices' own likelihoods", "binary", "chance"),
        Metric("exact_match", "higher", "share", "share of written answers that match after the task's filter"),
        Metric("em", "higher", "share", "the same under another name"),
        Metric("perplexity", "higher", "nats", "log-probability of the target text"),
        Metric("margin", "higher", "nats", "log-probability of the right choice minus that of the best wrong one"),
        Metric("chance", "higher", "share", "what guessing gives"),
    )
    chunk: ClassVar[int] = 32

    task: Annotated[str, Field(min_length=1)]
    folder: str | None = None
    shots: Annotated[int, Field(ge=0, le=64)] | None = None
    limit: Limit = None

    def ready(self) -> None:
        """The package is installed, and knows the task."""
        self._task()

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a document, with the texts that the model is to read."""
        task, documents = self._task()
        items = [
            Item(
                f"{self.task}/{number}",
                f"{self.task}/{number}",
                {"document": number, "kind": task.OUTPUT_TYPE, "pairs": _pairs(asked)},
            )
            for number, asked in documents.items()
        ]
        return spread(items, self.limit)

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Our likelihoods and texts, the task's own metrics."""
        found = iter(answers(world, [(item.data["kind"], pair) for item in items for pair in item.data["pairs"]]))
        return [self._record(item, [next(found) for _ in item.data["pairs"]]) for item in items]

    def _record(self, item: Item, found: list[Any]) -> Record:
        task, documents = self._task()
        asked = documents[item.data["document"]]
        document = asked[0].doc
        metrics = {
            name: float(value)
            for name, value in _processed(task, asked, document, found).items()
            if name in {metric.name for metric in self.metrics} and _is_number(value)
        }
        if not metrics:
            raise UserError(f"standard.{self.task}: none of its metrics is a number for a single document")
        show = {"asked": str(item.data["pairs"][0][0])[-SHOWN:]}
        if task.OUTPUT_TYPE == "multiple_choice":
            metrics.pop("exact_match", None)  # it asks what would be written, which choices are not
            choices, gold = task.doc_to_choice(document), task.doc_to_target(document)
            values = [logprob for logprob, _ in found[: len(choices)]]
            metrics["chance"] = 1 / len(choices)
            show["said"] = str(choices[max(range(len(values)), key=values.__getitem__)])
            if isinstance(gold, int) and 0 <= gold < len(choices) > 1:
                metrics["margin"] = values[gold] - max(values[:gold] + values[gold + 1 :])
                show["right"] = str(choices[gold])
        elif task.OUTPUT_TYPE == "generate_until":
            show |= {"right": str(task.doc_to_target(document)), "said": str(found[0])[-SHOWN:]}
        return Record(item.id, item.cluster, metrics, show)

    def _task(self) -> tuple[Any, dict[int, list[Any]]]:
        return _loaded(self.task, self.folder, self.shots)


def __getattr__(name: str) -> Any:
    """`task_<name>`: the suite of that task, so that `standard.<name>` has a class of its own."""
    if not name.startswith("task_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return of(name.removeprefix("task_"))


@cache
def of(task: str) -> type[Standard]:
    """The suite of one task: `Standard` with that task by default."""
    made = type("Standard", (Standard,), {"__annotations__": {"task": "str"}, "task": task, "__module__": __name__})
    return dataclass(frozen=True, kw_only=True)(made)


@cache
def _loaded(name: str, folder: str | None, shots: int | None) -> tuple[Any, dict[int, list[Any]]]:
    """The task, and its requests by document, built in the package's own order."""
    manager = need("lm_eval.tasks").TaskManager(include_path=folder, include_defaults=folder is None)
    if name not in manager.all_subtasks:
        raise UnknownName("task of lm-evaluation-harness", name, manager.all_subtasks)
    try:
        task = manager.load([name])["tasks"][name]
    except (OSError, ValueError) as error:  # its data is fetched by `datasets`, which raises either
        reason = str(error).partition("\n")[0][:200]
        raise MissingData(f"standard.{name}: its data is not on this machine: {reason}") from error
    if task.OUTPUT_TYPE not in KINDS:
        raise UserError(f"standard.{name}: {task.OUTPUT_TYPE} is not bridged; bridged are {', '.join(KINDS)}")
    if shots is not None:
        task.set_config("num_fewshot", shots)
    task.set_fewshot_seed(seed=SHOT_SEED)
    task.build_all_requests(limit=None, rank=0, world_size=1)
    documents: dict[int, list[Any]] = {}
    for request in task.instances:
        documents.setdefault(int(request.metadata[1]), []).append(request)
    return task, documents


def _pairs(asked: Sequence[Any]) -> list[list[Any]]:
    return [list(request.args) for request in sorted(asked, key=lambda request: request.idx)]


def _processed(task: Any, asked: Sequence[Any], document: Any, found: Sequence[Any]) -> dict[str, Any]:
    """The task's metrics for one document; of several filters the first that says something else is not lost."""
    for request, answer in zip(sorted(asked, key=lambda request: request.idx), found, strict=True):
        request.resps, request.filtered_resps = [answer], {}
    task._instances = list(asked)
    task.apply_filters()
    metrics: dict[str, Any] = {}
    for key in asked[0].filtered_resps:
        kept = [request.filtered_resps[key] for request in sorted(asked, key=lambda request: request.idx)]
        for metric, value in task.process_results(document, kept).items():
            metrics.setdefault(metric, value)
    return metrics


def answers(lm: LM, asked: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
    """For each (kind, arguments): (log-probability, greedy?) of a continuation, or the text that was written."""
    from butfor.lm.logprobs import token_logprobs

    likely = [at for at, (kind, _) in enumerate(asked) if kind != "generate_until"]
    split = [pair(lm, *asked[at][1][:2]) for at in likely]
    result: list[Any] = [None] * len(asked)
    for at, values in zip(likely, token_logprobs(lm, split), strict=True):
        result[at] = (sum(values), False)
    greedy = [(at, ids, start) for at, (ids, start) in zip(likely, split, strict=True) if asked[at][0] == KINDS[1]]
    for (at, ids, start), said in zip(greedy, _greedy(lm, greedy), strict=True):
        result[at] = (result[at][0], said == ids[start:])
    write = [at for at, (kind, _) in enumerate(asked) if kind == "generate_until"]
    for at, text in zip(write, _written(lm, [asked[at][1] for at in write]), strict=True):
        result[at] = text
    return result


def pair(lm: LM, context: str, continuation: str) -> tuple[list[int], int]:
    """The tokens of both, and where the continuation begins: the package's rule, cut on the left to what fits."""
    blanks = len(context) - len(context.rstrip())
    if blanks:
        context, continuation = context[:-blanks], context[-blanks:] + continuation
    if not context:
        marks = (lm.tokenizer.bos_token_id, lm.tokenizer.eos_token_id)
        head = [mark for mark in marks if isinstance(mark, int)][:1]  # the package's choice; ours is tokens.beginning
        own = list(lm.tokenizer(continuation, add_special_tokens=False)["input_ids"])
        return [*head, *own], len(head)
    whole, alone = _ids(lm, context + continuation), _ids(lm, context)
    over = 0 if lm.context is None else max(0, len(whole) - lm.context - 1)
    return whole[over:], max(1, len(alone) - over)


def _ids(lm: LM, text: str) -> list[int]:
    """With the tokenizer's own special tokens, but never a second beginning."""
    mark = str(lm.tokenizer.bos_token or "")
    return list(lm.tokenizer(text, add_special_tokens=not (mark and text.startswith(mark)))["input_ids"])


def _greedy(lm: LM, asked: Sequence[tuple[int, list[int], int]]) -> list[list[int]]:
    """The tokens that the model finds likeliest where each continuation stands, as many as it has."""
    from butfor.lm.tokens import decode, encode

    rooms = [len(ids) - start for _, ids, start in asked]
    said = _by_room(lm, [decode(lm, ids[:start]) for _, ids, start in asked], rooms)
    return [tokens[:room] for tokens, room in zip(encode(lm, said), rooms, strict=True)]


def _written(lm: LM, asked: Sequence[Sequence[Any]]) -> list[str]:
    """Greedy texts up to the first of the task's stops."""
    if any(settings.get("do_sample") for _, settings, *_ in asked):
        raise UserError("standard: this task samples its answers; the bridge writes greedily")
    rooms = [int(settings.get("max_gen_toks") or ROOM) for _, settings, *_ in asked]
    said = _by_room(lm, [context for context, *_ in asked], rooms)
    return [_until(text, settings.get("until") or []) for text, (_, settings, *_) in zip(said, asked, strict=True)]


def _by_room(lm: LM, texts: Sequence[str], rooms: Sequence[int]) -> list[str]:
    """What is written greedily after each text, those of one length at once."""
    from butfor.lm.generation import generate

    said = [""] * len(texts)
    for room in sorted(set(rooms)):
        places = [at for at, own in enumerate(rooms) if own == room]
        for at, text in zip(places, generate(lm, [texts[at] for at in places], max_new_tokens=room), strict=True):
            said[at] = text
    return said


def _until(text: str, stops: str | Sequence[str]) -> str:
    for stop in [stops] if isinstance(stops, str) else stops:
        text = text.split(stop)[0] if stop else text
    return text


def _is_number(value: Any) -> bool:
    try:
        return float(value) == float(value)
    except (TypeError, ValueError):
        return False


def export(suites: Mapping[str, Questions], folder: str | Path, world: LM | None = None) -> list[str]:
    """Write suites of questions as tasks of lm-evaluation-harness into a folder; the names of the tasks.

    `world`: the model whose chat template the prompts are put in; without one they are plain text. Run them with
    `lm_eval --include_path FOLDER --tasks NAME`: `acc` there is `accuracy` here, question by question.
    """
    place = Path(folder).expanduser().resolve()
    place.mkdir(parents=True, exist_ok=True)
    names: list[str] = []
    for suite, questions in suites.items():
        if questions.adapt not in ("plain", "few_shot"):
            raise UserError(f"{suite}: adapt = {questions.adapt!r} writes before it answers; export plain or few_shot")
        name = "butfor_" + suite.replace(".", "_")
        rows = list(_rows(questions, world))
        if not rows:
            raise UserError(f"{suite}: it has no question with choices to export")
        lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        (place / f"{name}.jsonl").write_text(lines, encoding="utf-8")
        task = {**_YAML, "task": name, "dataset_kwargs": {"data_files": {"test": str(place / f"{name}.jsonl")}}}
        (place / f"{name}.yaml").write_text(json.dumps(task, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        names.append(name)
    return names


_YAML: dict[str, Any] = {  # JSON is YAML too
    "dataset_path": "json",
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "prompt",
    "doc_to_choice": "choices",
    "doc_to_target": "answer",
    "target_delimiter": "",
    "num_fewshot": 0,
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
    "metadata": {"version": 1},
}


def _rows(questions: Questions, world: LM | None) -> Iterator[dict[str, Any]]:
    """Every question with choices, as the base class asks it first."""
    from butfor.lm.prompt import plain, rendered

    for item in questions.items(world):  # type: ignore[arg-type]
        question = unpacked({key: value for key, value in item.data.items() if key != "shots"})
        if not question.choices:
            continue
        shots = [unpacked(shot) for shot in item.data.get("shots", [])]
        form = cloze(question, shots) if question.cloze else ways(question, questions.adapt, shots)["as it is"]
        text = form.prompt.user if form.prompt.raw else plain(form.prompt)
        yield {
            "id": question.id,
            "prompt": text if world is None else rendered(world, form.prompt, scoring=True),
            "choices": list(form.weighed),
            "answer": form.order.index(int(question.answer)),
        }
