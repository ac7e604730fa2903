"""Random-weight models of a few thousand parameters and a tokenizer, made on the spot."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import (
    AutoModelForCausalLM,
    Lfm2Config,
    LlamaConfig,
    MistralConfig,
    PreTrainedTokenizerFast,
    Qwen2Config,
)

TEXTS = [
    "Question: Ann has 6 bags of 9 apples. How many apples does she have?\nAnswer:",
    " She has 6 * 9 = 54 apples. So the answer is 54.",
    "Knowledge:\n- A baker's dozen is 13 items.\nQuestion: not True or False is\nAnswer:",
    " 12 - 15 = -3. 7 / 2 = 3.5. <<6*9=54>>54 So the answer is (B).",
]
ARCHITECTURES = ("llama", "qwen2", "lfm2")
CHAT = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer(chat: bool = False) -> Any:
    """A byte-level BPE tokenizer with single digits."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False),
        ]
    )
    made.decoder = decoders.ByteLevel()
    special = ["<|pad|>", "<|end|>", "<|user|>", "<|assistant|>", "<|system|>"]
    made.train_from_iterator(
        TEXTS * 3,
        trainers.BpeTrainer(
            vocab_size=420,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        ),
    )
    fast = PreTrainedTokenizerFast(
        tokenizer_object=made,
        eos_token="<|end|>",
        pad_token="<|pad|>",
        clean_up_tokenization_spaces=False,
    )
    if chat:
        fast.chat_template = CHAT
    return fast


def config(architecture: str, vocab: int, tie: bool = True, context: int = 512) -> Any:
    """Settings of a model of 2 to 4 layers."""
    common = {
        "vocab_size": vocab,
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": context,
        "tie_word_embeddings": tie,
        "initializer_range": 0.3,
        "pad_token_id": 0,
        "bos_token_id": None,
        "eos_token_id": 1,
    }
    if architecture == "llama":
        return LlamaConfig(num_hidden_layers=2, **common)
    if architecture == "qwen2":
        return Qwen2Config(num_hidden_layers=2, **common)
    if architecture == "mistral":
        return MistralConfig(num_hidden_layers=2, sliding_window=8, **common)
    return Lfm2Config(
        num_hidden_layers=4,
        layer_types=["conv", "full_attention", "conv", "full_attention"],
        block_auto_adjust_ff_dim=False,
        conv_bias=True,
        **common,
    )


def save(
    folder: Path, architecture: str, *, tie: bool = True, chat: bool = False, context: int = 512
) -> Path:
    """Write a random model with its tokenizer, as safetensors."""
    words = tokenizer(chat)
    torch.manual_seed(7)
    model = AutoModelForCausalLM.from_config(config(architecture, len(words) + 8, tie, context))
    for name, parameter in model.named_parameters():
        if name.endswith("bias"):  # zero at first, as no trained model has it
            torch.nn.init.normal_(parameter, std=0.3)
    model.save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


def save_encoder(folder: Path) -> Path:
    """Write a random encoder with a pair-wise word tokenizer, as safetensors."""
    import re

    from tokenizers import pre_tokenizers as splits
    from tokenizers.processors import TemplateProcessing
    from transformers import BertConfig, BertModel

    from nesy import everyday

    words = {"right", "wrong"}
    for situation in everyday.situations().values():
        for text in (*situation.events, *situation.objects, *sum(situation.tails.values(), ())):
            words |= set(re.findall(r"\w+", text.lower()))
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocab = {word: place for place, word in enumerate([*special, *sorted(words)])}
    made = Tokenizer(models.WordLevel(vocab, unk_token="[UNK]"))
    made.normalizer = normalizers.Lowercase()
    made.pre_tokenizer = splits.Whitespace()
    made.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", 2), ("[SEP]", 3)],
    )
    tokens = PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", model_input_names=["input_ids", "token_type_ids", "attention_mask"],
    )  # fmt: skip
    torch.manual_seed(3)
    BertModel(
        BertConfig(
            vocab_size=len(vocab),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=128,
        )
    ).save_pretrained(folder)
    tokens.save_pretrained(folder)
    return folder
