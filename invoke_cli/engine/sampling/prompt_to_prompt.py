"""Words exchanged inside the attention (prompt-to-prompt, Hertz et al. 2022, word swap): what is drawn anew lies where
the words before it lay.

Before each call of the UNet it is called once more for the picture of the words before, which is drawn along. Its
queries and keys are kept and stand in for the drawn prompt's, so that the attention maps are those of that picture;
what the maps carry is the drawn prompt's. The stock attention does the arithmetic: an exchange of a word with itself
changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from invoke_cli.engine.conditioning.prompt_embeds import Embedding
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.sampling.source_branch import SourceBranch
from invoke_cli.errors import PromptError
from invoke_cli.language.prompt.ast import Swap, Tree, Windows

MARKS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapEncodings:
    """What a run needs for an exchange: the embedding of the words before, when it holds, and which states of the drawn
    prompt stand in the place of each state before (tokens x tokens, rows add up to 1; None where each stays).
    """

    before: Embedding
    windows: Windows
    places: torch.Tensor | None


def wordings(loaded: LoadedModel, tree: Tree) -> list[Tree]:
    """What the text encoder reads: the prompt, and where words are exchanged the words before; PromptError when these
    are too many.
    """
    if not isinstance(tree, Swap):
        return [tree]
    check_length(loaded, tree)
    return [tree.after, tree.before]


def encode_swap(loaded: LoadedModel, tree: Tree, others: Sequence[Embedding]) -> SwapEncodings | None:
    """What a run needs, from the embeddings of the wordings after the first; None where nothing is exchanged."""
    if not isinstance(tree, Swap):
        return None
    (before,) = others
    return SwapEncodings(before=before, windows=tree.windows, places=places_of(loaded, tree, before.states.shape[1]))


def check_length(loaded: LoadedModel, exchange: Swap) -> None:
    """PromptError when either wording has more tokens than the text encoder reads at once."""
    window = loaded.family.max_tokens - MARKS
    for phrase in (exchange.before, exchange.after):
        count = _count(loaded, phrase.text)
        if count > window:
            message = f"a prompt with a .swap() is read in one window of {window} tokens, and this has {count}"
            raise PromptError(message, hint="make it shorter, or leave the .swap() out", field="prompt")


def places_of(loaded: LoadedModel, exchange: Swap, length: int) -> torch.Tensor | None:
    """The map of the states after to those before, (length, length): a token that stays to itself, one that is
    exchanged evenly to all that stand in its place, as in the authors' word swap. Behind the words each to its like.
    """
    counts = [tuple(_count(loaded, phrase.text) for phrase in part) for part in exchange.parts]
    if all(before == after for before, after in counts):
        return None
    places = torch.zeros(length, length)
    row = column = 1  # behind the mark of the beginning
    places[0, 0] = 1
    for before, after in counts:
        block = places[row : row + before, column : column + after]
        block.copy_(torch.eye(before) if before == after else torch.full_like(block, 1 / max(1, after)))
        row, column = row + before, column + after
    for offset in range(length - row):
        places[row + offset, min(column + offset, length - 1)] = 1
    return places


@contextmanager
def prompt_to_prompt(
    unet: Any, given: SwapEncodings | None, companion: SourceBranch | None, rows: int, progress: Callable[[], float]
) -> Iterator[None]:
    """The UNet while a pipeline calls it for `rows` pictures with the `companion` of the words before; `progress` is
    the share of the schedule behind it.
    """
    if given is None or companion is None:
        yield
        return
    work = _Work(unet, (given, companion), rows, progress)
    try:
        yield
    finally:
        work.remove()


class _Work:
    """The hooks on a UNet and what they keep from one call to the next."""

    def __init__(
        self, unet: Any, given: tuple[SwapEncodings, SourceBranch], rows: int, progress: Callable[[], float]
    ) -> None:
        (self._given, self._companion), self._rows, self._progress = given, rows, progress
        self._kept: dict[tuple[str, str], torch.Tensor] = {}
        self._kinds: tuple[str, ...] = ()
        self._looking = False
        self._hooks = [unet.register_forward_pre_hook(self._before, with_kwargs=True)]
        for name, module in unet.named_modules():
            if name.endswith(("attn1", "attn2")):
                for part in ("to_q", "to_k", "to_v"):
                    self._hooks.append(
                        getattr(module, part).register_forward_hook(partial(self._projected, name, part))
                    )

    def remove(self) -> None:
        """Take the hooks off again."""
        for hook in self._hooks:
            hook.remove()

    def _before(self, unet: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Look at the picture of the words before, as long as anything is exchanged. By `forward`: other hooks count
        calls.
        """
        windows, now = self._given.windows, self._progress()
        crossed = ("attn2",) if windows.t_start <= now < windows.t_end else ()
        self._kinds = crossed + (("attn1",) if windows.s_start <= now < windows.s_end else ())
        if now < max(windows.t_end, windows.s_end):
            self._looking = True
            self._companion.seen(arguments, partial(unet.forward, **self._with_words_before(named)))
            self._looking = False

    def _with_words_before(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """A call's arguments with the words before in the place of those that are drawn, which come last."""
        words = self._given.before
        changed = dict(named)
        changed["encoder_hidden_states"] = self._behind(named["encoder_hidden_states"], words.states)
        hints = named.get("down_intrablock_additional_residuals")
        if hints is not None:
            changed["down_intrablock_additional_residuals"] = list(hints)  # the UNet takes them off its list
        more = named.get("added_cond_kwargs")
        if more and words.pooled is not None:
            changed["added_cond_kwargs"] = {**more, "text_embeds": self._behind(more["text_embeds"], words.pooled)}
        return changed

    def _behind(self, given: torch.Tensor, words: torch.Tensor) -> torch.Tensor:
        repeated = words.to(given.device, given.dtype).repeat(self._rows, *[1] * (words.ndim - 1))
        return torch.cat([given[: -self._rows], repeated])

    def _projected(self, layer: str, part: str, _module: object, _inputs: object, output: torch.Tensor) -> Any:
        """A layer's queries, keys or values: kept while looking, and exchanged when the prompt is drawn."""
        kind = layer.rsplit(".", 1)[-1]
        if kind not in self._kinds:
            return None
        rows = output[-self._rows :]
        if self._looking:
            if part != "to_v":
                self._kept[layer, part] = rows
            return None
        stand_in = self._values(rows, kind) if part == "to_v" else self._kept[layer, part]
        return torch.cat([output[: -self._rows], stand_in])

    def _values(self, values: torch.Tensor, kind: str) -> torch.Tensor:
        places = self._given.places
        if places is None or kind == "attn1":
            return values
        return places.to(values.device, values.dtype) @ values


def _count(loaded: LoadedModel, text: str) -> int:
    """How many tokens the model's tokenizer makes of a text."""
    tokenizer = loaded.tokenizer
    return len(tokenizer(loaded.spelt_out(text, tokenizer), add_special_tokens=False).input_ids)
