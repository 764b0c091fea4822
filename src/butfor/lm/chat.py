"""A model behind an OpenAI-compatible address, as a world that can be asked.

    chat = Chat("http://127.0.0.1:8000/v1", "my-model", memory=Path("answers.jsonl"))
    chat.say([Prompt("Is rain wet?")], max_new_tokens=8)

Asked     each request once, greedily (temperature 0, seed 0), `concurrency` of them at a time; equal requests of a
          call are one. How faults are met stands in `chat_wire`, what a server may not understand in `chat_dialect`.
Kept      every answer is in `memory` before the next step, under a digest of address, model and request: a killed audit
          resumes there, asks nothing twice and counts nothing twice. A model that changed behind its address is not
          noticed there: give another file.
Weighed   where /completions returns log-probabilities of the prompt itself (echo with logprobs, as vLLM does), and the
          text that the model reads is known: a base model reads plain text, for a chat model `tokenizer` names a folder
          or id whose template is its own. As in `lm.tokens`, all choices stand on the same context: the tokens that
          they share with the prompt alone; log P(choice | prompt) is the sum over the rest.
Cost      `spent` counts what this process asked: requests, retries, answers, tokens as the server tells them, seconds,
          money where prices are given. Answers from memory cost nothing. A server may charge for an answer that was
          lost on its way; nobody tells us.
Limits    `Prompt.start` reaches no chat interface (see `lm.prompt`). Greedy answers of a server differ from those of
          the same weights in memory where its numbers do: see docs/endpoint.md.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from butfor.core.errors import UserError
from butfor.core.keys import digest
from butfor.lm.chat_dialect import NOTES, TEXT, Dialect
from butfor.lm.chat_memory import Entry, Memory
from butfor.lm.chat_read import echoed, first_tokens, weighed, written
from butfor.lm.chat_wire import KEYS, Clock, Passing, Refusal, Spent, Stopped, Wire, place
from butfor.lm.prompt import Prompt, messages, plain, rendered

if TYPE_CHECKING:
    from butfor.lm.exchange import Form
    from butfor.lm.scoring import Scored

PROBE = (
    "Rain falls from the clouds, and the street gets"  # its own log-probabilities are asked for, to see if they come
)
SERVED = ("id", "root", "parent", "owned_by", "max_model_len")  # of /models: what does not change with the hour
FORM = 1  # of the requests: another form of asking is another answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What was asked of a server, and what it took."""

    requests: int = 0  # tries included
    retries: int = 0
    answers: int = 0  # finished and new; each is counted once
    reused: int = 0  # taken from memory
    prompt_tokens: int = 0  # of the new answers, as the server tells them
    completion_tokens: int = 0
    untold: int = 0  # new answers for which the server told no tokens
    seconds: float = 0.0
    money: float | None = None  # in the currency of the prices; at least that much, where answers are untold


class Chat:
    """A client for one model at one address."""

    remote: ClassVar[bool] = True
    kind: ClassVar[str] = "chat"

    def __init__(
        self,
        url: str,
        model: str,
        *,
        concurrency: int = 4,
        timeout: float = 120.0,
        retries: int = 6,
        rate: float = 0,
        memory: Path | None = None,
        price: tuple[float, float] | None = None,
        tokenizer: str = "",
        key_from: str = "",
        clock: Clock | None = None,
    ) -> None:
        """`rate`: requests a minute, 0 = no limit. `price`: of a million tokens read, and of a million written.

        `key_from`: the environment variable that holds the key; "" = BUTFOR_API_KEY, else OPENAI_API_KEY.
        """
        _check(model, concurrency, timeout, retries, rate, price)
        to = place(url)
        self.url, self.name, self.concurrency, self.price = str(to), model, concurrency, price
        self.tokenizer = tokenizer
        variables = (key_from,) if key_from else KEYS
        self._wire = Wire(to, key_from=_variable(variables), timeout=timeout, retries=retries, rate=rate, clock=clock)
        if not self._wire.key() and key_from:
            raise UserError(f"the environment has no {key_from}; set it to the key of {self.url}")
        self._memory = Memory(memory)
        self._dialect = Dialect()
        self._lock = threading.Lock()
        self._labels: set[str] = set()
        self.answers: Any = None  # what a method put in the place of plain answers (see `data.question.Answers`)
        self.discovers: Any = None  # what a method put in to draw graphs (see `data.drawn.Discovers`)
        self._counts = dict.fromkeys(("answers", "reused", "prompt_tokens", "completion_tokens", "untold"), 0)
        self._seconds = 0.0

    def __repr__(self) -> str:
        return f"Chat({self.url!r}, {self.name!r})"

    def say(self, prompts: Sequence[Prompt], *, max_new_tokens: int) -> list[str]:
        """What the model answers to each prompt, greedily, in order."""
        return [text for text, _, _ in self.write(prompts, max_new_tokens=max_new_tokens)]

    def write(
        self,
        prompts: Sequence[Prompt],
        *,
        max_new_tokens: int,
        temperature: float = 0.0,
        seeds: Sequence[int] = (),
        stop: str = "",
        forms: Sequence[Form | None] = (),
    ) -> list[tuple[str, int, int]]:
        """What the model answers, up to `stop`; tokens that it read and wrote, 0 where the server does not tell them.

        `temperature` above 0: drawn, with a seed for each prompt. `forms`: a JSON schema for each,
        where the server takes one.
        """
        draws = [{"temperature": temperature, "seed": seed} for seed in seeds] if temperature else [{} for _ in prompts]
        shapes = [
            {"response_format": _shape(form)} if form and form.schema else {} for form in forms or [None] * len(prompts)
        ]
        mores = [draw | shape for draw, shape in zip(draws, shapes, strict=True)]
        keys = [
            self._key(_essence(prompt), max_new_tokens, *([more] if more else []))
            for prompt, more in zip(prompts, mores, strict=True)
        ]

        def ask(number: int, halt: threading.Event) -> Entry:
            return self._asked(prompts[number], max_new_tokens, halt, written, mores[number])

        found = self._all(keys, [prompt.user for prompt in prompts], ask)
        cut = [entry["said"].partition(stop)[0] if stop else entry["said"] for entry in found]
        used = [entry.get("tokens_used") or (0, 0) for entry in found]
        return [(text, read, wrote) for text, (read, wrote) in zip(cut, used, strict=True)]

    def weigh(self, asked: Sequence[tuple[Prompt, Sequence[str]]]) -> list[Scored]:
        """The log-probability of every choice after its prompt; only where `weighs`."""
        from butfor.lm.scoring import Scored

        if not self.weighs:
            raise UserError(
                f"{self.name} is behind an address that tells no log-probabilities of given texts; ask by generation"
            )
        texts = [self._read(prompt) for prompt, _ in asked]
        wanted = [
            [text, *(text + choice for choice in choices)] for text, (_, choices) in zip(texts, asked, strict=True)
        ]
        flat = [text for row in wanted for text in row if text]
        entries = dict(zip(flat, self._echoes(flat), strict=True))
        empty: Entry = {"tokens": [], "logprobs": []}
        rows = [[entries.get(text, empty) for text in row] for row in wanted]
        return [Scored(*weighed(text, row[0]["tokens"], row[1:])) for text, row in zip(texts, rows, strict=True)]

    def first(self, prompts: Sequence[Prompt], *, top: int = 20) -> list[dict[str, float]]:
        """Log-probabilities of the likeliest first tokens of a chat answer: enough where every choice is one token.

        A token that is not among the `top` is less likely than all that are; nothing else is known of it.
        """
        keys = [self._key(_essence(prompt), "first", top) for prompt in prompts]

        def ask(number: int, stop: threading.Event) -> Entry:
            more = {"logprobs": True, "top_logprobs": top}
            return self._asked(prompts[number], 1, stop, first_tokens, more)

        return [entry["first"] for entry in self._all(keys, [prompt.user for prompt in prompts], ask)]

    @cached_property
    def weighs(self) -> bool:
        """Whether this address tells the log-probabilities of given texts; found out by asking, and remembered."""
        key = self._key("weighs", bool(self.tokenizer))
        kept = self._memory.get(key)
        if kept is None:
            kept = {"weighs": self._echoing() and (bool(self.tokenizer) or not self._has_chat())}
            self._memory.put(key, kept)
        return bool(kept["weighs"])

    @property
    def is_base(self) -> bool:
        """Whether it has turned out, by its answers so far, to go on with plain text: there is no chat interface."""
        return not self._dialect.chat or "plain text" in self._labels

    def cost(self) -> dict[str, Any]:
        """What this process has asked so far, and what a reader of the answers must know, as JSON."""
        return {"url": self.url, **asdict(self.spent), "notes": self.notes}

    @property
    def spent(self) -> Cost:
        """What this process has asked so far."""
        counts = self._counts
        money = None
        if self.price is not None:
            money = (self.price[0] * counts["prompt_tokens"] + self.price[1] * counts["completion_tokens"]) / 1e6
        return Cost(
            requests=self._wire.requests, retries=self._wire.again, seconds=self._seconds, money=money, **counts
        )

    @property
    def notes(self) -> list[str]:
        """What a reader of the answers must know, found out so far."""
        to, key = self._wire.to, self._wire.key()
        notes = [note for label, note in NOTES.items() if label in self._labels]
        if key and not to.local:
            notes.insert(0, f"the key in {self._wire.key_from} is sent to {to.host}")
        if key and not to.local and to.scheme == "http":
            notes.insert(0, f"the key is sent to {to.host} over http, unencrypted: use https, or unset the key")
        return notes

    def identity(self) -> dict[str, Any]:
        """What names this model in a cache: address, model, and what the server says of it, where it says anything."""
        try:
            listed = self._wire.send("GET", "/models").get("data")
        except (Passing, Refusal):
            listed = None
        rows = [row for row in listed if isinstance(row, dict)] if isinstance(listed, list) else []
        served = next((row for row in rows if row.get("id") == self.name), {})
        about = {name: served[name] for name in SERVED if isinstance(served.get(name), str | int)}
        return {"url": self.url, "model": self.name, "served": about, "tokenizer": self.tokenizer}

    @property
    def hooked(self) -> bool:
        """Whether a method answers in its place."""
        return self.answers is not None

    def fingerprint(self) -> str:
        """Hash of what names the model."""
        return digest(self.identity())

    def close(self) -> None:
        """Close the connections that are kept alive."""
        self._wire.close()

    def _all(
        self,
        keys: list[str],
        texts: Sequence[str],
        ask: Callable[[int, threading.Event], Entry],
        *,
        weigh: bool = False,
    ) -> list[Entry]:
        """The entry of every key: from memory, or asked for once, several at a time, and kept."""
        begun = self._wire.clock.now()
        found: dict[str, Entry] = {}
        todo: dict[str, int] = {}
        for number, key in enumerate(keys):
            if key in found or key in todo:
                continue
            if (kept := self._memory.get(key)) is not None:
                found[key] = kept
                self._note(kept, new=False)
            else:
                todo[key] = number

        def work(key: str, stop: threading.Event) -> None:
            if stop.is_set():
                return
            try:
                entry = ask(todo[key], stop)
            except Refusal as refusal:
                if weigh or not (why := _unsaid(refusal)):
                    raise self._explained(refusal, texts[todo[key]]) from refusal
                entry = {"said": "", "first": {}, "as": [why]}
            self._memory.put(key, entry)
            self._note(entry, new=True)
            found[key] = entry

        try:
            self._together(work, list(todo))
        finally:
            self._seconds += self._wire.clock.now() - begun
        return [found[key] for key in keys]

    def _together(self, work: Callable[[str, threading.Event], None], keys: Sequence[str]) -> None:
        """Do all, `concurrency` at a time. After the first failure nothing new begins, and what is under way ends."""
        stop = threading.Event()

        def careful(key: str) -> None:
            try:
                work(key, stop)
            except BaseException:
                stop.set()
                raise

        with ThreadPoolExecutor(self.concurrency, thread_name_prefix="butfor-chat") as pool:
            futures = [pool.submit(careful, key) for key in keys]
            try:
                wait(futures)
            except BaseException:  # Ctrl-C: cut what is under way too
                stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                self._wire.abort()
                raise
        errors = [error for future in futures if (error := future.exception()) is not None]
        if errors:  # the one that stopped the others, a user's mistake before a server's
            raise min(errors, key=_rank)

    def _asked(
        self,
        prompt: Prompt,
        room: int,
        stop: threading.Event,
        read: Callable[[dict[str, Any]], Entry],
        more: dict[str, Any],
        tries: int | None = None,
    ) -> Entry:
        """Ask in the words that the server takes, learning them on the way."""
        while True:
            tried = self._dialect
            path, body = tried.request(prompt, room)
            taken = tried.taken(more)
            try:
                entry = self._wire.ask(path, {"model": self.name, **body, **taken}, read, stop, tries=tries)
            except Refusal as refusal:
                learned = tried.after(refusal, path)
                if learned == tried:
                    raise
                with self._lock:
                    if self._dialect == tried:
                        self._dialect = learned
                continue
            return {**entry, "as": [*entry.get("as", ()), *tried.labels(prompt, more)]}

    def _read(self, prompt: Prompt) -> str:
        """The text that the model reads, to be weighed."""
        if prompt.raw or not self.tokenizer:
            return prompt.user if prompt.raw else plain(prompt)
        return rendered(self._template, prompt, scoring=True)

    @cached_property
    def _template(self) -> Any:
        from butfor.core.extras import need
        from butfor.lm.quiet import quiet

        need("transformers")
        from transformers import AutoTokenizer

        try:
            with quiet():
                return _Template(AutoTokenizer.from_pretrained(self.tokenizer))
        except (OSError, ValueError) as error:
            first = (str(error).strip().splitlines() or ["unknown"])[0]
            raise UserError(f"the tokenizer {self.tokenizer} cannot be loaded: {first}") from error

    def _echoes(self, texts: Sequence[str]) -> list[Entry]:
        keys = [self._key("echo", text) for text in texts]
        return self._all(keys, texts, lambda number, stop: self._echo(texts[number], stop), weigh=True)

    def _echo(self, text: str, stop: threading.Event, tries: int | None = None) -> Entry:
        """The tokens of a text and their log-probabilities, as the server reads it."""
        body = {"model": self.name, "prompt": text, "max_tokens": 1, "temperature": 0, "echo": True, "logprobs": 1}
        return self._wire.ask(TEXT, body, echoed, stop, tries=tries)

    def _echoing(self) -> bool:
        try:
            entry = self._echo(PROBE, threading.Event(), tries=3)
        except Refusal as refusal:
            if refusal.status in {401, 402, 403}:
                raise self._explained(refusal, PROBE) from refusal
            return False
        except Spent as error:
            if error.status in {500, 501}:
                return False  # a server that breaks on the question every time does not offer it
            raise
        return bool(entry["logprobs"]) and all(value is not None for value in entry["logprobs"][1:])

    def _has_chat(self) -> bool:
        """Whether there is a chat interface, whose template then is not known here."""
        try:
            self._asked(Prompt("Say yes."), 1, threading.Event(), written, {}, tries=3)
        except Refusal as refusal:
            raise self._explained(refusal, "Say yes.") from refusal
        return self._dialect.chat

    def _key(self, *parts: Any) -> str:
        return digest(FORM, self.url, self.name, *parts)

    def _note(self, entry: Entry, *, new: bool) -> None:
        prompt_tokens, completion_tokens = entry.get("tokens_used") or (None, None)
        with self._lock:
            self._labels |= set(entry.get("as", ()))
            if not new:
                self._counts["reused"] += 1
                return
            self._counts["answers"] += 1
            self._counts["untold"] += prompt_tokens is None
            self._counts["prompt_tokens"] += prompt_tokens or 0
            self._counts["completion_tokens"] += completion_tokens or 0

    def _explained(self, refusal: Refusal, text: str) -> UserError:
        """A refusal in a few lines that name the fix."""
        says = self._wire.clean(refusal.says)
        variable = self._wire.key_from
        if refusal.status == 401:
            if self._wire.key():
                return UserError(
                    f"{self.url} does not accept the key in {variable}; set {variable} to one that it does"
                )
            return UserError(f"{self.url} asks for a key; set it in the environment: export {variable}=…")
        if refusal.status == 403:
            return UserError(f"{self.url} does not let the key in {variable} use {self.name!r}: {says}")
        if refusal.status in {402, 429}:
            return UserError(f"the account at {self.url} has nothing left to spend: {says}")
        if refusal.status in {404, 405}:
            return UserError(
                f"{self.url} has no model {self.name!r} (it says: {says})\n"
                f"see the names it has at {self.url}/models; the address is the part before /chat/completions"
            )
        shown = text if len(text) <= 60 else text[:57] + "…"
        return UserError(f"{self.url} refuses the request (status {refusal.status}): {says}\nasked: {shown!r}")


def _unsaid(refusal: Refusal) -> str:
    """The label of a refusal that concerns this prompt alone; "" for any other."""
    if refusal.code == "content_filter":
        return "withheld"
    long = "context_length_exceeded", "exceed_context_size_error"
    return "too long" if refusal.code in long or "maximum context length" in refusal.says else ""


def _shape(form: Form) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(form.schema)}}


class _Template:
    """A tokenizer in the place that a model has for it: all that rendering a prompt needs."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer


def _essence(prompt: Prompt) -> Any:
    """What decides an answer: the prompt without the ways in which one server must be asked."""
    return {"prompt": prompt.user} if prompt.raw else {"messages": messages(prompt), "start": prompt.start}


def _rank(error: BaseException) -> int:
    return 0 if isinstance(error, UserError) else 2 if isinstance(error, Stopped) else 1


def _variable(variables: tuple[str, ...]) -> str:
    return next((name for name in variables if os.environ.get(name, "").strip()), variables[-1])


def _check(
    model: str, concurrency: int, timeout: float, retries: int, rate: float, price: tuple[float, float] | None
) -> None:
    if not model:
        raise UserError("an endpoint needs the name of a model, as its /models lists it: --model NAME")
    if concurrency < 1 or timeout <= 0 or retries < 0 or rate < 0:
        raise UserError("an endpoint needs concurrency ≥ 1, timeout > 0, retries ≥ 0 and rate ≥ 0 (requests a minute)")
    if price is not None and min(price) < 0:
        raise UserError("the price is that of a million tokens read, and of a million written: 0 or more")
