"""Local models: batched, refilled decoding writes what one-by-one decoding writes."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
import small
import torch

from nesy import pretrained
from nesy.errors import ModelError
from nesy.models import decoding
from nesy.models.hf import HFModel
from nesy.types import Message, Messages, Sampling

SENTENCE = "Ann has bags apples Question So the answer is 6 9 = * 54 True not False"
WORDS = SENTENCE.split()
ARCHITECTURES = (*small.ARCHITECTURES, "mistral")


def prompts(count: int, longest: int = 40) -> list[Messages]:
    rng = Random(0)
    return [
        (Message("user", " ".join(rng.choice(WORDS) for _ in range(rng.randint(1, longest)))),)
        for _ in range(count)
    ]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("models")
    return {name: small.save(root / name, name) for name in ARCHITECTURES}


def by_transformers(model: HFModel, weights: Any, messages: Messages, most: int) -> str:
    ids = torch.tensor([pretrained.prompt_ids(model.tokenizer, messages)])
    written = weights.generate(
        input_ids=ids,
        attention_mask=torch.ones_like(ids),
        max_new_tokens=most,
        do_sample=False,
    )[0, ids.shape[1] :]
    return str(model.tokenizer.decode(written, skip_special_tokens=True))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_batched_equals_one_by_one_and_transformers(
    folders: dict[str, Path], architecture: str
) -> None:
    asked = prompts(19)
    sampling = Sampling(max_tokens=40)
    batched = HFModel(str(folders[architecture]), batch_size=8)
    alone = HFModel(str(folders[architecture]), batch_size=1)
    found = batched.generate(asked, sampling)
    assert found == alone.generate(asked, sampling)
    weights = pretrained.load_weights(str(folders[architecture]), "cpu", torch.float32)
    expected = [by_transformers(alone, weights, messages, 40) for messages in asked]
    assert [c.text for c in found] == expected
    assert len(set(expected)) > len(expected) / 2  # the models do not all say the same


@pytest.mark.parametrize("architecture", ["llama", "lfm2"])
def test_rows_are_refilled_in_chunks_and_pad_is_cut(
    folders: dict[str, Path], architecture: str
) -> None:
    from nesy.models.decoding import Choice, Row, Stop

    model = HFModel(str(folders[architecture]))
    rng = Random(2)
    asked = [[rng.randrange(5, 300) for _ in range(rng.randint(1, 60))] for _ in range(24)]
    limits = [rng.choice([1, 2, 5, 30, 200]) for _ in asked]

    def run(places: int, tokens: int) -> dict[int, list[int]]:
        rows = [Row(i, p, n, None) for i, (p, n) in enumerate(zip(asked, limits, strict=True))]
        stop = Stop(model.tokenizer, ())
        done = model._decoder.run(
            rows, Choice(0.0, 1.0), stop, places=places, prefill_tokens=tokens
        )
        return {row.index: row.written for row in done}

    alone = run(1, 1000)
    assert run(8, 100) == alone
    assert run(100, 1) == alone
    assert all(len(alone[i]) <= n for i, n in enumerate(limits))


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(("places", "tokens"), [(6, 60), (40, 10_000)])
def test_what_prompts_begin_with_is_read_once_and_changes_nothing(
    folders: dict[str, Path], architecture: str, places: int, tokens: int
) -> None:
    from nesy.models.decoding import Choice, Row, Stop

    model = HFModel(str(folders[architecture]))
    rng = Random(5)
    beginnings = [[rng.randrange(5, 300) for _ in range(n)] for n in (120, 40, 90)]
    asked = [
        rng.choice(beginnings) + [rng.randrange(5, 300) for _ in range(rng.randint(0, 30))]
        for _ in range(30)
    ]
    asked += [[rng.randrange(5, 300) for _ in range(rng.randint(1, 150))] for _ in range(6)]
    asked += [asked[0], beginnings[0][:60]]
    limits = [rng.choice([1, 5, 30]) for _ in asked]

    read: list[int] = []
    model.model.register_forward_pre_hook(
        lambda _, args, given: read.append(given["input_ids"].numel()), with_kwargs=True
    )

    def run(prompts: list[int], places: int, tokens: int) -> dict[int, list[int]]:
        rows = [Row(i, asked[i], limits[i], None) for i in prompts]
        stop = Stop(model.tokenizer, ())
        done = model._decoder.run(
            rows, Choice(0.0, 1.0), stop, places=places, prefill_tokens=tokens
        )
        return {row.index: row.written for row in done}

    alone: dict[int, list[int]] = {}
    for index in range(len(asked)):
        alone |= run([index], 1, 10_000)
    by_one = sum(read)
    read.clear()
    assert run(list(range(len(asked))), places, tokens) == alone
    if architecture != "mistral":  # a sliding window keeps its own cache, which is not shared
        assert sum(read) < 0.8 * by_one


def test_completion_says_why_it_ended_and_counts(folders: dict[str, Path]) -> None:
    model = HFModel(str(folders["llama"]))
    ended = {"stop": 0, "length": 0}
    said = model.generate(prompts(40), Sampling(max_tokens=90, temperature=1.0))
    for messages, completion in zip(prompts(40), said, strict=True):
        ended[completion.finish] += 1
        ids = pretrained.prompt_ids(model.tokenizer, messages)
        assert completion.prompt_tokens == len(ids)
        assert 1 <= completion.completion_tokens <= 90
        if completion.finish == "length":
            assert completion.completion_tokens == 90
        assert "<|end|>" not in completion.text
    assert ended["stop"] and ended["length"]


def test_a_greedy_row_that_repeats_itself_is_not_waited_for(
    folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = HFModel(str(folders["llama"]), batch_size=8)
    for name, weights in model.model.named_parameters():
        if name.endswith(("o_proj.weight", "down_proj.weight")):
            weights.data.zero_()  # a token follows from the one before it alone, so all loop
    asked = prompts(12)
    found = model.generate(asked, Sampling(max_tokens=200))
    warm = model.generate(asked, Sampling(max_tokens=200, temperature=1e-3))
    monkeypatch.setattr(decoding, "repeats", lambda written: False)
    whole = model.generate(asked, Sampling(max_tokens=200))
    cut = [pair for pair in zip(found, whole, strict=True) if pair[0] != pair[1]]
    assert cut
    for short, long in cut:
        assert short.finish == long.finish == "length"
        assert short.completion_tokens < long.completion_tokens == 200
        assert long.text.startswith(short.text)
    assert any(one.completion_tokens == 200 for one in warm)  # a sampled row can leave its loop


def test_a_loop_is_a_piece_of_some_tokens_again_and_again() -> None:
    piece = list(range(32))
    assert decoding.repeats([7, *piece * 3, *piece[:15]])
    assert decoding.repeats([5] * 96)
    assert not decoding.repeats([5] * 80)
    assert not decoding.repeats(list(range(33)) * 3 + list(range(13)))
    assert not decoding.repeats([*piece * 3, *piece[:15], 77])
    assert not decoding.repeats([*[5] * 50, 6, *[5] * 61])


def test_a_completion_ends_before_a_stop_string(folders: dict[str, Path]) -> None:
    model = HFModel(str(folders["qwen2"]))
    whole = model.generate(prompts(12), Sampling(max_tokens=40))
    stop = whole[0].text[5:8]
    cut = model.generate(prompts(12), Sampling(max_tokens=40, stop=(stop, "never said")))
    for before, after in zip(whole, cut, strict=True):
        assert after.text == before.text.split(stop)[0]
        if stop in before.text:
            assert after.finish == "stop"
            assert after.completion_tokens < before.completion_tokens


def test_sampling_depends_on_the_seed_and_not_on_the_batch(folders: dict[str, Path]) -> None:
    path = str(folders["llama"])
    asked = prompts(9)
    first = Sampling(max_tokens=20, temperature=0.9, top_p=0.95, seed=1)
    batched = HFModel(path, batch_size=9)
    found = batched.generate(asked, first)
    assert found == HFModel(path, batch_size=1).generate(asked, first)
    other = Sampling(max_tokens=20, temperature=0.9, top_p=0.95, seed=2)
    assert found != batched.generate(asked, other)


def test_a_tiny_nucleus_is_greedy(folders: dict[str, Path]) -> None:
    model = HFModel(str(folders["lfm2"]))
    nucleus = Sampling(max_tokens=20, temperature=0.7, top_p=1e-6)
    assert model.generate(prompts(6), nucleus) == model.generate(
        prompts(6), Sampling(max_tokens=20)
    )


def test_stream_yields_every_prompt_once(folders: dict[str, Path]) -> None:
    model = HFModel(str(folders["lfm2"]), batch_size=4)
    asked = prompts(11)
    found = list(model.stream(asked, Sampling(max_tokens=15)))
    assert sorted(index for index, _ in found) == list(range(11))
    assert model.generate(asked, Sampling(max_tokens=15)) == [
        c for _, c in sorted(found, key=lambda x: x[0])
    ]


def test_no_prompts_no_completions(folders: dict[str, Path]) -> None:
    assert HFModel(str(folders["llama"])).generate([], Sampling()) == []


def test_context_bounds_prompt_and_completion(tmp_path: Path) -> None:
    model = HFModel(str(small.save(tmp_path / "short", "llama", context=48)))
    asked = prompts(4, longest=6)
    for completion in model.generate(asked, Sampling(max_tokens=500)):
        assert completion.prompt_tokens + completion.completion_tokens <= 48
    long = (Message("user", "apples " * 90),)
    found = model.generate([asked[0], long], Sampling(max_tokens=5))
    assert found[0].completion_tokens >= 1
    assert (found[1].text, found[1].finish, found[1].completion_tokens) == ("", "length", 0)
    with pytest.raises(ModelError, match="prompt 1 is empty"):
        model.generate([asked[0], (Message("user", ""),)], Sampling())


def test_a_chat_template_is_used_and_training_continues_it(tmp_path: Path) -> None:
    words = pretrained.load_tokenizer(str(small.save(tmp_path / "chat", "qwen2", chat=True)))
    messages = (Message("system", "Be brief."), Message("user", "6 * 9?"))
    ids = pretrained.prompt_ids(words, messages)
    assert words.decode(ids) == "<|system|>Be brief.<|end|><|user|>6 * 9?<|end|><|assistant|>"
    (tokens,) = pretrained.example_ids(words, [(messages, " So the answer is 54.")])
    assert tokens.prompt == ids
    assert words.decode(tokens.target) == "So the answer is 54.<|end|>"


def test_without_a_template_contents_are_joined(folders: dict[str, Path]) -> None:
    words = pretrained.load_tokenizer(str(folders["llama"]))
    messages = (Message("system", "Be brief."), Message("user", "6 * 9?\nAnswer:"))
    assert words.decode(pretrained.prompt_ids(words, messages)) == "Be brief.\n\n6 * 9?\nAnswer:"
    (tokens,) = pretrained.example_ids(words, [(messages, " So 54.")])
    assert (
        words.decode(tokens.prompt + tokens.target) == "Be brief.\n\n6 * 9?\nAnswer: So 54.<|end|>"
    )


def test_fingerprint_follows_weights_and_settings(folders: dict[str, Path], tmp_path: Path) -> None:
    path = str(folders["llama"])
    plain = HFModel(path).fingerprint
    assert plain == HFModel(path, batch_size=3).fingerprint
    assert plain != HFModel(path, calculator="plain").fingerprint
    assert plain != HFModel(path, dtype="bfloat16").fingerprint
    copy = small.save(tmp_path / "copy", "llama")
    assert HFModel(str(copy)).fingerprint == plain
    weights = copy / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(bytes(content))
    assert HFModel(str(copy)).fingerprint != plain


def test_bfloat16_decodes(folders: dict[str, Path]) -> None:
    model = HFModel(str(folders["lfm2"]), dtype="bf16")
    assert model.model.dtype == torch.bfloat16
    assert len(model.generate(prompts(3), Sampling(max_tokens=5))) == 3


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dtype": "int3"}, "dtype 'int3'"),
        ({"batch_size": 0}, "batch size 0"),
        ({"calculator": "on"}, "calculator 'on'"),
        ({"adapter": "nowhere"}, "nowhere: no adapter_model.safetensors"),
    ],
)
def test_wrong_settings_are_named(
    folders: dict[str, Path], settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ModelError, match=message):
        HFModel(str(folders["llama"]), **settings)  # type: ignore[arg-type]


def test_pickled_weights_are_refused(folders: dict[str, Path], tmp_path: Path) -> None:
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folders["llama"] / name).read_bytes())
    torch.save({}, tmp_path / "pytorch_model.bin")
    with pytest.raises(ModelError, match="could not be loaded"):
        HFModel(str(tmp_path))


@pytest.mark.parametrize("architecture", ["llama", "lfm2"])
def test_logprobs_of_a_batch_are_those_of_each_text_alone(
    folders: dict[str, Path], architecture: str
) -> None:
    model = HFModel(str(folders[architecture]), device="cpu")
    asked = prompts(5)
    texts = [" 54", " So the answer is 9", " False not True", " bags", " Ann has 6 apples"]
    found = model.logprobs(asked, texts)
    for messages, text, total in zip(asked, texts, found, strict=True):
        (row,) = pretrained.example_ids(model.tokenizer, [(messages, text)])
        ids = torch.tensor([row.prompt + row.target])
        with torch.inference_mode():
            each = model.model(input_ids=ids, use_cache=False).logits.log_softmax(-1)[0]
        start = len(row.prompt) - 1
        alone = sum(float(each[start + n, token]) for n, token in enumerate(row.target))
        assert total == pytest.approx(alone, abs=1e-3)
        assert total < 0
