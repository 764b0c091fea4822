"""evaluate-policy: what would another policy have brought? From a log, and perhaps models, its value."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.core.errors import Abstained, UnknownName, Untrusted, UserError
from butfor.core.progress import Progress

if TYPE_CHECKING:
    from butfor.data.policy_log import Choice, Said
    from butfor.scm.columns import Floats
    from butfor.scm.policies import Answers, Log
    from butfor.stats.effect import Effect

NAMES: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {  # estimators by kind of log: the method, and its knobs
    "texts": {
        "calibrated": ("align.ope.calibrated", {}),
        "judge": ("align.ope.calibrated", {"calibration": "none", "corrected": False}),
        "dr": ("align.ope.text_weights", {"how": "dr"}),
        "ips": ("align.ope.text_weights", {"how": "ips"}),
    },
    "actions": {
        **{how: ("align.ope.doubly_robust", {"how": how}) for how in ("dr", "mrdr", "tmle")},
        "direct": ("align.ope.direct", {}),
        "sensitivity": ("align.ope.sensitivity", {}),
        **{how: ("align.ope.weighting", {"how": how}) for how in ("snips", "ips", "clipped", "switch")},
    },
}
DEFAULTS = {"texts": ("calibrated", "dr", "ips"), "actions": ("dr", "direct", "snips", "sensitivity")}
FOLDED, FOLDS = ("dr", "mrdr", "tmle"), 5  # of actions: these learn on other folds
WEIGHTS = ("dr", "ips")  # of texts: these need log-probabilities


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    log: Path
    target: str = ""
    logging: str = ""
    how: tuple[str, ...] = ()
    scores: Path | None = None
    device: str = "auto"
    seed: int = 0
    factor: float = 2.0  # of `sensitivity`

    @property
    def kept(self) -> Path:
        """Where log-probabilities are kept while they are computed."""
        return self.scores or self.log.with_name(f"{self.log.name}.scores")


@dataclass(slots=True)
class Valued:
    """One estimator's answer, or why it has none."""

    how: str
    effect: Effect | None = None
    refused: str = ""


@dataclass(slots=True)
class Report:
    """All that is said."""

    kind: str
    log: Log | Answers
    found: list[Valued] = field(default_factory=list[Valued])
    notes: list[str] = field(default_factory=list[str])


def evaluate_policy_command(asked: Asked, *, as_json: bool, quiet: bool) -> None:
    """Value the target policy; 3 where the first estimator does not answer, or answers with a warning."""
    from butfor.data.policy_log import Said, read

    rows = read(asked.log)
    _sensible(asked)
    kind = "texts" if isinstance(rows[0], Said) else "actions"
    for name in asked.how:
        if name not in NAMES[kind]:
            raise UnknownName(f"estimator of {kind}", name, NAMES[kind])
    _used(asked, rows, asked.how or DEFAULTS[kind])
    progress = Progress(quiet=quiet)
    scorer = _scorer(asked, progress)
    report = _of_texts(asked, rows, scorer) if kind == "texts" else _of_actions(asked, rows, scorer)  # type: ignore[arg-type]
    if as_json:
        from butfor.cli.app import show_json

        show_json(_facts(asked, report))
    else:
        print("\n".join(_lines(report)), flush=True)
    first = report.found[0]
    if first.effect is None:
        raise Untrusted(f"{first.how} does not answer: {first.refused}")
    if bad := [check.message for check in first.effect.checks if not check.ok]:
        raise Untrusted(f"do not rest a claim on this value before you have looked at: {bad[0]}")


def _sensible(asked: Asked) -> None:
    """Refuse numbers, files and models that cannot be, before anything is computed or written."""
    if asked.seed < 0:
        raise UserError(f"--seed is {asked.seed}; a seed is 0 or more")
    if not 1 <= asked.factor < math.inf:
        raise UserError(f"--factor is {asked.factor}; a ratio of odds is 1 (nothing unseen) or more, and finite")
    models = [name for name in dict.fromkeys((asked.logging, asked.target)) if name]
    if asked.scores or models:
        from butfor.lm.scored_file import writable

        if asked.kept.exists() and asked.log.exists() and asked.kept.samefile(asked.log):
            raise UserError(f"--scores {asked.kept} is the log itself; name another file")
        writable(asked.kept)
    for name in models:
        from butfor.lm.load import encodes, kind

        if kind(name) != "lm" or encodes(name):
            raise UserError(f"{name} is no language model: it gives texts no probabilities")


def _used(asked: Asked, rows: Sequence[Said] | Sequence[Choice], how: Sequence[str]) -> None:
    """Refuse a model that would not be asked anything."""
    from butfor.data.policy_log import Said

    said = [row for row in rows if isinstance(row, Said)]
    texts = bool(said)
    for side, key in (("logging", "logprob"), ("target", "target_logprob")):
        if not (model := getattr(asked, side)):
            continue
        if texts and not set(how) & set(WEIGHTS):
            raise UserError(f"--{side} {model} would not be used: {', '.join(how)} take no probabilities; leave it out")
        name = key if texts else side
        if all(getattr(row, name) is not None for row in rows):
            raise UserError(f"--{side} {model} would not be used: every row holds '{name}'; leave one of them out")
        if missing := _half(asked, said, side) if texts else _unknown(asked, rows, side):  # type: ignore[arg-type]
            raise UserError(f"--{side} {model} would not be used: {missing}, or leave --{side} out")


def _unknown(asked: Asked, rows: Sequence[Choice], side: str) -> str:
    """What keeps one side's model of actions from being of use, if anything: the other side's chances."""
    other = "target" if side == "logging" else "logging"
    if getattr(asked, other) or not (silent := [row.line for row in rows if getattr(row, other) is None]):
        return ""
    return (
        f"{len(silent)} of {len(rows)} rows have no '{other}' probabilities (first: line {silent[0]} of {asked.log}); "
        f"log them in all, give --{other} MODEL too"
    )


def _half(asked: Asked, rows: Sequence[Said], side: str) -> str:
    """What keeps one side's model from being asked, if anything: weights need the probabilities of both sides."""
    other, key = ("target", "target_logprob") if side == "logging" else ("logging", "logprob")
    if getattr(asked, other):
        return ""
    own = "logprob" if side == "logging" else "target_logprob"
    logged, fresh = ([row for row in rows if row.of_target is of] for of in (False, True))
    silent = sum(getattr(row, key) is None for row in logged)
    if silent:
        whose = f"{silent} of {len(logged)} logged texts have"
    elif all(getattr(row, own) is not None for row in logged) and any(getattr(row, key) is None for row in fresh):
        whose = "the target's texts have"
    else:
        return ""
    return f"{whose} no '{key}'; log it in all of them, give --{other} MODEL too"


Scorer = Callable[[str, str, "Sequence[tuple[str, Sequence[str]]]"], list[list[float]]]


def _scorer(asked: Asked, progress: Progress) -> Scorer:
    """log-probabilities by a model, named by the side it stands for; kept in a file as they come."""

    def scores(side: str, name: str, items: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        from butfor.lm import LM
        from butfor.lm.load import load
        from butfor.lm.scored_file import logprobs

        world = load(name, device=None if asked.device == "auto" else asked.device)
        if not isinstance(world, LM):
            raise UserError(f"{name} is no language model: it gives texts no probabilities")
        with progress.task(f"{side} {name}", len(items)) as advance:
            return logprobs(world, items, asked.kept, advance)

    return scores


def _of_texts(asked: Asked, rows: Sequence[Said], scorer: Scorer) -> Report:
    from butfor.data.policy_log import answers_of

    logged, fresh = ([row for row in rows if row.of_target is side] for side in (False, True))
    notes, how = list[str](), asked.how or DEFAULTS["texts"]
    ratio = of_fresh = None
    if set(how) & set(WEIGHTS):
        if not logged:
            need = " and ".join(name for name in how if name in WEIGHTS)
            raise UserError(
                f'{asked.log}: every row has "policy": "target", and {need} weigh logged texts; add these '
                "(rows without 'policy'), or give --how calibrated"
            )
        _all_or_none(asked, logged)
        _all_or_none(asked, fresh)
        if asked.logging or asked.target:
            _rehearsed(asked, Report("texts", answers_of(rows, _alike(logged), _alike(fresh))), how)
        ratio = _ratio(asked, logged, scorer)
        if not isinstance(ratio, str):
            found = _ratio(asked, fresh, scorer) if fresh else None
            if isinstance(found, str):
                notes.append(f"weights are not held against the target's own texts: {found}")
            else:
                of_fresh = found
        elif asked.how:
            raise UserError(ratio)
        else:
            notes.append(f"no weights: {ratio}")
            how = [name for name in how if name not in WEIGHTS]
    known = None if isinstance(ratio, str) else ratio
    return _valued(asked, Report("texts", answers_of(rows, known, of_fresh), notes=notes), how)


def _rehearsed(asked: Asked, report: Report, how: Sequence[str]) -> None:
    """Refuse, before a model is asked, what no probabilities would mend: these are of equal policies."""
    _valued(asked, report, how)


def _alike(rows: Sequence[Said]) -> Floats:
    import numpy as np

    return np.zeros(len(rows))


def _ratio(asked: Asked, rows: Sequence[Said], scorer: Scorer) -> Floats | str:
    """log π − log μ of these texts, or what is missing."""
    logging = _logprobs(rows, "logprob", asked.logging, scorer)
    target = None if logging is None else _logprobs(rows, "target_logprob", asked.target, scorer)
    if logging is None or target is None:
        side = "logging" if logging is None else "target"
        whose = "the target's texts have" if rows[0].of_target else "the log has"
        return f"{whose} no log-probabilities of the {side} policy: log them, or give --{side} MODEL"
    return target - logging


def _logprobs(rows: Sequence[Said], key: str, model: str, scorer: Scorer) -> Floats | None:
    """Of these texts, by the log and where it is silent by the model; None where nobody knows any."""
    import numpy as np

    found = [getattr(row, key) for row in rows]
    silent = [number for number, value in enumerate(found) if value is None]
    if silent and not model:
        return None
    if silent:
        side = "target" if key.startswith("target") else "logging"
        scores = scorer(side, model, [(rows[number].prompt, [rows[number].text]) for number in silent])
        for number, (score,) in zip(silent, scores, strict=True):
            found[number] = score
    return np.array(found, dtype=np.float64)


def _all_or_none(asked: Asked, rows: Sequence[Said]) -> None:
    """Refuse log-probabilities that stand in some rows only, where no model gives the others."""
    for key, side in (("logprob", "logging"), ("target_logprob", "target")):
        silent = [row.line for row in rows if getattr(row, key) is None]
        if 0 < len(silent) < len(rows) and not getattr(asked, side):
            whose = "texts of the target" if rows[0].of_target else "logged texts"
            raise UserError(
                f"{len(silent)} of {len(rows)} {whose} have no '{key}' (first: line {silent[0]} of {asked.log}): "
                f"log all of them, or give --{side} MODEL"
            )


def _of_actions(asked: Asked, rows: Sequence[Choice], scorer: Scorer) -> Report:
    import numpy as np

    from butfor.data.policy_log import log_of, options

    how = asked.how or DEFAULTS["actions"]
    models = {side: model for side in ("logging", "target") if (model := getattr(asked, side))}
    for side, model in models.items():
        _askable(asked, rows, side, model)
    if models:
        count = len(options(rows))
        alike = np.full((len(rows), count), 1 / count)
        _rehearsed(asked, Report("actions", log_of(rows, alike, alike)), how)
    sides = {side: _chances(rows, side, model, scorer) for side, model in models.items()}
    return _valued(asked, Report("actions", log_of(rows, **sides)), how)


def _askable(asked: Asked, rows: Sequence[Choice], side: str, model: str) -> None:
    """Refuse rows of which a model cannot say how likely their actions are."""
    silent = [row for row in rows if getattr(row, side) is None]
    if bare := [row.line for row in silent if not row.prompt]:
        raise UserError(f"line {bare[0]} of {asked.log} has no 'prompt': {model} cannot say how likely an action is")
    alone = [row for row in silent if len(row.actions) < 2]
    unsure = [row for row in alone if row.logging is None and row.target is None]  # nothing says that it had no choice
    if found := unsure or (alone if len(alone) == len(silent) else []):
        raise UserError(f"line {found[0].line} of {asked.log} names one action: give all of them in 'actions'")


def _chances(rows: Sequence[Choice], side: str, model: str, scorer: Scorer) -> Floats:
    """Probabilities of all actions [n, K], by the log and where it is silent by the model."""
    import numpy as np

    from butfor.data.policy_log import options

    silent = [row for row in rows if getattr(row, side) is None]
    place = {name: number for number, name in enumerate(options(rows))}
    scores = iter(scorer(side, model, [(row.prompt, [f" {name}" for name in row.actions]) for row in silent]))
    chances = np.zeros((len(rows), len(place)))
    for number, row in enumerate(rows):
        if (given := getattr(row, side)) is None:
            logits = np.array(next(scores))
            given = dict(zip(row.actions, np.exp(logits - np.logaddexp.reduce(logits)), strict=True))
        for name, chance in given.items():
            chances[number, place[name]] = chance
    return chances


def _valued(asked: Asked, report: Report, how: Sequence[str]) -> Report:
    import numpy as np

    from butfor.core.errors import DataError
    from butfor.core.registry import resolve
    from butfor.scm.analyst import Analyst

    for name in dict.fromkeys(how):
        method, knobs = NAMES[report.kind][name]
        analyst = Analyst()
        if name == "sensitivity":
            knobs = {"factor": asked.factor}
        resolve("method", method)(**knobs).model(analyst, np.random.default_rng(asked.seed))
        try:
            _foldable(report, name)
            report.found.append(Valued(name, analyst.value(report.log)))
        except Abstained as error:
            report.found.append(Valued(name, refused=_advised(report, name, str(error))))
        except DataError as error:
            if asked.how or not report.found:
                raise
            report.found.append(Valued(name, refused=str(error)))
    return report


def _foldable(report: Report, name: str) -> None:
    """Refuse a log with fewer things that stand by themselves than there are folds."""
    from butfor.align.ope.short import clusters
    from butfor.core.errors import DataError
    from butfor.scm.policies import Log

    if name in FOLDED and isinstance(report.log, Log) and (some := int(clusters(report.log).max()) + 1) < FOLDS:
        what = "row" if report.log.cluster is None else "cluster"
        raise DataError(
            f"the log has {some} {what}{'s' * (some > 1)}, and {name} learns from some what it says of others: "
            f"log {FOLDS} or more, or give --how direct"
        )


def _advised(report: Report, name: str, told: str) -> str:
    """A refusal, with advice that the command can follow."""
    from butfor.align.ope.overlap import ANYWAY, MISSING, overlap
    from butfor.scm.policies import Log

    direct = name != "direct" and isinstance(report.log, Log) and overlap(report.log).missing <= MISSING
    return told.replace(ANYWAY, "; --how direct needs no weights" if direct else "")


def _lines(report: Report) -> list[str]:
    """The table in 80 columns: the first estimator is the answer, the others stand beside it."""
    said = [_about(report), ""]
    for number, one in enumerate(report.found):
        head = f"{one.how:<12}"
        if one.effect is None:
            said += textwrap.wrap(one.refused.replace("\n", "; "), 80, initial_indent=head, subsequent_indent=" " * 12)
            continue
        said.append(f"{head}{one.effect}{'   <- the answer' if number == 0 and len(report.found) > 1 else ''}")
        told = [str(each) for each in one.effect.checks if number == 0 or not each.ok or each.code == "tipping-point"]
        for line in told:
            said += textwrap.wrap(line, 80, initial_indent=" " * 14, subsequent_indent=" " * 16)
    for note in report.notes:
        said += ["", *textwrap.wrap(note, 80)]
    return said


def _about(report: Report) -> str:
    from butfor.scm.policies import Log

    if isinstance(report.log, Log):
        return f"{len(report.log.action)} choices among {report.log.logging.shape[1]} actions"
    import numpy as np

    labels = int(np.isfinite(report.log.outcome).sum())
    own = 0 if report.log.fresh_outcome is None else int(np.isfinite(report.log.fresh_outcome).sum())
    return (
        f"{len(report.log.judge)} logged texts, {labels} of them labelled; "
        f"{len(report.log.fresh)} of the target, {own} labelled"
    )


def _facts(asked: Asked, report: Report) -> dict[str, Any]:
    return {
        "log": str(asked.log),
        "kind": report.kind,
        "about": _about(report),
        "values": [_value(one) for one in report.found],
        "notes": report.notes,
    }


def _value(one: Valued) -> dict[str, Any]:
    if (effect := one.effect) is None:
        return {"how": one.how, "refused": one.refused}
    checks = [{"code": check.code, "ok": check.ok, "message": check.message} for check in effect.checks]
    return {
        "how": one.how, "estimate": effect.estimate, "low": effect.low, "high": effect.high, "level": effect.level,
        "n": effect.n, "method": effect.method, "checks": checks,
    }  # fmt: skip
