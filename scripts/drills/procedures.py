"""Procedures carried out step by step."""

from __future__ import annotations

from random import Random

from drills.words import (
    ADJECTIVES,
    NAMES,
    PLACES,
    THINGS,
    VERBS,
    WORDS,
    Drill,
    article,
    calc,
    invented,
    people,
    pick,
    plural,
    things,
)


def story(rng: Random) -> Drill:
    """A running total told as a story."""
    who, thing, place = rng.choice(NAMES), rng.choice(THINGS), rng.choice(PLACES)
    total = rng.randint(5, 120)
    question = [rng.choice((f"{who} has {total} {thing}.", f"At the {place} there are {total} {thing}.", f"{who} puts {total} {thing} into a box."))]
    steps: list[str] = []
    for _ in range(rng.randint(1, 4)):
        kind = rng.randrange(5)
        n = rng.randint(2, 30)
        if kind == 0 or (kind in (1, 4) and total <= 3):
            total, step = calc(total, "+", n)
            question.append(rng.choice((f"{rng.choice(NAMES)} brings {n} more.", f"Then {n} {thing} are added.", f"{n} more come from the {rng.choice(PLACES)}.")))
        elif kind == 1:
            n = rng.randint(1, total - 1)
            total, step = calc(total, "-", n)
            question.append(rng.choice((f"{n} of them break.", f"{rng.choice(NAMES)} takes {n} away.", f"{n} are lost on the way.")))
        elif kind == 2:
            n = rng.randint(2, 6)
            total, step = calc(total, "*", n)
            question.append(rng.choice((f"The number grows to {n} times as many.", f"Then there are {n} times as many.")))
        elif kind == 3:
            n = rng.randint(2, 12)
            m = rng.randint(2, 9)
            part, first = calc(n, "*", m)
            steps.append(f"{n} bags of {m} are {first}.")
            question.append(f"Then {n} bags with {m} {thing} each arrive.")
            total, step = calc(total, "+", part)
        else:
            divisor = next((d for d in rng.sample((2, 3, 4, 5), 4) if total % d == 0), 1)
            if divisor == 1:
                continue
            total, step = calc(total, "/", divisor)
            question.append({2: "Half of them are kept.", 3: "A third of them are kept.", 4: "A quarter of them are kept.", 5: "A fifth of them are kept."}[divisor])
        steps.append(f"Now there are {step} {thing}.")
    if not steps:
        steps.append(f"There are {total} {thing}.")
    question.append(rng.choice((f"How many {thing} are there now?", f"How many {thing} is that?", f"How many {thing} are there at the end?")))
    return Drill(" ".join(question), " ".join(steps), str(total))


def purchase(rng: Random) -> Drill:
    """Sums of products: several kinds of parts, then a total, a remainder or a share."""
    who = rng.choice(NAMES)
    kinds = rng.sample(THINGS, rng.randint(1, 3))
    parts, steps, sums = [], [], []
    for kind in kinds:
        n, m = rng.randint(2, 15), rng.randint(2, 20)
        value, step = calc(n, "*", m)
        parts.append(f"{n} {kind} that weigh {m} grams each")
        steps.append(f"The {kind} weigh {step} grams.")
        sums.append(value)
    total = sums[0]
    for value in sums[1:]:
        total, step = calc(total, "+", value)
        steps.append(f"Together that is {step} grams.")
    question = f"{who} carries {', '.join(parts[:-1]) + ' and ' + parts[-1] if len(parts) > 1 else parts[0]}."
    if rng.random() < 0.5:
        return Drill(f"{question} How many grams is that in all?", " ".join(steps), str(total))
    limit = total + rng.randint(1, 200)
    rest, step = calc(limit, "-", total)
    return Drill(f"{question} The bag may hold {limit} grams. How many grams more can it hold?",
                 " ".join([*steps, f"{step} grams remain."]), str(rest))


def switches(rng: Random) -> Drill:
    """A chain of lamps, each the same as or the opposite of the one before."""
    lamps = [f"{rng.choice(ADJECTIVES)} {rng.choice(WORDS)}" for _ in range(rng.randint(2, 6))]
    lamps = list(dict.fromkeys(lamps))
    on = rng.random() < 0.5
    question = [f"The {lamps[0]} is {'on' if on else 'off'}."]
    steps = [question[0]]
    for previous, lamp in zip(lamps, lamps[1:], strict=False):
        same = rng.random() < 0.5
        link = rng.choice(("is set like", "is the same as")) if same else rng.choice(("is set against", "is the opposite of"))
        on = on if same else not on
        question.append(f"The {lamp} {link} the {previous}.")
        steps.append(f"The {lamp} {link} the {previous}, so the {lamp} is {'on' if on else 'off'}.")
    asked = rng.choice((True, False))
    question.append(f"Is the {lamps[-1]} {'on' if asked else 'off'}?")
    return Drill(" ".join(question), " ".join(steps), "Yes" if on == asked else "No")


def gates(rng: Random) -> Drill:
    """A chain of gates (both, either, neither) over lamps that are on or off."""
    word = {True: "on", False: "off"}
    state = rng.random() < 0.5
    question, steps = [f"The first lamp is {word[state]}."], []
    for place in ("second", "third", "fourth", "fifth")[: rng.randint(1, 4)]:
        lamp = f"{rng.choice(ADJECTIVES)} {rng.choice(WORDS)}"
        other = rng.random() < 0.5
        gate, after = rng.choice((
            ("both", state and other), ("either", state or other), ("neither", not (state or other)),
        ))
        question.append(f"The {lamp} is {word[other]}. The {place} lamp is on if {gate} it and the lamp before it is on."
                        if gate == "both" else
                        f"The {lamp} is {word[other]}. The {place} lamp is on if {gate} of it and the lamp before it is on.")
        steps.append(f"The {place}: {word[state]} {gate} {word[other]} is {word[after]}.")
        state = after
    question.append("Is the last lamp on?")
    return Drill(" ".join(question), " ".join(steps), "Yes" if state else "No")


def registers(rng: Random) -> Drill:
    """Variables that are set, changed and copied; the last value counts."""
    names = rng.sample("abcdefghkmnpqrstuvwxyz", rng.randint(2, 4))
    values = {n: rng.randint(0, 20) for n in names}
    question = [", ".join(f"{n} = {v}" for n, v in values.items()) + "."]
    steps = []
    for _ in range(rng.randint(2, 6)):
        n = rng.choice(names)
        kind = rng.randrange(4)
        if kind == 0:
            k = rng.randint(1, 15)
            question.append(f"Add {k} to {n}.")
            steps.append(f"{n}: {values[n]} + {k} = {values[n] + k}.")
            values[n] += k
        elif kind == 1:
            k = rng.randint(1, 15)
            question.append(f"Take {k} from {n}.")
            steps.append(f"{n}: {values[n]} - {k} = {values[n] - k}.")
            values[n] -= k
        elif kind == 2:
            m = rng.choice([x for x in names if x != n])
            question.append(f"Copy {m} to {n}.")
            steps.append(f"{n}: {values[m]}.")
            values[n] = values[m]
        else:
            m = rng.choice([x for x in names if x != n])
            question.append(f"Swap {n} and {m}.")
            values[n], values[m] = values[m], values[n]
            steps.append(f"{n}: {values[n]}, {m}: {values[m]}.")
    n = rng.choice(names)
    question.append(f"What is {n}?")
    return Drill(" ".join(question), " ".join([*steps, f"{n} is {values[n]}."]), str(values[n]))


def table(rng: Random) -> Drill:
    """A small table: look up, largest, smallest, count over, sum, difference."""
    count = rng.randint(3, 6)
    rows = rng.choice((people, things))(rng, count)
    column = plural(things(rng, 1)[0])
    values = rng.sample(range(2, 99), len(rows))
    joint, line = rng.choice(((", ", "{}: {}"), ("; ", "{}: {}"), ("\n", "{}: {}"), ("\n", "{}: {} in all"), ("\n", "| {} | {} |")))
    body = joint.join(line.format(r, v) for r, v in zip(rows, values, strict=True))
    if line.startswith("|"):
        body = f"| who | {column} |\n{body}"
    head = rng.choice((f"The list shows {column}.", f"Number of {column}:", f"Here is a table of {column}."))
    form = rng.randrange(5)
    if form == 0:
        i = rng.randrange(len(rows))
        return Drill(f"{head}\n{body}\nHow many {column} does {rows[i]} have?", f"{rows[i]} has {values[i]}.", str(values[i]))
    if form in (1, 2):
        most = form == 1
        best = 0
        steps = [f"{rows[0]} has {values[0]}."]
        for i in range(1, len(rows)):
            better = values[i] > values[best] if most else values[i] < values[best]
            relation = "more" if values[i] > values[best] else "less"
            steps.append(f"{rows[i]} has {values[i]}, {relation} than {values[best]}.")
            best = i if better else best
        word = "most" if most else "fewest"
        lines, label = pick(rng, rows[best], [r for r in rows if r != rows[best]])
        return Drill(f"{head}\n{body}\nWho has the {word} {column}?\n{lines}",
                     " ".join([*steps, f"{rows[best]} has the {word}. That is {rows[best]} {label}."]), label)
    if form == 3:
        i, j = rng.sample(range(len(rows)), 2)
        if values[i] < values[j]:
            i, j = j, i
        gap, step = calc(values[i], "-", values[j])
        return Drill(f"{head}\n{body}\nHow many more {column} does {rows[i]} have than {rows[j]}?",
                     f"{rows[i]} has {values[i]}. {rows[j]} has {values[j]}. The difference is {step}.", str(gap))
    total = values[0]
    steps = [f"{rows[0]} has {values[0]}."]
    for r, v in zip(rows[1:], values[1:], strict=True):
        total, step = calc(total, "+", v)
        steps.append(f"With {r} that is {step}.")
    return Drill(f"{head}\n{body}\nHow many {column} are there in total?", " ".join(steps), str(total))


def record(rng: Random) -> Drill:
    """Copy one item out of a described list of (who, doing, where)."""
    who = people(rng, rng.randint(2, 5))
    rows = [(p, rng.choice(VERBS), thing, rng.choice(PLACES)) for p, thing in zip(who, things(rng, len(who)), strict=True)]
    text = " ".join(f"{p} is {v} {t} at the {pl}." for p, v, t, pl in rows)
    p, v, t, place = rng.choice(rows)
    form = rng.randrange(3)
    line = f"{p} is {v} {t} at the {place}."
    if form == 0:
        lines, label = pick(rng, place, [r[3] for r in rows] + rng.sample(PLACES, 2))
        return Drill(f"{text} Where is {p}?\n{lines}", f"{line} That is {place} {label}.", label)
    if form == 1:
        lines, label = pick(rng, t, [r[2] for r in rows] + things(rng, 1))
        return Drill(f"{text} What does {p} have?\n{lines}", f"{line} That is {t} {label}.", label)
    lines, label = pick(rng, p, [r[0] for r in rows] + rng.sample(NAMES, 1))
    return Drill(f"{text} Who is {v} {t} at the {place}?\n{lines}", f"{line} That is {p} {label}.", label)


def row(rng: Random) -> Drill:
    """Things in a row: neighbours and ends."""
    items = list(dict.fromkeys(f"{rng.choice(ADJECTIVES)} {rng.choice(THINGS)[:-1]}" for _ in range(rng.randint(3, 7))))
    i = rng.randrange(len(items))
    steps = "The row is: " + ", ".join(f"{k}. {t}" for k, t in enumerate(items, 1)) + "."
    if rng.random() < 0.3 or len(items) < 3:
        end = rng.choice(("first", "last"))
        answer = items[0] if end == "first" else items[-1]
        return Drill(f"In a row stand a {', a '.join(items)}. Which is the {end}?", f"{steps} The {end} is the {answer}.", answer)
    side = rng.choice((-1, 1))
    i = min(max(i, 1 if side < 0 else 0), len(items) - (1 if side < 0 else 2))
    answer = items[i + side]
    word = "before" if side < 0 else "after"
    return Drill(f"In a row stand a {', a '.join(items)}. Which is just {word} the {items[i]}?",
                 f"{steps} The {items[i]} is {i + 1}. Just {word} it is {i + side + 1}, the {answer}.", answer)


def spelling(rng: Random) -> Drill:
    """Words taken apart into letters, and their first letters compared."""
    if rng.random() < 0.5:
        word = rng.choice((invented(rng), rng.choice(WORDS), rng.choice(THINGS)))
        return Drill(f"Spell {word}.", f"{word}: {' '.join(word)}.", " ".join(word))
    pool = [rng.choice((invented(rng), rng.choice(WORDS))) for _ in range(rng.randint(2, 5))]
    pool = list(dict.fromkeys(pool))
    steps = " ".join(f"{w}: {' '.join(w[:3])}." for w in pool)
    first = min(pool)
    return Drill(f"Which comes first in the alphabet: {', '.join(pool)}?", f"{steps} {first} is first.", first)


def counting(rng: Random) -> Drill:
    """Count what has a given quality."""
    quality = rng.sample(ADJECTIVES, 3)
    items = [(rng.choice(quality), thing) for thing in things(rng, rng.randint(3, 10))]
    wanted = rng.choice(quality)
    total, steps = 0, []
    for colour, thing in items:
        if colour == wanted:
            steps.append(f"{colour} {thing}: {total} + 1 = {total + 1}.")
            total += 1
        else:
            steps.append(f"{colour} {thing}: no.")
    shown = ", ".join(f"a {c} {t}" for c, t in items)
    return Drill(f"On the table are {shown}. How many things are {wanted}?", " ".join(steps), str(total))


def listing(rng: Random) -> Drill:
    """Go through a list from its first to its last: number it, turn it round, or leave some out."""
    kept = things(rng, rng.randint(3, 14))
    spaced = any(" " in thing for thing in kept)
    shown = rng.choice((", ", "; ", "\n") if spaced else (", ", " ", "; ", "\n")).join(kept)
    form = rng.randrange(3)
    if form == 0:
        at = rng.randrange(len(kept))
        steps = " ".join(f"{i}: {thing}." for i, thing in enumerate(kept, 1))
        return Drill(f"{shown}\nNumber all of them. Which is number {at + 1}?", steps, kept[at])
    if form == 1:
        steps = " ".join(f"{thing} has {thing[0]}." for thing in kept)
        return Drill(f"List: {shown}\nSay the first letter of each. Which is last in the list?", steps, kept[-1])
    left = rng.sample(kept, rng.randint(1, max(1, len(kept) // 2)))
    rest = [thing for thing in kept if thing not in left]
    steps = " ".join(f"{thing}: {'out' if thing in left else 'stays'}." for thing in kept)
    return Drill(f"List: {shown}\nWithout {', '.join(left)}, which remain?", steps, ", ".join(rest))


def arithmetic(rng: Random) -> Drill:
    """A chain of sums in either notation, negative numbers included."""
    total = rng.randint(-50, 99)
    ops, steps = [str(total)], []
    annotated = rng.random() < 0.4
    for _ in range(rng.randint(1, 4)):
        op = rng.choice("+-*") if abs(total) < 60 else rng.choice("+-")
        n = rng.randint(2, 12) if op == "*" else rng.choice((rng.randint(1, 20), rng.randint(1, 300), rng.randint(-20, -1)))
        value = {"+": total + n, "-": total - n, "*": total * n}[op]
        steps.append(f"{total} {op} {n} = <<{total}{op}{n}={value}>>{value}." if annotated else f"{total} {op} {n} = {value}.")
        ops.append({"+": "plus", "-": "minus", "*": "times"}[op] + f" {n}")
        total = value
    return Drill(f"Start with {ops[0]}, then " + ", then ".join(ops[1:]) + ".", " ".join(steps), str(total))


def sums(rng: Random) -> Drill:
    """One plain computation."""
    a, b = rng.choice((rng.randint(0, 20), rng.randint(0, 999))), rng.choice((rng.randint(1, 12), rng.randint(1, 400)))
    op = rng.choice("+-*/") if b < 13 else rng.choice("+-")
    if op == "/":
        a *= b
    value = calc(a, op, b)[0]
    return Drill(f"{a} {op} {b}", f"{a} {op} {b} = {value}.", str(value))


def schedule(rng: Random) -> Drill:
    """Stretches that follow one another; which number of the line is not covered."""
    cuts = sorted(rng.sample(range(1, 60), rng.randint(4, 7)))
    spans = list(zip(cuts, cuts[1:], strict=False))
    gap = rng.choice(spans)
    who = rng.sample(NAMES, len(spans))
    lines = [f"{w} takes pages {a} to {b}." for w, (a, b) in zip(who, spans, strict=True) if (a, b) != gap]
    steps = [f"{a} to {b}: {'nobody' if (a, b) == gap else w}." for w, (a, b) in zip(who, spans, strict=True)]
    answer = f"{gap[0]} to {gap[1]}"
    options, label = pick(rng, answer, [f"{a} to {b}" for a, b in spans])
    return Drill(f"The book runs from page {cuts[0]} to {cuts[-1]}. {' '.join(lines)} Which pages are free?\n{options}",
                 f"{' '.join(steps)} That is {answer} {label}.", label)


_CLAIMS = (
    ("device", "works", "is broken", "reports that", "Does {} work?"),
    ("device", "is set", "is not set", "shows that", "Is {} set?"),
    ("note", "is true", "is false", "says that", "Is {} true?"),
    ("person", "is honest", "is a cheat", "claims that", "Is {} honest?"),
    ("person", "is right", "is wrong", "writes that", "Is {} right?"),
)


def claims(rng: Random) -> Drill:
    """A chain of reports, each about the one before, and each right or wrong."""
    kind, good, bad, says, ask = rng.choice(_CLAIMS)
    many = rng.randint(2, 7)
    names = {
        "device": [f"the {rng.choice(ADJECTIVES)} {thing[:-1]}" for thing in rng.sample(THINGS, many)],
        "note": [f"{rng.choice(('note', 'statement', 'line'))} {i + 1}" for i in range(many)],
        "person": rng.sample(NAMES, many),
    }[kind]

    def upper(text: str) -> str:
        return text[0].upper() + text[1:]

    true = rng.random() < 0.5
    question = [f"{upper(names[0])} {good if true else bad}."]
    steps = [question[0]]
    for subject, speaker in zip(names, names[1:], strict=False):
        said = rng.random() < 0.5
        claim = f"{upper(speaker)} {says} {subject} {good if said else bad}"
        true = said == true
        question.append(f"{claim}.")
        steps.append(
            f"{claim}, which is {'true' if true else 'false'}, so {speaker} {good if true else bad}."
        )
    question.append(ask.format(names[-1]))
    return Drill(" ".join(question), " ".join(steps), "Yes" if true else "No")


_SYMBOLS = (
    ("1", "0", "~", "&", "|"), ("yes", "no", "not", "and", "or"), ("T", "F", "!", "*", "+"),
    ("high", "low", "not", "and", "or"), ("on", "off", "not", "and", "or"), ("1", "0", "not", "and", "or"),
)


def formula(rng: Random) -> Drill:
    """A formula of two values, rewritten one operation at a time."""
    one, zero, no, both, either = rng.choice(_SYMBOLS)

    def draw(depth: int) -> list[str]:
        parts: list[str] = []
        for i in range(rng.choice((1, 2, 2, 3, 3, 4) if depth == 0 else (1, 2))):
            parts += [rng.choice((both, either))] if i else []
            parts += [no] * rng.choice((0, 0, 0, 1, 1, 2))
            if depth < 2 and rng.random() < 0.25:
                parts += ["(", *draw(depth + 1), ")"]
            else:
                parts.append(rng.choice((one, zero)))
        return parts

    tokens = draw(0)
    shown = [" ".join(tokens)]
    while len(tokens) > 1:
        tokens = _reduced(tokens, one, zero, no, both, either)
        shown.append(" ".join(tokens))
    ask = rng.choice(("What is {}", "Simplify: {}", "{} is", "Work out {}"))
    return Drill(ask.format(shown[0]), " = ".join(shown) + ".", tokens[0])


def _reduced(tokens: list[str], one: str, zero: str, no: str, both: str, either: str) -> list[str]:
    """Do the first operation of the first innermost bracket: negations, then both, then either."""
    end = tokens.index(")") if ")" in tokens else len(tokens)
    start = max((i for i in range(end) if tokens[i] == "("), default=-1)
    inner = tokens[start + 1 : end]
    if len(inner) == 1:
        return [*tokens[:start], *inner, *tokens[end + 1 :]]
    for i in range(len(inner) - 1):
        if inner[i] == no and inner[i + 1] in (one, zero):
            inner[i : i + 2] = [zero if inner[i + 1] == one else one]
            return [*tokens[: start + 1], *inner, *tokens[end:]]
    operator = both if both in inner else either
    i = inner.index(operator)
    values = {inner[i - 1], inner[i + 1]}
    met = zero not in values if operator == both else one in values
    inner[i - 1 : i + 2] = [one if met else zero]
    return [*tokens[: start + 1], *inner, *tokens[end:]]


_WAYS = (
    {"up": "+y", "down": "-y", "right": "+x", "left": "-x"},
    {"north": "+y", "south": "-y", "east": "+x", "west": "-x"},
    {"forward": "+y", "back": "-y", "right": "+x", "left": "-x"},
)
_COMPASS = ("north", "east", "south", "west")


def walk(rng: Random) -> Drill:
    """A thing that moves over a grid: where it ends, and whether that is where it began."""
    turning = rng.random() < 0.35
    ways, mover = rng.choice(_WAYS), rng.choice(("crane", "robot", "drone", "crab", "cart", "pen", "lamp"))
    unit, verb = rng.choice((("metre", "moves"), ("square", "goes"), ("mile", "travels"), ("unit", "is moved")))
    place, facing = {"x": 0, "y": 0}, 0
    steps = ["Start at (0, 0)" + (" facing north." if turning else ".")]
    question = [f"A {mover} stands at (0, 0)" + (" and faces north." if turning else ".")]

    def move(way: str, axis: str, count: int) -> None:
        told = f"It {verb} {count} {unit}{'s' * (count > 1)}{way}"
        before, sign = place[axis[1]], axis[0]
        place[axis[1]] += count if sign == "+" else -count
        question.append(f"{told}.")
        state = f"({place['x']}, {place['y']})" + (f" facing {_COMPASS[facing]}" if turning else "")
        steps.append(f"{told}: {axis[1]}: {before} {sign} {count} = {place[axis[1]]}, now {state}.")

    for _ in range(rng.randint(2, 6)):
        if turning:
            if rng.random() < 0.6:
                turn, by = rng.choice((("right", 1), ("around", 2), ("left", 3)))
                facing = (facing + by) % 4
                question.append(f"It turns {turn}.")
                steps.append(f"It turns {turn}: ({place['x']}, {place['y']}) facing {_COMPASS[facing]}.")
            move("", ("+y", "+x", "-y", "-x")[facing], rng.randint(1, 10))
        else:
            way = rng.choice(list(ways))
            move(f" {way}", ways[way], rng.randint(1, 10))
    if not turning and rng.random() < 0.4:
        for axis in "xy":
            if place[axis]:
                back = ("-" if place[axis] > 0 else "+") + axis
                move(" " + next(w for w, a in ways.items() if a == back), back, abs(place[axis]))
    at = f"({place['x']}, {place['y']})"
    if rng.random() < 0.5:
        question.append(f"Where is the {mover} now?")
        return Drill(" ".join(question), " ".join([*steps, f"It is at {at}."]), at)
    home = at == "(0, 0)"
    question.append(rng.choice((f"Is the {mover} back where it began?", f"Has the {mover} come home?")))
    return Drill(
        " ".join(question), " ".join([*steps, f"{at} is {'the start' if home else 'not (0, 0)'}."]),
        "Yes" if home else "No",
    )


_COUNTS = ("a", "two", "three", "four", "five", "six")


def tally(rng: Random) -> Drill:
    """Add up how many there are, of all or of one group."""
    groups = rng.sample(ADJECTIVES + VERBS, rng.choice((1, 1, 2)))
    wanted, total = rng.choice(groups), 0
    shown, steps = [], []
    for thing in things(rng, rng.randint(2, 13)):
        count, group = rng.choice((1, 1, 1, 2, 3, 4, 5, 6)), rng.choice(groups)
        called = f"{group} {thing}" if len(groups) > 1 else thing
        name = f"{_COUNTS[count - 1]} {plural(called)}" if count > 1 else article(called).lower()
        shown.append(name)
        if group == wanted:
            steps.append(f"{name}: {total} + {count} = {total + count}.")
            total += count
        else:
            steps.append(f"{name}: no.")
    listed = f"{', '.join(shown[:-1])}, and {shown[-1]}"
    what = f"{wanted} things" if len(groups) > 1 else "things"
    question = rng.choice((
        f"{rng.choice(NAMES)} owns {listed}. How many {what} is that?",
        f"In the {rng.choice(PLACES)} there are {listed}. How many {what} are there?",
        f"The box holds {listed}. How many {what} does it hold?",
    ))
    return Drill(question, " ".join(steps), str(total))


def columns(rng: Random) -> Drill:
    """A table with several columns: compare, filter, count, add, and find the place in the list."""
    heads = things(rng, rng.randint(2, 3))
    names = people(rng, rng.randint(3, 6))
    values = [[rng.randint(1, high) for _ in heads] for high in (rng.choice((15, 60, 200)),) for _ in names]
    lines = "\n".join(f"{n}, {', '.join(map(str, v))}" for n, v in zip(names, values, strict=True))
    c = rng.randrange(len(heads))
    column = [v[c] for v in values]
    cells = ", ".join(f"{n} {v}" for n, v in zip(names, column, strict=True)) + "."
    form = rng.randrange(6)
    texts = names
    if form == 0:
        high = rng.random() < 0.5
        steps, best = [f"Start with {column[0]}."], 0
        for i in range(1, len(column)):
            more, takes = column[i] > column[best], column[i] != column[best] and (column[i] > column[best]) == high
            word = "more than" if more else "less than" if column[i] < column[best] else "the same as"
            steps.append(f"{column[i]} is {word} {column[best]}{f': take {column[i]}' if takes else ''}.")
            best = i if takes else best
        ask = f"Who has the {'largest' if high else 'smallest'} {heads[c]} number?"
        answer, steps = names[best], [cells, *steps, f"{column[best]} is {names[best]}."]
    elif form in (1, 2):
        limit = rng.choice(column) + rng.choice((0, 0, 1, -1))
        above = rng.random() < 0.5
        count = 0
        steps = [f"{heads[c].capitalize()} {'more' if above else 'less'} than {limit}."]
        for n, v in zip(names, column, strict=True):
            met = v > limit if above else v < limit
            count += met
            steps.append(f"{n}: {v} {f'yes, {count}' if met else 'no'}.")
        ask = f"How many of them have {'more' if above else 'less'} than {limit} as {heads[c]}?"
        answer, texts = str(count), [str(i) for i in range(len(names) + 1)]
    elif form == 3:
        total, steps = column[0], [cells]
        for v in column[1:]:
            total, step = calc(total, "+", v)
            steps.append(f"{step}.")
        ask, answer = f"What do all the {heads[c]} numbers add up to?", str(total)
        texts = [str(total + d) for d in rng.sample((-12, -10, -7, -3, -1, 1, 2, 5, 9, 10), 4)]
    elif form == 4:
        word, at = rng.choice((("first", 0), ("last", -1), ("second", 1), ("next to last", -2)))
        ask, answer = f"Who is {word} in the list?", names[at]
        steps = [f"In order: {', '.join(names)}."]
    else:
        i = rng.randrange(len(names))
        ask = f"Whose {heads[c]} number is {column[i]}?"
        steps = [f"{heads[c].capitalize()} exactly {column[i]}."]
        i = column.index(column[i])
        steps += [f"{n}: {v} {'yes' if v == column[i] else 'no'}." for n, v in zip(names[: i + 1], column, strict=False)]
        answer = names[i]
    intro = rng.choice(("A list:", "The register says:", "Of each there are so many:"))
    options, label = pick(rng, answer, list(texts))
    return Drill(
        f"{intro}\nname, {', '.join(heads)}\n{lines}\n{ask}\n{options}",
        " ".join([*steps, f"That is {answer} {label}."]), label,
    )


_SPANS = ("hour", "day", "week", "month", "year", "minute", "night", "round")


def plans(rng: Random) -> Drill:
    """Two steps of arithmetic over things, spans of time and shares."""
    who, other = rng.sample(NAMES, 2)
    thing, more_things = rng.sample(THINGS, 2)
    span = rng.choice(_SPANS)
    n, m, k = rng.randint(2, 40), rng.randint(2, 15), rng.randint(1, 99)
    form = rng.randrange(13)
    if form == 0:
        a, first = calc(n, "*", m)
        k = min(k, a)
        b, then = calc(a, "-", k)
        return Drill(
            f"{who} makes {n} {thing} every {span} for {m} {span}s, and then {k} are sold. How many {thing} remain?",
            f"{who} makes {first} {thing}. After selling {k} there remain {then} {thing}.", str(b))
    if form == 1:
        a, first = calc(n, "*", m)
        b, then = calc(a + k, "-", a)
        return Drill(
            f"A shed holds {a + k} {thing}. Each {span} {n} {thing} are taken, for {m} {span}s. How many {thing} does it still hold?",
            f"In {m} {span}s {first} {thing} are taken. There remain {then} {thing}.", str(b))
    if form == 2:
        need, have = n * m + k, k
        gap, first = calc(need, "-", have)
        b, then = calc(gap, "/", n)
        return Drill(
            f"{who} needs {need} {thing}, has {have}, and gets {n} each {span}. After how many {span}s are there enough?",
            f"The missing amount is {first} {thing}. That takes {then} {span}s.", str(b))
    if form == 3:
        gain, loss = n + k, k
        a, first = calc(gain, "-", loss)
        b, then = calc(a, "*", m)
        return Drill(
            f"Each {span} {gain} {thing} come and {loss} go. How many {thing} more are there after {m} {span}s?",
            f"In one {span} that is {first} {thing} more. In {m} {span}s that is {then} {thing}.", str(b))
    if form == 4:
        a, b = rng.randint(1, 12), rng.randint(1, 12)
        each = rng.randint(2, 30)
        both, first = calc(a, "+", b)
        got, then = calc(both * each, "/", both)
        return Drill(
            f"{both * each} {thing} go in equal parts to {a} {more_things} on the left and {b} {more_things} on the right. How many {thing} come to each?",
            f"There are {first} {more_things}. Each gets {then} {thing}.", str(got))
    if form == 5:
        each = rng.randint(2, 30)
        left, first = calc(each * m + k, "-", k)
        got, then = calc(left, "/", m)
        return Drill(
            f"From {each * m + k} {thing} {other} takes {k} away. What is left is put into {m} equal rows. How many {thing} are in a row?",
            f"There remain {first} {thing}. A row has {then} {thing}.", str(got))
    if form == 6:
        a, first = calc(n, "*", m)
        b, then = calc(a, "+", k)
        return Drill(
            f"{who} puts {n} {thing} into each of {m} {more_things} and keeps {k}. How many {thing} were there before?",
            f"The {more_things} hold {first} {thing}. Before there were {then} {thing}.", str(b))
    if form == 7:
        parts = rng.randint(2, 12)
        each = rng.randint(2, 30)
        a = rng.randint(1, parts * each - 1)
        total, first = calc(a, "+", parts * each - a)
        got, then = calc(total, "/", parts)
        return Drill(
            f"{who} brings {a} {thing} and {other} brings {parts * each - a}. All are dealt out evenly to {parts} people. How many {thing} does one person get?",
            f"Together there are {first} {thing}. One person gets {then} {thing}.", str(got))
    if form == 8:
        q, p = rng.randint(2, 15), rng.randint(2, 20)
        a, first = calc(n, "*", m)
        b, second = calc(q, "*", p)
        total, third = calc(a, "+", b)
        return Drill(
            f"{n} {thing} with {m} {span}s of work each and {q} {more_things} with {p} {span}s each are ordered. How many {span}s of work is that?",
            f"The {thing} take {first} {span}s. The {more_things} take {second} {span}s. Together that is {third} {span}s.", str(total))
    if form == 9:
        q, p = rng.randint(2, 15), rng.randint(2, 20)
        a, first = calc(n, "*", m)
        b, second = calc(q, "*", p)
        total, third = calc(a, "+", b)
        rest, fourth = calc(total + k, "-", total)
        return Drill(
            f"A lift may carry {total + k} kilos. In it are {n} {thing} of {m} kilos each and {q} {more_things} of {p} kilos each. How many kilos more may it carry?",
            f"The {thing} weigh {first} kilos. The {more_things} weigh {second} kilos. Together that is {third} kilos. There remain {fourth} kilos.", str(rest))
    if form == 10:
        price, many = rng.randint(2, 20), rng.randint(2, 15)
        a, first = calc(n, "*", m)
        left, second = calc(a + price * many, "-", a)
        got, third = calc(left, "/", price)
        return Drill(
            f"A ship takes {a + price * many} tons. It carries {n} {thing} of {m} tons each; the rest is for {more_things} of {price} tons each. How many {more_things} can it carry?",
            f"The {thing} weigh {first} tons. The rest is {second} tons. That is room for {third} {more_things}.", str(got))
    if form == 11:
        q = rng.randint(2, 15)
        one, first = calc(n * m, "/", m)
        b, then = calc(q, "*", one)
        return Drill(
            f"{m} {thing} weigh {n * m} grams. How many grams do {q} {thing} weigh?",
            f"One of the {thing} weighs {first} grams. {q} {thing} weigh {then} grams.", str(b))
    p = rng.choice((10, 20, 25, 50))
    whole = rng.randint(1, 12) * 100 // rng.choice((1, 2, 5))
    whole -= whole * p % 100
    whole = max(whole, 100)
    a, first = calc(whole * p, "/", 100)
    b, then = calc(whole, "-", a)
    return Drill(
        f"Of {whole} {thing} {p} percent are lost. How many {thing} are kept?",
        f"Lost are {whole} * {p} = <<{whole}*{p}={whole * p}>>{whole * p}, {first} {thing}. Kept are {then} {thing}.", str(b))


def gaps(rng: Random) -> Drill:
    """Hours of a day taken one after another; which hours are free."""
    cuts = sorted(rng.sample(range(5, 23), rng.randint(4, 7)))
    spans = list(zip(cuts, cuts[1:], strict=False))
    gap = rng.choice(spans)
    thing = f"{rng.choice(ADJECTIVES)} {rng.choice(('hall', 'boat', 'room', 'piano', 'court', 'oven'))}"
    users = dict(zip(spans, rng.sample(NAMES, len(spans)), strict=True))

    def time(hour: int) -> str:
        return f"{(hour - 1) % 12 + 1}{'am' if hour < 12 else 'pm'}"

    def words(span: tuple[int, int]) -> str:
        return f"{time(span[0])} to {time(span[1])}"

    doing = rng.choice(("used", "cleaned", "needed", "had"))
    lines = [f"{users[s]} {doing} the {thing} for {rng.choice(VERBS)} from {words(s)}." for s in spans if s != gap]
    steps = [f"{words(s)}: {'free' if s == gap else f'taken by {users[s]}'}." for s in spans]
    others = rng.sample([words(s) for s in spans if s != gap], min(3, len(spans) - 1))
    options, label = pick(rng, words(gap), others)
    newline = rng.choice(("\n", " "))
    return Drill(
        newline.join([
            f"The {thing} opened at {time(cuts[0])}.", *lines, f"It shut at {time(cuts[-1])}.",
            f"When was the {thing} free?\n{options}",
        ]),
        f"Open at {time(cuts[0])}. {' '.join(steps)} That is {words(gap)} {label}.", label,
    )


_ROLES = (
    ("sold", ("was sold", "went to a buyer", "was given away for money")),
    ("mended", ("was mended", "was repaired", "was put in order again")),
    ("hidden", ("was hidden", "was put out of sight", "was kept secret")),
    ("painted", ("was painted", "got a new colour", "was coloured")),
    ("lost", ("was lost", "could not be found", "went missing")),
    ("weighed", ("was weighed", "was put on the scales", "had its weight taken")),
    ("copied", ("was copied", "was made a second time", "was drawn again")),
)


def roles(rng: Random) -> Drill:
    """A report that says what happened to each thing; find the sentence, then the option."""
    picked = rng.sample(_ROLES, 3)
    things = [f"{rng.choice(WORDS)} of the {thing[:-1]}" if rng.random() < 0.5 else f"{rng.choice(ADJECTIVES)} {thing[:-1]}"
              for thing in rng.sample(THINGS, 5)]
    double = rng.randrange(3)
    sentences, held = [], []
    for i, (_, ways) in enumerate(picked):
        mine = [things[i], things[3]] if i == double else [things[i]]
        way = rng.choice(ways)
        held.append(mine)
        sentences.append(f"The {' and the '.join(mine)} {way.replace('was ', 'were ') if len(mine) > 1 else way}.")
    order = rng.sample(range(3), 3)
    asked = rng.randrange(3)
    answer = rng.choice(held[asked])
    others = [t for i, mine in enumerate(held) if i != asked for t in mine] + [things[4]]
    options, label = pick(rng, answer, rng.sample(others, 3))
    told = " ".join(sentences[i] for i in order)
    ask = rng.choice(("Which of these {}?", "What {}?")).format(rng.choice(picked[asked][1]))
    return Drill(
        f"{rng.choice(NAMES)} wrote a report. {told} {ask}\n{options}",
        f"The question asks what was {picked[asked][0]}. The text says: {sentences[asked]} That is {answer} {label}.", label,
    )
