"""A page as a tree, read by the standard library's parser; a tag that does not close where it should is an error."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

VOID = {"meta", "br", "input", "hr", "img", "link"}
BLOCKS = {"td", "th", "li", "p", "dt", "dd", "h1", "h2", "h3", "tr"}
SHAPES = {"line", "rect", "circle", "path"}


@dataclass
class Node:
    tag: str
    attributes: dict[str, str] = field(default_factory=dict)
    children: list[Node | str] = field(default_factory=list)

    def all(self, tag: str, **attributes: str) -> list[Node]:
        """Every node below with that tag and those attributes (`cls` for a word of class)."""
        return [node for node in self.walk() if node.tag == tag and node.fits(attributes)]

    def one(self, tag: str, **attributes: str) -> Node:
        found = self.all(tag, **attributes)
        assert len(found) == 1, f"{len(found)} × {tag} {attributes}"
        return found[0]

    def fits(self, wanted: dict[str, str]) -> bool:
        for key, value in wanted.items():
            if key == "cls" and value not in self.attributes.get("class", "").split():
                return False
            if key != "cls" and self.attributes.get(key) != value:
                return False
        return True

    def walk(self) -> Iterator[Node]:
        for child in self.children:
            if isinstance(child, Node):
                yield child
                yield from child.walk()

    @property
    def raw(self) -> str:
        return "".join(child if isinstance(child, str) else child.raw for child in self.children)

    @property
    def spaced(self) -> str:
        parts = (child if isinstance(child, str) else child.spaced for child in self.children)
        return "".join(parts) + (" " if self.tag in BLOCKS else "")

    @property
    def text(self) -> str:
        return " ".join(self.spaced.split())


class Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Node("document")
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len({name for name, _ in attrs}) == len(attrs), f"an attribute twice in {tag}"
        node = Node(tag, {name: value or "" for name, value in attrs})
        self.open[-1].children.append(node)
        if tag not in VOID:
            self.open.append(node)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in SHAPES, f"<{tag}/> is no empty element"
        self.open[-1].children.append(Node(tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].children.append(data)


def read(path: Path) -> Node:
    """The page, checked for what holds on every page: balanced, small, asks for nothing from anywhere."""
    source = path.read_bytes()
    assert len(source) < 3_000_000
    page = source.decode("utf-8")
    assert not re.search(r"(?i)\b(https?|ftp|file|wss?):", page), "an address"
    assert not re.search(r"(?i)url\(|@import|srcset|<(img|link|iframe|object|embed|base|form)\b", page)
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == [reader.root], f"left open: {reader.open[-1].tag}"
    for node in reader.root.walk():
        assert not any(name.startswith("on") for name in node.attributes), f"a handler on {node.tag}"
        for name in ("src", "href"):
            assert node.attributes.get(name, "#").startswith("#"), node.attributes
    return reader.root
