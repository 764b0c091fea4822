"""Graphs as text: how they are read and written, so that no other file knows a format.

    X -> M -> Y; X <-> Y          chains; `<->` is a latent common cause
    A, B -> C                     a list stands for each of its members
    "blood pressure" -> stroke    quotes around names that hold more than letters, digits, `_` and `.`; `#` comments

The same lexer reads the arrows of patterns (`--`, `o->`, `o-o` and so on). DOT is read as far as graphs go: edges,
chains, subgraphs, attributes of which `dir` counts, and dagitty's `dag { X [exposure] U [latent] X <-> Y }`. JSON is
`{"names": ["X", "Y"], "edges": [["X", "->", "Y"]]}`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from butfor.core.errors import GraphError, UnknownName
from butfor.scm.graphs.dot import parse_dot

if TYPE_CHECKING:
    import networkx as nx

    from butfor.scm.graph import Graph

Edge = tuple[str, str]
Triple = tuple[str, str, str]
Parts = tuple[list[str], list[Edge], list[Edge]]  # names, directed, bidirected

NAME = re.compile(r'[ \t\r]*(?:"((?:[^"\\\n]|\\.)*)"|([\w.]+))')
ARROW = re.compile(r"[ \t\r]*([→←↔]|(?:<|o(?=-))?-+(?:>|o(?![\w.]))?)")
END = re.compile(r"[ \t\r]*(?:#[^\n]*)?(?:[;\n]|$)")
UNICODE = {"→": "->", "←": "<-", "↔": "<->"}
SUFFIXES = {".bif", ".dot", ".gv", ".json", ".txt"}


def parse_text(text: str) -> Parts:
    """Names in the order in which they appear, directed edges, bidirected edges."""
    names, edges = parse_edges(text)
    return _sorted_out(names, edges)


def parse_edges(text: str) -> tuple[list[str], list[Triple]]:
    """Names in the order in which they appear, and edges with their arrows as written, `-->` shortened to `->`."""
    names: dict[str, None] = {}
    edges: list[Triple] = []
    at = 0
    while at < len(text):
        if end := END.match(text, at):
            at = max(end.end(), at + 1)
            continue
        left, at = _list(text, at)
        names.update(dict.fromkeys(left))
        while not END.match(text, at):
            found = ARROW.match(text, at)
            if not found:
                raise GraphError(_unreadable(text, at, "an arrow or a separator (; or a new line)"))
            arrow = UNICODE.get(found[1]) or re.sub("-+", "-", found[1])
            right, at = _list(text, found.end())
            names.update(dict.fromkeys(right))
            edges += [(a, "--" if arrow == "-" else arrow, b) for a in left for b in right]
            left = right
    return list(names), edges


def _list(text: str, at: int) -> tuple[list[str], int]:
    found: list[str] = []
    while True:
        name = NAME.match(text, at)
        if not name or not (name[1] or name[2]):
            raise GraphError(_unreadable(text, at, "a name"))
        found.append(name[2] or re.sub(r"\\(.)", r"\1", name[1]))
        at = name.end()
        comma = re.compile(r"[ \t\r]*,").match(text, at)
        if not comma:
            return found, at
        at = comma.end()


def _unreadable(text: str, at: int, wanted: str) -> str:
    begin = max(text.rfind(";", 0, at), text.rfind("\n", 0, at)) + 1
    part = re.split(r"[;\n]", text[begin:], maxsplit=1)[0].strip()
    rest = re.split(r"[;\n]", text[at:], maxsplit=1)[0].strip()
    where = f"before {rest!r}" if rest else "at its end"
    fix = "write X -> Y, X <-> Y or X, Y -> Z, and quotes around names with spaces or signs"
    return f"cannot read {part!r}: {wanted} is missing {where}; {fix}"


def _sorted_out(names: list[str], edges: Iterable[Triple]) -> Parts:
    directed: list[Edge] = []
    both: list[Edge] = []
    for a, arrow, b in edges:
        if arrow == "->":
            directed.append((a, b))
        elif arrow == "<-":
            directed.append((b, a))
        elif arrow == "<->":
            both.append((a, b))
        else:
            raise GraphError(
                f"{a} {arrow} {b}: a causal graph says which way; write {a} -> {b}, {b} -> {a} or {a} <-> {b} "
                "(a name with a dash in it needs quotes)"
            )
    return names, directed, both


def quoted(name: str) -> str:
    """A name as `parse_text` reads it: in quotes where it must be."""
    if re.fullmatch(r"[\w.]+", name):
        return name
    return _in_quotes(name)


def _in_quotes(name: str) -> str:
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


def to_dot(graph: Graph) -> str:
    """The DOT language; a bidirected edge has two heads and is dashed."""
    name = {name: _in_quotes(name) for name in graph.names}
    lines = [f"  {name[each]};" for each in graph.names]
    lines += [f"  {name[a]} -> {name[b]};" for a, b in graph.edges]
    lines += [f"  {name[a]} -> {name[b]} [dir=both, style=dashed];" for a, b in graph.confounded]
    return "\n".join(["digraph {", *lines, "}"]) + "\n"


def to_json(graph: Graph) -> str:
    """`{"names": …, "edges": …}`."""
    edges = [[a, "->", b] for a, b in graph.edges] + [[a, "<->", b] for a, b in graph.confounded]
    return json.dumps({"names": graph.names, "edges": edges}, ensure_ascii=False)


def parse_json(text: str) -> Parts:
    """What `to_json` writes, or what `butfor discover` writes, whose edges are under `pattern`."""
    try:
        found: Any = json.loads(text)
        edges = [(str(a), str(arrow), str(b)) for a, arrow, b in found.get("pattern", found.get("edges"))]
        names = [str(name) for name in found.get("names", [])]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise GraphError('a graph in JSON is {"names": ["X", "Y"], "edges": [["X", "->", "Y"]]}') from None
    names += [name for name in dict.fromkeys(name for a, _, b in edges for name in (a, b)) if name not in names]
    return _sorted_out(names, edges)


def from_networkx(graph: nx.DiGraph[Any], latent: Iterable[str] = ()) -> tuple[list[str], list[Edge], list[str]]:
    """Names, directed edges, and the names that are latent: listed, or with the attribute `latent`."""
    if not graph.is_directed():
        raise GraphError("a causal graph needs directions; this networkx graph is undirected: use nx.DiGraph")
    names = [str(node) for node in graph.nodes]
    hidden = dict.fromkeys([latent] if isinstance(latent, str) else latent)
    for name in hidden:
        if name not in names:
            raise UnknownName("variable", name, names)
    for node, facts in cast("Iterable[tuple[Any, dict[str, Any]]]", graph.nodes(data=True)):
        if facts.get("latent"):
            hidden[str(node)] = None
    return names, [(str(edge[0]), str(edge[1])) for edge in graph.edges], list(hidden)


def to_networkx(graph: Graph) -> nx.DiGraph[Any]:
    """A DiGraph in which a latent node `U(A, B)` with two children stands for each bidirected edge."""
    import networkx as nx

    found: nx.DiGraph[Any] = nx.DiGraph()
    found.add_nodes_from(graph.names)
    found.add_edges_from(graph.edges)
    for a, b in graph.confounded:
        name = f"U({a}, {b})"
        while name in found:
            name = f"U{name}"
        found.add_node(name, latent=True)
        found.add_edges_from([(name, a), (name, b)])
    return found


def read_parts(source: str | Path) -> Parts:
    """The parts of a graph from a file, known by its suffix, or from text in any of the formats."""
    text = str(source)
    if isinstance(source, Path) or (Path(text.strip()).suffix in SUFFIXES and not re.search(r"\n|->|<-", text)):
        path = Path(text.strip())
        if path.suffix not in SUFFIXES:
            raise GraphError(f"{path}: a graph is read from {', '.join(sorted(SUFFIXES))}")
        try:
            text = path.read_text(encoding="utf-8-sig")
        except FileNotFoundError:
            raise GraphError(f"{path} does not exist") from None
        except (OSError, UnicodeDecodeError) as error:
            raise GraphError(f"{path} cannot be read ({error})") from error
        if path.suffix == ".bif":
            from butfor.scm.graph import Graph

            found = Graph.from_bif(text)
            return list(found.names), found.edges, []
    if re.match(r"\s*(strict\s+)?(digraph|graph|dag)\b[^;{]*\{", text, re.IGNORECASE):
        return parse_dot(text)
    return parse_json(text) if re.match(r"\s*\{", text) else parse_text(text)
