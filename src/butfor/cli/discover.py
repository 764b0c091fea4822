"""discover: from a CSV file to edges with their frequencies, a drawing and JSON."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from butfor.scm.discovery.found import Discovery, FoundEdge

WIDTH = 80
OFTEN = 0.2  # a pair that all the rows do not join is told of where so many of the resamples join it


def table_of(file: Path | None, data: Path | None, *, needed: bool) -> Path | None:
    """The CSV file, wherever it stands on the command line."""
    from butfor.core.errors import UserError

    if file is not None and data is not None:
        raise UserError(f"{file} and --data {data} are two tables; name one of them")
    if needed and file is None and data is None:
        raise UserError("name a CSV file, or variables and a model: --variables FILE.toml --model NAME")
    return file or data


def discover_command(
    file: Path,
    prior: Path | None,
    method: str,
    out: Path,
    *,
    bootstraps: int,
    seed: int,
    latent: bool,
    drop: bool,
    as_json: bool,
) -> None:
    """Search, write graph.svg and discovery.json into `out`, print the edges; 3 where a check fails."""
    from butfor.cli.app import show_json
    from butfor.core.errors import Untrusted
    from butfor.core.folder import write_bytes
    from butfor.scm.discovery.run import discover

    found = discover(file, method, prior, bootstraps, seed, latent=latent, missing="drop" if drop else "refuse", jobs=0)
    paths = out / "graph.svg", out / "discovery.json"
    write_bytes(paths[0], found.svg().encode())
    write_bytes(paths[1], (found.to_json() + "\n").encode())
    if as_json:
        show_json(found.facts())
    else:
        print("\n".join([*lines(found), "", *map(str, paths)]))
    if bad := [check for check in found.checks if not check.ok]:
        raise Untrusted(f"the search is done, but {bad[0].message}")


def lines(found: Discovery) -> list[str]:
    """The result in at most 80 columns."""
    said = [found.why, ""]
    inside = [edge for edge in found.edges if edge.arrow]
    seen = [edge for edge in found.edges if not edge.arrow and edge.adjacent.value >= OFTEN]
    said += _table(inside, found.resamples) if inside else ["no edges"]
    if seen:
        said += [
            "",
            f"not in the graph, but joined in {OFTEN:.0%} or more of the resamples:",
            *_table(seen, found.resamples),
        ]
    if found.resamples and found.edges:
        example = f"{found.edges[0].adjacent}: the share of {found.resamples} resamples that join the two, and how well"
        said += ["", f"{example} so many pin that share down; it is no probability that the edge is true"]
    told = [*(f"CONFLICT {conflict}" for conflict in found.conflicts), *(str(c) for c in found.checks if not c.ok)]
    said += ["", *told] if told else []
    return [part for line in said for part in (textwrap.wrap(line, WIDTH, subsequent_indent="  ") or [""])]


def _table(edges: list[FoundEdge], resamples: int) -> list[str]:
    """One line an edge, or two where the names are long."""
    texts = [f"{edge.a} {edge.arrow or '..'} {edge.b}" for edge in edges]
    width = min(30, max(map(len, texts)))
    found: list[str] = []
    for text, edge in zip(texts, edges, strict=True):
        kinds = sorted(edge.seen.items(), key=lambda item: -item[1])
        shares = "  ".join(f"{arrow} {count / resamples:.2f}" for arrow, count in kinds) if resamples else ""
        exact = f"  P(->) {edge.probability[0]:.2f} P(<-) {edge.probability[1]:.2f}" if edge.probability else ""
        joined = f"  {edge.adjacent}  {shares}" if resamples else ""
        if len(text) > width:
            found.append(text)
            text = ""
        found.append(f"{text:{width}}{joined}{exact}")
    return found
