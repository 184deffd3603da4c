"""Postprocessing: apply the steps of a plan to a decoded image before it is saved."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import ImageResult, NetworkJob
from invoke_cli.errors import PlanError
from invoke_cli.generation.prepare import Prepared
from invoke_cli.generation.upscale import Enlarger
from invoke_cli.imaging.canvas import crop_from_canvas, place_mask_on_canvas
from invoke_cli.imaging.color_transfer import lab_distance, matched
from invoke_cli.imaging.face_blend import blend_face, face_box
from invoke_cli.imaging.sizes import Size
from invoke_cli.inputs.masks import without_watermark
from invoke_cli.planning.plan import ImagePlan, Task
from invoke_cli.planning.postprocess import (
    ColourMatching,
    Enlarging,
    Faces,
    PluginSteps,
    Postprocessing,
    PostprocessStep,
)
from invoke_cli.planning.postprocessors import PluginPostprocessor
from invoke_cli.plugins import PluginKind, plugins


@dataclass(frozen=True, kw_only=True, slots=True)
class PostprocessRun:
    """One image to be postprocessed.

    Attributes:
        context: The session.
        prepared: The stage that the image is the result of.
        image_plan: The image's seed and variations.
        latents: The latents that the image was decoded from, for upscalers that take latents; None if there are none.
    """

    context: SessionContext
    prepared: Prepared
    image_plan: ImagePlan
    latents: object = None


def postprocess(
    context: SessionContext, prepared: Prepared, result: ImageResult, latents: object = None
) -> ImageResult:
    """Apply all postprocessing steps of a plan to a result."""
    postprocessing = prepared.plan.postprocessing
    if not postprocessing.wanted:
        return result
    run = PostprocessRun(context=context, prepared=prepared, image_plan=result.plan, latents=latents)
    image, started = result.image, time.perf_counter()
    for step in postprocessing.steps:
        context.check_stopped()
        image = _apply(run, step, image)
    image = _restore_transparency(run, image)
    original = result.image if postprocessing.keep and prepared.plan.task is not Task.POSTPROCESS else None
    seconds = result.seconds + time.perf_counter() - started
    return replace(result, image=image, before=original, state=None, seconds=seconds)


def _apply(run: PostprocessRun, step: PostprocessStep, image: Image.Image) -> Image.Image:
    match step:
        case ColourMatching():
            return _match_colours(run, step, image)
        case Faces():
            return _restore_face(run, step, image)
        case Enlarging():
            return Enlarger(run.context, run.prepared, run.image_plan).enlarged(image, run.latents)
        case PluginSteps():
            return _apply_plugins(step, image)
        case _:
            raise TypeError(f"unknown postprocessing step: {type(step).__name__}")


def without_last_postprocess(prepared: Prepared) -> Prepared:
    """Return the run without the postprocessing of the last stage, for the original that is kept."""
    *earlier, last = (prepared, *prepared.later)
    plain = replace(last, plan=replace(last.plan, postprocessing=Postprocessing()))
    return replace(earlier[0], later=(*earlier[1:], plain)) if earlier else plain


def _match_colours(run: PostprocessRun, step: ColourMatching, image: Image.Image) -> Image.Image:
    reference, share = run.prepared.colour_reference, _painted_share(run.prepared)
    # The mask selects the same area of the init image, but says nothing about another image.
    target = share if step.file is None and reference.size == image.size else None
    if run.prepared.plan.task is Task.POSTPROCESS:
        share = target = None
    result = matched(image, reference, step.mode, share, target)
    distances = [lab_distance(each, reference, share, target) for each in (image, result)]
    where, name = " inside the mask" if share is not None else "", step.file.name if step.file else "the init image"
    text = f"colours: mean LAB distance to {name}{where}: {distances[0]:.1f} before, {distances[1]:.1f} after"
    run.context.notice(text)
    return result


def _painted_share(prepared: Prepared) -> Image.Image | None:
    """Return the painted share of each pixel (mode L); None if the whole image was painted."""
    if prepared.alpha is None or prepared.masked is None or prepared.plan.geometry is None:
        return None
    inside, window = Image.fromarray(prepared.alpha), prepared.plan.geometry.window
    if window is None:
        return inside
    share = Image.new("L", prepared.masked.image.size, 0)
    share.paste(inside, (window.left, window.top))
    return share


def _restore_face(run: PostprocessRun, step: Faces, image: Image.Image) -> Image.Image:
    box = face_box(Size(*image.size))
    job = NetworkJob(
        path=step.network.path, image=image.crop(box), fidelity=step.fidelity, threads=run.prepared.threads
    )
    face = run.context.engine.apply_network(job, run.context.hooks())
    return blend_face(image, face, box, step.strength)


def _apply_plugins(step: PluginSteps, image: Image.Image) -> Image.Image:
    """Apply postprocessors of plug-ins in order. Raises PlanError for one that is missing or changes size or mode."""
    for name, argument in step.choices:
        row = plugins().row(PluginKind.POSTPROCESSOR, name, PluginPostprocessor)
        if row is None:
            raise PlanError(f"no such postprocessor: {name}", hint="!plugins lists them", field="postprocessors")
        result = row.apply(image, argument)
        if result.size != image.size or result.mode != image.mode:
            message = f"the postprocessor {name} changed the size or mode of the image"
            raise PlanError(message, hint="report this to the author of the plug-in", field="postprocessors")
        image = result
    return image


def _restore_transparency(run: PostprocessRun, image: Image.Image) -> Image.Image:
    """Restore the transparency of an existing image after postprocessing, without a watermark hidden in it."""
    init, geometry = run.prepared.init, run.prepared.plan.geometry
    alpha = without_watermark(init).alpha if init is not None else None
    if alpha is None or geometry is None or run.prepared.plan.task is not Task.POSTPROCESS:
        return image
    result = image.copy()
    placed = crop_from_canvas(place_mask_on_canvas(alpha, geometry), geometry)
    result.putalpha(placed.resize(image.size, Image.Resampling.LANCZOS))
    return result
