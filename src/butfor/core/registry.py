"""What can be named in an experiment: lazy `"module:object"` strings, and plug-ins by entry points.

A package adds its own with `[project.entry-points."butfor.methods"]` or `"butfor.suites"`; a script may name an object
directly, as `method = "my_module:MyMethod"`. Nothing is imported before it is used.
"""

from __future__ import annotations

import sys
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, Literal, get_type_hints

from butfor.core.errors import UnknownName, UserError, did_you_mean

Kind = Literal["method", "suite"]
KINDS: tuple[Kind, ...] = ("method", "suite")

WORDS = (
    ("Input should be a valid", "should be a"),
    ("Input should", "should"),
    ("a integer", "an integer"),
    ("a array", "a list"),
    ("a tuple", "a list"),
    ("a dictionary", "a table"),
)

WORDS_OF: dict[Kind, tuple[str, ...]] = {
    "method": ("worlds", "data", "model", "loss"),
    "suite": ("worlds", "metrics", "chunk", "items", "measure"),
}

STAGES = ("pretrain", "finetune", "align", "infer")  # a method may be named without its stage: leace is pretrain.leace

# Models that are made and not loaded, by what stands before the colon in their name; each module says KIND, `check`,
# `stamp` and `make`.
MADE = {
    "scratch": "butfor.data.scratch",
    "disentangled": "butfor.data.disentangled",
    "analyst": "butfor.scm.analyst",
    "classifier": "butfor.lm.classifier",
    "served": "butfor.lm.served",
}

BUILT_IN: dict[Kind, dict[str, str]] = {
    "method": {
        "standard": "butfor.train.standard:Standard",
        "pretrain.attention.caam": "butfor.pretrain.attention.caam:CaaM",
        "pretrain.attention.cat": "butfor.pretrain.attention.cat:CausalAttentionTuning",
        "pretrain.attention.catt": "butfor.pretrain.attention.catt:CATT",
        "pretrain.attention.dag": "butfor.pretrain.attention.dag:DAG",
        "pretrain.attention.dag_effect": "butfor.pretrain.attention.dag_effect:DAGEffect",
        "pretrain.causalm": "butfor.pretrain.causalm:CausaLM",
        "pretrain.corpus.axioms": "butfor.pretrain.corpus.axioms:Axioms",
        "pretrain.corpus.latent_graph": "butfor.pretrain.corpus.latent_graph:LatentGraph",
        "pretrain.corpus.mmd": "butfor.pretrain.corpus.mmd:MMD",
        "pretrain.corpus.reweight": "butfor.pretrain.corpus.reweight:Reweight",
        "pretrain.corpus.structure": "butfor.pretrain.corpus.structure:Structure",
        "pretrain.corpus.substitute": "butfor.pretrain.corpus.substitute:Substitute",
        "pretrain.corpus.worlds": "butfor.pretrain.corpus.worlds:Worlds",
        "pretrain.foundation.cina": "butfor.pretrain.foundation.cina:CInA",
        "pretrain.foundation.classical": "butfor.pretrain.foundation.classical:Classical",
        "pretrain.foundation.discovery": "butfor.pretrain.foundation.discovery:Discovery",
        "pretrain.foundation.search": "butfor.pretrain.foundation.searches:GraphSearch",
        "pretrain.half_sibling": "butfor.pretrain.half_sibling:HalfSibling",
        "pretrain.hard_debias": "butfor.pretrain.hard_debias:HardDebias",
        "pretrain.inlp": "butfor.pretrain.inlp:INLP",
        "pretrain.leace": "butfor.pretrain.leace:LEACE",
        "pretrain.swap": "butfor.pretrain.swap:Swap",
        "finetune.augment": "butfor.finetune.augment:Augment",
        "finetune.consistency": "butfor.finetune.consistency:Consistency",
        "finetune.contrast": "butfor.finetune.contrast:Contrast",
        "finetune.effect_tuning": "butfor.finetune.effect_tuning:EffectTuning",
        "finetune.explain.cdep": "butfor.finetune.explain.cdep:CDEP",
        "finetune.explain.expected_gradients": "butfor.finetune.explain.expected_gradients:ExpectedGradients",
        "finetune.feedback": "butfor.finetune.feedback:Feedback",
        "finetune.gradient_supervision": "butfor.finetune.gradient_supervision:GradientSupervision",
        "finetune.invariance.coral": "butfor.finetune.invariance.coral:CORAL",
        "finetune.invariance.group_dro": "butfor.finetune.invariance.group_dro:GroupDRO",
        "finetune.invariance.irm": "butfor.finetune.invariance.irm:IRM",
        "finetune.invariance.mmd": "butfor.finetune.invariance.mmd:MMD",
        "finetune.invariance.vrex": "butfor.finetune.invariance.vrex:VREx",
        "finetune.proxy": "butfor.finetune.proxy:CausalProxy",
        "align.policy.cpo": "butfor.align.policy.cpo:CPO",
        "align.policy.dpo": "butfor.align.policy.dpo:DPO",
        "align.policy.drpo": "butfor.align.policy.drpo:DRPO",
        "align.ope.weighting": "butfor.align.ope.weighting:Weighting",
        "align.ope.direct": "butfor.align.ope.direct:Direct",
        "align.ope.doubly_robust": "butfor.align.ope.doubly_robust:DoublyRobust",
        "align.ope.sensitivity": "butfor.align.ope.sensitivity:Sensitivity",
        "align.ope.calibrated": "butfor.align.ope.calibrated:Calibrated",
        "align.ope.text_weights": "butfor.align.ope.text_weights:TextWeights",
        "align.instrument.two_stage": "butfor.align.instrument.two_stage:TwoStage",
        "align.instrument.value_iteration": "butfor.align.instrument.value_iteration:ValueIteration",
        "align.reward.deconfound": "butfor.align.reward.deconfound:Deconfound",
        "align.reward.disentangle": "butfor.align.reward.disentangle:Disentangle",
        "align.reward.instrument": "butfor.align.reward.instrument:Instrument",
        "align.reward.invariant": "butfor.align.reward.invariant:Invariant",
        "align.reward.observed": "butfor.align.reward.observed:Observed",
        "infer.discover.bfs": "butfor.infer.discover.bfs:BFS",
        "infer.discover.pairwise": "butfor.infer.discover.pairwise:Pairwise",
        "infer.discover.poll": "butfor.infer.discover.poll:Poll",
        "infer.discover.prior": "butfor.infer.discover.prior:Prior",
        "infer.discover.triplets": "butfor.infer.discover.triplets:Triplets",
        "infer.decode.context": "butfor.infer.decode.context:Context",
        "infer.reason.causal_cot": "butfor.infer.reason.causal_cot:CausalCoT",
        "infer.reason.engine": "butfor.infer.reason.engine:Engine",
        "infer.reason.program": "butfor.infer.reason.program:Program",
        "infer.reason.reader": "butfor.infer.reason.reader:Reader",
        "infer.decode.position": "butfor.infer.decode.position:PositionInvariant",
        "infer.prompt.direct": "butfor.infer.prompt.direct:Direct",
        "infer.prompt.conditional_front_door": "butfor.infer.prompt.conditional_front_door:ConditionalFrontDoor",
        "infer.prompt.decot": "butfor.infer.prompt.decot:DeCoT",
        "infer.prompt.front_door": "butfor.infer.prompt.front_door:FrontDoor",
        "infer.prompt.reread": "butfor.infer.prompt.reread:Reread",
        "infer.prompt.walks": "butfor.infer.prompt.walks:Walks",
        "infer.reason.stories": "butfor.infer.reason.stories:Stories",
    },
    "suite": {
        "bias.professions": "butfor.evaluate.bias.professions:Professions",
        "bias.professions_paths": "butfor.evaluate.bias.professions_paths:ProfessionsPaths",
        "bias.questions": "butfor.evaluate.bias.questions:BiasQuestions",
        "bias.prompting": "butfor.evaluate.bias.prompting:BiasAfterPrompting",
        "bias.bold": "butfor.evaluate.bias.bold:BOLD",
        "bias.winobias": "butfor.evaluate.bias.winobias:WinoBias",
        "bias.crows_pairs": "butfor.evaluate.bias.crows_pairs:CrowsPairs",
        "bias.stereoset": "butfor.evaluate.bias.stereoset:StereoSet",
        "bias.weat": "butfor.evaluate.bias.weat:WEAT",
        "own.items": "butfor.evaluate.own:OwnItems",
        "own.pairs": "butfor.evaluate.own:OwnPairs",
        "task.reviews": "butfor.evaluate.task.reviews:Reviews",
        "text.perplexity": "butfor.evaluate.perplexity:Perplexity",
        "text.blimp": "butfor.evaluate.blimp:BLiMP",
        "faithful.cot": "butfor.evaluate.faithful.cot:CoT",
        "robust.arithmetic": "butfor.evaluate.robust.arithmetic:Arithmetic",
        "contamination.public": "butfor.evaluate.contamination:Contamination",
        "probe.context": "butfor.evaluate.context:Context",
        "probe.first_layer": "butfor.evaluate.first_layer:FirstLayer",
        "probe.token_graph": "butfor.evaluate.token_graph:TokenGraphs",
        "shortcut.spurious_token": "butfor.evaluate.shortcut.spurious_token:SpuriousToken",
        "shortcut.trained_game": "butfor.evaluate.shortcut.trained_game:TrainedGame",
        "concept.probe": "butfor.evaluate.concept.probe:ConceptProbe",
        "concept.cebab": "butfor.evaluate.concept.cebab:CEBaB",
        "shortcut.cad": "butfor.evaluate.shortcut.cad:CAD",
        "shortcut.monli": "butfor.evaluate.shortcut.monli:MoNLI",
        "shortcut.negation": "butfor.evaluate.shortcut.negation:Negation",
        "shortcut.flipped": "butfor.evaluate.shortcut.flipped:Flipped",
        "shortcut.worlds": "butfor.evaluate.shortcut.worlds:ShortcutWorlds",
        "shortcut.position": "butfor.evaluate.shortcut.position:Position",
        "reward.preferences": "butfor.evaluate.reward.preferences:RewardPreferences",
        "reward.attributes": "butfor.evaluate.reward.attributes:RewardAttributes",
        "reward.rate": "butfor.evaluate.reward.rate:RewardRate",
        "graph.worlds": "butfor.evaluate.graph.worlds:GraphWorlds",
        "graph.known": "butfor.evaluate.graph.known:KnownGraphs",
        "graph.sachs": "butfor.evaluate.graph.sachs:Sachs",
        "effect.worlds": "butfor.evaluate.effect.worlds:EffectWorlds",
        "effect.ihdp": "butfor.evaluate.effect.ihdp:EffectIHDP",
        "effect.acic": "butfor.evaluate.effect.acic:EffectACIC",
        "effect.annotators": "butfor.evaluate.effect.annotators:EffectAnnotators",
        "policy.ope": "butfor.evaluate.policy.ope:PolicyOPE",
        "policy.value": "butfor.evaluate.policy.value:PolicyValue",
        "policy.confounded": "butfor.evaluate.policy.confounded:ConfoundedDecisions",
        "policy.judged": "butfor.evaluate.policy.judged:PolicyJudged",
        "reason.copa": "butfor.evaluate.reason.copa:COPA",
        "reason.copa_balanced": "butfor.evaluate.reason.copa:BalancedCOPA",
        "reason.ecare": "butfor.evaluate.reason.ecare:ECARE",
        "reason.tuebingen": "butfor.evaluate.reason.tuebingen:Tuebingen",
        "reason.timetravel": "butfor.evaluate.reason.timetravel:TimeTravel",
        "reason.causal_news": "butfor.evaluate.reason.causal_news:CausalNews",
        "reason.moca": "butfor.evaluate.reason.moca:MoCa",
        "reason.ladder": "butfor.evaluate.ladder:VerifiedLadder",
        "reason.case_pairs": "butfor.evaluate.reason.case_pairs:CasePairs",
        "reason.ladder_pairs": "butfor.evaluate.reason.ladder_pairs:LadderPairs",
        "reason.cladder": "butfor.evaluate.reason.cladder:CLadder",
        "reason.corr2cause": "butfor.evaluate.reason.corr2cause:Corr2Cause",
        "reason.axioms": "butfor.evaluate.reason.axioms:Axioms",
        "reason.axiom_lengths": "butfor.evaluate.reason.axiom_lengths:AxiomLengths",
        "reason.calm": "butfor.evaluate.reason.calm:CaLM",
        "reason.causal_judgement": "butfor.evaluate.reason.causal_judgement:CausalJudgement",
        "reason.crass": "butfor.evaluate.reason.crass:CRASS",
        "reason.vignettes": "butfor.evaluate.reason.vignettes:Vignettes",
    },
}


@cache
def targets(kind: Kind) -> dict[str, str]:
    """Every registered name of a kind and its `module:object`; ours win over plug-ins of the same name."""
    plugged = {entry.name: entry.value for entry in entry_points(group=f"butfor.{kind}s")}
    return {**plugged, **BUILT_IN[kind]}


def resolve(kind: Kind, name: str) -> type:
    """The class behind a name; raises `UnknownName` with the nearest ones, or says why a plug-in did not import."""
    target = name if ":" in name else targets(kind).get(full(kind, name)) or _of_family(kind, name)
    if target is None:
        raise UnknownName(kind, name, [_as_written(known, name) for known in targets(kind)])
    module, _, attribute = target.partition(":")
    if ":" in name and str(Path.cwd()) not in sys.path:
        sys.path.append(str(Path.cwd()))  # a module beside the experiment; last, so that it hides nothing
    try:
        found = getattr(import_module(module), attribute)
    except Exception as error:  # a plug-in's module may fail in any way
        raise UserError(f"{kind} {name!r} names {target}, which does not import: {error}") from error
    if not (isinstance(found, type) and is_dataclass(found)):
        raise UserError(f"{kind} {name!r} names {target}, which is not a dataclass")
    if lacks := [word for word in WORDS_OF[kind] if not hasattr(found, word)]:
        raise UserError(f"{kind} {name!r} names {target}, which is no {kind}: it lacks {', '.join(lacks)}")
    try:
        knobs(found)
    except (NameError, TypeError) as error:
        raise UserError(
            f"{kind} {name!r} names {target}, whose knobs have a type that is not known: {error}"
        ) from error
    return found


def full(kind: Kind, name: str) -> str:
    """The registered name behind one that leaves its stage out; any other as it is."""
    staged = [f"{stage}.{name}" for stage in STAGES if f"{stage}.{name}" in targets(kind)]
    return staged[0] if staged and name not in targets(kind) else name


def _as_written(known: str, like: str) -> str:
    """A registered name with its stage, or without it where `like` has none."""
    stage, _, rest = known.partition(".")
    return rest if stage in STAGES and not like.startswith(f"{stage}.") else known


def _of_family(kind: Kind, name: str) -> str | None:
    """`standard.<task>`: any task of lm-evaluation-harness, by its own name."""
    task = name.removeprefix("standard.")
    return f"butfor.evaluate.harness:task_{task}" if kind == "suite" and name != task and task else None


@dataclass(frozen=True, slots=True)
class Knob:
    """One setting of a method or a suite."""

    name: str
    type: Any
    default: Any
    required: bool


@cache
def knobs(kind: type) -> dict[str, Knob]:
    """The settings of a method or suite: the fields of its dataclass."""
    hints = get_type_hints(kind, include_extras=True)
    found: dict[str, Knob] = {}
    for field in fields(kind):
        made = field.default if field.default_factory is MISSING else field.default_factory()
        found[field.name] = Knob(field.name, hints[field.name], made, made is MISSING)
    return found


def build(kind: type, settings: dict[str, Any]) -> tuple[Any, list[tuple[str, str]]]:
    """The method or suite with these settings, or None and a list of (knob, problem), all of them."""
    from pydantic import TypeAdapter, ValidationError

    from butfor.core.keys import canonical

    known, problems, values = knobs(kind), list[tuple[str, str]](), dict[str, Any]()
    for name, value in settings.items():
        if name not in known:
            problems.append(
                (name, f"{kind.__name__} has no such knob" + (did_you_mean(name, known) or "; it has none"))
            )
            continue
        try:
            values[name] = TypeAdapter(known[name].type).validate_json(canonical(value), strict=True)
        except ValidationError as error:
            problems.append((name, f"{plain(error.errors()[0])}, not {value!r}"))
    problems += [(knob.name, "is required") for knob in known.values() if knob.required and knob.name not in settings]
    if problems:
        return None, problems
    try:
        return kind(**values), []
    except ValueError as error:
        return None, [("", str(error))]


def plain(error: Any) -> str:
    """A pydantic error in plain words."""
    message = str(error["msg"]).removeprefix("Value error, ")
    for theirs, ours in WORDS:
        message = message.replace(theirs, ours)
    return message


def settings_of(made: Any) -> dict[str, Any]:
    """Every knob of a built method or suite with its value, defaults included."""
    return {field.name: getattr(made, field.name) for field in fields(made)}
