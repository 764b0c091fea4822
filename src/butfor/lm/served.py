"""A model behind an OpenAI-compatible address, by name: `served:MODEL@http://127.0.0.1:8000/v1`.

So an arm of an experiment can ask it, as an audit does with --endpoint. Only methods of inference can be its arms; the
key is taken from the environment (BUTFOR_API_KEY, else OPENAI_API_KEY). See docs/endpoint.md.
Limits    Its weights cannot be seen: a model that changed behind its address is not noticed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from butfor.core.errors import UserError

if TYPE_CHECKING:
    from butfor.lm.chat import Chat

KIND = "chat"
SCHEME = "served:"


def check(name: str) -> None:
    """Refuse a name without a model or an address."""
    from butfor.lm.chat_wire import place

    model, at, url = name.removeprefix(SCHEME).rpartition("@")
    if not (model and at and url):
        raise UserError(f"{name!r} names no model and address; write served:MODEL@http://127.0.0.1:8000/v1")
    place(url)


def stamp(name: str) -> str:
    """No file stands behind it."""
    check(name)
    return ""


def make(name: str, **_: Any) -> Chat:
    """The client."""
    from butfor.lm.chat import Chat

    model, _at, url = name.removeprefix(SCHEME).rpartition("@")
    return Chat(url, model)
