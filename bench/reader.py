"""How well a model reads: questions of the ladder that no training saw, and CLadder; what is new to it reported apart.

read      the reading is the gold one, up to the letters (the ladder alone has gold readings)
sentences the share of pieces read as gold reads them
right     the engine's answer to the reading is the right one; "cannot" counts as wrong
new       kinds and stories that the corpus "ladder-reading" leaves out, and graphs of no world that it tells (up to
          names, of its first `TRAINED` items)
`--train N` trains the reader first: low-rank additions, N steps of four texts of "ladder-reading". Checkpoints, weights
and everything asked are kept in `--out`: a killed process goes on where it was, and `--replay` needs no model.
"""

from __future__ import annotations

import argparse
import os
import warnings
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import networkx as nx

from butfor.core.seeds import generator
from butfor.data.computed import compute
from butfor.data.corpora import rows
from butfor.data.ladder.formal import KINDS_OUT, STORIES_OUT, gold, reading, trained
from butfor.data.ladder.stream import Ladder
from butfor.data.ladder.world import World
from butfor.data.reading import Reading
from butfor.evaluate.reason.cladder import CLadder
from butfor.infer.reason.reader import Read, Reader
from butfor.lm.chat_memory import Memory
from butfor.lm.exchange import Exchange, converse
from butfor.lm.load import load
from butfor.lm.save import save
from butfor.train.loop import TrainSettings, train

TRAINED = 1000
CHUNK = 8
Row = tuple[dict[str, str], dict[str, float]]  # labels, scores


def plainly(found: Reading) -> Any:
    """A reading without its letters."""
    said = {letter: phrases[0].lower() for letter, phrases in found.names.items()}

    def event(of: Any) -> Any:
        return frozenset((said[name], value) for name, value in of.items())

    asked = found.asked
    question = asked and [
        asked.kind, [said[n] for n in asked.names], {said[n] for n in asked.given}, event(asked.at), asked.way
    ]  # fmt: skip
    rules = [(said[r.name], event(dict(r.causes)), r.every or len(r.causes) == 1) for r in found.rules]
    return [
        {(said[a], said[b]) for a, b in found.arrows},
        {frozenset((said[a], said[b])) for a, b in found.joined},
        {(event(t.event), event(t.given), t.percent, t.second) for t in found.told},
        {(said[a], said[b]) for a, b in found.monotone},
        set(rules), event(found.seen), question,
    ]  # fmt: skip


def shape(world: World) -> str:
    """A name for the graph, whatever its variables are called."""
    warnings.simplefilter("ignore", UserWarning)  # networkx tells of another version's hashes
    graph: Any = nx.DiGraph(list(world.edges))
    graph.add_nodes_from(world.tables)
    labels = {name: f"{name in world.hidden}" for name in graph}
    nx.set_node_attributes(graph, labels, "hidden")
    return nx.weisfeiler_lehman_graph_hash(graph, node_attr="hidden", iterations=4)


def ladder(seed: int, n: int) -> Iterator[tuple[str, dict[str, str], Any, bool]]:
    """Text, labels, the item with its ladder, and the right answer."""
    known = {shape(World.read(item["spec"]["world"])) for item, _ in islice(trained(), TRAINED)}
    told = Ladder(seed)
    for item in islice(told.items(), n):
        group, spec = item["group"], item["spec"]
        labels = {name: group[name] for name in ("sense", "rung", "query", "wording")}
        labels["kind"] = "new" if group["query"] in KINDS_OUT else "seen"
        labels["story"] = (
            "new" if spec["story"] in STORIES_OUT else "nonsense" if spec["story"] == "nonsense" else "seen"
        )
        labels["graph"] = "seen" if shape(World.read(spec["world"])) in known else "new"
        yield item["prompt"], labels, (item, told), item["answer"] == 0


def cladder(seed: int, n: int) -> Iterator[tuple[str, dict[str, str], Any, bool]]:
    """Questions of all parts, drawn by the seed."""
    found = [one for one in CLadder().questions() if one.group.get("gold") != "faulty"]
    for at in generator(seed, "reader", "cladder").permutation(len(found))[:n]:
        one = found[int(at)]
        labels = {name: one.group[name] for name in ("sense", "rung", "query", "graph")}
        yield one.text, labels, None, one.answer == 0


def scored(found: Read, gold_of: Any, yes: bool) -> dict[str, float]:
    """What of a reading is right."""
    computed = compute(found.parsed.reading)
    scores = {"right": float(computed.yes is yes), "answered": float(computed.yes is not None)}
    if gold_of:
        first, rest, question = gold(*gold_of)
        said = dict(found.pairs)
        same = [said.get(piece) == text for piece, text in (*first, *rest)]
        scores |= {
            "read": float(plainly(found.parsed.reading) == plainly(reading(*gold_of))),
            "sentences": sum(same) / len(same),
            "question": float(said.get(question[0]) == question[1]),
        }
    return scores


def table(rows: Iterable[Row]) -> str:
    """Means by every label."""
    groups: dict[tuple[str, str], list[dict[str, float]]] = defaultdict(list)
    for labels, scores in rows:
        groups["all", ""].append(scores)
        for label in labels.items():
            groups[label].append(scores)
    lines: list[str] = []
    for (name, value), scores in sorted(groups.items(), key=lambda one: (one[0][0] != "all", one[0])):
        means = "  ".join(f"{key} {sum(s[key] for s in scores) / len(scores):.3f}" for key in scores[0])
        lines.append(f"{name + ' ' + value:28} n {len(scores):4}  {means}")
    return "\n".join(lines)


def learn(model: str, dtype: str, steps: int, out: Path) -> None:
    """Train the reader, from the last checkpoint on, and save it."""
    lm: Any = load(model, dtype=dtype)
    settings = TrainSettings(
        steps=steps, batch_size=4, length=256, learning_rate=1.5e-3, warmup=8, adapt="lora", rank=16, save_every=10
    )
    train(
        lm, rows("ladder-reading"), Reader(), settings=settings, seed=0, folder=out / "train",
        progress=lambda step, total, loss: print(step, total, f"{loss:.3f}", flush=True),
    )  # fmt: skip
    save(lm, out / "model")


def main() -> None:
    """Read, compute, and print tables as they grow."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", nargs="?", default="smollm2-135m", help="a trained reader, or what is to be trained")
    parser.add_argument("--train", type=int, default=0)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--ladder", type=int, default=84)
    parser.add_argument("--cladder", type=int, default=48)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--out", type=Path, default=Path("reader-bench"))
    parser.add_argument("--replay", action="store_true")
    given = parser.parse_args()
    if given.train and not (given.out / "model" / "config.json").is_file():
        learn(given.model, given.dtype, given.train, given.out)
    model = str(given.out / "model") if given.train else given.model
    method = Reader()
    memory = Memory(given.out / "transcript.jsonl")
    world: Any = None if given.replay else load(model, dtype=given.dtype)
    exchange = Exchange(world, memory)
    for name, items in (("ladder", ladder(given.seed, given.ladder)), ("cladder", cladder(given.seed, given.cladder))):
        found: list[Row] = []
        while chunk := list(islice(items, CHUNK)):
            read_of = converse(exchange, [method.read(text) for text, *_ in chunk])
            for (_, labels, gold_of, yes), (read, _) in zip(chunk, read_of, strict=True):
                found.append((labels, scored(read, gold_of, yes)))
            print(name, len(found), table(found).splitlines()[0], flush=True)
        print(table(found), flush=True)


if __name__ == "__main__":
    main()
