"""From records to effects: the arms' records are paired by seed and item, and every metric becomes an `Effect`.

effect = mean over seeds and items of (treatment − control), on items that both arms answered. The primary metric is
tested at its own level (Holm over the arms compared on it); all other effects of a run form one family (Holm).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.core.errors import RunError, UserError
from butfor.core.folder import read_lines

if TYPE_CHECKING:
    import numpy as np

    from butfor.core.spec import Experiment
    from butfor.stats import Check, Effect

Values = dict[int, dict[str, tuple[str, float, float]]]  # seed → item → (cluster, value · weight, weight)
UNTRUSTED = {"single-unit", "constant", "sparse"}  # checks that leave a primary effect without a meaning
ASKED = ("by", "dtype", "endpoint")  # how an audit asks: a difference there is a difference of more than the model
ESTIMATE_KEYS = ("estimate", "low", "high", "level")


@dataclass(frozen=True, slots=True)
class Table:
    """One metric in one or two arms, ready for the statistics."""

    values: list[np.ndarray]  # per arm [seeds, items]
    clusters: np.ndarray  # [items]
    dropped: int  # items that only one arm (or not every seed) has


def records_of(folder: Path, arm: str, seed: int, suite: str) -> list[dict[str, Any]]:
    """The records of one suite in one arm and seed; empty where the suite does not apply to the arm."""
    path = folder / arm / f"seed-{seed}" / "records" / f"{suite}.jsonl"
    return read_lines(path) if path.is_file() else []


def values_of(folder: Path, arm: str, seeds: Iterable[int], suite: str, metric: str, weight: str = "") -> Values:
    """Every value of one metric in one arm; what an item asked is part of its name, so unlike questions never pair.

    A weighted metric is a ratio of sums: an item that lacks it weighs nothing, but was asked like any other.
    """
    found: Values = {}
    for seed in seeds:
        rows = records_of(folder, arm, seed, suite)
        there = any(metric in row["metrics"] for row in rows)
        kept = [row for row in rows if metric in row["metrics"] or (weight and there)]
        found[seed] = {f"{row['item']} {row.get('asked')}": _parts(row, metric, weight) for row in kept}
    return found


def _parts(row: Mapping[str, Any], metric: str, weight: str) -> tuple[str, float, float]:
    if metric not in row["metrics"]:
        return row["cluster"], 0.0, 0.0
    held = row["metrics"].get(weight, 0.0) if weight else 1.0
    return row["cluster"], row["metrics"][metric] * held, held


def align(arms: Sequence[Values]) -> Table | None:
    """Items in the order of the first arm, kept where every arm and seed has them."""
    import numpy as np

    cells = [cell for arm in arms for cell in arm.values()]
    if not cells or not all(cells):
        return None
    shared = set.intersection(*(set(cell) for cell in cells))
    items = [item for item in cells[0] if item in shared]
    if not items:
        return None
    labels = {name: number for number, name in enumerate(dict.fromkeys(cells[0][item][0] for item in items))}
    sums = [np.array([[cell[item][1:] for item in items] for cell in arm.values()]) for arm in arms]  # [S, n, 2]
    if any(side[..., 1].sum() <= 0 for side in sums):
        return None
    return Table(
        [linear(side[..., 0], side[..., 1]) for side in sums],
        np.array([labels[cells[0][item][0]] for item in items]),
        len(set.union(*(set(cell) for cell in cells))) - len(items),
    )


def linear(a: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Values whose mean is Σ a / Σ w, whose spread is its error to first order; a plain mean keeps its own."""
    if (w == 1).all():
        return a
    ratio = a.sum() / w.sum()
    return ratio + (a - ratio * w) / w.mean()


def clusters_of(table: Table) -> np.ndarray | None:
    """The cluster of each item, or None where every item is its own cluster."""
    return table.clusters if table.clusters.max() + 1 < len(table.clusters) else None


def entry(effect: Effect, **names: str) -> dict[str, Any]:
    """One effect as it stands in effects.json."""
    found = numbers(effect)
    head = {key: found.pop(key) for key in ESTIMATE_KEYS}
    return {**names, **head, "p": effect.p, "p_adjusted": effect.p, **found}


def numbers(effect: Effect) -> dict[str, Any]:
    """What every row says of an effect: the estimate with its interval, n, seeds and the method."""
    return {key: getattr(effect, key) for key in (*ESTIMATE_KEYS, "n", "seeds", "method")}


@dataclass(frozen=True, slots=True)
class Found:
    """What a run comes to."""

    effects: list[dict[str, Any]]
    levels: list[dict[str, Any]]
    checks: list[dict[str, Any]]
    primary: dict[str, Any] | None
    trusted: bool


def check_row(check: Check, about: str) -> dict[str, Any]:
    return {"code": check.code, "ok": check.ok, "message": check.message, "about": about}


def find(folder: Path, experiment: Experiment) -> Found:
    """Every effect and level of a run whose records are all there."""
    effects: list[dict[str, Any]] = []
    levels: list[dict[str, Any]] = []
    checks: list[dict[str, Any]] = []
    primary_metric = _primary_metric(experiment)
    trusted = True
    for measure in experiment.measure:
        suite = measure.suite
        for metric in experiment.suite(measure).metrics:
            about = {"suite": suite, "metric": metric.name}
            values = {
                name: values_of(folder, name, experiment.seeds, suite, metric.name, metric.weight)
                for name in experiment.arms
            }
            levels += _levels(experiment, values, metric, about)
            for name, against in experiment.pairs:
                label = f"{suite}/{metric.name}: {name} against {against}"
                asked = all(records_of(folder, arm, experiment.seeds[0], suite) for arm in (name, against))
                effect, notes = _effect(experiment, values[name], values[against], metric, asked=asked)
                checks += [check_row(note, label) for note in notes]
                if effect is None:
                    continue
                checks += [check_row(check, label) for check in effect.checks]
                effects.append(entry(effect, **about, treatment=name, control=against))
                if (suite, metric.name) == primary_metric and name == "treatment":
                    trusted = not any(check.code in UNTRUSTED and not check.ok for check in effect.checks)
    correct(effects, primary_metric)
    primary = next((e for e in effects if is_primary(e, primary_metric) and e["treatment"] == "treatment"), None)
    if primary is None:
        raise RunError(
            f"the primary metric {'/'.join(primary_metric)} has no value on an item that asked the same in control and "
            f"treatment; see {folder}/*/seed-*/records"
        )
    return Found(effects, levels, checks, primary, trusted)


def _primary_metric(experiment: Experiment) -> tuple[str, str]:
    measure = experiment.primary
    return measure.suite, measure.metric or experiment.suite(measure).metrics[0].name


def is_primary(effect: Mapping[str, Any], primary: tuple[str, str]) -> bool:
    return (effect["suite"], effect["metric"]) == primary


def correct(effects: list[dict[str, Any]], primary: tuple[str, str]) -> None:
    """Fill `p_adjusted`: Holm within the primary effects, and Holm within all others."""
    for family in (True, False):
        correct_family([effect for effect in effects if is_primary(effect, primary) is family])


def correct_family(rows: Sequence[dict[str, Any]]) -> None:
    """Fill `p_adjusted` of rows that are one family (Holm); there may be none."""
    from butfor.stats import adjust

    for row, p in zip(rows, adjust([row["p"] for row in rows]) if rows else (), strict=True):
        row["p_adjusted"] = float(p)


def _effect(
    experiment: Experiment, treatment: Values, control: Values, metric: Any, *, asked: bool
) -> tuple[Effect | None, list[Check]]:
    from butfor.stats import Check, paired

    table = align([treatment, control])
    if table is None:
        return None, [Check("no-pairs", False, "no item that asked the same has a value in both arms")] if asked else []
    notes = [Check("unpaired", False, f"{table.dropped} items lack a value in one arm")] if table.dropped else []
    level, clusters, kind = experiment.level, clusters_of(table), told(metric)["kind"]
    return paired(*table.values, clusters=clusters, level=level, kind=kind, unit=metric.unit), notes


def _levels(
    experiment: Experiment, values: Mapping[str, Values], metric: Any, about: dict[str, str]
) -> list[dict[str, Any]]:
    from butfor.stats import mean

    rows: list[dict[str, Any]] = []
    for name, cells in values.items():
        table = align([cells])
        if table is not None:
            kind = told(metric)["kind"]
            effect = mean(table.values[0], clusters=clusters_of(table), level=experiment.level, kind=kind)
            row = numbers(effect)
            rows.append(
                {
                    **about,
                    "arm": name,
                    **row,
                    **told(metric),
                }
            )
    return rows


def told(metric: Any) -> dict[str, Any]:
    """What levels.json says of a metric; a weighted share is no count of right and wrong."""
    kind = "mean" if metric.weight else metric.kind
    return {"better": metric.better, "unit": metric.unit, "kind": kind, "about": metric.about, "weight": metric.weight}


def overhead(
    costs: Mapping[str, Mapping[str, Mapping[Any, float]]], pairs: Iterable[tuple[str, str]], level: float
) -> list[dict[str, Any]]:
    """The ratio of every cost, arm over arm. `costs`: cost → arm → unit (a seed, or a step) → value.

    A step counts where both arms were timed on it with every seed: what one cell has scored another reuses, and times
    only the first step of each suite. The steps of one seed share the state of the machine, so they are one cluster,
    and one seed alone gives no interval; neither does a peak, which is no mean of anything.
    """
    import numpy as np

    from butfor import stats

    rows: list[dict[str, Any]] = []
    for (cost, arms), (treatment, control) in ((cost, pair) for cost in costs.items() for pair in pairs):
        units = _timed([unit for unit in arms.get(treatment, {}) if unit in arms.get(control, {})])
        t, c = ([arms[name][unit] for unit in units] for name in (treatment, control))
        if not units:
            continue
        row: dict[str, Any] = {"cost": cost, "treatment": treatment, "control": control, "ratio": None}
        seeds = [unit[0] if isinstance(unit, tuple) else unit for unit in units]
        row |= {"low": None, "high": None, "level": level, "n": len(set(seeds)), "unit_of_n": "seed"}
        row |= {"treatment_value": float(np.mean(t)), "control_value": float(np.mean(c))}
        if min(*t, *c) > 0:
            row["ratio"] = row["treatment_value"] / row["control_value"]
            if len(set(seeds)) > 1 and "peak" not in cost:
                effect = stats.overhead(t, c, clusters=seeds, level=level)
                row |= {"ratio": effect.estimate, "low": effect.low, "high": effect.high}
        rows.append(row)
    return rows


def _timed(units: list[Any]) -> list[Any]:
    """Seeds as they are; of steps (seed, suite, chunk) those that every seed has."""
    seeds = {unit[0] for unit in units if isinstance(unit, tuple)}
    there = set(units)
    return [unit for unit in units if all((seed, *unit[1:]) in there for seed in seeds)]


def compare(a: Path, b: Path) -> dict[str, Any]:
    """Run B minus run A: every metric of every arm and suite that both have, on the items and seeds that both have."""
    from butfor.stats import paired

    runs = {label: _described(path) for label, path in (("A", a), ("B", b))}
    arms = [arm for arm in runs["A"]["arms"] if arm in runs["B"]["arms"]]
    suites = [suite for suite in runs["A"]["suites"] if suite in runs["B"]["suites"]]
    seeds = [seed for seed in runs["A"]["seeds"] if seed in runs["B"]["seeds"]]
    notes = [
        f"only one of the runs has {kind} {_named(alone)}"
        for kind in ("arms", "suites", "seeds")
        if (alone := set(runs["A"][kind]) ^ set(runs["B"][kind]))
    ]
    level = runs["A"]["level"]
    if runs["B"]["level"] != level:
        notes.append(f"intervals at the level of A, {level}; B has {runs['B']['level']}")
    notes += [
        f"the two were asked in different ways: {key} is {runs['A']['asked'][key]} in A, {runs['B']['asked'][key]} in B"
        for key in ASKED
        if runs["A"]["asked"][key] != runs["B"]["asked"][key]
    ]
    effects: list[dict[str, Any]] = []
    for arm, suite in ((arm, suite) for arm in arms for suite in suites):
        rows = [row for seed in seeds[:1] for row in records_of(a, arm, seed, suite)]
        left: dict[str, list[str]] = {}  # what is not compared → of which metrics
        for metric in dict.fromkeys(name for row in rows for name in row["metrics"]):
            known = runs["A"]["metrics"].get((suite, metric), {})
            table = align([values_of(path, arm, seeds, suite, metric, known.get("weight", "")) for path in (b, a)])
            if table is None:
                left.setdefault("no item asked the same in both runs", []).append(metric)
                continue
            if table.dropped:
                what = f"{table.dropped} items stand in one run only, or asked another thing"
                left.setdefault(what, []).append(metric)
            kind = known.get("kind", "mean")
            effect = paired(*table.values, clusters=clusters_of(table), level=level, kind=kind)
            about = {"suite": suite, "metric": metric, "treatment": f"{arm} of B", "control": f"{arm} of A"}
            effects.append(entry(effect, **about, **{key: known.get(key, "") for key in ("unit", "better")}))
        notes += [f"{suite} of {arm}: {what} ({_named(metrics, 4)})" for what, metrics in left.items()]
    if not effects:
        raise UserError(
            f"{a} and {b} share no arm, suite and seed to compare" + "".join(f"\n{note}" for note in notes[:3])
        )
    correct_family(effects)
    return {"a": str(a), "b": str(b), "notes": notes, "effects": effects}


def recovered(folder: Path, part: str, whole: str, none: str = "control") -> list[dict[str, Any]]:
    """Of every metric of a run, the share of what arm `whole` gains over arm `none` that arm `part` reaches.

    Metrics in which `whole` gains nothing that can be told from 0 are left out: there is nothing to have a share of.
    """
    from butfor.stats.recovered import recovered

    about = _described(folder)
    if unknown := [arm for arm in (part, whole, none) if arm not in about["arms"]]:
        raise UserError(f"{folder} has no arm {unknown[0]!r}; its arms: {_named(about['arms'])}")
    found: list[dict[str, Any]] = []
    for (suite, metric), known in about["metrics"].items():
        cells = [values_of(folder, arm, about["seeds"], suite, metric, known["weight"]) for arm in (part, whole, none)]
        table = align(cells)
        if table is None or table.values[1].mean() == table.values[2].mean():
            continue
        effect = recovered(*table.values, clusters=clusters_of(table), level=about["level"])
        if effect.ok:
            found.append({"suite": suite, "metric": metric, "part": part, "whole": whole, **numbers(effect)})
    return found


def _named(names: Iterable[Any], most: int = 8) -> str:
    shown = sorted(map(str, names))
    return ", ".join(shown[:most]) + (f" and {len(shown) - most} more" if len(shown) > most else "")


def _described(path: Path) -> dict[str, Any]:
    table = json.loads((path / "experiment.json").read_text(encoding="utf-8"))
    levels = json.loads((path / "levels.json").read_text(encoding="utf-8"))["levels"]
    return {
        "level": table["level"],
        "metrics": {(row["suite"], row["metric"]): row for row in levels},
        "asked": {key: table.get(key) or "none" for key in ASKED},
        "arms": [arm["name"] for arm in table["arms"]],
        "suites": [measure["suite"] for measure in table["measures"]],
        "seeds": list(table["seeds"]),
    }
