"""Recipes: every built-in one loads, and what is wrong is told with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from nesy import recipe as recipes
from nesy import resources
from nesy.errors import InputError, RecipeError
from nesy.recipe import Recipe

SMALL = """\
# a comment
data:
  benchmark: synth-gsm
  limit: 10
teacher:
  model: solver
student:
  model: tiny
"""


def write(folder: Path, text: str, name: str = "mine") -> str:
    path = folder / f"{name}.yaml"
    path.write_text(text, "utf-8")
    return str(path)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_builtin_recipe_loads() -> None:
    names = resources.names("recipes")
    assert "embedded" in names
    for name in names:
        loaded = recipes.load(name)
        assert loaded.description
        assert recipes.parse(loaded.dump(), name) == loaded


def test_a_recipe_of_the_working_directory_replaces_the_builtin_one(here: Path) -> None:
    (here / "recipes").mkdir()
    write(here / "recipes", SMALL, "embedded")
    assert recipes.load("embedded").data.limit == 10


@pytest.mark.parametrize(
    ("added", "place", "said"),
    [
        ("train:\n  rnak: 4\n", "mine.yaml:10: train.rnak", "did you mean rank?"),
        ("trian:\n  rank: 4\n", "mine.yaml:9: trian", "did you mean train?"),
        ("knowledge:\n  qqq: 4\n", "mine.yaml:10: knowledge.qqq", "known: mine, special, pack"),
        ("train:\n  alpha: 2\n  rank: four\n", "mine.yaml:11: train.rank", "valid integer"),
        ("knowledge:\n  mode: best\n", "mine.yaml:10: knowledge.mode", "'bm25'"),
        ("views: {AD: 2}\n", "mine.yaml:9: views.AD", "less than or equal to 1"),
        ("views:\n  DX: 0.5\n", "mine.yaml:10: views.DX", "valid dictionary"),
        ("views:\n  my: {prompt: a}\n", "mine.yaml:10: views.my.prompt", "mean prompts?"),
        ("views:\n  AD: 0\n", "mine.yaml:9: views", "nothing can be trained"),
        ("views:\n  AD: 1\n  my: {weight: 1}\n", "mine.yaml:9: views", "a weight, or none"),
        ("views: {DC: {special: 1}}\n", "mine.yaml:9: views", "DC shows no knowledge"),
        ("answer: {promts: [student]}\n", "mine.yaml:9: answer.promts", "did you mean prompts?"),
        ("shrink: [1, 2]\n", "mine.yaml:9: shrink", "a share is 0 to 1"),
    ],
)
def test_a_wrong_key_or_value_is_told_with_its_line(
    here: Path, added: str, place: str, said: str
) -> None:
    with pytest.raises(RecipeError) as error:
        recipes.load(write(here, SMALL + added))
    assert str(error.value).startswith(place)
    assert said in str(error.value)


def test_all_problems_are_told_at_once(here: Path) -> None:
    with pytest.raises(RecipeError) as error:
        recipes.load(write(here, SMALL + "train:\n  rnak: 4\n  alpha: -1\n"))
    places = sorted(line.partition(": ")[0] for line in str(error.value).splitlines())
    assert places == ["mine.yaml:10", "mine.yaml:11"]


def test_a_missing_section_is_told(here: Path) -> None:
    with pytest.raises(RecipeError, match="teacher: Field required"):
        recipes.load(write(here, "data: {benchmark: synth}\nstudent: {model: tiny}\n"))


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "words\n"])
def test_what_is_no_mapping_is_refused(here: Path, text: str) -> None:
    with pytest.raises(RecipeError, match=r"mine\.yaml:1: a recipe is a mapping"):
        recipes.load(write(here, text))


def test_broken_yaml_is_told_with_its_place(here: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml:\d+:\d+: "):
        recipes.load(write(here, "data: [1, 2\nteacher: {\n"))


def test_a_benchmark_can_have_a_recipe_of_its_own(here: Path) -> None:
    for benchmark in (None, "synth", "gsm8k"):
        assert recipes.meant(benchmark) == "embedded"
    assert recipes.meant("bbh") == "bbh"
    assert recipes.meant("hub") == "embedded"  # a recipe, but of another benchmark
    (here / "recipes").mkdir()
    text = recipes.load("bbh", ["data.benchmark=mine"]).dump()
    (here / "recipes" / "mine.yaml").write_text(text, "utf-8")
    assert recipes.meant("mine") == "mine"


def test_an_unknown_recipe_is_told_with_the_nearest() -> None:
    with pytest.raises(InputError, match="did you mean embedded"):
        recipes.load("embeded")
    with pytest.raises(InputError, match=r"nowhere\.yaml: no such file"):
        recipes.load("nowhere.yaml")


def test_overrides(here: Path) -> None:
    path = write(here, SMALL)
    made = recipes.load(
        path,
        [
            "train.rank=4",
            "train.learning-rate=1e-3",
            "data.tasks=[points, parts]",
            "knowledge.min_score=null",
            'teacher.model="openai:a=b"',
            "data.limit=3",
            "data.limit=5",
        ],
    )
    assert made.train.rank == 4
    assert made.train.learning_rate == pytest.approx(1e-3)
    assert made.data.tasks == ("points", "parts")
    assert made.knowledge.min_score is None
    assert made.teacher.model == "openai:a=b"
    assert made.data.limit == 5
    assert recipes.load(path).data.limit == 10


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.rank", "write section.key=value"),
        ("train.rank=", "train.rank"),
        ("train.rank=0", "train.rank"),
        ("train.rnak=4", "did you mean rank?"),
        ("data.limit.more=4", "limit is not a section"),
        ("data.tasks=[a", "the value is not YAML"),
        ("nothing.here=1", "nothing: unknown key"),
    ],
)
def test_a_bad_override_is_told(here: Path, override: str, said: str) -> None:
    with pytest.raises(RecipeError) as error:
        recipes.load(write(here, SMALL), [override])
    assert said in str(error.value)
    assert str(error.value).startswith(f"--set {override}: ")


def test_a_bad_line_is_told_as_one_beside_a_bad_override(here: Path) -> None:
    with pytest.raises(RecipeError) as error:
        recipes.load(write(here, SMALL + "train: {rnak: 4}\n"), ["train.alpha=-1"])
    told = sorted(line.partition(": ")[0] for line in str(error.value).splitlines())
    assert told == ["--set train.alpha=-1", "mine.yaml:9"]


def test_a_dumped_recipe_reads_back(here: Path) -> None:
    made = recipes.load(write(here, SMALL), ["data.tasks=[points]", "description='null: [é'"])
    again = recipes.parse(made.dump(), "recipe.yaml")
    assert again == made
    assert again.dump() == made.dump()
    assert again.sha == made.sha
    with pytest.raises(RecipeError, match=r"runs/a/recipe\.yaml: not a recipe of this version"):
        recipes.parse("data: 3\n", "runs/a/recipe.yaml")


def test_an_override_turns_a_section_on() -> None:
    for made in (
        recipes.load("nesycd", ["contrast.weight=0.3"]),
        recipes.changed(recipes.load("nesycd"), "contrast.weight=0.3"),
    ):
        assert made.contrast == recipes.Contrast(weight=0.3)


def test_agreement_needs_samples() -> None:
    sets = ["contrast.agreement=0.5"]
    with pytest.raises(RecipeError, match=r"contrast\.agreement needs teacher\.samples"):
        recipes.load("nesycd-contrastive", sets)
    made = recipes.load("nesycd-contrastive", [*sets, "teacher.samples=3"])
    assert made.contrast == recipes.Contrast(weight=0.2, agreement=0.5)


def test_sha_changes_with_a_value_and_not_with_its_spelling(here: Path) -> None:
    base = recipes.load(write(here, SMALL))
    spelled = recipes.load(write(here, SMALL + "train: {rank: 32}\n", "other"))
    assert base.sha == spelled.sha
    changes = ["train.rank=8", "data.seed=1", "views.DC=0.5", "knowledge.pack=other"]
    shas = {base.sha, *(recipes.changed(base, change).sha for change in changes)}
    assert len(shas) == 1 + len(changes)


def test_changed_leaves_the_recipe_alone() -> None:
    base = recipes.load("embedded")
    other = recipes.changed(base, "student.calculator=off")
    assert (base.student.calculator, other.student.calculator) == ("plain", "off")
    assert isinstance(other, Recipe)
    with pytest.raises(RecipeError, match=r"student\.calculator"):
        recipes.changed(base, "student.calculator=abacus")


def test_a_recipe_keeps_its_identity() -> None:
    """What is added to recipes may not change those that do without it: their runs go on."""
    assert (
        recipes.parse(SMALL, "mine.yaml").dump()
        == """\
description: ''
data:
  benchmark: synth-gsm
  tasks: null
  per_family: null
  per_fact: null
  extra_benchmark: null
  extra_per_family: null
  limit: 10
  seed: 0
teacher:
  model: solver
  rationale_prompt: teacher-rationale
  knowledge_prompt: teacher-knowledge
  samples: 1
  temperature: 0.8
  max_tokens: 2048
  knowledge_max_tokens: 1024
  target_visible: true
student:
  model: tiny
  max_tokens: 320
  calculator: off
  device: auto
  dtype: auto
train:
  rank: 32
  alpha: 64.0
  dropout: 0.0
  embeddings: false
  learning_rate: 0.0002
  general_epochs: 3.0
  augmented_epochs: 3.0
  batch_size: 32
  batch_tokens: 4096
  warmup: 0.1
  max_length: 4096
  gradient_checkpointing: false
  dtype: auto
  quantization: null
  held_out: null
  evaluations: 4
  patience: null
  init: stage1
  seed: 0
knowledge:
  mine: null
  special: null
  pack: distilled
  encoder: sentence-transformers/all-MiniLM-L6-v2
  mode: hybrid
  key: all
  k: 1
  min_score: null
  rerank: null
  gate: null
views:
  AD: 1.0
  AP: 1.0
  DC: 1.0
"""
    )


def test_a_view_of_nesycd_says_only_what_differs(here: Path) -> None:
    text = "views: {AD: {share: 0.1, special: 0.9}, DC: 1}\n"
    made = recipes.load(write(here, SMALL + text))
    ad = recipes.NESYCD["AD"].model_copy(update={"share": 0.1, "special": 0.9})
    assert made.views == {"AD": ad, "DC": recipes.NESYCD["DC"]}
    assert recipes.parse(made.dump(), "recipe.yaml") == made


METHOD = """\
base: embedded
budget: 3
train: {init: base}
views:
  mine: {prompts: [student-answer], knowledge: question}
answer: {knowledge: false}
"""


def test_a_method_takes_the_rest_from_its_base(here: Path) -> None:
    base, made = recipes.load("embedded"), recipes.load(write(here, METHOD))
    assert (base.name, made.name) == (None, "mine")
    assert (made.data, made.teacher, made.student) == (base.data, base.teacher, base.student)
    assert made.train == base.train.model_copy(update={"init": "base"})
    assert list(made.views) == ["mine"]
    assert made.answering.prompts == ("student",)
    assert not made.answering.knowledge
    assert (made.symbolic, made.general) == (True, True)
    assert recipes.parse(made.dump(), "recipe.yaml") == made
    other = recipes.load(write(here, METHOD), ["base=hub", "train.rank=4", "views.mine.share=0.5"])
    assert other.student == recipes.load("hub").student
    assert (other.train.rank, other.train.init, other.views["mine"].share) == (4, "base", 0.5)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("base: embeded\n", "did you mean embedded"),
        ("budget: 2\nbase: std-cot\n", "mine.yaml:2: base: std-cot has a base itself"),
        ("base: embedded\ntrain:\n  rnak: 3\n", "mine.yaml:3: train.rnak: unknown key"),
        ("base: embedded\nbudget: 0\n", "mine.yaml:2: budget: "),
        ("base: embedded\ncontrast: {weight: 2}\n", "mine.yaml:2: contrast.weight: "),
        ("base: embedded\nviews: {DC: 1}\ncontrast: {weight: 1}\n", "needs a view with knowledge"),
    ],
)
def test_a_wrong_method_is_told(here: Path, text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        recipes.load(write(here, text))
    assert said in str(error.value)


def test_a_wrong_base_is_told_with_its_own_place(here: Path) -> None:
    (here / "recipes").mkdir()
    write(here / "recipes", SMALL + "budgte: 3\n", "under")
    with pytest.raises(RecipeError, match=r"^recipes/under\.yaml:9: budgte: unknown key"):
        recipes.load(write(here, "base: under\n"))
