"""`textmill …`: look at the pipeline, run it without Prefect, register, verify and serve models."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from textmill.errors import UserError

QUIET = {
    "DO_NOT_TRACK": "true",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
}

app = typer.Typer(
    help="From raw text to a trained, judged and registered language model.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
params = typer.Typer(help="Check and change params.yaml.", no_args_is_help=True)
app.add_typer(params, name="params")


@params.command("check")
def check_params(
    file: Annotated[Path, typer.Argument(help="The params file to check.")] = Path("params.yaml"),
) -> None:
    """Check every key and value of a params file."""
    from textmill.config.params import load_params

    load_params(file)
    typer.echo(f"{file}: every section is valid.")


@params.command("list")
def list_overlays() -> None:
    """List the profiles of conf/ that `use` can apply."""
    from textmill.config.overlay import overlays

    for name in overlays():
        typer.echo(name)


@params.command("use")
def use_params(
    overlay: Annotated[str, typer.Argument(help="A profile: the name of a file in conf/, without .yaml.")],
) -> None:
    """Write a profile into params.yaml (see the change with `git diff params.yaml`)."""
    from textmill.config.overlay import use_overlay

    changed = use_overlay(overlay)
    for key in changed:
        typer.echo(f"  {key}")
    typer.echo(
        f"params.yaml: {len(changed)} keys now as conf/{overlay}.yaml has them; "
        "`git checkout params.yaml` takes them back."
    )


@app.command()
def plan(
    stages: Annotated[list[str] | None, typer.Argument(help="These stages and what they need.")] = None,
) -> None:
    """Say which stages are stale, and why."""
    from textmill.dag.console import plan_command

    raise typer.Exit(plan_command(stages or []))


@app.command()
def run(
    stages: Annotated[list[str] | None, typer.Argument(help="These stages and what they need.")] = None,
) -> None:
    """Run what is stale, independent stages side by side, without Prefect."""
    from textmill.dag.console import run_command

    raise typer.Exit(run_command(stages or []))


@app.command()
def explain(
    document: Annotated[str, typer.Argument(metavar="[ID]", help="An id, or enough of its beginning.")] = "",
    match: Annotated[str, typer.Option(help="The document whose text matches this expression.")] = "",
    key: Annotated[
        tuple[str, str] | None, typer.Option(metavar="SOURCE KEY", help="The record of this key of a source.")
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Shorten nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Tell a document's whole life: where it is from, what was found, why it was kept or dropped."""
    from textmill.console.explain import explain as explain_document

    explain_document(document, match, key, full, json)


@app.command()
def forget(
    documents: Annotated[list[str] | None, typer.Argument(metavar="ID…", help="Ids, or beginnings.")] = None,
    match: Annotated[str, typer.Option(help="All documents whose text matches this expression.")] = "",
    file: Annotated[Path | None, typer.Option(help="A file with an id a line.")] = None,
    reason: Annotated[str, typer.Option(help="Why; kept in the list.")] = "",
    date: Annotated[str, typer.Option(help="When; kept in the list.")] = "",
    with_duplicates: Annotated[bool, typer.Option("--with-duplicates", help="Their duplicates too.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Leave documents or task rows out of all further runs, and list the model versions that saw them."""
    from textmill.console.forget import Request
    from textmill.console.forget import forget as forget_documents

    forget_documents(Request(documents or (), match, file, reason, date, with_duplicates, dry_run, json))


@app.command()
def whatif(
    changes: Annotated[
        list[str] | None,
        typer.Argument(metavar="KEY=VALUE…", help="For example select.gopher.min_words=20; several at once."),
    ] = None,
    sweep: Annotated[
        str, typer.Option(metavar="KEY=START:STOP:STEP", help="Try each value of a key, for a curve.")
    ] = "",
    show: Annotated[int, typer.Option(help="Name this many documents that change sides, each way.")] = 0,
    text: Annotated[bool, typer.Option("--text", help="With --show: the beginnings of their texts.")] = False,
    plot: Annotated[Path | None, typer.Option(help="Draw it into a file, .svg or .png.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Count what select would keep with other params, from stored signals, without reading a text."""
    from textmill.console.whatif import Display
    from textmill.console.whatif import whatif as try_params

    try_params(changes or [], sweep, Display(show, text, plot, json))


@app.command()
def accept(
    drifted: Annotated[
        bool, typer.Option("--drifted", help="Take a corpus that failed for nothing but its drift, too.")
    ] = False,
) -> None:
    """Make the validated corpus the one that the next is compared with (commit the file it writes)."""
    from textmill.config.load import load_section
    from textmill.config.validate import Validate
    from textmill.corpus.validation.accept import accept as accept_corpus

    file = accept_corpus(Path(), load_section(Validate, "validate").accepted, drifted)
    typer.echo(f"{file}: the profile of this corpus; commit it, so that others compare with it too.")


@app.command()
def evaluate(
    harness: Annotated[
        str, typer.Option(metavar="TASKS", help="Tasks of lm-evaluation-harness, commas between them.")
    ],
    model: Annotated[
        str, typer.Option(metavar="DIR|models:/…", help="A model directory or a registered version.")
    ] = "models/pretrained/decoder",
    include_path: Annotated[
        Path | None, typer.Option(metavar="DIR", help="A directory of your own task files.")
    ] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first rows of each task.")] = None,
    shots: Annotated[int | None, typer.Option(min=0, help="Examples in each prompt.")] = None,
    chat: Annotated[
        bool, typer.Option("--chat", help="Write prompts with the model's chat template.")
    ] = False,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the model.")] = 1,
    batch_tokens: Annotated[int, typer.Option(min=64, help="Padded tokens in a batch.")] = 2048,
    context: Annotated[
        int | None, typer.Option(min=2, help="Tokens of a window, if fewer than the model reads.")
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Write the figures to this JSON file.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """Run tasks of lm-evaluation-harness on a model; nothing is downloaded (extra `harness`)."""
    from textmill.console.harness import Request, evaluate_tasks

    tasks = [name.strip() for name in harness.split(",") if name.strip()]
    evaluate_tasks(
        Request(tasks, model, include_path, limit, shots, chat, threads, batch_tokens, context, output, json)
    )


@app.command()
def generate(
    model: Annotated[
        str, typer.Argument(metavar="DIR|models:/…", help="A model directory or a registered version.")
    ],
    prompt: Annotated[str | None, typer.Option(help="What the model is given; left out: stdin.")] = None,
    raw: Annotated[
        bool, typer.Option("--raw", help="Go on with the prompt itself, without chat template.")
    ] = False,
    beams: Annotated[int, typer.Option(min=1, max=64, help="Width of the beam; 1 is greedy.")] = 1,
    temperature: Annotated[float, typer.Option(min=0, help="Above 0 draws tokens.")] = 0.0,
    top_k: Annotated[int, typer.Option(min=0, help="Draw among the k likeliest tokens; 0 is all.")] = 0,
    top_p: Annotated[
        float, typer.Option(min=0, max=1, help="Draw among the likeliest of this probability.")
    ] = 1.0,
    n: Annotated[int, typer.Option("-n", min=1, help="Outputs: draws, or the best beams.")] = 1,
    max_tokens: Annotated[int, typer.Option(min=1, help="Tokens an output may have.")] = 64,
    seed: Annotated[int, typer.Option(min=0, help="Of the draws.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the model.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Write text with a model: greedily, by beam search, or drawn with temperature, top-k and top-p."""
    from textmill.console.generate import Request
    from textmill.console.generate import generate as generate_text

    generate_text(
        Request(model, prompt, raw, beams, temperature, top_k, top_p, n, max_tokens, seed, threads, json)
    )


@app.command()
def export(
    model: Annotated[
        str, typer.Argument(metavar="DIR|models:/…", help="A model directory or a registered version.")
    ],
    directory: Annotated[Path, typer.Argument(metavar="TARGET", help="Directory to write; new or empty.")],
    to: Annotated[str, typer.Option(help="safetensors, onnx, gguf or ctranslate2.")],
) -> None:
    """Write a model in another runtime's format, checked against the PyTorch model (extra `exports`)."""
    from textmill.console.export import export as export_model

    export_model(model, to, directory)


@app.command()
def search(
    name: Annotated[str, typer.Argument(help="A search: a key of search in params.yaml.")],
    apply: Annotated[bool, typer.Option("--apply", help="Write the winner into params.yaml.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget its trials and begin anew.")] = False,
) -> None:
    """Try params of a run (grid, random, TPE), drop the hopeless early, print the best as a diff.

    Killed, it goes on where it stopped. Trials train below .textmill/search and touch no out.
    """
    from textmill.search.command import search as carry_out

    carry_out(name, apply, restart)


@app.command()
def register() -> None:
    """Register the models of params.yaml, judge them by its gates, promote those that pass."""
    from textmill.registry.outcome import table
    from textmill.registry.promotion import register as register_models

    typer.echo(table(register_models(Path())))


@app.command()
def verify(
    uri: Annotated[str, typer.Argument(help="A registered model, for example models:/NAME@champion.")],
) -> None:
    """Re-derive every hash of a version's manifest, back to the raw documents; exit 1 on a difference."""
    from textmill.registry.verify import verify as verify_model

    result = verify_model(Path(), uri)
    typer.echo(result.render())
    raise typer.Exit(0 if result.ok else 1)


@app.command()
def serve(
    uri: Annotated[str, typer.Argument(help="A registered model, for example models:/NAME@champion.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; the default is loopback only.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port to listen on.")] = 8080,
) -> None:
    """Answer over HTTP with a registered model."""
    from textmill.serving.server import serve as serve_model

    serve_model(Path(), uri, host, port)


@app.command()
def attribute(
    model: Annotated[
        str,
        typer.Argument(metavar="DIR|models:/…", help="A classifier: a directory or a registered version."),
    ],
    text: Annotated[
        list[str] | None, typer.Option(help="A text to explain; several times if you like.")
    ] = None,
    rows: Annotated[
        Path | None, typer.Option(metavar="FILE", help=".parquet (input), .jsonl (input or text), or lines.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="With --rows: so many texts, from the first.")] = 20,
    label: Annotated[str | None, typer.Option(help="Explain this label instead of the answer.")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a page instead.")] = None,
    attention: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write a page of every head's attention on the first text."),
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the model.")] = 1,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show which words made a classifier decide (integrated gradients), and where its heads look."""
    from textmill.console.attribute import Request
    from textmill.console.attribute import attribute as explain_decisions

    explain_decisions(Request(model, tuple(text or ()), rows, limit, label, html, attention, threads, json))


def main() -> None:
    """The entry point: a user's mistake is one paragraph on stderr and exit status 2."""
    for key, value in QUIET.items():
        os.environ.setdefault(key, value)
    try:
        app()
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
