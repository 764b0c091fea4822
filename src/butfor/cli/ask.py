"""ask: a causal question, a graph and perhaps data: the derivation, the estimand, the effect, the refutations."""

from __future__ import annotations

import sys
import textwrap
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from butfor.cli.app import show_json

if TYPE_CHECKING:
    from butfor.scm.bounds import Bounds
    from butfor.scm.columns import Columns
    from butfor.scm.graph import Graph
    from butfor.scm.graphs.instruments import Candidate
    from butfor.scm.questions.estimand import Estimand
    from butfor.scm.questions.query import Question
    from butfor.stats.effect import Effect


@dataclass(frozen=True, slots=True)
class Asked:
    """What the command line says."""

    query: str
    graph: str
    data: Path | None = None
    how: str | None = None
    treated: str | None = None
    control: str | None = None
    draws: int = 100
    level: float = 0.95
    seed: int = 0
    drop: bool = False


@dataclass(slots=True)
class Answer:
    """What there is to say; `lines` for a person, `values` for a program."""

    values: dict[str, Any] = field(default_factory=dict[str, Any])
    lines: list[str] = field(default_factory=list[str])
    failed: list[str] = field(default_factory=list[str])

    def say(self, head: str, *texts: str, mark: str = "") -> None:
        """A heading at the left, its texts beside it, folded to 80 columns."""
        for number, text in enumerate(texts):
            lead = f"{head if number == 0 else '':<12}{mark}"
            self.lines += textwrap.wrap(text, 79, initial_indent=lead, subsequent_indent=" " * len(lead)) or [lead]


def ask_command(asked: Asked, *, as_json: bool) -> None:
    """Answer a question; exit code 3 where a check or a refutation says not to trust the effect."""
    from butfor.core.errors import NotIdentified, QueryError
    from butfor.scm.graph import Graph
    from butfor.scm.questions.estimand import identify

    if 0 < asked.draws < 10:
        raise QueryError(f"--draws {asked.draws} are too few to refute anything: 10 or more, or 0 for no refutations")
    graph = Graph.read(asked.graph)
    answer = Answer({"query": asked.query, "graph": str(graph)})
    answer.say("question", asked.query)
    shown = str(graph)
    answer.say("graph", shown if len(shown) <= 240 else f"{len(graph.names)} variables, {len(graph.edges)} edges")
    linear = asked.how in ("2sls", "liml")
    try:
        estimand = identify(asked.query, graph)
    except NotIdentified as error:
        answer.values["not_identified"] = str(error)
        answer.values["hedge"] = [sorted(part) for part in error.hedge] if error.hedge else None
        _instead(asked, graph, answer, linear)
        if linear and asked.data is not None:
            _finish(answer, as_json)
            return
        _print(answer, as_json)
        raise
    _derived(estimand, answer)
    if asked.data is not None:
        _estimated(asked, estimand, answer)
    elif asked.graph.endswith(".bif") and not estimand.free:
        _exact(asked, estimand, answer)
    _finish(answer, as_json)


def _finish(answer: Answer, as_json: bool) -> None:
    from butfor.core.errors import Untrusted

    _print(answer, as_json)
    if answer.failed:
        names = ", ".join(answer.failed)
        raise Untrusted(f"do not rest a claim on this effect before you have looked at: {names}")


def _print(answer: Answer, as_json: bool) -> None:
    if as_json:
        show_json(answer.values)
    else:
        print("\n".join(answer.lines))
    sys.stdout.flush()


def _derived(estimand: Estimand, answer: Answer) -> None:
    answer.values |= {
        "way": estimand.way,
        "through": list(estimand.through),
        "steps": list(estimand.steps),
        "estimand": str(estimand),
        "latex": estimand.latex(),
    }
    answer.say("derivation", *(f"{number}. {step}" for number, step in enumerate(estimand.steps, 1)))
    answer.say("estimand", str(estimand))


def _exact(asked: Asked, estimand: Estimand, answer: Answer) -> None:
    from butfor.scm import SCM

    value = estimand.evaluate(SCM.from_bif(asked.graph))
    answer.values["exact"] = value
    answer.say("exact", f"{value:.6g}   in the model of {asked.graph}")


def _estimated(asked: Asked, estimand: Estimand, answer: Answer) -> None:
    estimator, columns = estimand.plan(
        asked.data, how=asked.how, treated=asked.treated and _value(asked.treated),
        control=asked.control and _value(asked.control),
        level=asked.level, seed=asked.seed, missing="drop" if asked.drop else "refuse",
    )  # fmt: skip
    _shown(asked, estimator, columns, estimator(columns), answer)


def _shown(asked: Asked, estimator: Any, columns: Columns, effect: Effect, answer: Answer) -> None:
    answer.values["effect"] = _effect(effect)
    if hasattr(estimator, "treated"):
        told = estimator.y if "=" in estimator.y else f"mean of {estimator.y}"
        told = f"{told}: {estimator.x}={estimator.treated} against {estimator.x}={estimator.control}"
        answer.values["compares"] = told
        answer.say("compares", told)
    told = f"p = {effect.p:.2g}" if effect.p is not None else "no p-value"
    answer.say("effect", f"{effect}   {100 * effect.level:g} % interval, {told}", effect.method)
    for number, check in enumerate(effect.checks):
        answer.say("" if number else "checks", f"{check.code}: {check.message}", mark="ok   " if check.ok else "WARN ")
    answer.failed += [check.code for check in effect.checks if not check.ok]
    if asked.draws and getattr(estimator, "x", ""):
        _refuted(asked, estimator, columns, effect, answer)


def _refuted(asked: Asked, estimator: Any, columns: Columns, effect: Effect, answer: Answer) -> None:
    from butfor.scm.refuters import HOW_STRONG, refute

    found = refute(columns, estimator, effect=effect, draws=asked.draws, seed=asked.seed)
    answer.values["refutations"] = [
        {"name": one.name, "ok": one.ok, "statistic": one.statistic, "low": one.low, "high": one.high, "p": one.p,
         "draws": one.draws, "sentence": one.sentence}
        for one in found
    ]  # fmt: skip
    for number, one in enumerate(found):
        mark = "ok   " if one.ok else "note " if one.name in HOW_STRONG else "WARN "
        answer.say("" if number else "refutations", f"{one.name}: {one.sentence}", mark=mark)
    answer.failed += [one.name for one in found if not one.ok and one.name not in HOW_STRONG]


def _instead(asked: Asked, graph: Graph, answer: Answer, linear: bool) -> None:
    """Where a question is not identified: bounds from the data, and instruments, which a linear effect would need."""
    from butfor.core.errors import ButforError
    from butfor.scm.graphs.instruments import instruments
    from butfor.scm.questions.query import Query

    question = Query.parse(asked.query).parts[0][1]
    if len(question.do) == 1 and len(question.outcome) == 1 and not question.counterfactual:
        x, y = question.do[0].variable, question.outcome[0].variable
        found = instruments(graph, x, y)
        answer.values["instruments"] = [{"name": one.name, "given": sorted(one.given)} for one in found]
        told = [one.name + (f" given {', '.join(sorted(one.given))}" if one.given else "") for one in found]
        answer.say("instruments", *(told or ["none"]))
        if linear and asked.data is not None:
            _leaned(asked, x, y, found, answer)
            return
        if found and asked.data is not None:
            answer.say("", "if the effect is linear, they estimate it: --how 2sls")
    if asked.data is None:
        return
    try:
        bounds = _bounded(asked, graph, question)
    except ButforError as error:
        answer.say("bounds", f"none: {error}")
        return
    answer.values["bounds"] = {
        "quantity": bounds.quantity, "low": bounds.low, "high": bounds.high, "reach": bounds.reach,
        "level": bounds.level, "method": bounds.method,
    }  # fmt: skip
    answer.say("bounds", str(bounds))


def _bounded(asked: Asked, graph: Graph, question: Question) -> Bounds:
    """Bounds of the question; of the difference between two treatments where it leaves the treatment open."""
    from butfor.core.errors import QueryError
    from butfor.scm.bounds import balke_pearl, manski
    from butfor.scm.columns import Columns

    if len(question.do) != 1 or question.do[0].value is not None or question.given or len(question.outcome) != 1:
        return balke_pearl(asked.query, graph, asked.data, level=asked.level, seed=asked.seed)
    x, y = question.do[0].variable, question.outcome[0]
    columns = Columns.read(asked.data, (x, y.variable), missing="drop" if asked.drop else "refuse")
    levels = columns.codes(x)[1]
    if len(levels) != 2 and not (asked.treated and asked.control):
        raise QueryError(f"{x} has {len(levels)} values: name two with --treated and --control")
    treated = _value(asked.treated) if asked.treated else levels[-1]
    control = _value(asked.control) if asked.control else levels[0]
    outcome = y if y.value is not None or not columns.is_number(y.variable) else y.variable
    if outcome is y and y.value is None:
        raise QueryError(
            f"{y.variable} holds labels: ask for one of them, as in P({y.variable}={columns[y.variable][0]} | …)"
        )
    kind = f"E[{outcome} |" if outcome is not y else f"P({outcome} |"
    end = "]" if outcome is not y else ")"
    query = f"{kind} do({x}={treated}){end} - {kind} do({x}={control}){end}"
    try:
        return balke_pearl(query, graph, asked.data, level=asked.level, seed=asked.seed)
    except QueryError:
        return manski(asked.data, x, y.variable, treated=treated, control=control, value=y.value, level=asked.level)


def _leaned(asked: Asked, x: str, y: str, found: list[Candidate], answer: Answer) -> None:
    """The effect by instruments, if it is linear: all of those that need the same variables held fixed as the first."""
    from butfor.core.errors import NotIdentified
    from butfor.scm.columns import Columns
    from butfor.scm.estimate import Instrument

    if not found:
        raise NotIdentified(f"no variable is an instrument for the effect of {x} on {y}: leave out --how")
    given = found[0].given
    chosen = tuple(one.name for one in found if one.given == given)
    columns = Columns.read(asked.data, (x, y, *chosen, *sorted(given)), missing="drop" if asked.drop else "refuse")
    answer.say("assumed", f"the effect of {x} on {y} is linear; instruments: {', '.join(chosen)}")
    estimator = Instrument(
        x, y, chosen, tuple(sorted(given)), how="liml" if asked.how == "liml" else "2sls",
        treated=_value(asked.treated or "1"), control=_value(asked.control or "0"), level=asked.level, seed=asked.seed,
    )  # fmt: skip
    fit = estimator.fit(columns)
    answer.values["anderson_rubin"] = str(fit.anderson_rubin)
    answer.values["first_stage_f"] = fit.first_stage_f
    _shown(asked, estimator, columns, fit.effect, answer)
    answer.say("robustly", f"Anderson–Rubin: {fit.anderson_rubin}; first-stage F = {fit.first_stage_f:.1f}")


def _effect(effect: Effect) -> dict[str, Any]:
    return {
        "estimate": effect.estimate, "low": effect.low, "high": effect.high, "level": effect.level, "p": effect.p,
        "n": effect.n, "method": effect.method,
        "checks": [{"code": check.code, "ok": check.ok, "message": check.message} for check in effect.checks],
    }  # fmt: skip


def _value(text: str) -> str | int | float:
    try:
        number = float(text)
    except ValueError:
        return text
    return int(number) if number.is_integer() else number
