"""What a policy is worth that was trained on a log of replies: known exactly, as the world behind the log is ours.

Idea      The corpora "outcomes/CONFOUNDING" log replies to real reviews, and what came of them. The policy reads a
          review and gives one of four replies; what that brings on average is known, for reviews of the log and others.
Equation  π(k | x): the model's probabilities of the replies, summed over their tokens, among the four.
          value: Σ_k π(k | x) fit(x, k).  gap: max_k fit(x, k) − value.  logged: the value of the staff's own policy.
          best_reply: whether the likeliest reply is the best one.  voucher: π of the reply that the log flatters.
          listed: how likely the model gives any of the four at all.
Data      CEBaB: `limit` reviews in all, half of them of the log ("seen"), half of another split ("unseen").
Limits    An untrained policy is worth about 0.4, as is giving replies evenly; the best one 0.96, vouchers alone 0.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.data.cebab import cebab
from butfor.data.outcomes import CONFOUNDING, REPLIES, VOUCHER, Review, Split, logged, reviews, value
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM

SPLITS: Mapping[str, Split] = {"seen": "train", "unseen": "dev"}


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyValue:
    """The true value of a policy that replies to reviews."""

    card: ClassVar[Card] = Card(
        measures="what a policy that learnt from a log of replies truly brings, where who was given which reply hung "
        "on something that the log does not tell",
        chance="giving the four replies evenly is worth about 0.4; the best policy 0.96",
        source="our own world around real reviews (CEBaB), for models trained on the corpora outcomes/CONFOUNDING",
        faults=("four replies to short texts",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    only_named: ClassVar[str] = 'it is for policies that were trained on logged replies (corpus "outcomes")'
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("value", "higher", "outcome", "what the policy brings on average, against the log's own", null="logged"),
        Metric("gap", "lower", "outcome", "what the best reply would bring beyond that"),
        Metric("best_reply", "higher", "share", "how often its likeliest reply is the best", "binary"),
        Metric(
            "voucher", "lower", "share", "how likely it gives the reply that the log flatters", null="logged_voucher"
        ),
        Metric("listed", "higher", "share", "how likely it gives one of the four replies at all"),
        Metric("logged", "higher", "outcome", "what the policy brought that was logged"),
        Metric("logged_voucher", "lower", "share", "how likely the log's policy gave the reply that it flatters"),
    )
    chunk: ClassVar[int] = 64

    limit: Limit = 300
    confounding: Annotated[float, Field(ge=0, le=1)] = CONFOUNDING

    def ready(self) -> None:
        """The unseen reviews are here; those of the log come with them, and are asked about on purpose."""
        cebab(SPLITS["unseen"])

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a review, as many seen as unseen."""
        both = [(kind, one) for kind, split in SPLITS.items() for one in reviews(split)]
        found = [Item(one.id, one.id, self._data(one, kind)) for kind, one in both]
        return spread(found, self.limit, lambda item: (str(item.data["stars"]), str(item.data["kind"])))

    def _data(self, review: Review, kind: str) -> dict[str, Any]:
        own = logged(review.stars, self.confounding)
        worth = value(review, own)
        return {"id": review.id, "body": review.body, "stars": review.stars, "kind": kind, "own": own, "worth": worth}

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """The probabilities of the four replies to each review."""
        from butfor.lm.scoring import score

        asked = [Review(item.data["id"], item.data["body"], item.data["stars"]) for item in items]
        told = score(world, [{"prompt": one.prompt, "choices": list(REPLIES)} for one in asked])
        both = zip(items, asked, told, strict=True)
        return [_record(item, one, scored.logprobs, scored.best) for item, one, scored in both]


def _record(item: Item, review: Review, told: Sequence[float], best: int) -> Record:
    parts = [exp(logp - max(told)) for logp in told]  # of a reply that is all but impossible, no probability is left
    policy = [one / sum(parts) for one in parts]
    worth, most = value(review, policy), max(review.fit)
    metrics = {
        "value": worth,
        "gap": most - worth,
        "best_reply": float(review.fit[best] == most),
        "voucher": policy[VOUCHER],
        "listed": min(1.0, sum(map(exp, told))),
        "logged": item.data["worth"],
        "logged_voucher": item.data["own"][VOUCHER],
    }
    show = {"review": review.prompt, "reply": REPLIES[best].strip(), "best": REPLIES[review.fit.index(most)].strip()}
    group = {"prompt": item.data["kind"], "stars": str(review.stars)}
    error = "" if metrics["best_reply"] else "voucher" if best == VOUCHER else "other"
    return Record(item.id, item.cluster, metrics, show, group, error)
