"""Symbolic distillation: what the teacher writes about failures becomes draft entries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from nesy import prompts, student
from nesy.answer import prepare
from nesy.asking import Request, Teacher
from nesy.critic import Critic, of_entry
from nesy.kb import extract, store
from nesy.kb.entry import Entry
from nesy.kb.extract import Extraction
from nesy.kb.search import IndexSearch
from nesy.progress import Progress, listed
from nesy.recipe import Recipe
from nesy.runs import Run, messages_sha
from nesy.stages.critics import REJECTED, rejections
from nesy.stages.mining import answer_questions
from nesy.types import Attempt, Question, Sampling

_WRONG_WORDS = 256  # of a wrong answer that the teacher is shown


def write_knowledge(
    recipe: Recipe,
    run: Run,
    teacher: Teacher,
    critics: Mapping[str, Critic],
    adapter: Path,
    questions: Sequence[Question],
    failures: Sequence[Attempt],
    kb: Path,
    progress: Progress,
    stage: str = "entries",
) -> list[Extraction]:
    """Let the teacher write knowledge for each failure, and merge it into the knowledge base."""
    if run.done(stage) is not None and not teacher.retries("knowledge"):
        return run.read("knowledge", Extraction)
    by_id = {question.id: question for question in questions}
    requests = knowledge_requests(recipe, by_id, failures)
    sampling = Sampling(
        temperature=recipe.teacher.temperature,
        max_tokens=recipe.teacher.knowledge_max_tokens,
        schema=prompts.load(recipe.teacher.knowledge_prompt).schema,
    )
    with progress.stage("knowledge", len(failures), "failures") as advance:
        answers = teacher.ask("knowledge", requests, sampling, advance)
        written = [(by_id[asked.question], completion) for asked, completion in answers]
    failed = Counter(one.reason for one in teacher.failed("knowledge").values())
    if failed:
        progress.say(f"  failed: {listed(failed)}")
    drafts, refused = [], {}
    for question, completion in written:
        try:
            if completion.finish == "length":
                raise extract.Refused("truncated")
            drafts.append(
                extract.parse(completion.text, question.id, question.text, question.target)
            )
        except extract.Refused as reason:
            refused[question.id] = str(reason)
    entries, into = extract.entries(drafts, recipe.knowledge.pack, recipe.teacher.model)
    rejected = rejections(recipe, critics, "entries", [of_entry(entry) for entry in entries])
    bad = {entry.id for entry, said in zip(entries, rejected, strict=True) if said}
    entries = [entry for entry in entries if entry.id not in bad]
    refused |= {question: REJECTED for question, id_ in into.items() if id_ in bad}
    into = {question: id_ for question, id_ in into.items() if id_ not in bad}
    if recipe.admission:
        asked = [by_id[failed.question] for failed in failures]
        useless = _useless(recipe, run, adapter, entries, asked, progress)
        entries = [entry for entry in entries if entry.id not in useless]
        refused |= {q: f"not admitted: {useless[id_]}" for q, id_ in into.items() if id_ in useless}
        into = {q: id_ for q, id_ in into.items() if id_ not in useless}
    # Records are written once, when the whole is known: the calls themselves are in the cache.
    extractions = [
        Extraction(q.id, c.text, q.id not in refused, refused.get(q.id, "kept"), into.get(q.id))
        for q, c in written
    ]
    have = {e.question for e in run.read("knowledge", Extraction)}
    run.append("knowledge", [e for e in extractions if e.question not in have])
    summary = store.write_drafts(kb, recipe.knowledge.pack, entries)
    figures = {
        "added": len(summary.added),
        "updated": len(summary.updated),
        "kept": len(summary.kept),
        "unchanged": len(summary.unchanged),
        "deleted": len(summary.deleted),
        "conflicts": len(summary.conflicts),
    }
    reasons = Counter(reason.partition(":")[0] for reason in refused.values())
    progress.say(
        f"  {len(drafts):,} of {len(failures):,} failures gave {len(entries):,} entries"
        + (f"; refused: {listed(reasons)}" if reasons else "")
    )
    progress.say(f"  {summary.path}: {listed(figures)}")
    for conflict in summary.conflicts:
        progress.say(f"  conflict, your version stays until you settle it: {conflict}")
    run.finish(stage, **figures)
    return extractions


def knowledge_requests(
    recipe: Recipe, questions: Mapping[str, Question], failures: Sequence[Attempt]
) -> list[Request]:
    """Return what the teacher is asked about each failure."""
    prompt = prompts.load(recipe.teacher.knowledge_prompt)
    return [
        Request(
            failed.question,
            0,
            prompt.render(
                question=questions[failed.question].text,
                wrong=_shortened(failed.completion.text),
                target=questions[failed.question].target if recipe.teacher.target_visible else None,
            ),
        )
        for failed in failures
    ]


def _useless(
    recipe: Recipe,
    run: Run,
    adapter: Path,
    entries: Sequence[Entry],
    failures: Sequence[Question],
    progress: Progress,
) -> dict[str, str]:
    """Return the entries that helped with none of the failures they were tried on, and why.

    Each failure is answered again with the entry that it retrieves of those that were not made
    from it alone. An entry that none retrieves is not tried, and speaks for itself.
    """
    search = IndexSearch(student.index(recipe, entries), own=False)
    found = search(failures)
    tried = [question for question, some in zip(failures, found, strict=True) if some]
    # What was tried before holds as long as the same would be asked again.
    prompt = prompts.load(student.PROMPT)
    asked = {one.question.id: messages_sha(one.messages) for one in prepare(tried, prompt, search)}
    kept = [a for a in run.read("admission", Attempt) if asked.get(a.question) == a.prompt_sha]
    (run.folder / "admission.jsonl").unlink(missing_ok=True)
    run.append("admission", kept)
    attempts = answer_questions(recipe, run, adapter, "admission", tried, progress, search)
    right, shown = Counter[str](), Counter[str]()
    for attempt in attempts:
        for hit in attempt.hits:
            shown[hit.entry] += 1
            right[hit.entry] += attempt.outcome == "correct"
    useless = {id_: f"none of {count} failures" for id_, count in shown.items() if not right[id_]}
    progress.say(
        f"  admission: {len(shown) - len(useless):,} entries help with a failure that they were "
        f"not made from, {len(useless):,} do not, {len(entries) - len(shown):,} not tried"
    )
    run.finish("admission", helped=len(shown) - len(useless), useless=len(useless))
    return useless


def _shortened(text: str) -> str:
    """A wrong answer as the teacher is shown it: repeated sentences once, 256 words at most."""
    sentences: dict[str, None] = dict.fromkeys(text.strip().split(". "))
    return " ".join(". ".join(sentences).split()[:_WRONG_WORDS])
