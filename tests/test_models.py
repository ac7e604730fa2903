"""Models by name, the embedded teacher, canned completions and transcripts."""

from __future__ import annotations

import ast
import json
import os
from pathlib import Path

import pytest
import small

from nesy import models, prompts
from nesy.benchmarks import synth
from nesy.errors import InputError, ModelError
from nesy.models import solver
from nesy.models.asked import HEADINGS, Asked, asked
from nesy.types import Message, Sampling

KNOWLEDGE = solver.Knowledge("baker's dozens", "Convert first.", ("A baker's dozen is 13.",))
WEB = "Question: Fidel tells the truth. Jerry says Fidel lies. Does Jerry tell the truth?"


def toy(question: str) -> solver.Solution | None:
    """A wording of one question, so that the tests do not hang on any real one."""
    if question not in ("two dozens?", WEB):
        return None
    return solver.Solution("A dozen is 12. 2 * 12 = 24.", "24", KNOWLEDGE)


@pytest.fixture
def toy_solver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(solver, "wordings", lambda: {"toy": toy})


@pytest.mark.parametrize("question", ["two dozens?", WEB, "Who?\nOptions:\n(A) Question: x"])
def test_asked_finds_the_question_in_every_prompt(question: str) -> None:
    teacher = prompts.load("teacher-rationale").render(question=question)
    assert asked(teacher) == Asked("rationale", question)
    entry = {"lesson": "Mind it.", "facts": ["A fact."]}
    for entries in ((), (entry,)):
        student = prompts.load("student").render(question=question, entries=entries)
        assert asked(student) == Asked("rationale", question)
        short = prompts.load("student-answer").render(question=question, entries=entries)
        assert asked(short) == Asked("answer", question)
    wrong = "It is 7.\n\nQuestion: another one?\nAnswer: 3"
    for target in ("(A)", None):
        studied = prompts.load("teacher-knowledge").render(
            question=question, wrong=wrong, target=target
        )
        assert asked(studied) == Asked("knowledge", question)


def test_asked_without_a_question() -> None:
    assert asked((Message("user", "Hello."),)) == Asked("rationale", None)
    assert asked((Message("system", "Question: no"),)).question is None


@pytest.mark.usefixtures("toy_solver")
def test_solver_answers_in_the_form_that_is_asked_for() -> None:
    teacher = models.load("solver")
    asked_for = [
        prompts.load("teacher-rationale").render(question=WEB),
        prompts.load("student-answer").render(question="two dozens?", entries=()),
        prompts.load("teacher-rationale").render(question="why?"),
        prompts.load("teacher-knowledge").render(question="two dozens?", wrong="7", target="24"),
        prompts.load("teacher-knowledge").render(question="why?", wrong="7", target="24"),
    ]
    said = [c.text for c in teacher.generate(asked_for, Sampling())]
    assert said[0] == "A dozen is 12. 2 * 12 = 24. So the answer is 24."
    assert said[1] == "So the answer is 24."
    assert said[2] == "I cannot solve this problem."
    assert said[3] == (
        "Applies When: baker's dozens\nLearning Summary: Convert first.\n"
        "Supplementary Knowledge:\n- A baker's dozen is 13.\nExample: none"
    )
    assert said[4] == "I do not know what was missing."
    cut = teacher.generate(asked_for[:1], Sampling(max_tokens=4))[0]
    assert (cut.text, cut.finish, cut.completion_tokens) == ("A dozen is 12.", "length", 4)


def test_solver_solves_the_embedded_benchmarks_from_their_text() -> None:
    teacher = models.load("solver")
    prompt = prompts.load("teacher-rationale")
    known = [q for name in synth.BENCHMARKS for q in synth.questions(name, "train", 2)]
    said = teacher.generate([prompt.render(question=q.text) for q in known], Sampling())
    for question, completion in zip(known, said, strict=True):
        assert completion.text.endswith(f"So the answer is {question.target}."), question.id


def test_solver_fingerprint_covers_every_module_it_rests_on() -> None:
    from nesy.models.solver_teacher import sources

    package = Path(models.__file__).parent.parent
    covered = {path.resolve() for path in sources()}
    shared = {"nesy", "nesy.types", "nesy.errors", "nesy.resources", "nesy.models"}
    for path in covered:
        if path.suffix != ".py":
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            for name in names:
                if not name.startswith("nesy") or name in shared:
                    continue
                target = package.joinpath(*name.split(".")[1:])
                for file in (target.with_suffix(".py"), target / "__init__.py"):
                    assert not file.is_file() or file in covered, f"{path.name} imports {name}"
    assert len(models.load("solver").fingerprint) == 64


def test_knowledge_sections_with_example_and_check() -> None:
    from nesy.models.solver_teacher import _sections

    both = solver.Knowledge("w", "l", ("f", "g"), "3 dozens are 36.", "3 * 12 == 36")
    assert _sections(both).endswith("- f\n- g\nExample: 3 dozens are 36. | 3 * 12 == 36")
    assert all(heading in _sections(both) for heading in HEADINGS)


def rows(path: Path, *made: object) -> str:
    path.write_text("".join(json.dumps(row) + "\n" for row in made), "utf-8")
    return str(path)


def test_scripted(tmp_path: Path) -> None:
    path = rows(
        tmp_path / "said.jsonl",
        {"completion": "first"},
        {"prompt": "dozens", "completion": "keyed"},
        {"completion": "second\nQ: more"},
    )
    model = models.load(f"scripted:{path}")
    said = model.generate(
        [(Message("user", text),) for text in ("a", "two dozens", "b")], Sampling(stop=("\nQ:",))
    )
    assert [c.text for c in said] == ["first", "keyed", "second"]
    with pytest.raises(ModelError, match="no row left"):
        model.generate([(Message("user", "c"),)], Sampling())


def test_malformed_rows_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "said.jsonl"
    for line, what in (("{", "not JSON"), ("[]", "object"), ("{}", "'completion'")):
        path.write_text('{"completion": "x"}\n' + line, "utf-8")
        with pytest.raises(InputError, match=rf"said\.jsonl:2: .*{what}"):
            models.load(f"scripted:{path}")
    with pytest.raises(InputError, match="No such file"):
        models.load("scripted:/nowhere.jsonl")


def test_transcripts(tmp_path: Path) -> None:
    path = rows(
        tmp_path / "teacher.jsonl",
        {"question": "two dozens?\n", "response": " 24. So the answer is 24.\n\nQ: next"},
        {"question": "two dozens?", "response": "later"},
    )
    model = models.load(f"transcripts:{path}")
    prompt = prompts.load("teacher-rationale")
    known, unknown = prompt.render(question="two dozens?"), prompt.render(question="two dozens")
    studied = prompts.load("teacher-knowledge").render(
        question="two dozens?", wrong="x", target=None
    )
    said = [c.text for c in model.generate([known, unknown, studied], Sampling())]
    assert said[0] == "24. So the answer is 24."
    assert said[1] == said[2] == "There is no transcript for this question."


def test_the_lines_of_a_batch_are_transcripts(tmp_path: Path) -> None:
    def line(id_: str, text: str, finish: str = "stop", status: int = 200) -> object:
        choice = {"finish_reason": finish, "message": {"role": "assistant", "content": text}}
        return {
            "custom_id": id_,
            "response": {"status_code": status, "body": {"choices": [choice]}},
            "error": None,
        }

    teacher = prompts.load("teacher-rationale")
    questions = ["two dozens?", "three dozens?", "cut?", "failed?", "plainly?"]
    shown = [[vars_of(m) for m in teacher.render(question=q)] for q in questions[:4]]
    asked_for = [
        *(
            {"custom_id": str(n), "method": "POST", "body": {"messages": m}}
            for n, m in enumerate(shown)
        ),
        {"custom_id": "4", "body": {"messages": [{"role": "user", "content": "plainly?"}]}},
    ]
    output = [
        line("1", "36. So the answer is 36."),
        line("0", "24. So the answer is 24."),
        line("2", "cut o", "length"),
        line("3", "", status=500),
        line("4", "Yes. So the answer is yes."),
        {"question": "own?", "response": "1. So the answer is 1."},
    ]
    model = models.load(f"transcripts:{rows(tmp_path / 'both.jsonl', *asked_for, *output)}")
    said = model.generate([teacher.render(question=q) for q in [*questions, "own?"]], Sampling())
    none = "There is no transcript for this question."
    assert [c.text.split(". ")[0] for c in said] == ["24", "36", none, none, "Yes", "1"]
    with pytest.raises(InputError, match="no question for the answer 1; put the lines"):
        models.load(f"transcripts:{rows(tmp_path / 'half.jsonl', *output)}")
    with pytest.raises(InputError, match=r"7 is no line of a batch \(KeyError\('messages'\)"):
        models.load(f"transcripts:{rows(tmp_path / 'no.jsonl', {'custom_id': '7', 'body': {}})}")


def vars_of(message: Message) -> dict[str, str]:
    return {"role": message.role, "content": message.content}


def test_real_transcripts_answer_real_questions() -> None:
    data = os.environ.get("NESY_DATA")
    if data is None:
        pytest.skip("NESY_DATA is not set, so the teacher's transcripts are not at hand")
    path = Path(data) / "teacher" / "bbh_code_davinci_002_cot.jsonl"
    model = models.load(f"transcripts:{path}")
    lines = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    lines = [row for row in lines if row["index"] == 3]
    prompt = prompts.load("teacher-rationale")
    said = model.generate([prompt.render(question=row["question"]) for row in lines], Sampling())
    assert len(lines) > 20
    for row, completion in zip(lines, said, strict=True):
        assert row["response"].strip().startswith(completion.text), row["task"]
        assert "\nQ:" not in completion.text


def test_local_specs(tmp_path: Path) -> None:
    folder = small.save(tmp_path / "model", "llama")
    for spec in (str(folder), f"hf:{folder}"):
        model = models.load(spec, device="cpu", batch_size=2)
        assert model.name == spec
        said = model.generate([(Message("user", "Ann has"),)], Sampling(max_tokens=3))
        assert said[0].completion_tokens <= 3


def test_the_embedded_student_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from nesy import pretrained

    monkeypatch.setattr(pretrained, "TINY", tmp_path / "tiny")
    with pytest.raises(ModelError, match="embedded student is missing"):
        models.load("tiny")
    small.save(tmp_path / "tiny", "lfm2")
    assert models.load("tiny", calculator="plain").name == "tiny"


@pytest.mark.parametrize(
    ("spec", "settings", "message"),
    [
        ("./nowhere", {}, "no such folder"),
        ("a/b/c", {}, "no such folder"),
        ("", {}, "no such folder"),
        ("solver", {"adapter": "x"}, "takes no adapter"),
        ("solver", {"calculator": "plain"}, "takes no calculator"),
        ("scripted:", {}, "nothing stands after the colon"),
    ],
)
def test_wrong_specs(spec: str, settings: dict[str, str], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        models.load(spec, **settings)  # type: ignore[arg-type]


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no config\.json"):
        models.load(str(tmp_path))


def test_an_unknown_hub_name_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    with pytest.raises(ModelError, match=r"could not be loaded .* \(HF_HUB_OFFLINE"):
        models.load("hf:nobody/no-such-model")
