"""How many leaked test questions `nesy eval` finds, and how often it is wrong.

    NESY_DATA=… scripts/bench leaks

Every GSM8K test question at hand is put into a knowledge base verbatim, wrapped into a text,
with other numbers, and in other words, and its worked solution stands for a rationale that was
trained on; every training question stands for honest knowledge. Recall is the share of the leaks that are found as the question they were made from, precision
the share of such leaks in all that is flagged.
"""

import argparse
import random
import re

SYNONYMS = {
    "how many": "what number of",
    "how much": "what amount",
    "total": "overall",
    "buys": "purchases",
    "friends": "pals",
    "week": "seven days",
    "makes": "produces",
    "needs": "requires",
    "wants": "would like",
    "spends": "pays",
    "left": "remaining",
    "has": "owns",
}


def wrapped(text):
    folded = text.replace(". ", ".\n    ")
    return f"A common exercise goes as follows.\n'{folded}'\nRead it with care."


def renumbered(text):
    rng = random.Random(len(text))
    return re.sub(r"\d+", lambda _: str(rng.randint(2, 99)), text)


def paraphrased(text):
    for word, synonym in SYNONYMS.items():
        text = re.sub(rf"\b{word}\b", synonym, text, flags=re.IGNORECASE)
    names = sorted(set(re.findall(r"(?<=[a-z,] )[A-Z][a-z]+", text)))
    for name, other in zip(names, ("Ada", "Bo", "Cleo", "Dag", "Eve"), strict=False):
        text = text.replace(name, other)
    sentences = re.split(r"(?<=[.?!])\s+", text)
    return " ".join(sentences[-1:] + sentences[:-1])


CHANGES = {
    "verbatim": str,
    "wrapped": wrapped,
    "renumbered": renumbered,
    "paraphrased": paraphrased,
}


def main(words):
    parser = argparse.ArgumentParser("scripts/bench leaks", description=__doc__.splitlines()[0])
    parser.add_argument("--limit", type=int, help="test questions; all at hand by default")
    limit = parser.parse_args(words).limit

    from nesy import benchmarks, contamination
    from nesy.kb.encoder import load_encoder

    encoder = load_encoder()
    tests = benchmarks.load("gsm8k", "test", limit=limit)
    train = benchmarks.load("gsm8k", "train")

    def flagged(texts, answers=None):
        parts = {id_: [text] for id_, text in texts.items()}
        return contamination.overlaps(parts, tests, encoder, answers)

    wrong = len({o.source for o in flagged({q.id: q.text for q in train})})
    print(f"{len(tests)} test questions against {len(train)} training questions")
    print(f"honest texts that are flagged: {wrong} ({wrong / len(train):.2%})")
    right = leaks = 0
    for name, change in CHANGES.items():
        found = {
            o.source
            for o in flagged({q.id: change(q.text) for q in tests})
            if o.source == o.question
        }
        right, leaks = right + len(found), leaks + len(tests)
        print(f"{name:12} recall {len(found) / len(tests):.1%}")
    print(f"all          recall {right / leaks:.1%}, precision {right / (right + wrong):.1%}")
    for name, questions in (("test", tests), ("training", train)):
        solved = {q.id: q.rationale for q in questions}
        found = flagged(solved, {q.id: q.target for q in questions})
        ids = {o.source for o in found if name == "training" or o.source == o.question}
        print(f"rationales of {name} questions that are flagged: {len(ids) / len(questions):.1%}")
    return 0
