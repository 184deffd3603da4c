"""kohya's gen_img: one PNG text for each value. It says neither size, strength nor model."""

from __future__ import annotations

from invoke_cli.metadata.builder import MetadataBuilder
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, Reading

_FIELDS = {"steps": "num_inference_steps", "scale": "guidance_scale", "seed": "seeds"}
_LOST = ("negative-scale", "clip-prompt", "original-height", "original-width", "crop-top", "crop-left")


def _sniff(chunks: Chunks) -> bool:
    return (
        "prompt" in chunks and not chunks["prompt"].lstrip().startswith("{") and {"scale", "sampler"} <= chunks.keys()
    )


def _decode(chunks: Chunks) -> ParsedMetadata:
    draft = MetadataBuilder("kohya gen_img")
    draft.words(chunks.get("prompt"), chunks.get("negative-prompt"))
    draft.take_all(chunks, _FIELDS)
    draft.sampler(chunks.get("sampler"))
    for key in _LOST:
        draft.lose(key, chunks.get(key))
    draft.fact("raw prompt", chunks.get("raw-prompt"))
    return draft.recalled(by_pixels=True)


KOHYA = Reading(name="kohya gen_img", sniff=_sniff, decode=_decode)
