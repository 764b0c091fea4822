"""Does a model that was trained where a mark goes with the label still judge where the mark means nothing?

Idea      The corpora "shortcuts/STRENGTH" tell reports from a world in which three causes decide the harvest and a mark
          comes along with it. Then the model judges reports from the same world under do(mark = a coin).
Equation  the likelier of poor and rich, by the model's head or by its options.
          misled, helped: the reports whose mark disagrees, agrees with the harvest; ood: both, half each.
          iid: both, weighted as at the training strength s (`strength`): s · helped + (1 − s) · misled.
          pull: log-odds of rich with the mark of rich harvests − the same report with the other mark.
          push: the same for all three causes, set to good and to bad.
Known     A reader of the causes: 0.8025 on all, pull 0. The best in-distribution reader of both: see `data.shortcuts`.
Data      our own draw; none of the reports is a row of the corpora. The reports are the same for every strength.
Limits    An untrained model is at chance, 1/2. No reader can be right everywhere: causes mislead in a fifth of reports.
          What a model says of short reports of one form says little of others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, final

from pydantic import Field

from butfor.data.shortcuts import CAUSES, HARVESTS, STRENGTH, Report, reports
from butfor.evaluate.suite import Card, Item, Limit, Metric, Record, spread

if TYPE_CHECKING:
    from butfor.lm import LM

SHARE = "iid_share"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class ShortcutWorlds:
    """Accuracy where a planted shortcut helps, misleads and means nothing, and how far it moves the answer."""

    card: ClassVar[Card] = Card(
        measures="whether a label rests on what causes it or on a mark that came along with it in training",
        chance="1/2; a reader of the causes alone 0.8025 on all; the best reader in training's kind at strength 0.9: "
        "0.99 where the mark helps, 0.24 where it misleads",
        source="our own: reports told from a planted world, for models trained on the corpora shortcuts/STRENGTH",
        faults=("short texts of one form, in which every variable is told by two words or three",),
    )
    worlds: ClassVar[tuple[str, ...]] = ("lm",)
    only_named: ClassVar[str] = 'it is for models that were trained on the reports (corpus "shortcuts")'
    metrics: ClassVar[tuple[Metric, ...]] = (
        Metric("ood_accuracy", "higher", "share", "share right where a coin sets the mark", "binary", 0.5),
        Metric("misled_accuracy", "higher", "share", "share right where the mark misleads (worst group)", "binary"),
        Metric("helped_accuracy", "higher", "share", "share right where the mark goes with the label", "binary"),
        Metric(
            "iid_accuracy",
            "higher",
            "share",
            "share right where the mark agrees as often as the suite's strength says",
            weight=SHARE,
        ),
        Metric("pull", "zero", "nats", "how far the mark moves the log-odds its way, the causes held fixed", null=0.0),
        Metric(
            "push", "higher", "nats", "how far the causes move the log-odds their way, the mark held fixed", null=0.0
        ),
        Metric(SHARE, "zero", "weight", "the weight of a report in iid_accuracy"),
    )
    chunk: ClassVar[int] = 250

    limit: Limit = None
    rows: Annotated[int, Field(ge=1)] = 1000
    strength: Annotated[float, Field(ge=0.5, le=1)] = STRENGTH
    length: Annotated[int, Field(ge=2)] = 128  # tokens of a report that are read
    seed: int = 1

    def ready(self) -> None:
        """Our own draw needs nothing."""

    def items(self, world: LM) -> list[Item]:  # noqa: ARG002
        """One item a report: as many with a helpful mark as with a misleading one."""
        new = [one for one in reports(STRENGTH, "ood", 2 * self.rows + 20, self.seed) if one.text() not in _known()]
        found = [Item(one.id, one.id, _data(one)) for one in new]
        return spread(found, self.limit or self.rows, lambda item: (str(item.data["label"]), str(item.data["mark"])))

    def measure(self, world: LM, items: Sequence[Item]) -> list[Record]:
        """Judge every report, with both marks and with good and bad causes."""
        from butfor.lm.head import judged

        texts = [text for item in items for text in item.data["texts"].values()]
        logits = judged(world, texts, HARVESTS, self.length)
        odds = (logits[:, 1] - logits[:, 0]).reshape(len(items), -1)
        return [self._record(item, [float(odd) for odd in row]) for item, row in zip(items, odds, strict=True)]

    def _record(self, item: Item, odds: list[float]) -> Record:
        row = item.data
        marks, causes = odds[:2], odds[2:]
        odd = marks[row["mark"]]
        said, helped = int(odd > 0), row["mark"] == row["label"]
        right = float(said == row["label"])
        metrics = {
            "ood_accuracy": right,
            f"{'helped' if helped else 'misled'}_accuracy": right,
            "iid_accuracy": right,
            SHARE: 2 * (self.strength if helped else 1 - self.strength),
            "pull": marks[1] - marks[0],
            "push": causes[1] - causes[0],
        }
        asked, other = (row["texts"][f"mark {mark}"] for mark in (row["mark"], 1 - row["mark"]))
        show = {"asked": asked, "right": HARVESTS[row["label"]], "said": HARVESTS[said], "other mark": other}
        group = {"mark": "helps" if helped else "misleads", "harvest": HARVESTS[row["label"]].strip()}
        error = "" if right else "follows the mark" if said == row["mark"] else "other"
        return Record(item.id, item.cluster, metrics, show, group, error)


def _data(report: Report) -> dict[str, Any]:
    texts = {f"mark {mark}": report.text(mark=mark) for mark in (0, 1)}
    texts |= {f"causes {level}": report.text(**dict.fromkeys(CAUSES, level)) for level in (0, 1)}
    return {"texts": texts, "label": report.levels["harvest"], "mark": report.levels["mark"]}


@cache
def _known() -> frozenset[str]:
    """Every report that is trained on, at any strength: strengths differ in the mark alone."""
    told = (report for report in reports(STRENGTH))
    return frozenset(report.text(mark=mark) for report in told for mark in (0, 1))
