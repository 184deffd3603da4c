"""The work after the picture, done: a table of what is done to a decoded picture, in order, before it is written."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import ImageResult, NetworkJob
from invoke_cli.generation.prepare import Prepared
from invoke_cli.generation.upscale import Enlarger
from invoke_cli.imaging.canvas import mask_onto_canvas, out_of_canvas
from invoke_cli.imaging.color_transfer import lab_distance, matched
from invoke_cli.imaging.faces import face_box, with_face
from invoke_cli.imaging.masks import feathered
from invoke_cli.imaging.sizes import Size
from invoke_cli.inputs.masks import without_watermark
from invoke_cli.planning.plan import ImagePlan, Task
from invoke_cli.planning.postprocess import Postprocessing


@dataclass(frozen=True, kw_only=True, slots=True)
class Postprocess:
    """One picture to be worked on: where it comes from, and the latents it was decoded from, where they are wanted."""

    context: SessionContext
    prepared: Prepared
    image: ImagePlan
    latents: object = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Postprocessor:
    """One row: whether a plan asks for it, and what it makes of a picture."""

    name: str
    wanted: Callable[[Postprocessing], bool]
    apply: Callable[[Postprocess, Image.Image], Image.Image]


def finished(context: SessionContext, prepared: Prepared, result: ImageResult, latents: object = None) -> ImageResult:
    """A result with all the work after it done that its plan asks for."""
    after = prepared.plan.postprocessing
    if not after.wanted:
        return result
    finishing = Postprocess(context=context, prepared=prepared, image=result.plan, latents=latents)
    picture, started = result.image, time.perf_counter()
    for row in POSTPROCESSORS:
        if row.wanted(after):
            context.check_stopped()
            picture = row.apply(finishing, picture)
    kept = result.image if after.keep and prepared.plan.task is not Task.POSTPROCESS else None
    seconds = result.seconds + time.perf_counter() - started
    return replace(result, image=picture, before=kept, state=None, seconds=seconds)


def without_last_postprocess(prepared: Prepared) -> Prepared:
    """What a kept picture was made from: the same without the work after the last stage."""
    *earlier, last = (prepared, *prepared.later)
    plain = replace(last, plan=replace(last.plan, postprocessing=Postprocessing()))
    return replace(earlier[0], later=(*earlier[1:], plain)) if earlier else plain


def _with_matched_colours(finishing: Postprocess, image: Image.Image) -> Image.Image:
    prepared, way = finishing.prepared, finishing.prepared.plan.postprocessing.match_colors
    reference, share = prepared.untouched(), _painted(prepared)
    result = matched(image, reference, way, share)
    distances = [lab_distance(picture, reference, share) for picture in (image, result)]
    where = "inside the mask " if share is not None else ""
    text = f"colours: the mean LAB distance to the init image {where}was {distances[0]:.1f} and is {distances[1]:.1f}"
    finishing.context.notice(text)
    return result


def _painted(prepared: Prepared) -> Image.Image | None:
    """How much of each pixel of the result was painted (mode L); None where all of it was."""
    masked, geometry = prepared.masked, prepared.plan.geometry
    if masked is None or geometry is None:
        return None
    if geometry.window is None:
        mask = out_of_canvas(mask_onto_canvas(masked.image, geometry), geometry)
        return Image.fromarray(feathered(mask, prepared.plan.mask_blur))
    share = Image.new("L", masked.image.size, 0)
    inside = feathered(masked.image.crop(geometry.window), prepared.plan.mask_blur)
    share.paste(Image.fromarray(inside), (geometry.window.left, geometry.window.top))
    return share


def _with_restored_face(finishing: Postprocess, image: Image.Image) -> Image.Image:
    work = finishing.prepared.plan.postprocessing.faces
    assert work is not None
    box = face_box(Size(*image.size))
    job = NetworkJob(path=work.network.path, image=image.crop(box), fidelity=work.fidelity)
    face = finishing.context.engine.through_network(job, finishing.context.hooks())
    return with_face(image, face, box, work.strength)


def _as_transparent(finishing: Postprocess, image: Image.Image) -> Image.Image:
    """A picture that was worked on as transparent as it was; words hidden in the lowest bit are not kept."""
    init, geometry = finishing.prepared.init, finishing.prepared.plan.geometry
    alpha = without_watermark(init).alpha if init is not None else None
    if alpha is None or geometry is None or finishing.prepared.plan.task is not Task.POSTPROCESS:
        return image
    result = image.copy()
    placed = out_of_canvas(mask_onto_canvas(alpha, geometry), geometry)
    result.putalpha(placed.resize(image.size, Image.Resampling.LANCZOS))
    return result


def _enlarged(finishing: Postprocess, image: Image.Image) -> Image.Image:
    enlarger = Enlarger(finishing.context, finishing.prepared, finishing.image)
    return enlarger.enlarged(image, finishing.latents)


POSTPROCESSORS: tuple[Postprocessor, ...] = (
    Postprocessor(name="match_colors", wanted=lambda after: bool(after.match_colors), apply=_with_matched_colours),
    Postprocessor(name="facetool", wanted=lambda after: after.faces is not None, apply=_with_restored_face),
    Postprocessor(name="enlarge", wanted=lambda after: after.enlarging is not None, apply=_enlarged),
    Postprocessor(name="alpha", wanted=lambda after: after.wanted, apply=_as_transparent),
)
