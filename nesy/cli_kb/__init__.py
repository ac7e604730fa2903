"""``nesy kb``: look at the knowledge base, check it, measure it, change it."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup

from nesy.cli_kb import measure, read, write
from nesy.errors import NesyError


class Group(TyperGroup):
    """Commands whose errors are lines on stderr, not tracebacks."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command; an error of nesy ends it with the error's exit code."""
        try:
            return super().invoke(ctx)
        except NesyError as error:
            typer.echo(str(error), err=True)
            raise typer.Exit(error.exit_code) from error


app = typer.Typer(
    cls=Group,
    help="The knowledge base: packs of entries in YAML that people read and correct.",
    no_args_is_help=True,
)
for _name, _command in (
    ("list", read.list_),
    ("show", read.show),
    ("search", read.search),
    ("explain", read.explain),
    ("check", read.check),
    ("diff", read.diff),
    ("log", read.log),
    ("stats", read.stats),
    ("credit", measure.credit),
    ("prune", measure.prune),
    ("test", measure.test),
    ("gate", measure.gate),
    ("add", write.add),
    ("edit", write.edit),
    ("dedup", write.dedup),
    ("merge", write.merge),
    ("import", write.import_),
    ("export", write.export),
):
    app.command(_name)(_command)
