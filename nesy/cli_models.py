"""``nesy doctor``, ``export`` and ``serve``: the machine, and a student for other programs."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from nesy import resources

Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Run = Annotated[Path | None, typer.Argument(help="Run folder; by default the latest in ./runs/.")]


def doctor(
    base_url: Annotated[
        str | None, typer.Option(help="Endpoint to try; else OPENAI_BASE_URL.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Look at versions, device, memory, caches, hub, endpoint; say what will be slow, and why."""
    from rich.table import Table

    from nesy import tables
    from nesy.doctor import examine

    findings = examine(base_url)
    if as_json:
        typer.echo(json.dumps([asdict(f) for f in findings], indent=2, ensure_ascii=False))
    else:
        table = Table(box=None, pad_edge=False, show_header=False)
        for one in findings:
            table.add_row(one.topic, one.state, one.found + (f"; {one.remark}" * bool(one.remark)))
        tables.console().print(table)
    if any(one.state == "broken" for one in findings):
        raise typer.Exit(1)


def export(
    run: Run = None,
    merged: Annotated[
        Path | None, typer.Option(help="Write base and adapter as one model into this folder.")
    ] = None,
    gguf: Annotated[
        Path | None, typer.Option(help="Convert the merged model to this file; needs llama.cpp.")
    ] = None,
    vllm: Annotated[
        bool, typer.Option("--vllm", help="Print the command that serves it with vLLM.")
    ] = False,
) -> None:
    """Give a distilled student to other programs; refuse if it would answer otherwise there."""
    from nesy import export as exporting
    from nesy.errors import InputError

    folder = found(run)
    if gguf is not None and merged is None:
        raise InputError("--gguf converts a merged model; add --merged DIR")
    if merged is None and not vllm:
        raise InputError("say what to export: --merged DIR, --gguf FILE or --vllm")
    converter = None if gguf is None else exporting.converter()
    if merged is not None:
        made = exporting.merged(folder, merged)
        if made.differing:
            typer.echo(
                f"refused: {len(made.differing)} of {made.questions} questions are answered "
                f"otherwise by the merged model, first {made.differing[0]}; nothing was written",
                err=True,
            )
            raise typer.Exit(1)
        typer.echo(
            f"{resources.shown(merged)}: merged, and its answers to {made.questions} questions "
            "equal the adapter's"
        )
        if gguf is not None and converter is not None:
            exporting.gguf(converter, merged, gguf)
            typer.echo(str(gguf))
    if vllm:
        typer.echo(exporting.vllm(folder, merged))


def serve(
    run: Run = None,
    kb: Annotated[Path, typer.Option("--kb", help="Folder of knowledge packs.")] = Path("kb"),
    no_kb: Annotated[bool, typer.Option("--no-kb", help="Show the student no knowledge.")] = False,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
) -> None:
    """Serve student and knowledge base as an OpenAI-compatible endpoint on loopback."""
    from nesy.serve import Server, load

    system = load(found(run), None if no_kb else kb)
    server = Server(system, port)
    typer.echo(f"{system.name} at {server.url}; Ctrl-C ends")
    try:
        server.serve_forever()
    finally:
        server.server_close()


COMMANDS: tuple[Callable[..., None], ...] = (doctor, export, serve)


def found(run: Path | None) -> Path:
    """The run that was asked for, or the latest one in ./runs/ that has ended."""
    from nesy import cli

    return cli.found_run(run)
