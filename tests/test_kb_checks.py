"""Checks of entries: sums, near-duplicates, contradictions, leaks."""

import time

import pytest

from nesy.kb import checks
from nesy.kb.entry import Entry


def entry(id_: str, *facts: str, when: str = "x", check: str | None = None) -> Entry:
    return Entry(id=id_, when=when, facts=facts, check=check)


@pytest.mark.parametrize(
    "expression",
    [
        "3 * 13 == 39",
        "not 2 > 3 and True",
        "comb(5, 2) == 10 and factorial(5) == 120",
        "close(0.1 + 0.2, 0.3)",
        "weekday(2024, 2, 29) == 'Thursday' and leap(2024)",
        "days(2024, 3, 1) - days(2024, 2, 28) == 2",
        "round(pi, 2) == 3.14",
        "len('cat') == 3",
    ],
)
def test_true_expressions(expression: str) -> None:
    assert checks.false(expression) is None


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("3 * 13 == 40", "is false: 3 * 13 is 39"),
        ("39", "neither true nor false"),
        ("3 *", "is not an expression"),
        ("x == 1", "not defined"),
        ("1 / 0 == 1", "can't be computed"),
        ("9 ** 9 ** 9 == 1", "too large"),
        ("factorial(100000) == 1", "too large"),
        ("round(7, -99999999) == 0", "too many digits"),
        ("'a' * 1000000000 == ''", "needs numbers"),
        ("f'{1:>1000000000}' == ''", "no place in a check"),
        ("'a'.ljust(1000000000) == ''", "no place in a check"),
        ("[1 for a in 'aaa'] == 1", "no place in a check"),
        ("__import__('os').system('true') == 0", "no place in a check"),
        ("open('/etc/passwd') == 0", "not defined"),
        ("(lambda: True)()", "no place in a check"),
        ("1 == 1 " + "and 1 == 1 " * 100, "longer than"),
        ("1" + "+1" * 150 + " == 151", "more than 200 parts"),
        ("(" * 400, "is not an expression"),
    ],
)
def test_false_or_unsafe_expressions_are_refused_at_once(expression: str, reason: str) -> None:
    start = time.perf_counter()
    assert reason in (checks.false(expression) or "")
    assert time.perf_counter() - start < 1


def test_wrong_checks_name_the_entry() -> None:
    found = checks.wrong_checks([entry("a", "f", check="1 == 1"), entry("b", "f", check="1 == 2")])
    assert [(problem.entry, problem.severity) for problem in found] == [("b", "error")]


def test_near_duplicates_but_not_other_numbers() -> None:
    entries = [
        entry("a", "A firkin of beer is 9 imperial gallons."),
        entry("b", "A firkin of beer is 9 imperial gallons"),
        entry("c", "A firkin of beer is 10 imperial gallons."),
        entry("d", "Gold conducts electricity."),
        entry("e", "The moon Proteus is one of the moons that go round the planet Neptune."),
        entry("f", "The moon Galatea is one of the moons that go round the planet Neptune."),
    ]
    assert [(first, later) for first, later, _ in checks.duplicates(entries)] == [("a", "b")]


def test_contradictions() -> None:
    entries = [
        entry("a", "A firkin is 9 gallons.", when="firkins"),
        entry("b", "A firkin is 10 gallons.", when="Firkins"),
        entry("c", "A firkin is 11 gallons.", when="something else"),
        entry("d", "A firkin is 9 gallons.", when="firkins"),
    ]
    assert [problem.entry for problem in checks.contradictions(entries)] == ["b"]


QUESTION = "Tom buys 3 firkins of beer, 12 loaves and 1,500 nails in one long day. Options:\n(A) x"


@pytest.mark.parametrize(
    ("text", "target", "reason"),
    [
        ("A firkin is 27 gallons.", "27", "holds the answer 27"),
        ("It costs $27.00.", "27", "holds the answer 27"),
        ("It is (A).", "(A)", "holds the answer '(A)'"),
        ("Go to Paris now.", "Paris", "holds the answer 'Paris'"),
        ("3 or 12 or 1500.", "7", "the question's numbers"),
        ("If Tom buys 3 firkins of beer 12 loaves and so on", "7", "the question's words"),
    ],
)
def test_leaks(text: str, target: str, reason: str) -> None:
    assert reason in (checks.leaks(text, QUESTION, target) or "")


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("A firkin of beer is 9 imperial gallons.", "27"),
        ("270 and 2.7 and 0.27", "27"),
        ("Yes or no depends.", "Yes"),
        ("The Parisian way.", "Paris"),
        ("A is a letter.", "(A)"),
        ("3 and 12 only.", "7"),
    ],
)
def test_no_leak(text: str, target: str) -> None:
    assert checks.leaks(text, QUESTION, target) is None


def test_facts_of_one_subject_that_differ_may_contradict() -> None:
    def told(*facts: str) -> list[tuple[str, str]]:
        made = [entry(f"e{n}", fact, when="the axolotl") for n, fact in enumerate(facts)]
        return [(one.severity, one.message.split()[0]) for one in checks.contradictions(made)]

    assert told("The axolotl is a fish.", "The axolotl is an amphibian.") == [("warning", "may")]
    assert told("The axolotl is a fish.", "The axolotl is not a fish.") == [
        ("error", "contradicts")
    ]
    assert told("The axolotl has 4 legs.", "The axolotl has 6 legs.") == [("error", "contradicts")]
    assert told("The axolotl is a fish.", "the axolotl is a fish") == []
    assert told("The axolotl is a fish.", "The newt is an amphibian.") == []
    assert told("Axolotls swim.", "Axolotls breathe.") == []


def test_links() -> None:
    made = [
        Entry(id=id_, when="x", facts=("y",), source={} if url is None else {"url": url})
        for id_, url in {
            "a": "https://example.org/units",
            "b": "example.org",
            "c": "https://example.org/units",
            "d": None,
        }.items()
    ]
    assert [(p.entry, p.severity) for p in checks.dead_links(made)] == [("b", "error")]
    asked: list[str] = []

    def reach(url: str) -> str | None:
        asked.append(url)
        return "Not Found"

    assert [p.entry for p in checks.dead_links(made, reach)] == ["a", "b", "c"]
    assert asked == ["https://example.org/units"]
