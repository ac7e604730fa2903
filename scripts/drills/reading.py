"""Questions that only the knowledge shown with them answers: all that it says is made up."""

from __future__ import annotations

from random import Random

from drills.words import (
    LEXICON,
    MONTHS,
    NAMES,
    PLACES,
    THINGS,
    WORDS,
    Drill,
    article,
    calc,
    invented,
    lettered,
    pick,
    plural,
    term,
)


def number(rng: Random) -> int:
    return rng.choice((rng.randint(2, 12), rng.randint(2, 40), rng.randint(10, 250), rng.randint(2, 99)))


def block(rng: Random, lesson: str, fact: str, others: list[str]) -> tuple[str, ...]:
    """A knowledge block: perhaps a lesson, the fact, perhaps other facts around it."""
    lines = [fact]
    for other in others[: rng.choice((0, 0, 0, 1, 2))]:
        lines.insert(rng.randint(0, len(lines)), other)
    if rng.random() < 0.7:
        lines.insert(0, lesson)
    return tuple(lines)


_ADVICE = (
    "{V} the {n} first, then {w} the {m}.", "Start from the {n}, which is the {m} of the {o}.",
    "{V} what the {n} {w}, whatever it looks like.", "{V} the {n} into the {m} before mixing the two.",
    "Multiply how many there are by what one of them {w}.", "{V} which {n} belongs to the named {m}, then choose that {o}.",
    "Multiply the number of {n} by the {m} of one {o}.", "Do not {w} by the {n}; {v} the {m} of the {o}.",
)


def lesson(rng: Random, lessons: tuple[str, ...]) -> str:
    """Advice of any wording: what it says is general and decides nothing."""
    if rng.random() < 0.3:
        return rng.choice(lessons)
    words = {key: rng.choice(LEXICON or WORDS) for key in "nmovw"}
    return rng.choice(_ADVICE).format(V=words["v"].capitalize(), **words)


QUANTITY_LESSONS = (
    "Convert to the smaller unit first, then compute.",
    "Look up how many it stands for, then multiply.",
    "Count in single items before adding anything.",
    "Replace the name by its number before you compute.",
    "Know the number that belongs to the word, then calculate step by step.",
)
_QUANTITY_FACTS = (
    "{A} is {n} {u}.", "{A} contains {n} {u}.", "{A} has {n} {u}.", "{A} of {w} is {n} {u}.",
    "There are {n} {u} in {a}.", "{A} equals {n} {u}.", "{A} is worth {n} {u}.",
    "In {w}, {a} counts {n} {u}.", "{A} holds {n} {u}.", "{A} was {n} {u}.", "{A} in {w} scores {n} {u}.",
    "{A} consists of {n} {u}.", "{A} is made of {n} {u}.", "In {w} {a} is {n} {u}.",
)


def fact_quantity(rng: Random) -> Drill:
    """A word problem over an invented quantity that the knowledge block defines."""
    name, unit, word = term(rng), rng.choice((rng.choice(THINGS), plural(invented(rng)), rng.choice(THINGS))), rng.choice(WORDS)
    value = number(rng)

    def statement(thing: str, number: int) -> str:
        return rng.choice(_QUANTITY_FACTS).format(
            A=article(thing), a=article(thing).lower(), n=number, u=unit, w=word
        )

    fact = statement(name, value)
    knowledge = block(
        rng, rng.choice(QUANTITY_LESSONS), fact,
        [statement(term(rng), number(rng)) for _ in range(2)],
    )
    who, many, count = rng.choice(NAMES), plural(name), rng.randint(2, 12)
    verb = rng.choice(("buys", "has", "finds", "sells", "uses", "makes", "counts", "repairs", "collects", "orders"))
    total, step = calc(count, "*", value)
    first = f"{count} {many} are {step} {unit}."
    open_ = rng.choice((
        f"{who} {verb} {count} {many}", f"A {rng.choice(PLACES)} has {count} {many}",
        f"There are {count} {many} in the {rng.choice(PLACES)}", f"{who} {verb} {count} {many} at the {rng.choice(PLACES)}",
    ))
    form = rng.randrange(10)
    times = rng.randint(2, 9)
    span = rng.choice(("day", "week", "month", "year", "hour", "trip", "visit"))
    if form == 6:
        shared = count * times
        total, step = calc(shared, "*", value)
        each, step2 = calc(total, "/", times)
        ask = rng.choice((
            f"{who} shares {shared} {many} equally among {times} friends. How many {unit} does each friend get?",
            f"{who} cuts {shared} {many} into {times} equal heaps. How many {unit} are in one heap?",
            f"{times} people own {shared} {many} in equal parts. How many {unit} is that for one of them?",
        ))
        return Drill(ask, f"{fact} {shared} {many} are {step} {unit}. Each part has {step2} {unit}.", str(each), knowledge)
    if form == 7:
        end, step2 = calc(total, "*", times)
        ask = rng.choice((
            f"{open_} every {span}. How many {unit} is that in {times} {span}s?",
            f"In one {span} {who} {verb} {count} {many}. How many {unit} does {who} have after {times} {span}s?",
        ))
        return Drill(ask, f"{fact} {first} {times} times that is {step2} {unit}.", str(end), knowledge)
    if form == 8:
        low = rng.randint(1, 9)
        high, step = calc(count + low, "*", value)
        small, step2 = calc(low, "*", value)
        gap, step3 = calc(high, "-", small)
        ask = rng.choice((
            f"{who} has {count + low} {many}, {rng.choice(NAMES)} has only {low} {many}. How many {unit} more does {who} have?",
            f"There were {count + low} {many} before, now there are {low} {many}. How many {unit} less is that?",
        ))
        return Drill(ask, f"{fact} {count + low} {many} are {step} {unit}. The other {low} are {step2} {unit}. The difference is {step3} {unit}.", str(gap), knowledge)
    if form == 9:
        more = number(rng)
        both, step2 = calc(total, "+", more)
        end, step3 = calc(both, "*", times)
        ask = rng.choice((
            f"Each bag holds {count} {many} and {more} other {unit}. How many {unit} do {times} bags hold?",
            f"Every {span} {who} {verb} {count} {many} and {more} {unit} besides. How many {unit} is that in {times} {span}s?",
        ))
        return Drill(ask, f"{fact} {first} With {more} more that is {step2} {unit}. {times} times that is {step3} {unit}.", str(end), knowledge)
    if form == 0:
        return Drill(f"{open_}. How many {unit} is that?", f"{fact} {first}", str(total), knowledge)
    if form == 1:
        more = number(rng)
        end, step2 = calc(total, "+", more)
        return Drill(
            f"{open_} and {more} {unit} more. How many {unit} are there in all?",
            f"{fact} {first} With {more} more that is {step2} {unit}.", str(end), knowledge)
    if form == 2:
        less = rng.randint(1, total - 1)
        end, step2 = calc(total, "-", less)
        return Drill(
            f"{open_}. {rng.choice(NAMES)} takes away {less} {unit}. How many {unit} are left?",
            f"{fact} {first} After taking away {less} there are {step2} {unit}.", str(end), knowledge)
    if form == 3:
        price = rng.randint(2, 9)
        end, step2 = calc(total, "*", price)
        one = unit[:-1] if unit.endswith("s") else unit
        return Drill(
            f"{open_}. Each {one} costs {price} dollars. How many dollars do all the {unit} cost?",
            f"{fact} {first} At {price} dollars each they cost {step2} dollars.", str(end), knowledge)
    if form == 4:
        other = rng.randint(2, 9)
        total2, step2 = calc(other, "*", value)
        end, step3 = calc(total, "+", total2)
        return Drill(
            f"{open_} and {rng.choice(NAMES)} has {other} {many}. How many {unit} do they have together?",
            f"{fact} {first} The other {other} are {step2} {unit}. Together that is {step3} {unit}.", str(end), knowledge)
    return Drill(
        f"{who} has {total} {unit} and packs them into {many}. How many {many} can be filled?",
        f"{fact} {total} {unit} make {calc(total, '/', value)[1]} {many}.", str(count), knowledge)


_PROPERTY_FACTS = (
    ("{A} measures {b}.", "Which of these does {a} measure?"),
    ("{A} measures {b}.", "What is measured with {a}?"),
    ("{C} is a moon of {B}.", "Which planet does the moon {C} orbit?"),
    ("{C} orbits {B}.", "{who} looks at {C} through a telescope. What does it orbit?"),
    ("{A} is {ab}.", "Which group does {a} belong to?"),
    ("{C} is the study of {b}.", "{who} works in {c}. What does {who} study?"),
    ("{C} studies {b}.", "What does the science of {c} study?"),
    ("{A} is found in {b}.", "Where is {a} found?"),
    ("{A} is made of {b}.", "What is {a} made of?"),
    ("{A} eats {b}.", "At the {place}, {who} keeps {a}. What should {who} feed it?"),
    ("The capital of {C} is {B}.", "Which city is the capital of {C}?"),
    ("{A} is used for {b}.", "{who} needs {a}. What will {who} use it for?"),
    ("{C} causes {b}.", "Which of these is caused by {c}?"),
)
_PROPERTY_LESSONS = (
    "Recall what the word means, then find the option that says it.",
    "Do not guess from the sound of the word; know what belongs to it.",
    "Find the option that the definition names.",
    "Know the group before choosing.",
)


def fact_property(rng: Random) -> Drill:
    """A choice question over an invented property that the knowledge block states."""
    template, ask = rng.choice(_PROPERTY_FACTS)
    values = [term(rng) for _ in range(rng.choice((4, 4, 4, 3, 5)))]

    def statement(name: str, value: str) -> str:
        return template.format(
            A=article(name), C=name.capitalize(), b=value, B=value.capitalize(), ab=article(value).lower()
        )

    name = term(rng)
    fact = statement(name, values[0])
    upper = "{B}" in template
    shown = [v.capitalize() if upper else v for v in values]
    lines, label = pick(rng, shown[0], shown[1:])
    question = ask.format(
        a=article(name).lower(), A=article(name), C=name.capitalize(), c=name, who=rng.choice(NAMES), place=rng.choice(PLACES)
    )
    knowledge = block(
        rng, rng.choice(_PROPERTY_LESSONS), fact,
        [statement(term(rng), rng.choice(values[1:])) for _ in range(2)],
    )
    return Drill(f"{question}\n{lines}", f"{fact} That is {shown[0]} {label}.", label, knowledge)


def fact_difference(rng: Random) -> Drill:
    """Numbers that the knowledge gives, compared, with options."""
    name = term(rng)
    scale = rng.choice(("hardness", "atomic number", "score", "rank", "strength", "age", "depth"))
    value = rng.randint(1, 99)
    fact = rng.choice((f"The {scale} of {name} is {value}.", f"{name.capitalize()} has {scale} {value}.",
                       f"{name.capitalize()} has a {scale} of {value}."))
    knowledge = block(rng, f"Recall the {scale} first, then do the step that is asked.", fact,
                       [f"The {scale} of {term(rng)} is {rng.randint(1, 99)}."])
    other = rng.randint(1, 99)
    if rng.random() < 0.5:
        lines, label = pick(rng, str(value), [str(rng.randint(1, 99)) for _ in range(3)])
        return Drill(f"What is the {scale} of {name}?\n{lines}", f"{fact} That is {value} {label}.", label, knowledge)
    high, low = max(value, other), min(value, other)
    gap, step = calc(high, "-", low)
    lines, label = pick(rng, str(gap), [str(gap + d) for d in rng.sample((1, 2, 3, 4, 5, 7, 10), 3)])
    side = "above" if value > other else "below"
    return Drill(
        f"{rng.choice(NAMES)} finds a sample with {scale} {other}. How far is {name} {side} it?\n{lines}",
        f"{fact} The difference is {high} - {low} = {gap}. That is {gap} {label}.", label, knowledge)


def fact_date(rng: Random) -> Drill:
    """An invented holiday and a small step from it."""
    name = f"{rng.choice((invented(rng), rng.choice(WORDS))).capitalize()} {rng.choice(('Day', 'Eve', 'Night', 'Feast', 'Festival', 'Sunday'))}"
    month, day, year = rng.randint(1, 12), rng.randint(3, 18), rng.randint(1900, 2030)
    fact = f"{name} is on {MONTHS[month - 1]} {day}."
    words, shift = rng.choice((("tomorrow", 1), ("yesterday", -1), ("one week from today", 7), ("10 days later", 10), ("today", 0)))
    target = f"{month:02d}/{day + shift:02d}/{year}"
    others = [f"{rng.randint(1, 12):02d}/{rng.randint(1, 28):02d}/{year + rng.choice((0, 0, 1, -1))}" for _ in range(5)]
    lines, label = pick(rng, target, others)
    here = f"{month:02d}/{day:02d}/{year}"
    move = "" if shift == 0 else f" {abs(shift)} day{'s' * (abs(shift) > 1)} {'after' if shift > 0 else 'before'} {here} is {target}."
    return Drill(
        f"Today is {name} of {year}. What is the date {words} in MM/DD/YYYY?\n{lines}",
        f"{fact} {name} of {year} is {here}.{move} That is {target} {label}.", label,
        block(rng, "Know the date of the day, then count.", fact, [f"{invented(rng).capitalize()} Day is on {rng.choice(MONTHS)} {rng.randint(1, 28)}."]))


_SAYS = (
    "{A} {v} {b}.", "{C} {v} {b}.", "The {n} of {a} is {b}.", "{A} is {ab}.", "{A} comes from {b}.", "The {c} is {ab}.",
    "{C} is the {n} of {b}.", "{A} stands for {b}.", "{C} deals with {b}.", "{A} gives {b}.",
    "{C} belongs to {b}.", "{A} counts as {b}.", "{C} is an {n} of {b}.", "{C} turns around {b}.",
    "{A} shows {b}.", "{A} is kept for {b}.", "{C} is a kind of {n} about {b}.",
)
_SCENES = (
    "{who} {v} {a} on a {n} at the {place}.", "A {n} in the {place} has {a}.", "In the {place} lies {a}.",
    "{who} reads about {c} in a {n}.", "A {n} of the {place} opens a room for {c}.", "At the {place} {who} and {other} talk about {c}.",
    "A {n} with {a} arrives at the {place}.", "A {n} buys {a} and {v} it.", "{who} wants to {v} {a} in a {n}.",
    "A group of {n} people sorts things such as {a}.", "{who} is planning a {n} and borrows {a}.",
    "A picture in the {place} shows {a} beside a {n}.", "{who} has a friend who knows all about {c}.",
)
_ASKS = (
    "Which of these {v} it?", "Which {n} is it?", "What does it {v}?", "Which {n} should {who} open?", "Into which {n} does it go?",
    "What will {who} {v} with it?", "Which {n} describes it?", "What is the {n} about?", "Which body of {n} is it?",
    "Which of these do the people there {v}?", "What do they get from it?", "Which {n} does {who} find there?",
)
_DIRECT = (
    "Which {n} does {a} {v}?", "What does {a} {v}?", "To which {n} does {a} belong?", "Which of these is the {n} of {c}?",
    "What is {c} the {n} of?", "Which {n} goes with {a}?", "What {v} {c}?", "Around which {n} does {c} {v}?",
    "A {n} of {c} is which of these?", "Which {n} is {a} for the {place}?", "Of which {n} is {c} made or won?",
    "{A} {v} which {n}?", "{C} is the {n} of which {m}?", "The {m} {c} is {n} of which {v}?", "Of which {n} does {c} {v}?",
    "How is {a} {v}?", "What is {c}?", "Where does {a} go?", "Into which {n} does one put {a}?",
)


def fact_any(rng: Random) -> Drill:
    """A choice question in any wording, on a statement that the knowledge block makes.

    Verbs and nouns are drawn at random, so that neither the question nor the statement is
    recognised by its wording: only the name that both share leads to the answer.
    """
    verb, noun = rng.choice(LEXICON or WORDS), rng.choice((rng.choice(LEXICON or WORDS), rng.choice(WORDS)))
    template = rng.choice(_SAYS)
    values = list(dict.fromkeys(term(rng) for _ in range(rng.choice((4, 4, 4, 3, 5)))))
    if rng.random() < 0.3:
        values = [value.capitalize() for value in values]

    def statement(name: str, value: str) -> str:
        return template.format(
            A=article(name), C=name.capitalize(), a=article(name).lower(), c=name,
            b=value, ab=article(value).lower(), v=verb, n=noun,
        )

    name = term(rng)
    if rng.random() < 0.25:
        name = f"{rng.choice(WORDS)} {name}"
    fact = statement(name, values[0])
    called = rng.choice((name, name, name.capitalize()))
    words = {
        "a": rng.choice((article(name).lower(), f"the {name}", f"the {noun} {called}")), "c": called,
        "who": rng.choice(NAMES), "other": rng.choice(NAMES), "place": rng.choice(PLACES),
        "n": rng.choice((noun, rng.choice(WORDS))), "v": rng.choice((verb, rng.choice(WORDS))), "m": rng.choice(LEXICON or WORDS),
        "A": article(name), "C": name.capitalize(),
    }
    if rng.random() < 0.6:
        question = f"{rng.choice(_SCENES)} {rng.choice(_ASKS)}".format(**words)
    else:
        question = rng.choice(_DIRECT).format(**words)
    question = question[0].upper() + question[1:]
    lines, label = pick(rng, values[0], values[1:])
    knowledge = block(
        rng, lesson(rng, _PROPERTY_LESSONS), fact,
        [statement(term(rng), rng.choice(values)) for _ in range(2)],
    )
    return Drill(f"{question}\n{lines}", f"{fact} That is {values[0]} {label}.", label, knowledge)


def fact_total(rng: Random) -> Drill:
    """What two lots of a thing come to, when the knowledge block says what one counts."""
    name, unit = term(rng), rng.choice((rng.choice(THINGS), plural(invented(rng)), "points", "strings", "dollars"))
    if rng.random() < 0.3:
        name = f"{name} in {rng.choice((invented(rng), rng.choice(WORDS)))}"
        many = name.replace(" in ", "s in ", 1)
    else:
        many = plural(name)
    value = number(rng)
    says = rng.choice((
        "{A} is worth {n} {u}.", "{A} has {n} {u}.", "{A} was {n} {u}.", "{A} is {n} {u}.", "{A} takes {n} {u}.", "{A} makes {n} {u}.",
    ))
    fact = says.format(A=article(name), n=value, u=unit)
    knowledge = block(
        rng, lesson(rng, QUANTITY_LESSONS), fact,
        [says.format(A=article(term(rng)), n=number(rng), u=unit) for _ in range(2)],
    )
    who, verb = rng.choice(NAMES), rng.choice(("records", "sees", "tunes", "scores", "draws", "studies", "keeps", "sends", rng.choice(WORDS)))
    a, b, k = rng.randint(1, 15), rng.randint(1, 15), rng.randint(2, 9)
    form = rng.randrange(5)
    if form == 0:
        both, first = calc(a, "+", b)
        total, then = calc(both, "*", value)
        when = rng.choice((("on Monday", "on Tuesday"), ("before lunch", "after lunch"), ("in one hall", "in another"), ("at first", "later")))
        return Drill(
            rng.choice((
                f"{who} {verb} {a} {many} {when[0]} and {b} {many} {when[1]}. How many {unit} is that together?",
                f"{a} {many} come {when[0]} and {b} {many} {when[1]}. How many {unit} do they have in all?",
            )),
            f"{fact} Together there are {first} {many}. {both} {many} make {then} {unit}.", str(total), knowledge)
    if form == 1:
        total, first = calc(a, "*", value)
        each, then = calc(total, "*", k)
        return Drill(
            f"{who} {verb} {a} {many}. Each of the {unit} gets {k} {rng.choice(THINGS)}. How many do all the {unit} get?",
            f"{fact} {a} {many} have {first} {unit}. At {k} each that is {then}.", str(each), knowledge)
    if form == 2:
        total, first = calc(a, "*", value)
        more, then = calc(total, "+", b)
        end, last = calc(more, "*", k)
        span = rng.choice(("day", "week", "month", "year", "game", "term"))
        return Drill(
            f"Every {span} {who} {verb} {a} {many} and {b} {unit} besides. How many {unit} is that in {k} {span}s?",
            f"{fact} {a} {many} make {first} {unit}. With {b} more that is {then} {unit}. {k} times that is {last} {unit}.", str(end), knowledge)
    if form == 3:
        done = rng.randint(1, max(1, a * value - 1))
        total, first = calc(a, "*", value)
        left, then = calc(total, "-", done)
        return Drill(
            rng.choice((
                f"{who} planned {a} {many}. So far {done} {unit} of it are done. How many {unit} remain?",
                f"{who} had {a} {many}, of which {done} {unit} are gone. How many {unit} are left?",
            )),
            f"{fact} {a} {many} are {first} {unit}. Without {done} that is {then} {unit}.", str(left), knowledge)
    total, first = calc(a * k, "*", value)
    each, then = calc(total, "/", k)
    return Drill(
        f"{who} splits {a * k} {many} into {k} equal parts. How many {unit} are in each part?",
        f"{fact} {a * k} {many} are {first} {unit}. One of {k} equal shares is {then} {unit}.", str(each), knowledge)


_MONTH_DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_TODAY = (
    ("Today is {d} of {y}.", 0), ("Tomorrow is {d} of {y}.", -1), ("Yesterday was {d} of {y}.", 1),
    ("It is {d} of {y} today.", 0), ("It was {d} of {y} yesterday.", 1), ("It will be {d} of {y} tomorrow.", -1),
    ("{who} {v} on {d} of {y}, which is today.", 0), ("{who} is {n} {d} of {y} today.", 0),
    ("{d} of {y} was yesterday.", 1), ("{d} of {y} is tomorrow.", -1),
)
_ASKED_DAYS = (
    ("today", 0), ("today", 0), ("tomorrow", 1), ("24 hours later", 1), ("yesterday", -1), ("24 hours ago", -1),
    ("one week from today", 7), ("a week later", 7), ("one week ago from today", -7), ("a week ago", -7),
    ("10 days ago", -10), ("10 days later", 10), ("{n} days ago", None), ("{n} days later", None),
)


def dates(rng: Random) -> Drill:
    """Days whose month is named, in figures: many at once, since each has one month to learn from."""
    made = []
    for _ in range(rng.randint(4, 9)):
        month, day, year = rng.randint(1, 12), rng.randint(1, 28), rng.randint(1900, 2070)
        name = rng.choice((f"{MONTHS[month - 1]} {day}", f"{MONTHS[month - 1]} {day}, {year}", f"{day} {MONTHS[month - 1]} {year}"))
        made.append((name, f"{month:02d}/{day:02d}" + f"/{year}" * (str(year) in name)))
    asked = rng.choice(made)
    ask = f"{'; '.join(name for name, _ in made)}. Write all of them in figures, then {asked[0]} again."
    return Drill(ask, " ".join(f"{name} is {figures}." for name, figures in made), asked[1])


def fact_day(rng: Random) -> Drill:
    """A named day, whose date the knowledge block gives, and days counted from it."""
    name = f"{term(rng).title()} {rng.choice(('Day', 'Day', 'Day', 'Eve', 'Night', 'Feast', 'Festival'))}"
    month, day, year = rng.randint(1, 12), rng.randint(1, 28), rng.randint(1900, 2070)
    named = year
    fact = f"{name} is on {MONTHS[month - 1]} {day}."
    told, anchor = rng.choice(_TODAY)
    asked, shift = rng.choice(_ASKED_DAYS)
    if shift is None:
        days = rng.randint(2, 20)
        asked, shift = asked.format(n=days), -days if asked.endswith("ago") else days
    said = told.format(d=name, y=named, who=rng.choice(NAMES), v=rng.choice(LEXICON or WORDS), n=rng.choice(LEXICON or WORDS))
    steps = [fact, f"{name} of {year} is {month:02d}/{day:02d}/{year}."]
    date = (month, day, year)
    for by, last in ((anchor, False), (shift, True)):
        if by:
            steps += _moved(date, by)[1]
            date = _moved(date, by)[0]
        words = f"{date[0]:02d}/{date[1]:02d}/{date[2]}"
        steps.append(f"The date asked is {words}." if last else f"Today is {words}.")
    month, day, year = date
    near = [(month, day, year + 1), (month, day, year - 11), (month % 12 + 1, day, year), (month, day % 28 + 1, year),
            *((rng.randint(1, 12), rng.randint(1, 28), year) for _ in range(5))]
    options, label = pick(rng, words, [f"{m:02d}/{d:02d}/{y}" for m, d, y in rng.sample(near, 5)])
    return Drill(
        f"{said} What is the date {asked} in MM/DD/YYYY?\n{options}",
        f"{' '.join(steps)} That is {words} {label}.", label,
        block(rng, "Know the date of the day, then count.", fact,
               [f"{invented(rng).capitalize()} Day is on {rng.choice(MONTHS)} {rng.randint(1, 28)}."]))


def _moved(date: tuple[int, int, int], by: int) -> tuple[tuple[int, int, int], list[str]]:
    """A date some days later (or earlier), with the steps that lead there."""
    month, day, year = date
    sign, count = ("+", by) if by > 0 else ("-", -by)

    def length(m: int) -> int:
        return 29 if m == 2 and year % 4 == 0 and year != 1900 else _MONTH_DAYS[m - 1]

    if day + by < 1:
        month, year = (month - 1, year) if month > 1 else (12, year - 1)
        full = length(month)
        end = day + full - count
        return (month, end, year), [
            f"Month {month:02d} has {full} days.", f"{day} + {full} = {day + full}.", f"{day + full} - {count} = {end}.",
        ]
    end = day + by
    steps = [f"{day} {sign} {count} = {end}."]
    full = length(month)
    if end > full:
        steps += [f"Month {month:02d} has {full} days.", f"{end} - {full} = {end - full}."]
        month, end = (month + 1, end - full) if month < 12 else (1, end - full)
        year += month == 1
    return (month, end, year), steps


TIMES = (
    ("on Monday", "on Tuesday"), ("before lunch", "after lunch"), ("in one hall", "in another"), ("last year", "this year"),
    ("in spring", "in autumn"), ("with the left hand", "with the right hand"), ("at first", "later"),
)
_HOLDERS = ("poster", "page", "box", "shelf", "team", "ship", "room", "bag", "picture", "crate")
SPANS = ("day", "week", "month", "year", "game", "contest", "season", "visit", "round")
VERB_OF = ("is", "is worth", "has", "was", "holds", "counts", "takes")


def fact_problem(rng: Random) -> Drill:
    """A word problem put together from parts: how many there are, what one is, what is done then."""
    name, unit, many = term(rng), "", ""
    unit = rng.choice((rng.choice(THINGS), plural(invented(rng)), plural(rng.choice(LEXICON or WORDS)), f"{rng.choice(WORDS)} points", "points"))
    where = f" in {rng.choice((invented(rng), rng.choice(WORDS), rng.choice(WORDS) + ' ' + rng.choice(WORDS)))}" if rng.random() < 0.25 else ""
    many, name = plural(name) + where, name + where
    says, value = rng.choice(VERB_OF), number(rng)
    fact = f"{article(name)} {says} {value} {unit}."
    knowledge = block(
        rng, lesson(rng, QUANTITY_LESSONS), fact,
        [f"{article(term(rng))} {says} {number(rng)} {unit}." for _ in range(2)],
    )
    who, other = rng.sample(NAMES, 2)
    if rng.random() < 0.3:
        who = f"A {rng.choice(WORDS)}"
    verb, holder, span = rng.choice(("gets", "has", "sees", "draws", "records", "studies", "paints", rng.choice(LEXICON or WORDS))), rng.choice(_HOLDERS), rng.choice(SPANS)
    are = {"is": "are", "is worth": "make", "has": "have", "was": "are", "holds": "hold", "counts": "make", "takes": "take"}[says]
    a, b, k = rng.randint(2, 15), rng.randint(1, 15), rng.randint(2, 9)
    form = rng.randrange(12)

    def converted(count: int) -> tuple[int, str]:
        total, step = calc(count, "*", value)
        return total, f"{count} {many} {are} {step} {unit}."

    if form == 0:
        both, first = calc(a, "+", b)
        total, line = converted(both)
        when = rng.choice(TIMES)
        ask = rng.choice((
            f"{who} {verb} {a} {many} {when[0]} and {b} {many} {when[1]}. How many {unit} do they have together?",
            f"{who} {verb} {a} {many} {when[0]} and {b} {many} {when[1]}. How many {unit} does {who} {verb}?",
            f"One {holder} has {a} {many}, another has {b} {many}. How many {unit} are on both?",
        ))
        return Drill(ask, f"{fact} Together there are {first} {many}. {line}", str(total), knowledge)
    if form == 1:
        high = a + b
        more, first = calc(high, "-", a)
        total, line = converted(more)
        when = rng.choice(TIMES)
        ask = rng.choice((
            f"One {holder} shows {high} {many} and another shows {a} {many}. How many more {unit} does the first {holder} show?",
            f"{who} had {high} {many} {when[0]} and has {a} {many} {when[1]}. How many {unit} fewer is that?",
            f"{who} {verb} {high} {many}, {other} only {a}. How many {unit} more does {who} {verb}?",
        ))
        return Drill(ask, f"{fact} The difference is {first} {many}. {line}", str(total), knowledge)
    total, line = converted(a)
    if form == 2:
        left, then = calc(total, "-", b := rng.randint(1, total - 1) if total > 1 else 0)
        ask = rng.choice((
            f"{who} {verb} {a} {many}. Of their {unit}, {b} are finished. How many {unit} are still to do?",
            f"{who} had {a} {many}, of which {b} {unit} are gone. How many {unit} are left?",
            f"{who} planned {a} {many}. So far {b} {unit} are done. How many {unit} remain?",
        ))
        return Drill(ask, f"{fact} {line} Without {b} that is {then} {unit}.", str(left), knowledge)
    if form == 3:
        end, then = calc(total, "+", b)
        ask = rng.choice((
            f"{who} {verb} {a} {many} and {b} {unit} besides. How many {unit} is that?",
            f"{who} {verb} {a} {many}, and {b} more {unit} on top. How many {unit} does that make?",
            f"A {holder} with {a} {many} and {b} other {unit}: how many {unit} are there?",
        ))
        return Drill(ask, f"{fact} {line} With {b} more that is {then} {unit}.", str(end), knowledge)
    if form in (4, 5):
        end, then = calc(total, "*", k)
        ask = rng.choice((
            f"{who} {verb} {a} {many} each {span}. How many {unit} does {who} get in {k} {span}s?",
            f"Each {span} brings {who} {a} {many}. How many {unit} do {k} of them bring?",
            f"There are {a} {many} on one {holder}. How many {unit} do {k} {holder}s have?",
        ))
        if form == 4:
            return Drill(ask, f"{fact} {line} {k} times that is {then} {unit}.", str(end), knowledge)
        last, more = calc(end, "+", b)
        ask = rng.choice((
            f"{who} gets {a} {many} each {span} for {k} {span}s and then {b} {unit} on top. How many {unit} does {who} get?",
            f"{who} starts with {b} {unit}. Then each of {k} {span}s adds {a} {many}. How many {unit} does {who} have at the end?",
        ))
        return Drill(ask, f"{fact} {line} {k} times that is {then} {unit}. With {b} more that is {more} {unit}.", str(last), knowledge)
    if form == 6:
        both, then = calc(total, "+", b)
        end, last = calc(both, "*", k)
        ask = rng.choice((
            f"One {holder} shows {a} {many} and {b} other {unit}. How many {unit} do {k} such {holder}s show?",
            f"Every {span} {who} {verb} {a} {many} and {b} {unit} besides. How many {unit} is that in {k} {span}s?",
        ))
        return Drill(ask, f"{fact} {line} With {b} more that is {then} {unit}. {k} times that is {last} {unit}.", str(end), knowledge)
    if form in (7, 8):
        count = a * k
        total, line = converted(count)
        each, then = calc(total, "/", k)
        ask = rng.choice((
            f"{who} divides {count} {many} equally between {k} places. How many {unit} does each place get?",
            f"{who} splits {count} {many} into {k} equal parts. How many {unit} are in each part?",
            f"A team of {k} has {count} {many} in a {span}, the same for each member. How many {unit} is that for one member?",
        ))
        return Drill(ask, f"{fact} {line} One of {k} equal shares is {then} {unit}.", str(each), knowledge)
    item = rng.choice(THINGS)
    end, then = calc(total, "*", k)
    if form == 9:
        return Drill(
            f"{who} {verb} {a} {many}. Each of the {unit} gets {k} {item}. How many {item} do all the {unit} get?",
            f"{fact} {line} At {k} each that is {then} {item}.", str(end), knowledge)
    if form == 10:
        last, more = calc(end, "+", b)
        return Drill(
            f"{who} {verb} {a} {many}. Each of the {unit} gets {k} {item}, and {b} {item} are spares. How many {item} does {who} need?",
            f"{fact} {line} At {k} each that is {then} {item}. With {b} more that is {more} {item}.", str(last), knowledge)
    back, step = calc(total, "/", value)
    return Drill(
        rng.choice((
            f"{who} has {total} {unit}. How many {many} is that?",
            f"How many {many} can {who} make of {total} {unit}?",
        )),
        f"{fact} {total} {unit} are {step} {many}.", str(back), knowledge)


_SCALES = ("atomic number", "rank", "score", "depth", "strength", "number of wheels", "page", "level", "count", "weight")


def fact_number(rng: Random) -> Drill:
    """A number that the knowledge gives, moved by one step, among numbers in order."""
    name, scale = term(rng), rng.choice((*_SCALES, rng.choice(LEXICON or WORDS)))
    unit = plural(rng.choice((invented(rng), rng.choice(WORDS), "electron", "proton", "neutron")))
    value = rng.choice((rng.randint(2, 20), rng.randint(10, 99)))
    fact = rng.choice(("The {s} of {c} is {n}.", "{C} has the {s} {n}.", "{C} has {n} as its {s}.")).format(
        s=scale, c=name, C=name.capitalize(), n=value
    )
    k, who = rng.randint(1, 9), rng.choice(NAMES)
    form = rng.randrange(6)
    thing = rng.choice(("an atom of", "a piece of", "a model of", "the core of", "a picture of", "a"))
    if form == 0:
        answer, step = value, f"So there are {value} {unit}."
        ask = rng.choice((
            f"How many {unit} are in {thing} {name}?", f"{who} builds {thing} {name}. How many {unit} does it need?",
            f"How many {unit} does {thing} {name} have?",
        ))
    elif form == 1:
        k = min(k, value - 1)
        answer, step = value - k, f"The {unit} are {value} - {k} = {value - k}."
        ask = rng.choice((
            f"{thing.capitalize()} {name} loses {k} {unit}. How many {unit} are left?",
            f"{who} takes {k} {unit} from {thing} {name}. How many {unit} remain?",
        ))
    elif form == 2:
        answer, step = value + k, f"The {unit} are {value} + {k} = {value + k}."
        ask = rng.choice((
            f"{thing.capitalize()} {name} gains {k} {unit}. How many {unit} has it now?",
            f"{who} adds {k} {unit} to {thing} {name}. How many {unit} are there now?",
        ))
    elif form == 3:
        whole = value + rng.randint(1, 60)
        answer, step = whole - value, f"The {unit} are {whole} - {value} = {whole - value}."
        ask = rng.choice((
            f"{thing.capitalize()} {name} has a total number of {whole}. How many {unit} does it have?",
            f"{who} draws {thing} {name} with a {rng.choice(WORDS)} number of {whole}. How many {unit} belong in the drawing?",
        ))
    else:
        less = rng.randint(1, value - 1)
        answer, step = value - less, f"The difference is {value} - {less} = {value - less}."
        ask = rng.choice((
            f"A {rng.choice(WORDS)} has {less} {unit}. How many more {unit} has {thing} {name}?",
            f"How far is {name} above {less}?", f"{who} finds one with {less}. How much more has {name}?",
        ))
    near = {answer + d for d in range(-5, 6)} | {value, k, value + k}
    texts = sorted([answer, *rng.sample(sorted(n for n in near if n > 0 and n != answer), rng.choice((3, 3, 4)))])
    label = f"({chr(65 + texts.index(answer))})"
    knowledge = block(
        rng, lesson(rng, QUANTITY_LESSONS), fact, [f"The {scale} of {term(rng)} is {rng.randint(1, 99)}." for _ in range(2)]
    )
    return Drill(
        f"{ask}\n{lettered([str(n) for n in texts])}", f"{fact} {step} That is {answer} {label}.", label, knowledge
    )
