"""Knowledge in fewer words: which words stay."""

from __future__ import annotations

from nesy.kb.compress import Budget, Compressor
from nesy.kb.entry import Entry
from nesy.kb.index import Index

DOZEN = Entry(
    id="u.dozen",
    when="a baker's dozen",
    lesson="Convert the unit first.",
    facts=("A baker's dozen is 13 items.", "A firkin is 9 gallons."),
)
OTHERS = [
    Entry(id=f"u.x{i}", when="x", lesson="Convert the unit first.", facts=(f"A rod is {i} feet.",))
    for i in range(5)
]
COMPRESSOR = Compressor([DOZEN, *OTHERS])


def test_all_or_nothing() -> None:
    assert COMPRESSOR.share(DOZEN, 1) == DOZEN
    assert COMPRESSOR.words(DOZEN, 99) == DOZEN
    assert COMPRESSOR.share(DOZEN, 0) is None


def test_numbers_and_rare_words_stay_in_their_order() -> None:
    two = COMPRESSOR.words(DOZEN, 2)
    assert two is not None
    assert (two.facts, two.lesson) == (("13", "9"), None)
    seven = COMPRESSOR.words(DOZEN, 7)
    assert seven is not None
    assert seven.facts == ("baker's dozen 13 items.", "firkin 9 gallons.")
    assert seven.lesson is None
    assert seven.id == DOZEN.id


def test_entries_share_a_budget() -> None:
    def count(text: str) -> int:
        return len(text.split())

    other = OTHERS[3]  # nine words; the dozen has fifteen
    assert COMPRESSOR.within([DOZEN, other], Budget(24, count)) == [DOZEN, other]
    first, second = COMPRESSOR.within([DOZEN, other], Budget(17, count))
    assert first == DOZEN
    assert second is not None
    assert (second.facts, second.lesson) == (("rod 3",), None)
    facts, _ = COMPRESSOR.within([DOZEN, other], Budget(12, count))
    assert facts is not None
    assert (facts.facts, facts.lesson) == (DOZEN.facts, None)
    short, nothing = COMPRESSOR.within([DOZEN, other], Budget(7, count))
    assert short is not None
    assert short.facts == ("baker's dozen 13 items.", "firkin 9 gallons.")
    assert nothing is None
    assert COMPRESSOR.within([DOZEN], Budget(7, lambda text: 9 * count(text))) == [None]


def test_an_index_finds_by_all_words_and_shows_few() -> None:
    budget = Budget(2, lambda text: len(text.split()))
    full = Index([DOZEN, *OTHERS], None, mode="bm25")
    short = Index([DOZEN, *OTHERS], None, mode="bm25", budget=budget)
    query = ["How many gallons are items of a baker?"]
    (found,), (shown,) = full.search(query), short.search(query)
    assert [one.hit for one in found] == [one.hit for one in shown]
    assert [one.entry for one in found] == [DOZEN]
    assert [one.entry.facts for one in shown] == [("13", "9")]
    edited = DOZEN.model_copy(update={"facts": ("A baker's dozen is 26 items.",)})
    ((again,),) = short.updated([edited, *OTHERS]).search(query)
    assert again.entry.facts == ("baker's 26",)


def test_a_share_counts_the_words_of_lesson_and_facts() -> None:
    words = 4 + 6 + 5
    for share in (0.2, 0.5, 0.667):
        made = COMPRESSOR.share(DOZEN, share)
        assert made is not None
        kept = sum(len(text.split()) for text in (*made.facts, made.lesson or ""))
        assert kept == -(-round(share * words, 9) // 1)
