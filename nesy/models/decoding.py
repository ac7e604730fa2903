"""Decode many prompts at once: rows that have finished are refilled, pad is dropped.

Plain batched generation runs until its slowest row ends and copies the whole cache for each
token. Here a finished row's place is given to the next prompt, what prompts begin with alike is
read once, the cache has room to grow in place, and columns that are pad in every row are cut
off. Works for any decoder of
``transformers`` that takes a ``Cache``; caches with other than full-attention or short
convolution layers are not refilled, only shrunk as rows finish.
"""

from __future__ import annotations

import copy
import inspect
import itertools
import math
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from random import Random
from typing import Any

import torch
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.cache_utils import DynamicCache, DynamicLayer, LinearAttentionLayer
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from nesy.errors import ModelError
from nesy.models.calculator import Calculator, Desk
from nesy.types import Finish

_SPARE = 128  # columns of room that a cache gets at a time
_CUT = 16  # columns of common pad from which on they are cut off
_STEPS = "nesy-steps"  # name of the attention below
_SPECIAL = ("position_bias", "softcap", "s_aux", "cache")  # what only PyTorch's attention takes
_SHARED = 32  # leading tokens that prompts must have in common to be read once for all of them
_LOOP, _PIECE, _OFTEN = 96, 32, 16  # tokens: of a loop, of what it repeats, between two looks


@dataclass(slots=True)
class Row:
    """One prompt on its way: ``written`` grows until ``finish`` is set.

    ``limit`` is the number of tokens it may write; ``random`` is ``None`` for greedy.
    """

    index: int
    prompt: list[int]
    limit: int
    random: Random | None
    written: list[int] = field(default_factory=list)
    desk: Desk = field(default_factory=Desk)
    finish: Finish | None = None

    @property
    def length(self) -> int:
        """Tokens of this row that are in the cache once its last token has been read."""
        return len(self.prompt) + len(self.written)


@dataclass(frozen=True, slots=True)
class Choice:
    """How a token is chosen: temperature above 0 samples within the nucleus ``top_p``."""

    temperature: float
    top_p: float


class _Room(DynamicLayer):  # type: ignore[misc]
    """A full-attention cache layer that appends in place instead of copying itself."""

    def __init__(self) -> None:
        super().__init__()
        self._buffers: list[torch.Tensor] = []
        self._start = 0
        self._end = 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: Any, **kwargs: Any
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the states of new tokens, shape (rows, heads, tokens, size), and return all."""
        count = key_states.shape[-2]
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
            self._buffers = [_with_room(new, count) for new in (key_states, value_states)]
            self._start, self._end = 0, count
        else:
            if self._end + count > self._buffers[0].shape[-2]:
                length = self._end - self._start
                self._buffers = [_with_room(old, length + count) for old in self._view()]
                self._start, self._end = 0, length
            for buffer, new in zip(self._buffers, (key_states, value_states), strict=True):
                buffer[:, :, self._end : self._end + count] = new
            self._end += count
        self.keys, self.values = self._view()
        return self.keys, self.values

    def reorder_cache(self, beam_idx: torch.Tensor) -> None:
        """Keep the rows ``beam_idx``, in that order; a row may be named twice."""
        self._buffers = [_with_room(old[beam_idx], old.shape[-2]) for old in self._view()]
        self._start, self._end = 0, self._end - self._start
        self.keys, self.values = self._view()

    def put(self, rows: torch.Tensor, other: _Room) -> None:
        """Write the rows of ``other``, right-aligned, over ``rows`` of this layer."""
        for buffer, new in zip(self._buffers, other._view(), strict=True):
            buffer[rows, :, self._end - new.shape[-2] : self._end] = new

    def widen(self, columns: int) -> None:
        """Put ``columns`` empty columns before the oldest."""
        pad = (0, 0, columns, 0)
        wider = [torch.nn.functional.pad(old, pad) for old in self._view()]
        self._buffers = [_with_room(old, old.shape[-2]) for old in wider]
        self._start, self._end = 0, wider[0].shape[-2]
        self.keys, self.values = self._view()

    def align(self, shift: torch.Tensor) -> None:
        """Move each row ``shift`` columns to the right; what leaves there comes in on the left."""
        count = self._end - self._start
        columns = (torch.arange(count, device=shift.device) - shift[:, None]) % count
        moved = [
            old.gather(2, columns[:, None, :, None].expand(-1, old.shape[1], -1, old.shape[3]))
            for old in self._view()
        ]
        self._buffers = [_with_room(states, count) for states in moved]
        self._start, self._end = 0, count
        self.keys, self.values = self._view()

    def cut(self, columns: int) -> None:
        """Forget the oldest ``columns`` columns of every row."""
        self._start += columns
        self.keys, self.values = self._view()

    def _view(self) -> list[torch.Tensor]:
        return [buffer[:, :, self._start : self._end] for buffer in self._buffers]


class _Taps(LinearAttentionLayer):  # type: ignore[misc]
    """A short-convolution cache layer that can read rows that are padded on the right.

    While ``ends`` is set, it says for each row how many tokens of a chunk are its own; the state
    is kept as it is there.
    """

    def __init__(self) -> None:
        super().__init__()
        self.ends: torch.Tensor | None = None

    def update_conv_state(
        self, conv_states: torch.Tensor, state_idx: int = 0, *args: Any, **kwargs: Any
    ) -> torch.Tensor:
        """Append the inputs of a chunk, shape (rows, channels, tokens), and return all."""
        goes_on = self.has_previous_state[state_idx]
        full: torch.Tensor = super().update_conv_state(conv_states, state_idx, *args, **kwargs)
        if self.ends is not None:
            kept = self.conv_states[state_idx]
            size = kept.shape[-1]
            before = full if goes_on else torch.nn.functional.pad(conv_states, (size, 0))
            columns = self.ends[:, None] + torch.arange(size, device=kept.device)
            kept.copy_(before.gather(-1, columns[:, None, :].expand(-1, full.shape[1], -1)))
        return full


def _with_room(states: torch.Tensor, length: int) -> torch.Tensor:
    rows, heads, count, size = states.shape
    # Zeros, not empty memory: masked columns are multiplied by 0, and 0 * NaN is NaN.
    buffer = states.new_zeros((rows, heads, length + _SPARE, size))
    buffer[:, :, :count] = states
    return buffer


def _attend(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **more: Any,
) -> tuple[torch.Tensor, None]:
    """PyTorch's attention, but the last tokens of the rows by two products on the cached heads.

    That takes a third of the time on a CPU, where PyTorch's is made for many queries a row.
    """
    plain = attention_mask is not None and attention_mask.shape[1] == 1
    if query.shape[2] > 1 or not plain or any(more.get(name) is not None for name in _SPECIAL):
        made: tuple[torch.Tensor, None] = sdpa_attention_forward(
            module, query, key, value, attention_mask, dropout=dropout, scaling=scaling, **more
        )
        return made
    rows, heads, _, size = query.shape
    scale = size**-0.5 if scaling is None else scaling
    scores = (query * scale).reshape(rows, key.shape[1], -1, size) @ key.transpose(2, 3)
    if attention_mask is not None and attention_mask.dtype == torch.bool:
        scores = scores.masked_fill(~attention_mask, -math.inf)
    elif attention_mask is not None:
        scores = scores + attention_mask
    seen = scores.softmax(-1) @ value
    return seen.reshape(rows, 1, heads, size), None


class Decoder:
    """Completes token sequences with one model."""

    def __init__(self, model: Any, ends: frozenset[int], calculator: Calculator) -> None:
        """Look at what the model's forward pass accepts.

        Raises:
            ModelError: the model keeps its state in a way of its own.
        """
        accepted = inspect.signature(model.forward).parameters
        if "past_key_values" not in accepted:
            raise ModelError(
                f"{type(model).__name__} does not take a cache (past_key_values); "
                f"choose a causal model that does"
            )
        self._model = model
        self._ends = ends
        self._calculator = calculator
        self._positions = "position_ids" in accepted
        self._last_only = {"logits_to_keep": 1} if "logits_to_keep" in accepted else {}
        self._device = model.get_input_embeddings().weight.device
        self._sdpa = getattr(model.config, "_attn_implementation", None) == "sdpa"
        if self._sdpa and self._device.type == "cpu":
            AttentionInterface.register(_STEPS, _attend)
            AttentionMaskInterface.register(_STEPS, sdpa_mask)
            model.set_attn_implementation(_STEPS)
        layers = self._new_cache().layers
        kinds = {type(layer) for layer in layers}
        self._refills = bool(kinds) and kinds <= {_Room, _Taps, LinearAttentionLayer}
        # A recurrent state can't be taken from before the pad.
        self._reads_on = self._positions and bool(kinds) and kinds <= {_Room, _Taps}
        # A convolution would see pad on the left, which a bias makes more than nothing.
        self._pads_right = self._reads_on and _Taps in kinds
        self._read: tuple[list[int], DynamicCache] | None = None

    def run(
        self,
        rows: Sequence[Row],
        choice: Choice,
        stop: Stop,
        *,
        places: int,
        prefill_tokens: int,
    ) -> Iterator[Row]:
        """Complete ``rows`` and yield each as it finishes, longest prompts first.

        Rows whose prompts begin alike come one after another.
        ``places`` rows are decoded at a time; at most ``prefill_tokens`` prompt tokens (pad
        included) are read in one pass.
        """
        queues = deque(_queues(rows, self._reads_on))
        waiting = len(rows)
        state = _State([], None, None)
        while waiting or state.active:
            ready: list[Row] = []
            free = places - state.active
            wait = state.active and (not self._refills or free * 8 < places)
            if waiting and free and not wait:
                shared = queues[0].shared
                group = queues[0].take(free, prefill_tokens if self._refills else 0)
                if not queues[0].rows:
                    queues.popleft()
                logits = self._admit(state, group, shared, min(places, waiting))
                waiting -= len(group)
                self._write(group, logits, choice, stop)
                ready += group
            else:
                self._shrink(state, keep_places=waiting > 0 and self._refills)
                logits = self._step(state)
                slots = [i for i, row in enumerate(state.places) if row is not None]
                ready += [row for row in state.places if row is not None]
                self._write(ready, logits[slots], choice, stop)
            state.places = [None if r is None or r.finish else r for r in state.places]
            yield from (row for row in ready if row.finish)
        self._read = None

    @torch.inference_mode()
    def _admit(self, state: _State, group: list[Row], shared: int, places: int) -> torch.Tensor:
        """Read the prompts of ``group`` into free places; return their logits, (group, vocab).

        The first ``shared`` tokens are the same in all of them.
        """
        if shared or self._pads_right:
            cache, mask, logits = self._read_on(group, shared)
        else:
            cache, mask, logits = self._read_whole(group)
        width = mask.shape[1]
        if not state.active or state.cache is None or state.mask is None:
            state.cache, state.mask = cache, mask
            state.places = list(group)
            if self._refills and places > len(group):
                order = [*range(len(group)), *[0] * (places - len(group))]
                self._keep(state, order)
                state.places[len(group) :] = [None] * (places - len(group))
            return logits
        free = [i for i, row in enumerate(state.places) if row is None][: len(group)]
        slots = torch.tensor(free, device=self._device)
        if width > state.mask.shape[1]:
            missing = width - state.mask.shape[1]
            for layer in state.cache.layers:
                if isinstance(layer, _Room):
                    layer.widen(missing)
            state.mask = torch.nn.functional.pad(state.mask, (missing, 0))
        for old, new in zip(state.cache.layers, cache.layers, strict=True):
            if isinstance(old, _Room):
                old.put(slots, new)
            else:
                _put_states(old, slots, new)
        state.mask[slots] = False
        state.mask[slots, state.mask.shape[1] - width :] = mask
        for slot, row in zip(free, group, strict=True):
            state.places[slot] = row
        return logits

    def _read_whole(self, group: list[Row]) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
        """Read prompts in one pass; return (cache, mask, logits), rows aligned on the right."""
        width = max(len(row.prompt) for row in group)
        ids = torch.tensor([[0] * (width - len(r.prompt)) + r.prompt for r in group])
        mask = torch.tensor([[0] * (width - len(r.prompt)) + [1] * len(r.prompt) for r in group])
        ids, mask = ids.to(self._device), mask.to(self._device)
        cache = self._new_cache()
        positions = (mask.cumsum(-1) - 1).clamp(min=0)
        logits = self._forward(ids, mask, positions, cache)
        return cache, mask.bool(), logits

    def _beginning(self, ids: list[int], rows: int) -> DynamicCache:
        """Read what the prompts of ``rows`` rows begin with, once while it stays the same."""
        if not ids:
            return self._new_cache()
        if self._read is None or self._read[0] != ids:
            read = torch.tensor([ids], device=self._device)
            cache = self._new_cache()
            positions = torch.arange(len(ids), device=self._device)[None]
            self._forward(read, torch.ones_like(read), positions, cache)
            self._read = (ids, cache)
        cache = copy.deepcopy(self._read[1])
        cache.reorder_cache(torch.zeros(rows, dtype=torch.long, device=self._device))
        return cache

    def _read_on(
        self, group: list[Row], shared: int
    ) -> tuple[DynamicCache, torch.Tensor, torch.Tensor]:
        """Read prompts on from their common beginning; returns what ``_read_whole`` returns.

        The rests are padded on the right, where no token of theirs sees the pad; all but the
        last token of each is read so, then the rows are aligned and the last tokens read.
        """
        rests = [row.prompt[shared:-1] for row in group]
        ends = torch.tensor([len(rest) for rest in rests], device=self._device)
        width = max(len(rest) for rest in rests)
        cache = self._beginning(group[0].prompt[:shared], len(group))
        if width:
            ids = torch.tensor([rest + [0] * (width - len(rest)) for rest in rests])
            mask = torch.ones((len(group), shared + width), dtype=torch.long)
            positions = torch.arange(shared, shared + width)[None].expand(len(group), -1)
            convolutions = [layer for layer in cache.layers if isinstance(layer, _Taps)]
            for layer in convolutions:
                layer.ends = ends
            ids, mask, positions = (part.to(self._device) for part in (ids, mask, positions))
            self._forward(ids, mask, positions, cache)
            for layer in convolutions:
                layer.ends = None
        shift = width - ends
        for layer in cache.layers:
            if isinstance(layer, _Room) and shared + width:
                layer.align(shift)
        seen = torch.arange(shared + width, device=self._device) >= shift[:, None]
        mask = torch.cat([seen, seen.new_ones((len(group), 1))], dim=1)
        last = torch.tensor([[row.prompt[-1]] for row in group], device=self._device)
        logits = self._forward(last, self._for_one(mask), (shared + ends)[:, None], cache)
        return cache, mask, logits

    def _for_one(self, mask: torch.Tensor) -> torch.Tensor:
        """The mask of a step of one token: ready-made in 4D where only full attention sees it."""
        return mask[:, None, None, :] if self._refills and self._sdpa else mask.long()

    @torch.inference_mode()
    def _step(self, state: _State) -> torch.Tensor:
        """Read the last written token of every row; return logits, shape (places, vocab)."""
        last = [0 if row is None else row.written[-1] for row in state.places]
        places = [0 if row is None else row.length - 1 for row in state.places]
        ids = torch.tensor(last, device=self._device)[:, None]
        positions = torch.tensor(places, device=self._device)[:, None]
        mask = state.mask
        if mask is None or state.cache is None:
            raise ModelError("no row is being decoded")
        state.mask = mask = torch.cat([mask, mask.new_ones((len(last), 1))], dim=1)
        return self._forward(ids, self._for_one(mask), positions, state.cache)

    def _forward(
        self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor, cache: DynamicCache
    ) -> torch.Tensor:
        extra = {"position_ids": positions} if self._positions else {}
        output = self._model(
            input_ids=ids,
            attention_mask=mask,
            past_key_values=cache,
            use_cache=True,
            **extra,
            **self._last_only,
        )
        logits: torch.Tensor = output.logits[:, -1].float()
        return logits

    @torch.inference_mode()
    def _shrink(self, state: _State, keep_places: bool) -> None:
        """Drop columns that are pad in every row and, at the end of the queue, finished rows."""
        if state.cache is None or state.mask is None:
            return
        if not keep_places and (len(state.places) - state.active) * 4 >= len(state.places):
            order = [i for i, row in enumerate(state.places) if row is not None]
            if len(order) < len(state.places):
                self._keep(state, order)
        if not self._refills:
            return
        longest = max(row.length for row in state.places if row is not None) - 1
        pad = state.mask.shape[1] - longest
        if pad >= _CUT:
            for layer in state.cache.layers:
                if isinstance(layer, _Room):
                    layer.cut(pad)
            state.mask = state.mask[:, pad:]

    def _keep(self, state: _State, order: list[int]) -> None:
        index = torch.tensor(order, device=self._device)
        if state.cache is None or state.mask is None:
            return
        state.cache.reorder_cache(index)
        state.mask = state.mask[index]
        state.places = [state.places[i] for i in order]

    def _write(self, rows: list[Row], logits: torch.Tensor, choice: Choice, stop: Stop) -> None:
        """Choose and append the next token of each row, and mark the rows that are finished."""
        for token, row in zip(self._choose(rows, logits, choice), rows, strict=True):
            token = self._calculator.choose(row.desk, token)
            row.written.append(token)
            if token in self._ends or stop.reached(row.written):
                row.finish = "stop"
            elif len(row.written) >= row.limit:
                row.finish = "length"
            elif choice.temperature == 0 and repeats(row.written):
                row.finish = "length"  # to which it would only go on so
            else:
                self._calculator.watch(row.desk, row.written)

    @torch.inference_mode()
    def _choose(self, rows: list[Row], logits: torch.Tensor, choice: Choice) -> list[int]:
        guarded = [i for i, row in enumerate(rows) if row.desk.no_digit]
        if guarded:
            here = torch.tensor(guarded, device=logits.device)[:, None]
            digits = torch.tensor(self._calculator.digits, device=logits.device)
            logits = logits.clone()
            logits[here, digits] = -math.inf
        if choice.temperature == 0:
            return [int(token) for token in logits.argmax(-1).tolist()]
        draws = [0.0 if row.random is None else row.random.random() for row in rows]
        return _sample(logits / choice.temperature, choice.top_p, draws)

    def _new_cache(self) -> DynamicCache:
        cache = DynamicCache(config=self._model.config)
        kinds = getattr(self._model.config.get_text_config(decoder=True), "layer_types", None)
        for index, layer in enumerate(cache.layers):
            if type(layer) is DynamicLayer:
                cache.layers[index] = _Room()
            elif type(layer) is LinearAttentionLayer and kinds and kinds[index] == "conv":
                cache.layers[index] = _Taps()
        return cache


def repeats(written: Sequence[int]) -> bool:
    """Whether the last 96 tokens are one piece of at most 32, again and again.

    A greedy row that does so does it until its limit. It is looked at after every 16 tokens.
    """
    if len(written) < _LOOP or len(written) % _OFTEN:
        return False
    tail = written[-_LOOP:]
    return any(tail[size:] == tail[:-size] for size in range(1, _PIECE + 1))


@dataclass(slots=True)
class _State:
    """The rows being decoded; ``None`` is a free place. ``mask`` has shape (places, columns)."""

    places: list[Row | None]
    cache: DynamicCache | None
    mask: torch.Tensor | None

    @property
    def active(self) -> int:
        """Number of rows that are not finished."""
        return sum(row is not None for row in self.places)


@torch.inference_mode()
def margin(model: Any, row: Row) -> float:
    """Return the mean of best minus second probability over a row's written tokens, in [0, 1].

    The row is read alone, so that the figure does not depend on what was decoded beside it.
    """
    accepted = inspect.signature(model.forward).parameters
    count = len(row.written)
    last_only = {"logits_to_keep": count} if "logits_to_keep" in accepted else {}
    ids = torch.tensor([[*row.prompt, *row.written[:-1]]])
    ids = ids.to(model.get_input_embeddings().weight.device)
    logits = model(input_ids=ids, use_cache=False, **last_only).logits[0, -count:].float()
    best = torch.softmax(logits, dim=-1).topk(2, dim=-1).values
    return float((best[:, 0] - best[:, 1]).mean())


class Stop:
    """Tells whether a completion has reached one of the stop strings."""

    def __init__(self, tokenizer: Any, strings: Sequence[str]) -> None:
        self.strings = tuple(text for text in strings if text)
        self._tokenizer = tokenizer
        last = {text[-1] for text in self.strings}
        self._always = any(not char.isascii() or char == " " for char in last)

    @cached_property
    def _enders(self) -> frozenset[int]:
        """The tokens that can end a stop string, so that few completions are looked at."""
        last = {text[-1] for text in self.strings}
        texts = self._tokenizer.batch_decode([[i] for i in range(len(self._tokenizer))])
        return frozenset(i for i, text in enumerate(texts) if last & set(text))

    def reached(self, written: Sequence[int]) -> bool:
        """Whether the text of ``written`` holds a stop string."""
        if not self.strings or not (self._always or written[-1] in self._enders):
            return False
        text = self._tokenizer.decode(written, skip_special_tokens=True)
        return any(string in text for string in self.strings)

    def cut(self, text: str) -> str:
        """Return ``text`` up to the first stop string."""
        ends = [text.find(string) for string in self.strings]
        return text[: min((end for end in ends if end >= 0), default=len(text))]


@dataclass(slots=True)
class _Queue:
    """Rows that wait, longest first; the first ``shared`` tokens of their prompts are the same."""

    rows: deque[Row]
    shared: int

    def take(self, most: int, tokens: int) -> list[Row]:
        """Take rows, at most ``tokens`` (0: any number) that are left to read, pad included."""
        if tokens:
            most = min(most, max(1, tokens // max(1, len(self.rows[0].prompt) - self.shared)))
        return [self.rows.popleft() for _ in range(min(most, len(self.rows)))]


def _queues(rows: Sequence[Row], share: bool) -> list[_Queue]:
    """Sort rows into those that begin alike, longest first; the others are one queue."""
    groups: list[tuple[int, list[Row]]] = []
    for row in sorted(rows, key=lambda row: row.prompt) if share else ():
        shared, group = groups[-1] if groups else (0, [])
        # The last token is read by itself, so it is never shared.
        common = _common(group[-1].prompt, row.prompt[:-1]) if group else 0
        common = min(common, len(group[0].prompt) - 1) if group else 0
        # A row that has much less in common would make all others read on from there.
        if common >= _SHARED and 2 * common >= shared:
            groups[-1] = (min(shared or common, common), [*group, row])
        else:
            groups.append((0, [row]))
    alone = [group[0] for _, group in groups if len(group) == 1] if share else list(rows)
    alike = [(shared, group) for shared, group in groups if len(group) > 1]
    queues = [_Queue(_by_length(group), shared) for shared, group in alike]
    queues += [_Queue(_by_length(alone), 0)] if alone else []
    return sorted(queues, key=lambda queue: -len(queue.rows[0].prompt))


def _by_length(rows: Sequence[Row]) -> deque[Row]:
    return deque(sorted(rows, key=lambda row: -len(row.prompt)))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """Number of leading tokens that are the same."""
    same = itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False))
    return sum(1 for _ in same)


def _put_states(old: Any, slots: torch.Tensor, new: Any) -> None:
    for name in ("conv_states", "recurrent_states"):
        for key, states in getattr(new, name).items():
            if states is not None:
                getattr(old, name)[key][slots] = states


def _sample(logits: torch.Tensor, top_p: float, draws: Sequence[float]) -> list[int]:
    """Sample one token a row by its own uniform draw, so that batching changes nothing."""
    probabilities, order = torch.softmax(logits, dim=-1).sort(dim=-1, descending=True)
    before = probabilities.cumsum(-1) - probabilities
    probabilities = probabilities.masked_fill((before >= top_p) & (before > 0), 0)
    total = probabilities.cumsum(-1)
    aim = torch.tensor(draws, device=logits.device, dtype=total.dtype)[:, None] * total[:, -1:]
    place = torch.searchsorted(total, aim, right=True).clamp(max=logits.shape[-1] - 1)
    return [int(token) for token in order.gather(-1, place)[:, 0].tolist()]
