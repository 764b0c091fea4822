"""A model that knows a graph: it weighs, or writes, what the graph says to whatever a method of discovery asks."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from butfor.data.variables import Study
from butfor.lm.exchange import Said, Say, Weigh
from butfor.scm.graph import Graph

NAME = r'("(?:[^"\\]|\\.)*")'
FORWARD = (
    re.compile(rf"{NAME} causes {NAME}\."),
    re.compile(rf"Changing {NAME} would change {NAME}\."),
    re.compile(rf"{NAME} is a cause, and {NAME} is its effect\."),
)
LINE = re.compile(r"^([A-Z])\. (.*)$", re.MULTILINE)
ITEM = re.compile(rf"^(\d+)\. {NAME}", re.MULTILINE)
SUBJECT = re.compile(rf"One of its variables is {NAME}")


def study(graph: Graph, about: str = "") -> Study:
    return Study.read({"about": about, "variable": [{"name": name} for name in graph.names]})


def knows(graph: Graph, *, writes: bool = False, sure: float = 4.0) -> Callable[[Any], Any]:
    """Answers by the graph; `writes`: it weighs nothing, as a model behind an address."""

    def reply(ask: Any) -> Any:
        if isinstance(ask, Weigh):
            return Said(why="an address weighs nothing") if writes else weighed(graph, ask, sure)
        assert isinstance(ask, Say)
        return listed(graph, ask.prompt.user) if ITEM.search(ask.prompt.user) else lettered(graph, ask.prompt.user)

    return reply


def letter(graph: Graph, text: str) -> int:
    """The place of the choice that the graph says."""
    edges = set(graph.edges)
    neither = 0
    for at, (_, line) in enumerate(LINE.findall(text)):
        found = next((match for one in FORWARD if (match := one.fullmatch(line))), None)
        if found is None:
            neither = at
        elif (unquoted(found[1]), unquoted(found[2])) in edges:
            return at
    return neither


def weighed(graph: Graph, ask: Weigh, sure: float) -> list[float]:
    right = letter(graph, ask.prompt.user)
    return [sure if at == right else 0.0 for at in range(len(ask.choices))]


def lettered(graph: Graph, text: str) -> str:
    return "ABC"[letter(graph, text)]


def listed(graph: Graph, text: str) -> str:
    """The numbers of the roots, or of the effects of the variable that is asked about."""
    items = [(int(number), unquoted(name)) for number, name in ITEM.findall(text)]
    subject = SUBJECT.search(text)
    if subject is None:
        wanted = {name for name in graph.names if not graph.parents(name)}
    else:
        wanted = {b for a, b in graph.edges if a == unquoted(subject[1])}
    return f'{{"answer": {[number for number, name in items if name in wanted]}}}'


def unquoted(name: str) -> str:
    return str(json.loads(name))
