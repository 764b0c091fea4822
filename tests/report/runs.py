"""Small run folders written by hand, in the format that a run leaves behind; no model is involved."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Suite:
    """A metric to make up: its level in the control, its change in each treatment, its noise."""

    name: str
    metric: str
    control: float
    change: Mapping[str, float]
    noise: float
    better: str = "lower"
    unit: str = "nats"
    about: str = ""
    n: int = 60
    texts: Mapping[str, str] = field(default_factory=lambda: {"prompt": "The {} said that"})


QUICK = (
    Suite(
        "bias.professions", "stereotype", 0.84,
        {"leace": -0.31, "inlp": -0.22, "hard_debias": -0.12, "swap": 0.01}, 0.3,
        better="zero", about="log-odds of she over he that the profession carries",
    ),
    Suite(
        "text.perplexity", "nll", 3.41, {"leace": 0.018, "inlp": 0.05, "hard_debias": 0.006, "swap": -0.02}, 0.02,
        unit="nats per token", about="mean negative log-likelihood of plain text", n=40,
        texts={"text": "Rain fell on the roof of the old mill all night."},
    ),
    Suite(
        "reason.copa", "accuracy", 0.62, {"leace": -0.01, "inlp": -0.02, "hard_debias": 0.0, "swap": 0.01}, 0.15,
        better="higher", unit="", about="share of cause and effect items answered right", n=100,
    ),
)  # fmt: skip


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def interval(values: np.ndarray) -> tuple[float, float, float]:
    half = 1.96 * values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else 0.0
    return float(values.mean()), float(values.mean() - half), float(values.mean() + half)


def make(
    folder: Path,
    *,
    treatments: Sequence[str] = ("leace",),
    suites: Sequence[Suite] = QUICK,
    seeds: Sequence[int] = (0, 1, 2),
    model: str = "smollm2-135m",
    random: bool = True,
    show: Mapping[str, str] | None = None,
) -> Path:
    """A whole run folder. One treatment is called `treatment`, as in a spec; several go by their methods' names."""
    rng = np.random.default_rng(7)
    arms = {"control": "standard"}
    arms |= {"treatment": treatments[0]} if len(treatments) == 1 else {name: name for name in treatments}
    effects: list[dict[str, Any]] = []
    levels: list[dict[str, Any]] = []
    for suite in suites:
        values = values_of(suite, arms, len(seeds) if random else 1, rng)
        for arm in arms:
            for place, seed in enumerate(seeds):
                write_records(folder, arm, seed, suite, values[arm][place if random else 0], show)
            estimate, low, high = interval(values[arm].mean(0))
            shared = {"suite": suite.name, "metric": suite.metric, "n": suite.n, "seeds": len(seeds), "level": 0.95}
            levels.append(
                shared | {"arm": arm, "estimate": estimate, "low": low, "high": high, "better": suite.better}
                | {"unit": suite.unit, "about": suite.about, "method": "studentised bootstrap"}
            )  # fmt: skip
            if arm != "control":
                estimate, low, high = interval((values[arm] - values["control"]).mean(0))
                p = float(min(1, np.exp(-1.2 * abs(estimate) / max((high - low) / 4, 1e-9))))
                effects.append(
                    shared | {"treatment": arm, "control": "control", "estimate": estimate, "low": low, "high": high}
                    | {"p": p, "p_adjusted": min(1, p * 3), "method": "studentised bootstrap, seeds × items"}
                )  # fmt: skip
    write(folder / "effects.json", {"primary": effects[0], "effects": effects})
    write(folder / "levels.json", {"levels": levels})
    write_rest(folder, arms, suites, seeds, model)
    return folder


def values_of(suite: Suite, arms: Mapping[str, str], seeds: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    base = suite.control + rng.normal(0, 2 * suite.noise, suite.n)
    found = {"control": base + rng.normal(0, suite.noise / 9, (seeds, suite.n))}
    for arm, method in arms.items():
        if arm != "control":
            own = suite.change.get(method, 0.0) + rng.normal(0, suite.noise, suite.n)
            found[arm] = base + own + rng.normal(0, suite.noise / 9, (seeds, suite.n))
    return found


def write_records(
    folder: Path, arm: str, seed: int, suite: Suite, values: np.ndarray, show: Mapping[str, str] | None
) -> None:
    jobs = ("nurse", "plumber", "teacher", "surgeon", "clerk", "pilot", "librarian", "mechanic")
    lines = []
    for place, value in enumerate(values):
        texts = {key: text.format(jobs[place % len(jobs)]) for key, text in suite.texts.items()}
        texts |= {"answer": "she" if value > 0.7 else "he"} | dict(show or {})
        row = {"item": f"{suite.name}-{place:05d}", "cluster": str(place // 4), "metrics": {suite.metric: float(value)}}
        lines.append(json.dumps(row | {"show": texts}))
    path = folder / arm / f"seed-{seed}" / "records" / f"{suite.name}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_rest(
    folder: Path, arms: Mapping[str, str], suites: Sequence[Suite], seeds: Sequence[int], model: str
) -> None:
    """Everything beside records, effects and levels."""
    others = [arm for arm in arms if arm != "control"]
    spec = {
        "name": "quickstart", "about": "What does erasing gender from the embeddings do?", "model": model,
        "seeds": list(seeds), "preset": "tiny", "level": 0.95, "varies": [],
        "budget": {"steps": 0, "tokens": 0}, "train": {"corpus": "plain", "batch_size": 8},
        "arms": [
            {"name": arm, "method": method, "against": "control", "model": None,
             "knobs": {"pairs": "definitional"} if arm in others else {}}
            for arm, method in arms.items()
        ],
        "measures": [
            {"suite": suite.name, "primary": place == 0, "metric": None, "knobs": {"limit": suite.n}}
            for place, suite in enumerate(suites)
        ],
    }  # fmt: skip
    write(folder / "experiment.json", spec)
    differ = [{"key": "method", "values": dict(arms), "declared": True}]
    differ += [{"key": "knob.pairs", "values": dict.fromkeys(others, "definitional"), "declared": True}]
    write(folder / "diff.json", {"rows": differ})
    checks = [
        {"code": "same-weights", "ok": True, "message": "every arm started from the same weights", "about": "arms"},
        {"code": "one-model", "ok": True, "message": "one model: the result says nothing about others", "about": "run"},
    ]
    write(folder / "checks.json", {"trusted": True, "checks": checks})
    costs = [
        ("score seconds", 12.4, 1.02, 0.06),
        ("peak memory", 9.1e8, 1.0, 0.001),
        ("tokens per second", 5120.0, 0.97, 0.05),
    ]
    rows = [
        {"cost": cost, "treatment": arm, "control": "control", "ratio": ratio, "low": ratio - half,
         "high": ratio + half, "level": 0.95, "n": len(seeds), "unit_of_n": "seeds",
         "treatment_value": value * ratio, "control_value": value}
        for arm in others for cost, value, ratio, half in costs
    ]  # fmt: skip
    rows += [
        {"cost": "method seconds", "treatment": others[0], "control": "control", "ratio": 3.1, "low": None,
         "high": None, "level": 0.95, "n": 1, "unit_of_n": "run", "treatment_value": 6.2, "control_value": 2.0}
    ]  # fmt: skip
    write(folder / "overhead.json", {"overhead": rows})
    for arm, method in arms.items():
        for seed in seeds:
            said = (
                []
                if arm == "control"
                else [f"{method}: erased a subspace of rank 1 from 49,152 rows of the input embeddings."]
            )
            write(folder / arm / f"seed-{seed}" / "notes.json", said)
    environment = {"python": "3.11.9", "platform": "Linux x86_64", "torch": "2.13.0", "transformers": "5.23.0"}
    facts = {"butfor": "0.1.0", "environment": environment, "command": "butfor run quickstart --preset tiny"}
    write(folder / "manifest.json", {"files": {}, **facts})
