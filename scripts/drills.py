"""The procedural text that the embedded student is pretrained on.

A drill makes one worked question: the question, the steps, the answer, and the knowledge
that is shown with it. Whatever a drill tells about the world is made up on the spot from
invented words, so that no fact of an embedded benchmark can be learned here and the only
way to be right is to read.

``python scripts/drills.py`` prints a few of each.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from random import Random

NAMES = """Ada Adam Aisha Alan Alba Alec Alma Amir Amos Anders Andrew Anita Anton Arjun Arlo Astrid
Audrey Bea Ben Bianca Bjorn Boris Brenda Bruno Calvin Camila Carl Carmen Cecil Celia Chen Chloe Clara
Clive Cora Cyrus Dana Darius Dario Delia Derek Diego Dora Duncan Edith Edwin Elena Elias Ella Elsa Emil
Enid Eric Erin Esme Ethan Eva Ezra Fadi Faith Felix Fiona Flora Frida Gail George Gina Gloria Grant Greta
Gustav Hana Harold Hassan Hazel Helen Henry Hugo Ida Igor Imran Ines Ingrid Irene Isaac Ivan Ivy Jack
Jana Jasper Javier Jean Jesse Joan Joel Jonas Josie Judith Julian Kai Karim Karl Katya Keith Kira Kurt
Lara Lars Laura Leah Lena Leon Lewis Lila Linus Liv Lorna Louis Lucia Luther Lydia Mabel Magnus Maja
Marco Maria Mark Martha Mateo Maud Maya Mei Milo Mina Miriam Mona Morris Nadia Naomi Nell Niels Nina Noah
Nora Odette Olaf Olga Oliver Omar Opal Oscar Otto Pablo Paula Pearl Pedro Perry Petra Phil Piers Pilar
Quinn Rachel Rafael Ralph Rania Ravi Rita Robin Roland Rosa Rufus Ruth Sadie Salma Samir Sandra Sara
Selma Seth Sidney Silas Simon Sofia Stella Sven Tara Theo Tilda Tobias Tom Trudy Ugo Una Ursula Vera
Victor Viola Walter Wanda Wendy Yara Yusuf Zane Zara Zelda Zoe""".split()
THINGS = """acorns apples bags balloons beads bells books bottles bowls boxes bricks brushes buttons cakes
candles cards chairs clips coins cookies crates cups dishes dolls eggs envelopes feathers flags flowers
forks ghosts glasses gloves hats jars keys kites knives lamps leaves lemons letters magnets maps marbles
masks melons mugs nails notebooks nuts onions oranges paints papers pears peas pebbles pencils pens pies
pillows pins plates plums pots puzzles radios ribbons rings rocks ropes rulers scarves screws seeds shells
shirts shoes socks spoons stamps stars stickers stones straws tapes tents tickets tiles tokens towels toys
trays trees tulips vases wheels whistles windows yarns""".split()
ADJECTIVES = """red blue green yellow black white brown grey purple pink orange silver gold teal mauve
turquoise burgundy fuchsia magenta old new small large heavy light bright dark round square soft hard wet
dry clean dusty cheap rare plain thick thin tall short quick slow warm cold quiet loud""".split()
PLACES = """airport attic bakery bank barn beach bridge cafe castle cave church clinic court dock farm
field forest garage garden gym hall harbor hill hospital hotel inn island kitchen lake library market
meadow mill mine museum office orchard park pier pool port school shop stable station store street studio
temple theater tower town valley village workshop yard zoo""".split()
VERBS = """baking building buying carrying cleaning cooking counting cutting digging drawing drying
eating feeding filling fixing folding hiding holding knitting leading lifting mixing moving opening
packing painting picking planting playing pulling pushing reading riding running selling sewing singing
sorting stacking studying swimming talking tasting throwing tying waiting walking washing watching
writing""".split()
WORDS = """able about above absent accept acid across actor adapt after again agree ahead alarm album
alert alley almond alone amber anchor angle animal ankle answer anthem apron arch arrow artist ashes atlas
autumn bacon badge baker ballad bamboo banner barrel basket beacon beaver bench berry binder bishop bitter
blanket blossom board bonnet border bottom branch breeze bridge broken bronze bubble bucket budget buffalo
bundle burrow butter cabin cactus camera canal candle canvas captain carbon cargo carpet castle cattle
cellar cement chain chalk chapel cherry chimney circle citizen clay clever climate clock cloud clover
coast cobalt coffee collar comet common compass copper coral corner cotton council country courage cousin
cradle crater cricket crown crystal curtain custom dagger damage dancer danger daylight deacon debate
decade deliver desert diamond dinner doctor dolphin donkey double dragon drawer drift drum eager early
earth eastern echo editor effort eight elbow elder ember emerald empire enemy engine enter equal error
essay evening exact exit expert fabric factor falcon family famous fancy farmer father fever fiddle figure
filter finger finish fiber flame flavor flight flint floor flour fluid focus forest fossil fountain frame
freedom friend frost funnel future galaxy gallery garlic garnet gather gentle giant ginger glacier globe
glory gospel grain grammar granite gravel harbor harvest hazard helmet herald hermit hollow honest honey
horizon hunter idea igloo impact income index infant insect iron ivory jacket jaguar jasmine jelly jewel
journal journey judge jungle junior kernel kettle kitten ladder lagoon lantern laser latter laurel lawyer
leader leather legend lemon lesson level liberty limit linen lizard lobby locket lotus lumber lunar magic
magnet mango manor maple marble margin marsh master meadow medal melody member mentor metal meteor middle
minute mirror model modest monkey morning mortar mother motion muscle museum mustard napkin narrow native
nectar needle nephew noble normal north notice novel number nutmeg object ocean office olive onward opera
orbit orchid order origin otter oxygen oyster paddle palace panel panther parade parcel parent parrot
pastry patrol pattern peanut pebble pepper period petal phrase pickle picture pigeon pillar pilot pirate
planet plaster plenty pocket poem police poster potato powder prairie prince prison profit prophet public
pumpkin puppet purple puzzle quarry queen quest quiver rabbit radish random ransom rapid raven reason
record relic rescue ribbon riddle ripple ritual river robin rocket rubber ruby saddle safety salad salmon
sample satin saucer scale scarlet school scout season second secret senate seven shadow shelter shield
signal silent silver simple sister sketch slender socket solar soldier sonnet source spider spiral spirit
spring square statue steam stolen storm stream strong sugar summit sunset supper symbol syrup table talent
tavern temper tender theory thistle thread throne thunder timber tissue tomato topic torch total travel
treaty trophy tunnel turtle twelve umpire uncle unity upper urban useful vacant valley vapor velvet vendor
verse vessel victim violet virtue vision volume voyage waffle wagon walnut warden water weapon weather
western whisper willow window winter wisdom wonder worker worthy yellow yonder zebra zigzag""".split()
MONTHS = """January February March April May June July August September October November
December""".split()
_ONSETS = "b br c ch cl cr d dr f fl g gl gr h j k kl l m n p pl pr qu r s sh sk sl sp st t th tr v w y z".split()
_VOWELS = "a e i o u ai ea ee ie oa oo ou y".split()
_CODAS = "b ck d f g k l ld ll m mp n nd ng nk nt p r rd rk rn rt s sh sk ss st t th x z".split()


@dataclass(frozen=True, slots=True)
class Drill:
    """A worked question. ``knowledge`` is the list of lines shown with it, possibly empty."""

    question: str
    steps: str
    answer: str
    knowledge: tuple[str, ...] = ()


def invented(rng: Random, syllables: int = 0) -> str:
    """Make up a pronounceable word of 1 to 3 syllables."""
    return "".join(
        rng.choice(_ONSETS) + rng.choice(_VOWELS) + (rng.choice(_CODAS) if rng.random() < 0.6 else "")
        for _ in range(syllables or rng.choice((1, 2, 2, 3)))
    )


LEXICON: list[str] = []
"""Whole words of the student's vocabulary, once there is one: names without a meaning, so that
every word has been read somewhere before a knowledge entry brings it."""


def term(rng: Random) -> str:
    """A word or two that may name a thing: of the vocabulary, invented, common, or mixed."""
    if LEXICON and rng.random() < 0.45:
        return " ".join(rng.sample(LEXICON, rng.choice((1, 1, 2))))
    kind = rng.random()
    if kind < 0.45:
        return invented(rng)
    if kind < 0.6:
        return rng.choice(WORDS)
    if kind < 0.8:
        return f"{rng.choice(WORDS + ADJECTIVES)} {rng.choice((invented(rng), rng.choice(WORDS)))}"
    return f"{invented(rng)} {rng.choice(WORDS)}"


def lettered(texts: list[str]) -> str:
    """Option lines."""
    return "Options:\n" + "\n".join(f"({chr(65 + i)}) {t}" for i, t in enumerate(texts))


def pick(rng: Random, answer: str, others: list[str]) -> tuple[str, str]:
    """Shuffle an answer among others: the option lines and the answer's label."""
    texts = [answer, *dict.fromkeys(o for o in others if o != answer)]
    rng.shuffle(texts)
    return lettered(texts), f"({chr(65 + texts.index(answer))})"


def plural(word: str) -> str:
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2:-1] not in "aeiou":
        return word[:-1] + "ies"
    return word + "s"


def article(word: str) -> str:
    return ("An " if word[0] in "aeiou" else "A ") + word


def calc(a: int, op: str, b: int) -> tuple[int, str]:
    """A computation in the annotated form, with its value."""
    value = {"+": a + b, "-": a - b, "*": a * b, "/": a // b if b else 0}[op]
    return value, f"{a} {op} {b} = <<{a}{op}{b}={value}>>{value}"


def _number(rng: Random) -> int:
    return rng.choice((rng.randint(2, 12), rng.randint(2, 40), rng.randint(10, 250), rng.randint(2, 99)))


def _lines(rng: Random, lesson: str, fact: str, others: list[str]) -> tuple[str, ...]:
    """A knowledge block: perhaps a lesson, the fact, perhaps other facts around it."""
    lines = [fact]
    for other in others[: rng.choice((0, 0, 0, 1, 2))]:
        lines.insert(rng.randint(0, len(lines)), other)
    if rng.random() < 0.7:
        lines.insert(0, lesson)
    return tuple(lines)


_QUANTITY_LESSONS = (
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
    value = _number(rng)

    def statement(thing: str, number: int) -> str:
        return rng.choice(_QUANTITY_FACTS).format(
            A=article(thing), a=article(thing).lower(), n=number, u=unit, w=word
        )

    fact = statement(name, value)
    knowledge = _lines(
        rng, rng.choice(_QUANTITY_LESSONS), fact,
        [statement(term(rng), _number(rng)) for _ in range(2)],
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
        more = _number(rng)
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
        more = _number(rng)
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
    knowledge = _lines(
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
    knowledge = _lines(rng, f"Recall the {scale} first, then do the step that is asked.", fact,
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
        _lines(rng, "Know the date of the day, then count.", fact, [f"{invented(rng).capitalize()} Day is on {rng.choice(MONTHS)} {rng.randint(1, 28)}."]))


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
    rows = rng.sample(rng.choice((NAMES, [p.capitalize() for p in PLACES], [w.capitalize() for w in WORDS])), rng.randint(3, 6))
    column = rng.choice(THINGS)
    values = rng.sample(range(2, 99), len(rows))
    body = rng.choice((", ", "; ", "\n")).join(f"{r}: {v}" for r, v in zip(rows, values, strict=True))
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
    people = rng.sample(NAMES, rng.randint(2, 5))
    rows = [(p, rng.choice(VERBS), f"{rng.choice(ADJECTIVES)} {rng.choice(THINGS)}", rng.choice(PLACES)) for p in people]
    text = " ".join(f"{p} is {v} {t} at the {pl}." for p, v, t, pl in rows)
    p, v, t, place = rng.choice(rows)
    form = rng.randrange(3)
    line = f"{p} is {v} {t} at the {place}."
    if form == 0:
        lines, label = pick(rng, place, [r[3] for r in rows] + rng.sample(PLACES, 2))
        return Drill(f"{text} Where is {p}?\n{lines}", f"{line} That is {place} {label}.", label)
    if form == 1:
        lines, label = pick(rng, t, [r[2] for r in rows] + [f"{rng.choice(ADJECTIVES)} {rng.choice(THINGS)}"])
        return Drill(f"{text} What does {p} have?\n{lines}", f"{line} That is {t} {label}.", label)
    lines, label = pick(rng, p, [r[0] for r in rows] + rng.sample(NAMES, 1))
    return Drill(f"{text} Who is {v} {t} at the {place}?\n{lines}", f"{line} That is {p} {label}.", label)


def options(rng: Random) -> list[str]:
    """2 to 18 different texts of one kind, for option lines."""
    n = rng.choice((2, 3, 4, 4, 4, 5, 6, 7, 11, 17, 18))
    makers: list[Callable[[], str]] = [
        lambda: term(rng), lambda: term(rng), lambda: str(rng.randint(0, 99)),
        lambda: f"{rng.randint(1, 12):02d}/{rng.randint(1, 28):02d}/{rng.randint(1900, 2030)}",
        lambda: rng.choice(ADJECTIVES), lambda: rng.choice(THINGS), lambda: rng.choice(NAMES),
        lambda: f"{rng.choice(NAMES)} {rng.choice(VERBS)}",
        lambda: f"{rng.randint(1, 11)}{rng.choice(('am', 'pm'))} to {rng.randint(1, 11)}{rng.choice(('am', 'pm'))}",
        lambda: " ".join(rng.sample(WORDS, 3)),
    ]
    make = rng.choice(makers)
    return list(dict.fromkeys(make() for _ in range(n)))


def match_option(rng: Random) -> Drill:
    """Find which option says a given thing."""
    texts = options(rng)
    i = rng.randrange(len(texts))
    ask = rng.choice(("Which option says {}?", "Find {} in the list.", "The right one is {}. Which option is it?"))
    return Drill(f"{ask.format(texts[i])}\n{lettered(texts)}", f"That is {texts[i]} ({chr(65 + i)}).", f"({chr(65 + i)})")


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
    items = [(rng.choice(quality), rng.choice(THINGS)[:-1]) for _ in range(rng.randint(3, 8))]
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


DRILLS: dict[Callable[[Random], Drill], float] = {
    fact_quantity: 4.0, fact_property: 4.0, fact_difference: 1.0, fact_date: 1.0, story: 2.0,
    purchase: 1.0, switches: 1.0, gates: 1.0, registers: 1.5, table: 2.0, record: 1.5, match_option: 4.0,
    row: 1.0, spelling: 1.0, counting: 1.0, arithmetic: 1.0, sums: 0.7, schedule: 0.7,
}


def draw(rng: Random) -> Drill:
    """One drill, the kinds weighted; some that need no knowledge are shown some all the same."""
    drill = rng.choices(list(DRILLS), weights=list(DRILLS.values()))[0](rng)
    if not drill.knowledge and rng.random() < 0.2:
        drill = replace(drill, knowledge=fact_quantity(rng).knowledge)
    return drill


if __name__ == "__main__":
    for kind in DRILLS:
        for seed in range(3):
            print(f"--- {kind.__name__}\n{kind(Random(seed))}")
