"""discover with a model: a graph from the names of variables, how sure the model is, and what rows say to it.

Without rows the graph is the model's. With rows, what the model said goes into a search of them: as beliefs (soft), as
rules (hard), or as an order of causes; the report names what the rows speak against, and how strongly.
"""

from __future__ import annotations

import textwrap
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from butfor.cli.talk import WIDTH, Talk, about, clean, spent, told

if TYPE_CHECKING:
    from butfor.data.drawn import Drawn, Task
    from butfor.infer.discover.drawing import Drawing
    from butfor.infer.discover.recite import Control
    from butfor.scm.columns import Columns
    from butfor.scm.discovery.priors import Prior

FEW = 0.2  # share of answers that may be unreadable before the graph is not to be trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedFor:
    """What was asked for on the command line."""

    variables: Path | None
    data: Path | None
    prior: Path | None
    how: str = "pairwise"
    asks: int = 3
    use: str = "soft"
    search: str = "auto"
    weight: float = 1.0
    control: bool = False
    bootstraps: int = 100
    drop: bool = False
    latent: bool = False


def asked_command(talk: Talk, wanted: AskedFor, *, as_json: bool) -> None:
    """Ask, search, write graph.svg, discovery.json and the transcript into the folder, print; 3 where a check fails."""
    from butfor.cli.app import show_json
    from butfor.core.errors import Untrusted
    from butfor.core.folder import finite, write_bytes, write_json
    from butfor.scm.graphs.draw import svg

    task, method, known = _task(wanted), _method(wanted), _known(wanted)
    exchange = talk.begin()
    drawn, control = _drawn(talk, exchange, method, task, wanted)
    result = _with_rows(drawn, task, wanted, known, talk.seed)
    facts = {"asked": about(talk, exchange), **_facts(drawn, result, control, wanted)}
    folder = talk.folder
    pattern = result.pattern
    weights = {(a, b): _share(drawn, a, arrow, b) for a, arrow, b in pattern.edges}
    write_bytes(folder / "graph.svg", svg(pattern, weights).encode())
    write_json(folder / "discovery.json", finite(facts))
    if as_json:
        show_json(facts)
    else:
        print("\n".join([*_lines(drawn, result, control, wanted), "", *map(str, _files(folder))]))
    told(talk, exchange)
    if drawn.asked and drawn.unread > FEW * drawn.asked:
        raise Untrusted(
            f"{drawn.unread} of {drawn.asked} answers could not be read; the graph is from the others alone"
        )
    bad = [check for check in result.found.checks if not check.ok] if result.found else []
    if bad:
        raise Untrusted(f"the search is done, but {bad[0].message}")


def _files(folder: Path) -> list[Path]:
    return [folder / "graph.svg", folder / "discovery.json"]


def _task(wanted: AskedFor) -> Task:
    """The variables and their rows."""
    from butfor.core.errors import UserError
    from butfor.data.drawn import Task
    from butfor.data.variables import Study
    from butfor.scm.columns import Columns

    if wanted.variables is None and wanted.data is None:
        raise UserError("name the variables: --variables FILE.toml, or a CSV file whose columns they are")
    rows: Columns | None = None
    study = Study.read(wanted.variables) if wanted.variables is not None else None
    if wanted.data is not None:
        missing = "drop" if wanted.drop else "refuse"
        rows = Columns.read(wanted.data, study.names if study else None, missing=missing)
        study = study or Study.named(rows.names)
    assert study is not None
    return Task("cli", study, rows)


def _method(wanted: AskedFor) -> Drawing:
    """The method that asks; the search of the rows comes after it."""
    from butfor.core.errors import UnknownName, UserError
    from butfor.infer.discover.prior import ASKING, Prior, Search, Use

    if wanted.how not in ASKING:
        raise UnknownName("way of asking", wanted.how, ASKING)
    if wanted.use not in get_args(Use):
        raise UnknownName("use of the answers", wanted.use, get_args(Use))
    if wanted.search not in get_args(Search):
        raise UnknownName("search with a model", wanted.search, get_args(Search))
    if wanted.latent:
        raise UserError("what a model says is of graphs without unseen common causes; leave out --latent, or the model")
    if not 0 <= wanted.weight <= 10:
        raise UserError(
            f"--weight {wanted.weight:g}: answers weigh 0 (the data alone) to 10; 1 takes them at their word"
        )
    if not 1 <= wanted.asks <= 60:
        raise UserError(f"--asks {wanted.asks}: a question is asked in 1 to 60 ways")
    try:
        Prior(use=wanted.use, search=wanted.search, weight=wanted.weight)  # type: ignore[arg-type]
    except ValueError as error:
        raise UserError(str(error)) from error
    return ASKING[wanted.how](asks=wanted.asks)


def _known(wanted: AskedFor) -> Prior | None:
    """What the user knows; it comes before what the model says."""
    from butfor.core.errors import UserError
    from butfor.scm.discovery.priors import Prior

    if wanted.prior is None:
        return None
    if wanted.data is None or wanted.use != "soft":
        raise UserError("--prior with a model needs rows (--data) and --use soft: your rules, and the model's beliefs")
    return Prior.read(wanted.prior)


def _drawn(talk: Talk, exchange: Any, method: Drawing, task: Task, wanted: AskedFor) -> tuple[Drawn, Control | None]:
    """What the model draws, and the control where it was asked for; the cost is that of both."""
    from butfor.core.seeds import derive
    from butfor.infer.discover.recite import controlled
    from butfor.lm.exchange import converse

    seed = derive(talk.seed, "draw", task.id)
    ((drawn, cost),) = converse(exchange, [method.drawing(task, seed)])
    drawn = replace(drawn, cost=cost)
    if not wanted.control:
        return drawn, None
    ((control, more),) = converse(exchange, [controlled(method, task, drawn, seed)])
    return replace(drawn, cost=cost + more), control


def _with_rows(drawn: Drawn, task: Task, wanted: AskedFor, known: Prior | None, seed: int) -> Drawn:
    """The graph of rows and answers together; without rows, the model's."""
    from butfor.core.errors import DataError
    from butfor.infer.discover.prior import joined, knowledge_of
    from butfor.scm.discovery.priors import Prior

    if task.data is None:
        return drawn
    use: Any = wanted.use
    said = knowledge_of(drawn, use, weight=wanted.weight)
    if known is not None:
        ruled = {*known.required, *known.forbidden}
        beliefs = {
            edge: p for edge, p in said.beliefs.items() if edge not in ruled and edge[::-1] not in known.required
        }
        said = Prior(
            required=known.required,
            forbidden=known.forbidden,
            tiers=known.tiers,
            beliefs={**beliefs, **known.beliefs},
            source="you, and a language model",
        )
    search: Any = wanted.search
    found = joined(drawn, task.data, said, search, seed, bootstraps=wanted.bootstraps)
    if found.why:
        raise DataError(found.why)
    return found


def _share(drawn: Drawn, a: str, arrow: str, b: str) -> float:
    """How much of what was said agrees with an edge."""
    return drawn.share(a, b) if arrow == "->" else drawn.share(a, b) + drawn.share(b, a)


def _facts(drawn: Drawn, result: Drawn, control: Control | None, wanted: AskedFor) -> dict[str, Any]:
    """All of it as plain values."""
    facts: dict[str, Any] = {
        "how": wanted.how,
        "asks": wanted.asks,
        "names": list(drawn.names),
        "pattern": [list(edge) for edge in result.pattern.edges],
        "said": {
            "pattern": [list(edge) for edge in drawn.pattern.edges],
            "shares": drawn.shares.tolist(),
            "order": list(drawn.order),
            "refused": [list(edge) for edge in drawn.refused],
            "answers": drawn.asked,
            "unread": drawn.unread,
            "cost": asdict(drawn.cost),
        },
    }
    if control is not None:
        both = {"names": control.names, "places": control.places, "nameless": control.nameless}
        facts["control"] = {key: {"f1": one.f1, **asdict(one)} for key, one in both.items()}
    if result.found is not None:
        facts["rows"] = {"use": wanted.use, "weight": wanted.weight, **result.found.facts()}
    return facts


def _lines(drawn: Drawn, result: Drawn, control: Control | None, wanted: AskedFor) -> list[str]:
    """The result in at most 80 columns."""
    from butfor.cli.discover import lines

    ways = "one way" if wanted.asks == 1 else f"{wanted.asks} ways each"
    said = [f"{wanted.how}, asked in {ways}: {spent(drawn.cost)}", "", "what the model says, as shares of its answers:"]
    said += _table(drawn)
    if drawn.unread:
        said += [f"{drawn.unread} of {drawn.asked} answers could not be read"]
    said += [f"REFUSED {a} -> {b} ({drawn.share(a, b):.2f}): it would close a cycle" for a, b in drawn.refused]
    if control is not None:
        said += ["", *_controls(control)]
    if result.found is not None:
        said += ["", f"with the rows ({wanted.use}):"]
    folded = [
        part
        for line in said
        for part in (textwrap.wrap(clean(line), WIDTH, subsequent_indent="  ", drop_whitespace=False) or [""])
    ]
    return folded + ([clean(line) for line in lines(result.found)] if result.found is not None else [])


def _table(drawn: Drawn) -> list[str]:
    """The edges of the model's own graph, firmest first."""
    edges = sorted(drawn.edges, key=lambda edge: -drawn.share(*edge))
    if not edges:
        return ["no edges"]
    width = min(30, max(len(f"{a} -> {b}") for a, b in edges))
    return [
        f"{f'{a} -> {b}':{width}}  {drawn.share(a, b):.2f}  <- {drawn.share(b, a):.2f}"
        f"  neither {max(0.0, 1 - drawn.share(a, b) - drawn.share(b, a)):.2f}"
        for a, b in edges
    ]


def _controls(control: Control) -> list[str]:
    """What of the graph goes by names."""
    return [
        "the same study with its names shuffled, and with no names:",
        f"  {control.names.f1:.2f}  goes with the names (F1 of edges, by name)",
        f"  {control.places.f1:.2f}  goes with the places in the list (by place)",
        f"  {control.nameless.f1:.2f}  is said without any names (by place)",
    ]
