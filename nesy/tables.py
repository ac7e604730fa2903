"""Results as tables and text for a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Column, Table

from nesy import stats
from nesy.answer import Prepared
from nesy.stats import Ablation, Figures
from nesy.types import Attempt, Question


def by_task(attempts: Sequence[Attempt]) -> Table:
    """Return one row a task: accuracy under both rules, interval, and outcomes."""
    table = Table(Column("task", no_wrap=True), title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("n", "lenient", "95 %", "strict", "wrong", "unparsed", "truncated"):
        table.add_column(heading, justify="right", no_wrap=True)
    lenient, strict = stats.by_task(attempts), stats.by_task(attempts, "strict")
    for task, made in lenient.items():
        _add(table, task, made, strict[task])
    if len(lenient) > 1:
        table.add_section()
        _add(table, "all", stats.figures(attempts), stats.figures(attempts, "strict"))
        macro = [sum(f.accuracy for f in rule.values()) / len(rule) for rule in (lenient, strict)]
        table.add_row("mean of tasks", "", percent(macro[0]), "", percent(macro[1]), "", "", "")
    return table


def _add(table: Table, name: str, lenient: Figures, strict: Figures) -> None:
    counts = [lenient.outcomes[kind] for kind in ("wrong", "unparsed", "truncated")]
    table.add_row(
        name,
        str(lenient.questions),
        percent(lenient.accuracy),
        interval(lenient.interval),
        percent(strict.accuracy),
        *(str(count) if count else "·" for count in counts),
    )


def cells(made: Ablation) -> Table:
    """Return one row a cell: accuracy with its interval, over all and by group of questions."""
    table = Table(Column("", no_wrap=True), title_justify="left", box=box.SIMPLE_HEAD)
    for heading in ("all", "95 %", *made.groups, "prompt tokens"):
        table.add_column(heading, justify="right", no_wrap=True)
    for name, figures in made.cells.items():
        groups = [percent(by_cell[name].accuracy) for by_cell in made.groups.values()]
        tokens = f"{made.prompt_tokens[name]:.0f}"
        table.add_row(name, percent(figures.accuracy), interval(figures.interval), *groups, tokens)
    sizes = [str(next(iter(by_cell.values())).questions) for by_cell in made.groups.values()]
    total = next(iter(made.cells.values())).questions
    table.add_section()
    table.add_row("questions", str(total), "", *sizes)
    return table


def tests(made: Ablation) -> Table:
    """Return one row a paired test: gain in points with its interval, wins, losses, p."""
    table = Table(Column("first → second", no_wrap=True), box=box.SIMPLE_HEAD)
    for heading in ("gain", "95 %", "wins", "losses", "p", "Holm"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.caption = "p: exact McNemar; Holm: corrected for all tests of the table"
    for test in made.tests:
        pair = test.pair
        table.add_row(
            f"{test.first} → {test.second}",
            points(pair.difference),
            f"{points(pair.interval[0])} … {points(pair.interval[1])}",
            str(pair.wins),
            str(pair.losses),
            p_value(pair.p),
            p_value(test.p_holm),
        )
    return table


def unparsed_warning(attempts: Sequence[Attempt]) -> str | None:
    """Return a warning if more than one answer in twenty could not be read, else ``None``."""
    unread = sum(attempt.outcome in ("unparsed", "truncated") for attempt in attempts)
    if not attempts or unread <= len(attempts) / 20:
        return None
    cut = sum(attempt.outcome == "truncated" for attempt in attempts)
    return (
        f"{unread} of {len(attempts)} completions hold no readable answer ({cut} ended at their "
        "limit): raise max_tokens, or look at some with --show before trusting the accuracy"
    )


def path(attempt: Attempt, question: Question, prepared: Prepared | None = None) -> str:
    """Return the whole path of one question as text.

    ``prepared`` is the question as it would be asked now; without it, or where its prompt is
    no longer the one that was asked, that is said.
    """
    parts = [f"question    {question.id} (task {question.task}, {question.kind})", question.text]
    parts.append(f"target      {question.target}")
    if not attempt.hits:
        parts.append("entries     none")
    for hit in attempt.hits:
        parts.append(f"entry {hit.rank}     {hit.entry} (score {hit.score:.4f})")
    parts.append(f"prompt      sha256 {attempt.prompt_sha}")
    if prepared is not None:
        from nesy.runs import messages_sha

        if messages_sha(prepared.messages) != attempt.prompt_sha:
            parts.append("            since then the prompt or the knowledge changed; now it is")
        parts += [f"[{message.role}]\n{message.content}" for message in prepared.messages]
    done = attempt.completion
    parts.append(
        f"completion  {done.completion_tokens} tokens after {done.prompt_tokens}, ended by "
        f"{'itself' if done.finish == 'stop' else 'its limit'}"
    )
    parts.append(done.text)
    parts.append(f"answer      {attempt.answer} (rule: {attempt.rule})")
    parts.append(f"outcome     {attempt.outcome}, under the strict rule {attempt.outcome_strict}")
    return "\n".join(parts)


def console(width: int = 100) -> Console:
    """Return where results go: stdout, ``width`` columns wide where that is no terminal."""
    return Console() if Console().is_terminal else Console(width=width)


def percent(share: float) -> str:
    """Return a share in [0, 1] as per cent with one decimal."""
    return f"{100 * share:.1f}"


def interval(bounds: tuple[float, float]) -> str:
    """Return an interval of shares as per cent."""
    return f"{percent(bounds[0])}\N{EN DASH}{percent(bounds[1])}"


def points(difference: float) -> str:
    """Return a difference of shares in signed percentage points."""
    return f"{100 * difference:+.1f}"


def p_value(p: float) -> str:
    """Return a p value, ``< .001`` below that."""
    return "< .001" if p < 0.001 else f"{p:.3f}".removeprefix("0")


def outcomes(counts: Mapping[str, int]) -> str:
    """Return counted outcomes in one line, those that occurred."""
    return ", ".join(f"{count} {name}" for name, count in counts.items() if count)
