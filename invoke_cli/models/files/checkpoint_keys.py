"""Map the tensor names of single-file checkpoints in circulation to the layout of the original Stable Diffusion.

Files of other trainers and mergers contain the same tensors under other names: wrapped in a container's name, without
`text_model.` in CLIP's text encoder, or averaged (EMA) with the dots left out. Pure text; reads no files.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import TypeVar

Entry = TypeVar("Entry")

UNET = "model.diffusion_model."
_WRAPPERS = ("state_dict.", "module.", "_orig_mod.", "model.module.")
_CLIP_PREFIXES = ("cond_stage_model.transformer.", "conditioner.embedders.0.transformer.")
_CLIP_PARTS = ("embeddings.", "encoder.", "final_layer_norm.")
_VAES = ("first_stage_model.", "vae.")  # the first that a file contains is used
_AVERAGED = "model_ema."
_AVERAGED_UNET = f"{_AVERAGED}diffusion_model"
# The words of an averaged tensor's name, which lacks the dots: `input_blocks10transformer_blocks0attn1to_kweight`.
_WORDS = re.compile(
    r"(?P<block>input_blocks|output_blocks)(?P<number>\d+)(?P<part>\d)"
    r"|(?P<pair>label_emb)(?P<first>\d)(?P<second>\d)"
    r"|(?P<list>middle_block|time_embed|transformer_blocks|in_layers|out_layers|emb_layers|to_out|net|out)(?P<index>\d)"
    r"|(?P<word>skip_connection|attn[12]|to_[qkv]|ff|proj_in|proj_out|proj|norm[123]?|op|conv|weight|bias)"
)


def normalise_names(names: Collection[str]) -> Mapping[str, str]:
    """Map each tensor name of the original layout to the name that a file uses for it.

    Duplicates are left out: averaged weights beside plain ones, and every VAE but the first. Names that are not
    recognised map to themselves.
    """
    wrapper = next((each for each in _WRAPPERS if all(name.startswith(each) for name in names)), "")
    plain = {name.removeprefix(wrapper): name for name in names}
    duplicates = _duplicates(plain)
    return {
        _clip_name(_averaged_name(name)): original
        for name, original in plain.items()
        if not name.startswith(duplicates)
    }


def _duplicates(names: Collection[str]) -> tuple[str, ...]:
    """Return the prefixes of tensors that a file also contains in a preferred form."""

    def has(prefix: str) -> bool:
        return any(name.startswith(prefix) for name in names)

    averaged = [_AVERAGED] if has(UNET) else []
    return (*averaged, *[prefix for prefix in _VAES if has(prefix)][1:])


def normalised(tensors: Mapping[str, Entry]) -> dict[str, Entry]:
    """Return the tensors of a file, or their header entries, under the names of the original layout."""
    return {name: tensors[original] for name, original in normalise_names(tensors.keys()).items()}


def _clip_name(name: str) -> str:
    """Insert `text_model.` into the name of a text encoder's tensor that lacks it."""
    prefix = next((prefix for prefix in _CLIP_PREFIXES if name.startswith(prefix)), None)
    if prefix is None or not name.removeprefix(prefix).startswith(_CLIP_PARTS):
        return name
    return f"{prefix}text_model.{name.removeprefix(prefix)}"


def _averaged_name(name: str) -> str:
    """Return the dotted name of an averaged tensor of the UNet; other names are returned unchanged."""
    if not name.startswith(_AVERAGED_UNET):
        return name
    words: list[str] = []
    rest, position = name.removeprefix(_AVERAGED_UNET), 0
    while position < len(rest):
        match = _WORDS.match(rest, position)
        if match is None:
            return name
        words.extend(part for part in match.groups() if part is not None)
        position = match.end()
    return UNET + ".".join(words)
