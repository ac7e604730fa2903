"""The procedural text that the embedded student is pretrained on.

A drill makes one worked question: the question, the steps, the answer, and the knowledge
that is shown with it. Whatever a drill tells about the world is made up on the spot from
invented words, so that no fact of an embedded benchmark can be learned here and the only
way to be right is to read.

``python -m drills`` in ``scripts`` prints a few of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random

from drills.accounts import fact_account
from drills.choosing import match_option, options
from drills.procedures import (
    arithmetic,
    claims,
    columns,
    counting,
    formula,
    gaps,
    gates,
    listing,
    plans,
    purchase,
    record,
    registers,
    roles,
    row,
    schedule,
    spelling,
    story,
    sums,
    switches,
    table,
    tally,
    walk,
)
from drills.reading import (
    dates,
    fact_any,
    fact_date,
    fact_day,
    fact_difference,
    fact_number,
    fact_problem,
    fact_property,
    fact_quantity,
    fact_total,
)
from drills.words import LEXICON, Drill, calc, lettered

__all__ = ["DRILLS", "LEXICON", "Drill", "calc", "draw", "lettered", "options"]

DRILLS: dict[Callable[[Random], Drill], float] = {
    fact_account: 7.0, fact_problem: 4.0, fact_quantity: 1.0, fact_total: 1.0, fact_number: 2.0, fact_difference: 0.5,
    fact_any: 4.5, fact_property: 1.5, fact_date: 0.5, fact_day: 2.5, dates: 1.5, match_option: 1.0,
    plans: 3.0, story: 1.0, purchase: 0.7, arithmetic: 1.0, sums: 0.4,
    claims: 1.5, switches: 0.5, gates: 0.5, formula: 1.5, walk: 1.5, registers: 0.7,
    tally: 2.5, counting: 0.7, listing: 1.5, table: 2.5, columns: 2.5, record: 0.7, roles: 1.2,
    gaps: 1.3, schedule: 0.3, row: 0.7, spelling: 0.4,
}


def draw(rng: Random) -> Drill:
    """One drill, the kinds weighted; some that need no knowledge are shown some all the same."""
    drill = rng.choices(list(DRILLS), weights=list(DRILLS.values()))[0](rng)
    if not drill.knowledge and rng.random() < 0.2:
        drill = replace(drill, knowledge=fact_quantity(rng).knowledge)
    return drill
