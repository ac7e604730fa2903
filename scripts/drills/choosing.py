"""Option lists."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from drills.words import ADJECTIVES, NAMES, THINGS, VERBS, WORDS, Drill, lettered, term


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
