"""Measure one suite on one world, in steps that a killed run finds again.

A chunk's key is the digest of all that decides its records (weights, tokenizer, suite, items, code, environment); its
file is whole or absent. Chunks are read, scored and written one by one, so that a suite may be larger than the memory.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, SupportsFloat

from butfor.core.errors import ButforError, RunError, UserError
from butfor.core.folder import RunFolder, read_lines, write_bytes, write_lines
from butfor.core.journal import Journal, entries
from butfor.core.keys import code_version, digest, environment, source_version
from butfor.core.progress import Progress
from butfor.core.registry import settings_of

if TYPE_CHECKING:
    from butfor.evaluate.suite import Item

Row = dict[str, Any]


@dataclass(eq=False, kw_only=True)
class Measuring:
    """One arm and seed of a run folder, ready to measure. `identity` names the world: all that decides its answers."""

    folder: RunFolder
    journal: Journal
    progress: Progress
    arm: str
    seed: int
    identity: tuple[str, ...]
    steps: Path | None = None  # where finished steps stand, if not in the run folder: a cache that runs share

    @property
    def records(self) -> Path:
        return self.folder.path / self.arm / f"seed-{self.seed}" / "records"

    def suite(self, world: Any, name: str, suite: Any, items: Iterable[Item]) -> None:
        """Records of every item, in records/<name>.jsonl."""
        total = len(items) if isinstance(items, Sequence) else 0
        fixed = (self.identity, name, identity_of(suite))
        due = not any(event.get("suite") == name and self._mine(event) for event in entries(self.journal.path))
        with self.progress.task(f"{self.arm}: {name}", total) as advance:
            done, steps = 0, list[Path]()
            for number, chunk in enumerate(chunks(items, suite.chunk)):
                content = [asdict(item) for item in chunk]
                key = digest(*fixed, content, code_version(), environment())
                step = self._step(key)
                known = _whole(step, chunk)
                if not known or (number == 0 and due):  # what another cell has scored is timed once
                    place = {"suite": name, "chunk": number, "of": -(-total // suite.chunk)}
                    self._score(step, place, partial(checked, name, suite, world, chunk), again=known)
                steps.append(step)
                done += len(chunk)
                advance(done, "already known" if known else "")
        write_bytes(self.records / f"{name}.jsonl", (step.read_bytes() for step in steps))

    def _step(self, key: str) -> Path:
        return self.folder.step(key) if self.steps is None else self.steps / key[:2] / f"{key}.jsonl"

    def _mine(self, event: Mapping[str, Any]) -> bool:
        return event["event"] in {"step", "timed"} and (event["arm"], event["seed"]) == (self.arm, self.seed)

    def _score(self, step: Path, place: Row, measure: Callable[[], list[Row]], *, again: bool) -> None:
        begin, busy = time.perf_counter(), time.process_time()
        records = measure()
        seconds, busy = time.perf_counter() - begin, time.process_time() - busy
        if not again:
            write_lines(step, records)
        spent = {"seconds": round(seconds, 6), "processor_seconds": round(busy, 6)}
        self.journal.write("timed" if again else "step", arm=self.arm, seed=self.seed, **place, **spent, key=step.stem)


def chunks(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items, `size` at a time."""
    left = iter(items)
    while chunk := list(islice(left, size)):
        yield chunk


def identity_of(made: Any) -> tuple[Any, ...]:
    """What decides what a method or suite computes, beside the data: its class, its knobs, its source."""
    kind = type(made)
    return f"{kind.__module__}:{kind.__qualname__}", settings_of(made), source_version(kind)


def asked(name: str, suite: Any, world: Any) -> list[Item]:
    """The items of a suite: at least one, each with an id of its own."""
    items: list[Item] = list(suite.items(world))
    if not items:
        raise UserError(f"{name} has no items")
    if len({item.id for item in items}) < len(items):
        raise UserError(f"{name}: two items have one id; every item needs its own")
    return items


def checked(name: str, suite: Any, world: Any, items: list[Item]) -> list[Row]:
    """The records of these items, each with a digest of what was asked; a suite that breaks its word ends the run."""
    try:
        records = suite.measure(world, items)
    except ButforError:
        raise
    except Exception as error:
        if "out of memory" in str(error).lower():
            raise
        told = f"{type(error).__name__}: {error}"
        where = f"{name} failed on items {items[0].id} to {items[-1].id}"
        raise RunError(f"{where}: {told}; BUTFOR_DEBUG=1 shows where") from error
    if not isinstance(records, list) or [record.item for record in records] != [item.id for item in items]:
        count = len(records) if isinstance(records, list) else "no"
        raise RunError(f"{name} gave {count} records for {len(items)} items, or in another order")
    known = {metric.name: metric.kind for metric in suite.metrics}
    rows: list[Row] = []
    for item, record in zip(items, records, strict=True):
        for metric, value in record.metrics.items():
            if metric not in known or not isinstance(value, SupportsFloat) or not math.isfinite(value):
                raise RunError(
                    f"{name}, item {item.id}: {metric} is {value!r}; known: {', '.join(sorted(known))}, "
                    "each a finite number"
                )
            if known[metric] == "binary" and value not in {0, 1}:
                raise RunError(f"{name}, item {item.id}: {metric} is {value!r}, and a binary metric is 0 or 1")
        metrics = {metric: float(value) for metric, value in record.metrics.items()}
        rows.append({**asdict(record), "metrics": metrics, "asked": _asked(item)})
    return rows


def _whole(step: Path, items: Sequence[Item]) -> bool:
    """Whether the file of a finished step holds a record of each of these items, as it was asked, and nothing else."""
    try:
        if not step.is_file():
            return False
        found = [(row["item"], row["asked"]) for row in read_lines(step)]
    except (ValueError, KeyError, TypeError):
        return False
    return found == [(item.id, _asked(item)) for item in items] and step.read_bytes().endswith(b"\n")


def _asked(item: Item) -> str:
    return digest(asdict(item))[:8]
