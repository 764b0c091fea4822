"""Front-door prompting: the chain of thought is the mediator, and what a model believes beforehand is kept out.

Idea      A question X leads to a chain of thought R, and R to the answer A; what the model met in training, U, moves
          the wording of X and A alike, and is not seen. If U reaches R through X alone, R is a front door: its two
          halves are not confounded once each is taken by intervention.
Equation  P(a | do X) = Σ_k P(r_k | do X) P(a | do r_k)
            P(r_k | do X)  = |C_k| / m: m chains are drawn and clustered by what they say (`clusters`); r_k is the chain
                           nearest to the middle of cluster k
            P(a | do r_k)  adjusts for X. Worked examples, each a wrong chain mended into a right one, stand in for the
                           other questions (the average moves into the prompt: NWGM); those whose wrong chain says what
                           r_k says are taken. r_k is mended `votes` times, and the answers are counted.
          answer = argmax_a of the sum.
votes     0: nothing is mended; log P(choice | examples with their right chains, question, r_k, "The answer is") is
          weighed instead: the share of endless draws right after r_k. Only reading, so it is cheap; an address that
          does not weigh writes one answer.
Examples  `demos` of the suite's examples (adapt = "few_shot"). Their chains are what the model writes when it is told
          the right answer, and a wrong one; greedy, so the same for all questions, and asked once.
Source    Zhang et al. 2025 (Causal Prompting, AAAI), from the equations of the paper; limits of clusters as there.
Example   [treatment]
          method = "infer.prompt.front_door"
          chains = 6
          clusters = 2
          votes = 0
Limits    One chain, votes = 0 and no examples: chain of thought whose answer is weighed. K = m: every chain counts
          alike. votes = 0 and K = 1 asks the one chain in the middle. A vote that cannot be read counts for nobody.
          That U reaches R through X alone is assumed, not seen. What the encoder reads is not counted as cost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated, final

from pydantic import Field

from butfor.core.seeds import derive
from butfor.data.adapt import ENDING, Asked, thought, ways
from butfor.data.answers import read_answer
from butfor.data.question import Answer, Question, Step
from butfor.infer.answering import Answering
from butfor.infer.prompt.clusters import Cluster, clusters, embedded, rests_on
from butfor.infer.prompt.direct import TOO_LONG, UNREAD
from butfor.lm.exchange import Said, Say, Steps, Weigh
from butfor.lm.prompt import Prompt

Shares = dict[int | str, float]  # of a choice, or of an open answer
SHORT = 1200  # characters of a chain that are shown again


@dataclass(frozen=True, slots=True)
class Demo:
    """An example: its question, and how the model argues for a wrong and for the right answer to it."""

    form: Asked
    wrong: str
    right: str
    answer: str  # how the right answer is named


@dataclass(frozen=True, slots=True)
class Adjusted:
    """What the front door says about one question. `shares` are all empty where nothing could be asked."""

    shares: Shares = field(default_factory=dict)
    chains: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()

    @property
    def best(self) -> int | str | None:
        return max(self.shares, key=lambda one: self.shares[one], default=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mediated(Answering):
    """What methods that adjust for the chain of thought have in common."""

    chains: Annotated[int, Field(ge=1)] = 10
    clusters: Annotated[int, Field(ge=1)] = 3
    votes: Annotated[int, Field(ge=0)] = 5  # how often each cluster's chain is mended; 0: its answer is weighed
    demos: Annotated[int, Field(ge=0)] = 4  # examples beside each chain, of those that the suite gives
    temperature: Annotated[float, Field(gt=0)] = 0.7
    encoder: str = "minilm"  # or "words", or a folder
    least: Annotated[float, Field(ge=0, le=1)] = 0.1  # share of the chains in a cluster, at least
    most: Annotated[float, Field(gt=0, le=1)] = 0.5
    room: Annotated[int, Field(ge=1)] = 256  # new tokens of a chain, at most

    def __post_init__(self) -> None:
        if self.clusters > self.chains:
            raise ValueError(f"{self.chains} chains make no {self.clusters} clusters; lower clusters or draw more")
        if self.least > self.most:
            raise ValueError("least is a smaller share than most")

    @property
    def rests_on(self) -> list[str]:
        return rests_on(self.encoder)

    def adjusted(self, question: Question, seed: int) -> Steps[Adjusted]:
        """Σ_k P(r_k | do X) P(a | do r_k)."""
        form = ways(question, "cot")["as it is"]
        asks = [Say(form.prompt, self.room, self.temperature, derive(seed, "chain", n)) for n in range(self.chains)]
        drawn = yield asks
        chains = [thought(said.text) for said in drawn if not said.why]
        if not chains:
            return Adjusted()
        demos = yield from self._shown(question)
        space = embedded([*chains, *(demo.wrong for demo in demos)], self.encoder)
        share = [round(part * len(chains)) for part in (self.least, self.most)]
        parts = clusters(space[: len(chains)], self.clusters, share[0], max(share[1], 1))
        shown = [[demos[at] for at in _nearest(space[part.centre], space[len(chains) :], self.demos)] for part in parts]
        every = yield from self._answers(question, form, [chains[part.centre] for part in parts], shown, seed)
        shares: Shares = {}
        for part, found in zip(parts, every, strict=True):
            for answer, value in found.items():
                shares[answer] = shares.get(answer, 0.0) + len(part.members) / len(chains) * value
        return Adjusted(shares, tuple(chains), _told(question, chains, parts, every))

    def _shown(self, question: Question) -> Steps[list[Demo]]:
        """The examples, with what the model writes when it is told their answers."""
        shots = [shot for shot in question.shots if len(shot.choices) > 1] if self.demos else []
        forms = [ways(shot, "cot")["as it is"] for shot in shots]
        names = [[name.strip() for name in form.weighed] for form in forms]
        right = [int(shot.answer) for shot in shots]
        wrong = [(place + 1) % len(shot.choices) for shot, place in zip(shots, right, strict=True)]
        asks = [
            Say(_given(form, name[place]), self.room)
            for form, name, *places in zip(forms, names, wrong, right, strict=True)
            for place in places
        ]
        if not asks:
            return []
        said = yield asks
        texts = [thought(one.text)[:SHORT] for one in said]
        return [
            Demo(form, texts[2 * at], texts[2 * at + 1], name[place])
            for at, (form, name, place) in enumerate(zip(forms, names, right, strict=True))
            if not (said[2 * at].why or said[2 * at + 1].why)
        ]

    def _answers(
        self, question: Question, form: Asked, chains: Sequence[str], shown: Sequence[Sequence[Demo]], seed: int
    ) -> Steps[list[Shares]]:
        """P(a | do r_k) of each chain."""
        if not self.votes and question.choices:
            prompts = [after_chain(form, chain, demos) for chain, demos in zip(chains, shown, strict=True)]
            said = yield [Weigh(prompt, form.weighed) for prompt in prompts]
            if any(one.logprobs for one in said):
                return [shares_of(one) for one in said]
        asks = [
            Say(_mend(form, chain, demos), self.room, self.temperature, derive(seed, "vote", k, n))
            for k, (chain, demos) in enumerate(zip(chains, shown, strict=True))
            for n in range(max(self.votes, 1))
        ]
        said = yield asks
        count = len(asks) // len(chains)
        return [counted(said[k * count : (k + 1) * count], form, question) for k in range(len(chains))]


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class FrontDoor(Mediated):
    """Draw chains, cluster them, ask for the answer from each cluster's middle, and weigh the answers."""

    def steps(self, question: Question, seed: int) -> Steps[Answer]:
        """The answer that has the largest share under do(X)."""
        found = yield from self.adjusted(question, seed)
        return concluded(question, found)


def concluded(question: Question, found: Adjusted) -> Answer:
    """The answer that the shares speak for."""
    if found.best is None:
        said = "\n".join(found.chains[:1])
        return Answer(None, said, found.steps, found.chains, why=UNREAD if found.chains else TOO_LONG)
    told = question.choices[found.best] if isinstance(found.best, int) and question.choices else str(found.best)
    last = Step(f"largest share: {told} ({found.shares[found.best]:.2f})", "rule")
    shares = tuple(found.shares.get(place, 0.0) for place in range(len(question.choices)))
    return Answer(found.best, told, (*found.steps, last), found.chains, shares)


def after_chain(form: Asked, chain: str, demos: Sequence[Demo] = ()) -> Prompt:
    """The question with this chain in the model's mouth, where the answer is due; the examples end alike."""
    shots = tuple((demo.form.prompt.user, f"{demo.right}\n{ENDING} {demo.answer}.") for demo in demos)
    begun = f"{chain[:SHORT].strip()}\n{ENDING}".lstrip()
    return Prompt(form.prompt.user, shots=shots, begun=begun)


def shares_of(said: Said) -> Shares:
    """The softmax of what was weighed; nothing where nothing was."""
    return dict(enumerate(said.shares))


def counted(said: Sequence[Said], form: Asked, question: Question) -> Shares:
    """The share of each answer among what was written; what cannot be read has none."""
    read = [read_answer(one.text, form.listed, question.match) for one in said if not one.why]
    return {answer: count / len(said) for answer, count in Counter(one for one in read if one is not None).items()}


def _nearest(row: object, others: object, count: int) -> list[int]:
    """The places of the rows that are most alike, the most alike last: next to the question."""
    import numpy as np

    alike = np.asarray(others) @ np.asarray(row)
    return [int(at) for at in np.argsort(-alike, kind="stable")[:count][::-1]]


def _given(form: Asked, answer: str) -> Prompt:
    """Ask for the reasoning behind an answer."""
    return Prompt(f"{form.prompt.user}\nThe answer is known: it is {answer}. Write the steps that lead to it.")


def _mend(form: Asked, chain: str, demos: Sequence[Demo]) -> Prompt:
    """Ask for a better chain, and the answer."""
    shots = tuple((_draft(demo.form, demo.wrong), f"{demo.right}\n{ENDING} {demo.answer}.") for demo in demos)
    return Prompt(_draft(form, chain[:SHORT]), shots=shots)


def _draft(form: Asked, chain: str) -> str:
    return (
        f"{form.prompt.user}\n\nA draft of the reasoning:\n{chain}\n\n"
        "Mend the draft where it is wrong, add what it lacks, and end with the answer."
    )


def _told(
    question: Question, chains: Sequence[str], parts: Sequence[Cluster], every: Sequence[Shares]
) -> tuple[Step, ...]:
    steps = [Step(f"{len(chains)} chains in {len(parts)} clusters", "rule")]
    for part, shares in zip(parts, every, strict=True):
        steps.append(Step(chains[part.centre], "model"))
        named = [(question.choices[at] if isinstance(at, int) and question.choices else at) for at in shares]
        said = ", ".join(f"{name} {value:.2f}" for name, value in zip(named, shares.values(), strict=True))
        steps.append(Step(f"stands for {len(part.members)} chains; after it: {said or 'nothing readable'}", "rule"))
    return tuple(steps)
