"""How fast is scoring? Three ways to the same numbers, in one run, interleaved, on the default model.

    butfor   butfor.lm.score(lm, items)
    calls    one model() call an item: its choices as one padded batch, all logits, log-softmax, gather
    lm-eval  lm-evaluation-harness on the same requests (pip install lm-eval==0.4.13; left out where it is missing)

Every repetition times all three one after the other, in rotating order, so that a busy machine slows them alike; a
ratio is the median of the repetitions' ratios, with their range. Before any timing the three must agree on every
choice. The promise is 4 times over calls and 1.5 times over lm-eval; each line says whether it is kept. "Work" is the
tokens that butfor sent through the layers over those that any method must send (each distinct beginning once).
"""

from __future__ import annotations

import argparse
import logging
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

import torch

from butfor.lm import LM, score
from butfor.lm.forest import needed
from butfor.lm.load import load
from butfor.lm.logprobs import Work
from butfor.lm.tokens import tokenized

Items = Sequence[Mapping[str, Any]]
Scores = list[list[float]]
PROMISED = {"calls": 4.0, "lm-eval": 1.5}
AGREE = 1e-4  # nats a token, float32: the peers' own padding moves their sums by this order

EVENTS = [
    ("The man lost his balance on the ladder", "he fell into the flower bed", "he bought a new ladder online"),
    ("The girl forgot to water the plant", "its leaves turned brown and dry", "it won a prize at the fair"),
    ("The driver fell asleep at the wheel", "the car ran off the road", "the radio played an old song"),
    ("The power went out in the whole street", "they lit candles in the kitchen", "they painted the fence white"),
    ("The baker left the bread in the oven", "the crust was burnt black", "the flour came from the mill"),
    ("The river rose after a week of rain", "the cellar was flooded", "the mayor opened a museum"),
    ("The boy had studied for many weeks", "he passed the exam easily", "he lost his umbrella"),
    ("The dog heard a noise at the door", "it began to bark loudly", "it had brown ears"),
    ("The nurse gave the patient a sedative", "the patient fell asleep", "the patient wrote a letter"),
    ("The company lost its largest customer", "it had to close a factory", "its logo was blue and green"),
    ("The singer caught a bad cold", "she cancelled the concert", "she tuned her guitar"),
    ("The children played in the mud", "their clothes were filthy", "their aunt lived in Peru"),
]
PROFESSIONS = "nurse engineer teacher lawyer plumber librarian doctor mechanic dancer farmer chef clerk pilot judge"
FRAMES = ["The {} said that", "The {} went home because", "My neighbour is a {} and I think that", "Ask the {} whether"]
PASSAGE = (
    "In the spring the council of a small harbour town had to choose between two plans. The first would have deepened "
    "the channel, so that larger ships could reach the quay; the second would have restored the salt marsh behind the "
    "old sea wall, which had once kept the winter floods away from the lower streets. The {} argued for the marsh, "
    "because three floods in ten years had cost the town more than the harbour earned. The {} answered that without "
    "the larger ships the cannery would close, and that nobody could eat a marsh. After a long evening they asked an "
    "engineer to say what each plan would change, and what would have happened anyway. Her report was short. "
    "Question: what did the {} want the council to do? Answer:"
)
PEOPLE = ["harbour master", "teacher", "mayor", "fishmonger", "doctor", "shipwright", "librarian", "grocer"]
ANSWERS = [
    " restore the salt marsh",
    " deepen the channel for larger ships",
    " close the cannery",
    " wait another year",
]


def workloads(size: float) -> dict[str, list[dict[str, Any]]]:
    """Realistic items: short premises with two endings, one-word choices, four choices after a long passage."""
    copa = [
        {"prompt": f"{cause}{joint}", "choices": [f" {right}.", f" {wrong}."]}
        for joint in (" so", ", and therefore", ". As a result,")
        for cause, right, wrong in EVENTS
    ]
    jobs = [
        {"prompt": frame.format(job), "choices": [" she", " he"]} for frame in FRAMES for job in PROFESSIONS.split()
    ]
    long = [
        {"prompt": PASSAGE.format(one, other, one), "choices": ANSWERS}
        for one, other in zip(PEOPLE, PEOPLE[1:] + PEOPLE[:1], strict=True)
    ]
    named = {"two endings": copa, "professions": jobs, "long passage": long}
    return {name: items[: max(2, round(len(items) * size))] for name, items in named.items()}


def by_calls(lm: LM, items: Items) -> Scores:
    """The obvious program: one call an item."""
    result: Scores = []
    for item in items:
        start = len(lm.tokenizer(item["prompt"])["input_ids"])
        texts = [lm.tokenizer(item["prompt"] + choice)["input_ids"] for choice in item["choices"]]
        width = max(map(len, texts))
        ids = torch.tensor([text + [lm.tokenizer.pad_token_id] * (width - len(text)) for text in texts])
        mask = torch.tensor([[1] * len(text) + [0] * (width - len(text)) for text in texts])
        with torch.inference_mode():
            logprobs = lm.model(input_ids=ids, attention_mask=mask).logits.log_softmax(-1)
        result.append(
            [
                sum(logprobs[row, at - 1, text[at]].item() for at in range(start, len(text)))
                for row, text in enumerate(texts)
            ]
        )
    return result


def by_harness(lm: LM) -> Callable[[Items], Scores] | None:
    """lm-evaluation-harness around the same model object."""
    try:
        from lm_eval.api.instance import Instance
        from lm_eval.models.huggingface import HFLM
    except ModuleNotFoundError as error:
        print(f"lm-eval is left out ({error.name} is missing); to compare: pip install lm-eval==0.4.13")
        return None
    logging.disable(logging.WARNING)
    harness = HFLM(pretrained=lm.model, tokenizer=lm.tokenizer, batch_size=16, max_length=2048)

    def run(items: Items) -> Scores:
        requests = [
            Instance("loglikelihood", {}, (item["prompt"], choice), number)
            for number, item in enumerate(items)
            for choice in item["choices"]
        ]
        found = iter(harness.loglikelihood(requests, disable_tqdm=True))
        return [[next(found)[0] for _ in item["choices"]] for item in items]

    return run


def agree(lm: LM, items: Items, ways: Mapping[str, Callable[[Items], Scores]]) -> float:
    """The largest difference from butfor, in nats a token; too large a one ends the run."""
    counts = [result.counts for result in score(lm, items)]
    ours = ways["butfor"](items)
    worst = 0.0
    for name, way in ways.items():
        for number, (mine, theirs) in enumerate(zip(ours, way(items), strict=True)):
            for a, b, count in zip(mine, theirs, counts[number], strict=True):
                worst = max(worst, abs(a - b) / count)
                if abs(a - b) / count > AGREE:
                    sys.exit(f"{name} disagrees on item {number}: {b} where butfor says {a}")
    return worst


def timed(items: Items, ways: Mapping[str, Callable[[Items], Scores]], repeats: int) -> dict[str, list[float]]:
    """Seconds of every way in every repetition, the order rotating."""
    names = list(ways)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            begin = time.perf_counter()
            ways[name](items)
            seconds[name].append(time.perf_counter() - begin)
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--size", type=float, default=1.0, help="share of the items to use")
    parser.add_argument("--repeats", type=int, default=3)
    chosen = parser.parse_args()
    lm = load(chosen.model, device="cpu")
    assert isinstance(lm, LM)
    ways: dict[str, Callable[[Items], Scores]] = {
        "butfor": lambda items: [result.logprobs for result in score(lm, items)],
        "calls": lambda items: by_calls(lm, items),
    }
    harness = by_harness(lm)
    if harness:
        ways["lm-eval"] = harness
    print(f"{chosen.model}, float32, {torch.get_num_threads()} thread(s), median of {chosen.repeats} (range)")
    total: dict[str, list[float]] = {way: [0.0] * chosen.repeats for way in ways}
    for name, items in workloads(chosen.size).items():
        worst = agree(lm, items, ways)
        work = Work()
        score(lm, items, work=work)
        must = needed([ids[:-1] for choices in tokenized(lm, items) for ids in choices.ids])
        seconds = timed(items, ways, chosen.repeats)
        print(
            f"{name}: {len(items)} items; butfor {statistics.median(seconds['butfor']):.2f} s; "
            f"work {work.tokens} / {must} tokens = {work.tokens / must:.2f}; largest difference {worst:.1e} a token"
        )
        report(seconds)
        total = {way: [a + b for a, b in zip(total[way], seconds[way], strict=True)] for way in ways}
    print("all items together:")
    report(total)


def report(seconds: Mapping[str, Sequence[float]]) -> None:
    """One line a peer: how many times butfor's time it takes, and whether that is what was promised."""
    for other, promised in PROMISED.items():
        if other not in seconds:
            print(f"  {other:8s} / butfor  not measured   promised {promised}×: unknown")
            continue
        ratios = [theirs / mine for theirs, mine in zip(seconds[other], seconds["butfor"], strict=True)]
        ratio = statistics.median(ratios)
        verdict = "kept" if ratio >= promised else "missed"
        spread = f"({min(ratios):.2f} to {max(ratios):.2f})"
        print(f"  {other:8s} / butfor  {ratio:5.2f}×  {spread}  promised {promised}×: {verdict}")


if __name__ == "__main__":
    main()
