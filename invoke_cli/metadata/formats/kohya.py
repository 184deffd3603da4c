"""Read the metadata of kohya's gen_img: a PNG text per value, without size, strength and model."""

from __future__ import annotations

from invoke_cli.metadata.builder import MetadataBuilder
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat

_FIELDS = {"steps": "num_inference_steps", "scale": "guidance_scale", "seed": "seeds"}
_UNSUPPORTED = ("negative-scale", "clip-prompt", "original-height", "original-width", "crop-top", "crop-left")


def _sniff(chunks: Chunks) -> bool:
    return (
        "prompt" in chunks and not chunks["prompt"].lstrip().startswith("{") and {"scale", "sampler"} <= chunks.keys()
    )


def _decode(chunks: Chunks) -> ParsedMetadata:
    builder = MetadataBuilder("kohya gen_img")
    builder.foreign_prompts(chunks.get("prompt"), chunks.get("negative-prompt"))
    builder.take_all(chunks, _FIELDS)
    builder.sampler(chunks.get("sampler"))
    for key in _UNSUPPORTED:
        builder.drop(key, chunks.get(key))
    builder.add_fact("raw prompt", chunks.get("raw-prompt"))
    return builder.build(size_from_pixels=True)


KOHYA = ReadOnlyFormat(name="kohya gen_img", sniff=_sniff, decode=_decode)
