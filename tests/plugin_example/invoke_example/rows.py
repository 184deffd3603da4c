"""The rows that this package adds to the tables of invoke."""

from __future__ import annotations

from typing import TYPE_CHECKING

from invoke_cli.commands.command import Argument, Call, Command
from invoke_cli.metadata.codec import Chunks, ParsedMetadata, ReadOnlyFormat
from invoke_cli.models.families.family import Family
from invoke_cli.models.samplers import Sampler
from invoke_cli.planning.postprocessors import PluginPostprocessor
from invoke_cli.request import GenerationRequest

if TYPE_CHECKING:
    from PIL import Image

    from invoke_cli.context.context import SessionContext

DDIM_HALF = Sampler(name="ddim_half", scheduler="invoke_example.scheduler:HalfDDIMScheduler", label="DDIM half")

FAMILY = Family(
    name="example",
    label="Example Diffusion",
    pipelines=("ExampleDiffusionPipeline",),
    native_size=64,
    text_to_image="StableDiffusionPipeline",
    staged=True,
)


def _sniff(chunks: Chunks) -> bool:
    return chunks.get("example", "").startswith("example:")


def _decode(chunks: Chunks) -> ParsedMetadata:
    prompt, _, seed = chunks["example"].removeprefix("example:").rpartition("#")
    return ParsedMetadata(program="Example", request=GenerationRequest(prompt=prompt, seeds=(int(seed),)))


FORMAT = ReadOnlyFormat(name="example", sniff=_sniff, decode=_decode)


def _shout(context: SessionContext, call: Call) -> None:
    context.say(call.argument.upper())


SHOUT = Command(name="shout", usage="text", argument=Argument.TEXT, run=_shout, help="print text in capitals")


def _invert(image: Image.Image, argument: str) -> Image.Image:
    from PIL import Image as Pillow
    from PIL import ImageOps

    amount = float(argument or 1)
    return Pillow.blend(image, ImageOps.invert(image), amount)


def _check(argument: str) -> None:
    try:
        is_share = 0 <= float(argument or 1) <= 1
    except ValueError:
        is_share = False
    if not is_share:
        raise ValueError(f"takes an amount from 0 to 1, not {argument}")


INVERT = PluginPostprocessor(name="invert", apply=_invert, check=_check, help="invert the colours, by an amount")
