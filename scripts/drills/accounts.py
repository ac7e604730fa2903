"""Word problems on a quantity that the knowledge defines, told in random words and in any order."""

from __future__ import annotations

from random import Random

from drills.reading import QUANTITY_LESSONS, SPANS, TIMES, VERB_OF, block, lesson, number
from drills.words import (
    LEXICON,
    NAMES,
    PLACES,
    THINGS,
    WORDS,
    Drill,
    article,
    calc,
    invented,
    plural,
    term,
)

_LOTS = (
    "{who} {v} {n} {many}{place}", "{who} has {n} {many}{place}", "There are {n} {many}{place}", "A {w} with {n} {many} {v}{place}",
    "{n} {many} {v}{place}", "In the {w} {who} {v} {n} {many}", "A {w} lists {n} {many}", "{who} and a {w} {v} {n} {many}{place}",
    "{who} {v} the {units} of {n} {many}{place}", "One {w} is for {n} {many}",
)
_MORE = (
    " and {m} {units} more", " and {m} other {units}", ", and {m} {units} from a {x}", ". Another {m} {units} {x}{place}",
    ". Before that {who} had {x} {m} {units}", ". Then {m} {units} are {x} as well", ", with {m} {units} on top", ". A {x} of {m} {units} is added",
    " besides {m} {units}", ". To this a {x} adds {m} {units}",
)
_FIRST = (
    "{who} starts with {m} {units}. Then ", "There were {m} {units} at the {x}. After that ", "{m} {units} are {x} already, and ",
    "A {x} of {m} {units} comes first. Then ", "Having {m} {units}, ",
)
_LESS = (
    ", of which {m} {units} are {x}", ". A {x} takes away {m} {units}", ". So far {m} {units} of it are {x}", ". {other} loses {m} {units} of them",
    ". Of their {units}, {m} are {x}", ", but {m} {units} {x} and are lost", ". {m} {units} have been {x}",
)
_LEFT = (
    "How many {units} are left?", "How many {units} remain?", "How many {units} still {v}?", "How many {units} are still to {v}?",
    "How many {units} does that leave?",
)
_ALL = (
    "How many {units} is that in all?", "How many {units} is that?", "How many {units} does {who} {v}?", "How many {units} are there now?",
    "How many {units} does that make?", "What is the {x} in {units}?", "How many {units} does {who} have at the end?",
    "How many {units} is that altogether?", "How many {units} has {who} {x} in all?",
)
_REPEATS = (
    ("Every {span} ", "", "How many {units} is that in {p} {span}s?"), ("", " each {span}", "How many {units} does {who} get in {p} {span}s?"),
    ("", " every {span} for {p} {span}s", ""), ("There are {p} {x}s. For each of them ", "", ""),
    ("There are {p} {x}s for {other}. Each {v} as follows: ", "", ""), ("Each {x} is the same: ", "", "How many {units} do {p} of them {v}?"),
    ("In one {x} ", "", "How many {units} is that in {p} such {x}s?"), ("Each of {p} {x}s {v} this: ", "", ""),
    ("There are {p} {x}s for {other}. Each {v} ", "", ""), ("{other} has {p} {x}s. Each of them {v} ", "", ""),
    ("In the {w} are {p} {x}s with ", " in each", ""), ("For every one of {p} {span}s ", "", ""), ("One {x} says: ", "", "How many {units} do {p} such {x}s {v}?"),
)
_GAPS = (
    "{who} {v} {n} {many} while {other} {x} {k} {many}", "{who} has {n} {many}, {other} only {k} {many}", "The {x} has {n} {many} and the {w} has {k} {many}",
    "{n} {many} {v} here, {k} {many} there", "{who} had {n} {many} before and has {k} {many} now", "One {x} {v} {n} {many}, but another {x} {k}",
)
_GAP_ASKS = (
    "How many {units} is {who} ahead of {other}?", "How many {units} more is that than the {w}?", "How many {units} fewer is that?",
    "How many more {units} does {who} {v}?", "What is the difference in {units}?", "By how many {units} do they differ?",
    "How many {units} less does {other} have?", "How many more {units} does the first {x} {v}?",
)
_SUMS = (
    "{who} {v} {n} {many} {when} and {k} {many} {then}", "{who} has {n} {many}. Then {k} {many} are {x}", "{who} {v} {n} {many}. Then {k} {many} are added", "To {n} {many} come {k} {many} of the {x}", "The {x} has {n} {many} and the {w} has {k} {many}",
    "{who} {v} {n} {many}, and {other} {v} {k} {many}", "{n} {many} {v} {when}, {k} {many} {then}",
)
_SPLITS = (
    "{who} divides {n} {many} equally between {k} {x}s. How many {units} does each {x} get?", "{n} {many} {v} in {k} equal parts. How many {units} are in one part?",
    "A {w} of {k} has {n} {many}, the same for each. How many {units} is that for one of them?", "The {units} of {n} {many} are split equally among {k} {x}s. How many {units} does each {v}?",
    "{k} {x}s share {n} {many} equally. How many {units} is that for each {x}?", "{who} {v} {n} {many} in {k} like shares. How many {units} make a share?",
)
_PRICES = (
    "Each {unit} costs {p} {coins}", "Each {unit} gets {p} {coins}", "For every {unit} {who} {x} {p} {coins}", "One {unit} is {p} {coins}",
    "Each of the {units} needs {p} {coins}", "The {w} takes {p} {coins} for each {unit}",
)
_FEES = (
    ", and a {x} of {m} {coins} is added", ", and {m} {coins} are {x}s", ". On top of that come {m} {coins}", ", with {m} {coins} more for the {x}",
    ". {other} wants {m} {coins} besides",
)
_THEN_OFTEN = (
    "each of {p} {x}s adds {n} {many}", "{n} {many} {v} in each of {p} {span}s", "{who} gets {n} {many} each {span} for {p} {span}s",
    "{p} {x}s bring {n} {many} each",
)
_OFTEN = (
    "Each of {p} {x}s adds {n} {many}", "{lot} in each of {p} {span}s", "{lot} each {span} for {p} {span}s", "{p} {x}s bring {n} {many} each",
)
_AT_LAST = (
    " and then {m} {units} on top", ". After that {who} gets {m} {units} more", ", and at last {m} {units} {x}", ". Then a {w} adds {m} {units}",
)
_COSTS = (
    "How many {coins} is that in all?", "How many {coins} does {who} need?", "How many {coins} do all the {units} {v}?", "How many {coins} is that?",
)


def fact_account(rng: Random) -> Drill:
    """A word problem on what one thing counts, told in random words and in any order.

    Verbs and nouns are drawn from the whole vocabulary, so that what a number is for can only be
    told from how the sentence is built.
    """

    def word() -> str:
        return rng.choice(LEXICON or WORDS)

    name = term(rng)
    units = rng.choice((rng.choice(THINGS), plural(invented(rng)), plural(word()), f"{word()} {plural(word())}"))
    where = f" {rng.choice(('in', 'of'))} {rng.choice((word(), word() + ' ' + word(), invented(rng).capitalize()))}" if rng.random() < 0.35 else ""
    many, name = plural(name) + where, name + where
    says, value = rng.choice((*VERB_OF, "lasts", "makes")), rng.choice((rng.randint(2, 12), rng.randint(2, 40), rng.randint(2, 99), rng.randint(2, 300)))
    fact = f"{article(name)} {says} {value} {units}."
    knowledge = block(
        rng, lesson(rng, QUANTITY_LESSONS), fact,
        [f"{article(term(rng))} {says} {number(rng)} {units}." for _ in range(2)],
    )
    are = {"is": "are", "was": "are", "has": "have", "holds": "hold"}.get(says, "make")
    who, other = rng.sample(NAMES, 2)
    if rng.random() < 0.3:
        who, other = f"the {word()}", f"the {word()}"
    coins = rng.choice((rng.choice(THINGS), "dollars", "euros", "labels"))
    most = max(4, min(14, 1500 // value))
    n, k, p, m = rng.randint(2, most), rng.randint(2, most), rng.randint(2, 9), rng.choice((rng.randint(2, 60), rng.randint(2, 15)))
    when, then = rng.choice(TIMES)
    words = {
        "who": who, "other": other, "v": word(), "x": word(), "w": word(), "many": many, "units": units, "coins": coins, "when": when, "then": then,
        "unit": units[:-1] if units.endswith("s") else units, "span": rng.choice((*SPANS, word())),
        "place": rng.choice(("", "", f" at the {rng.choice(PLACES)}", f" in the {word()}", f" on a {word()}")),
    }
    plan = rng.choice(("plus", "minus", "times", "price", "price plus", "times plus", "plus times", "both", "more", "share"))

    def tell(*parts: str) -> str:
        text = "".join(parts).format(**words, n=n, k=k, p=p, m=m)
        sentences = [sentence[:1].upper() + sentence[1:] for sentence in text.split(". ")]
        return ". ".join(sentences)

    def done(question: str, *steps: str, answer: int) -> Drill:
        return Drill(question, " ".join([fact, *steps]), str(answer), knowledge)

    if plan in ("both", "more"):
        if plan == "more":
            k = rng.randint(1, most)
            n = k + rng.randint(1, 6)
        first, step = calc(n, "+" if plan == "both" else "-", k)
        total, last = calc(first, "*", value)
        text, ask = (_SUMS, _ALL) if plan == "both" else (_GAPS, _GAP_ASKS)
        opening = "Together there are" if plan == "both" else "The difference is"
        return done(
            tell(rng.choice(text), ". ", rng.choice(ask)),
            f"{opening} {step} {many}.", f"{first} {many} {are} {last} {units}.", answer=total)
    if plan == "share":
        k = rng.randint(2, 7)
        n = k * rng.randint(1, 4)
        total, first = calc(n, "*", value)
        each, last = calc(total, "/", k)
        return done(
            tell(rng.choice(_SPLITS)), f"{n} {many} {are} {first} {units}.", f"One of {k} equal shares is {last} {units}.", answer=each)
    total, first = calc(n, "*", value)
    count = f"{n} {many} {are} {first} {units}."
    lot = rng.choice(_LOTS)
    if plan == "plus":
        end, last = calc(total, "+", m)
        told = (rng.choice(_FIRST), lot) if rng.random() < 0.3 else (lot, rng.choice(_MORE))
        return done(tell(*told, ". ", rng.choice(_ALL)), count, f"With {m} more that is {last} {units}.", answer=end)
    if plan == "minus":
        m = rng.randint(1, max(1, min(total - 1, rng.choice((2 * n, 60)))))
        end, last = calc(total, "-", m)
        return done(tell(lot, rng.choice(_LESS), ". ", rng.choice(_LEFT)), count, f"Without {m} that is {last} {units}.", answer=end)
    if plan in ("price", "price plus"):
        cost, next_ = calc(total, "*", p)
        fee = rng.choice(_FEES) if plan == "price plus" else ""
        ask = rng.choice(_COSTS)
        steps = [count, f"At {p} each that is {next_} {coins}."]
        if fee:
            cost, last = calc(cost, "+", m)
            steps.append(f"With {m} more that is {last} {coins}.")
        return done(tell(lot, ". ", rng.choice(_PRICES), fee, ". ", ask), *steps, answer=cost)
    before, after, ask = rng.choice(_REPEATS)
    if before.endswith(("{v} ", "with ")):
        lot = "{n} {many}"
    ask = ask or rng.choice(_ALL)
    if plan == "times":
        end, last = calc(total, "*", p)
        return done(tell(before, lot, after, ". ", ask), count, f"{p} times that is {last} {units}.", answer=end)
    if plan == "plus times":
        more, next_ = calc(total, "+", m)
        end, last = calc(more, "*", p)
        extra = rng.choice([text for text in _MORE if not text.startswith(".")])
        told = (before, lot, extra) if before else (lot, extra, after)
        return done(tell(*told, ". ", ask), count, f"With {m} more that is {next_} {units}.", f"{p} times that is {last} {units}.", answer=end)
    often, next_ = calc(total, "*", p)
    end, last = calc(often, "+", m)
    if rng.random() < 0.5:
        told = (rng.choice(_FIRST), rng.choice(_THEN_OFTEN))
    else:
        told = (rng.choice(_OFTEN).replace("{lot}", lot), rng.choice(_AT_LAST))
    return done(tell(*told, ". ", rng.choice(_ALL)), count, f"{p} times that is {next_} {units}.", f"With {m} more that is {last} {units}.", answer=end)
