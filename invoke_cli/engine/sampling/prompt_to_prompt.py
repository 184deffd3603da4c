"""Word swaps inside the attention (prompt-to-prompt, Hertz et al. 2022): the new words keep the layout of the old ones.

Before each call of the UNet, an additional call processes the source branch, the image of the original prompt. Its
queries and keys replace those of the edited prompt, so that the attention maps are the source's; the values remain
the edited prompt's. The stock attention does the arithmetic: swapping a word with itself changes no bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from invoke_cli.engine.conditioning.prompt_embeds import Embedding
from invoke_cli.engine.loading.load import LoadedModel
from invoke_cli.engine.sampling.patching import forward_hook, forward_pre_hook
from invoke_cli.engine.sampling.source_branch import SourceBranch
from invoke_cli.errors import PromptError
from invoke_cli.language.prompt.ast import Swap, Tree, Windows

SPECIAL_TOKENS = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class SwapEncodings:
    """What a run needs for a word swap.

    Attributes:
        before: The embedding of the original prompt.
        windows: The shares of the schedule in which the maps are replaced.
        mapper: The map from the edited prompt's states to the source's, (tokens, tokens), rows add up to 1; None for
            the identity.
    """

    before: Embedding
    windows: Windows
    mapper: torch.Tensor | None


def prompts_to_encode(loaded: LoadedModel, tree: Tree) -> list[Tree]:
    """Return the prompts to encode: the prompt, followed by the original prompt if words are swapped.

    Raises:
        PromptError: A prompt with a swap is longer than one window.
    """
    if not isinstance(tree, Swap):
        return [tree]
    check_length(loaded, tree)
    return [tree.after, tree.before]


def encode_swap(loaded: LoadedModel, tree: Tree, others: Sequence[Embedding]) -> SwapEncodings | None:
    """Return what a run needs for a swap, from the embeddings of the prompts after the first; None without a swap."""
    if not isinstance(tree, Swap):
        return None
    (before,) = others
    return SwapEncodings(before=before, windows=tree.windows, mapper=swap_mapper(loaded, tree, before.states.shape[1]))


def check_length(loaded: LoadedModel, swap: Swap) -> None:
    """Check that both prompts fit the text encoder's window.

    Raises:
        PromptError: One of them has too many tokens.
    """
    window = loaded.family.max_tokens - SPECIAL_TOKENS
    for phrase in (swap.before, swap.after):
        count = _count_tokens(loaded, phrase.text)
        if count > window:
            message = f"a prompt with .swap() is limited to one window of {window} tokens; this one has {count}"
            raise PromptError(message, hint="shorten it, or remove the .swap()", field="prompt")


def swap_mapper(loaded: LoadedModel, swap: Swap, length: int) -> torch.Tensor | None:
    """Return the mapper of a word swap, (length, length), or None for the identity.

    An unchanged token maps to itself, a swapped one evenly to all tokens that replace it, as in the authors' word swap.
    Padding maps to padding.
    """
    counts = [tuple(_count_tokens(loaded, phrase.text) for phrase in part) for part in swap.parts]
    if all(before == after for before, after in counts):
        return None
    mapper = torch.zeros(length, length)
    row = column = 1  # after the start token
    mapper[0, 0] = 1
    for before, after in counts:
        block = mapper[row : row + before, column : column + after]
        block.copy_(torch.eye(before) if before == after else torch.full_like(block, 1 / max(1, after)))
        row, column = row + before, column + after
    for offset in range(length - row):
        mapper[row + offset, min(column + offset, length - 1)] = 1
    return mapper


@contextmanager
def prompt_to_prompt(
    unet: Any, swap: SwapEncodings | None, source_branch: SourceBranch | None, rows: int, progress: Callable[[], float]
) -> Iterator[None]:
    """Replace attention maps while a pipeline calls the UNet.

    Args:
        unet: The UNet to hook.
        swap: The swap; None leaves the UNet as it is.
        source_branch: The source branch of the original prompt.
        rows: The number of images in the batch.
        progress: Returns the finished share of the schedule.
    """
    if swap is None or source_branch is None:
        yield
        return
    hooks = _AttentionHooks((swap, source_branch), rows, progress)
    with hooks.attached(unet):
        yield


class _AttentionHooks:
    """The hooks on a UNet, and the projections that they store between calls."""

    def __init__(self, swap: tuple[SwapEncodings, SourceBranch], rows: int, progress: Callable[[], float]) -> None:
        (self._swap, self._source_branch), self._rows, self._progress = swap, rows, progress
        self._stored: dict[tuple[str, str], torch.Tensor] = {}
        self._active_kinds: tuple[str, ...] = ()
        self._in_source_pass = False

    @contextmanager
    def attached(self, unet: Any) -> Iterator[None]:
        """Hook the UNet and the projections of its attention layers within the context."""
        with ExitStack() as stack:
            stack.enter_context(forward_pre_hook(unet, self._run_source_branch, with_kwargs=True))
            for name, module in unet.named_modules():
                if name.endswith(("attn1", "attn2")):
                    for part in ("to_q", "to_k", "to_v"):
                        hook = partial(self._projected, name, part)
                        stack.enter_context(forward_hook(getattr(module, part), hook))
            yield

    def _run_source_branch(self, unet: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
        """Process the source branch first, as long as any maps are replaced.

        Calls `forward` directly, since other hooks count calls of the UNet.
        """
        windows, progress = self._swap.windows, self._progress()
        cross = ("attn2",) if windows.t_start <= progress < windows.t_end else ()
        self._active_kinds = cross + (("attn1",) if windows.s_start <= progress < windows.s_end else ())
        if progress < max(windows.t_end, windows.s_end):
            self._in_source_pass = True
            self._source_branch.run_unet(arguments, partial(unet.forward, **self._with_source_prompt(named)))
            self._in_source_pass = False

    def _with_source_prompt(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """Return a call's arguments with the original prompt's embedding in place of the edited one's (last rows)."""
        source = self._swap.before
        changed = dict(named)
        changed["encoder_hidden_states"] = self._with_last_rows(named["encoder_hidden_states"], source.states)
        residuals = named.get("down_intrablock_additional_residuals")
        if residuals is not None:
            # A copy: the UNet removes them from its list.
            changed["down_intrablock_additional_residuals"] = list(residuals)
        added = named.get("added_cond_kwargs")
        if added and source.pooled is not None:
            pooled = self._with_last_rows(added["text_embeds"], source.pooled)
            changed["added_cond_kwargs"] = {**added, "text_embeds": pooled}
        return changed

    def _with_last_rows(self, batch: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        """Replace the last rows of a batch, those of the prompt, by `source`."""
        repeated = source.to(batch.device, batch.dtype).repeat(self._rows, *[1] * (source.ndim - 1))
        return torch.cat([batch[: -self._rows], repeated])

    def _projected(self, layer: str, part: str, _module: object, _inputs: object, output: torch.Tensor) -> Any:
        """Handle a layer's queries, keys or values: store them in the source pass, replace them in the main pass."""
        kind = layer.rsplit(".", 1)[-1]
        if kind not in self._active_kinds:
            return None
        rows = output[-self._rows :]
        if self._in_source_pass:
            if part != "to_v":
                self._stored[layer, part] = rows
            return None
        stand_in = self._values(rows, kind) if part == "to_v" else self._stored[layer, part]
        return torch.cat([output[: -self._rows], stand_in])

    def _values(self, values: torch.Tensor, kind: str) -> torch.Tensor:
        mapper = self._swap.mapper
        if mapper is None or kind == "attn1":
            return values
        return mapper.to(values.device, values.dtype) @ values


def _count_tokens(loaded: LoadedModel, text: str) -> int:
    """Return the number of tokens of a text."""
    tokenizer = loaded.tokenizer
    return len(tokenizer(loaded.expand_embeddings(text, tokenizer), add_special_tokens=False).input_ids)
