"""The DOT language and dagitty's dialect of it, as far as causal graphs go.

    digraph { X -> M -> Y; X -> Y [dir=both] }        dag { X [exposure] U [latent] U -> {X Y} X <-> Z }

Read: chains, sets of nodes in braces as ends, nested subgraphs, `edge [...]` defaults, comments, quoted names. Of the
attributes `dir` (forward, back, both) and a node's `latent` count; the others say how to draw. Latent nodes are
projected out.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

from butfor.core.errors import GraphError
from butfor.scm.graph import Graph

Edge = tuple[str, str]
TOKEN = re.compile(
    r'\s*(?:(?://|\#)[^\n]*|/\*.*?\*/|(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<sign><->|->|<-|--|[{}\[\]=;,:])|'
    r"(?P<word>-?[\w.]+)|(?P<other>\S))",
    re.DOTALL,
)


def parse_dot(source: str | Path) -> tuple[list[str], list[Edge], list[Edge]]:
    """Names, directed and bidirected edges of DOT text or of a file."""
    text = str(source)
    if isinstance(source, Path) or "{" not in text:
        try:
            text = Path(source).read_text(encoding="utf-8-sig")
        except OSError as error:
            raise GraphError(f"{source} cannot be read ({error.strerror or error})") from error
    reader = Reader(_tokens(text))
    reader.whole()
    latent = [name for name in reader.names if name in reader.latent]
    if not latent:
        return list(reader.names), reader.directed, reader.both
    seen = Graph(reader.names, reader.directed, reader.both).projected(latent)
    return list(seen.names), seen.edges, seen.confounded


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for match in TOKEN.finditer(text):
        kind = match.lastgroup
        if kind == "other":
            line = text.count("\n", 0, match.start(kind)) + 1
            raise GraphError(f"DOT, line {line}: cannot read {match[kind]!r}; put names with signs in quotes")
        if kind == "quoted":
            found.append(("name", re.sub(r"\\(.)", r"\1", match[kind][1:-1])))
        elif kind:
            found.append(("name" if kind == "word" else "sign", match[kind]))
    return found


@dataclass
class Reader:
    """A recursive-descent reader over the tokens."""

    tokens: list[tuple[str, str]]
    at: int = 0
    names: dict[str, None] = field(default_factory=dict[str, None])
    latent: set[str] = field(default_factory=set[str])
    directed: list[Edge] = field(default_factory=list[Edge])
    both: list[Edge] = field(default_factory=list[Edge])

    def peek(self) -> tuple[str, str]:
        return self.tokens[self.at] if self.at < len(self.tokens) else ("end", "")

    def take(self) -> str:
        self.at += 1
        return self.tokens[self.at - 1][1] if self.at <= len(self.tokens) else ""

    def sign(self, *signs: str) -> bool:
        """Take the next token if it is one of these signs."""
        kind, text = self.peek()
        if kind == "sign" and text in signs:
            self.at += 1
            return True
        return False

    def word(self, *words: str) -> bool:
        """Take the next token if it is one of these keywords."""
        kind, text = self.peek()
        if kind == "name" and text.lower() in words:
            self.at += 1
            return True
        return False

    def wrong(self, wanted: str) -> GraphError:
        near = " ".join(text for _, text in self.tokens[max(self.at - 4, 0) : self.at + 3])
        found = repr(self.peek()[1]) if self.at < len(self.tokens) else "the end"
        return GraphError(f"DOT: {wanted} is missing before {found}, near {near!r}")

    def whole(self) -> None:
        self.word("strict")
        if not self.word("digraph", "dag", "graph"):
            raise self.wrong("'digraph'")
        if self.peek()[0] == "name":
            self.take()
        if not self.sign("{"):
            raise self.wrong("'{'")
        self.statements({})
        if self.peek()[0] != "end":
            raise GraphError(f"DOT: {self.peek()[1]!r} stands behind the graph; one graph a text")

    def statements(self, edge_defaults: dict[str, str]) -> list[str]:
        """All up to the closing brace; the nodes that stand in it."""
        defaults, inside = dict(edge_defaults), dict[str, None]()
        while not self.sign("}"):
            if self.peek()[0] == "end":
                raise self.wrong("'}'")
            if self.sign(";", ","):
                continue
            following = self.tokens[self.at + 1 : self.at + 2]
            if self.peek()[0] == "name" and following == [("sign", "=")]:
                self.at += 3  # an attribute of the whole graph
            elif self.peek()[0] == "name" and following == [("sign", "[")] and self.word("node", "graph"):
                self.attributes()
            elif self.peek()[0] == "name" and following == [("sign", "[")] and self.word("edge"):
                defaults |= self.attributes()
            else:
                inside.update(dict.fromkeys(self.chain(defaults)))
        return list(inside)

    def chain(self, defaults: dict[str, str]) -> list[str]:
        """Ends joined by arrows, or one end alone; then attributes."""
        ends, arrows = [self.end(defaults)], list[str]()
        while self.peek() in {("sign", arrow) for arrow in ("->", "<-", "<->", "--")}:
            arrows.append(self.take())
            ends.append(self.end(defaults))
        facts = self.attributes()
        if not arrows and facts.get("latent", "false").lower() not in {"false", "no", "0"}:
            self.latent |= set(ends[0])
        for left, arrow, right in zip(ends, arrows, ends[1:], strict=False):
            for a in left:
                for b in right:
                    self.edge(a, arrow, b, (defaults | facts).get("dir", "forward"))
        return [name for end in ends for name in end]

    def end(self, defaults: dict[str, str]) -> list[str]:
        """A node, or all nodes of a subgraph."""
        if self.word("subgraph") and self.peek()[0] == "name":
            self.take()
        if self.sign("{"):
            return self.statements(defaults)
        if self.peek()[0] != "name":
            raise self.wrong("a node")
        name = self.take()
        while self.sign(":"):  # a port
            self.take()
        self.names[name] = None
        return [name]

    def attributes(self) -> dict[str, str]:
        """`[key=value, flag]`; a flag alone is true."""
        found: dict[str, str] = {}
        while self.sign("["):
            while not self.sign("]"):
                if self.peek()[0] != "name":
                    raise self.wrong("an attribute or ']'")
                key = self.take().lower()
                found[key] = self.take() if self.sign("=") else "true"
                self.sign(",", ";")
        return found

    def edge(self, a: str, arrow: str, b: str, drawn: str) -> None:
        if arrow == "--" or drawn == "none":
            raise GraphError(f"{a} {arrow} {b} has no direction; write {a} -> {b}, or {a} -> {b} [dir=both]")
        if arrow == "<->" or drawn == "both":
            self.both.append((a, b))
        elif (arrow == "<-") != (drawn == "back"):
            self.directed.append((b, a))
        else:
            self.directed.append((a, b))
