"""What every drill is made of: words, names without a meaning, option lines, computations."""

from __future__ import annotations

from dataclasses import dataclass
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


def things(rng: Random, count: int) -> list[str]:
    """Distinct names of things, in the singular, of one kind of word or of several pieces each.

    A procedure practised on few words is lost on others, so they come from everywhere.
    """
    kind = rng.random()

    def one() -> str:
        if kind < 0.25:
            return rng.choice(THINGS)[:-1]
        if kind < 0.4:
            return invented(rng, rng.choice((1, 2)))
        if kind < 0.55:
            return rng.choice(WORDS)
        if kind < 0.75:
            return rng.choice(LEXICON or WORDS).lower()
        return rng.choice((
            term(rng).lower(), invented(rng, 1) + rng.choice(WORDS), f"{rng.choice(WORDS)} of {rng.choice(WORDS)}", rng.choice(WORDS)[:-1],
        ))

    made: dict[str, None] = {}
    while len(made) < count:
        made[one()] = None
    return list(made)


def people(rng: Random, count: int) -> list[str]:
    """Distinct names of people: known ones, or capitalized words of any kind."""
    if rng.random() < 0.5:
        return rng.sample(NAMES, count)
    made: dict[str, None] = {}
    while len(made) < count:
        made[rng.choice((invented(rng, rng.choice((1, 2))), rng.choice(LEXICON or WORDS), rng.choice(WORDS)[:-1])).capitalize()] = None
    return list(made)


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
