"""From a request to everything a run needs: layers, recalls, the init image, the plan. Loads no weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property, partial

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import names_a_file
from invoke_cli.context.settings import Resolved
from invoke_cli.engine import Model
from invoke_cli.errors import InvokeError, LineError
from invoke_cli.imaging.canvas import colour, crop_from_canvas, place_mask_on_canvas, place_on_canvas, scale_to_fill
from invoke_cli.imaging.control_images import guide
from invoke_cli.imaging.masks import cover_cells, feather
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.imaging.paste import composite
from invoke_cli.imaging.patches import Patch
from invoke_cli.imaging.sizes import Size
from invoke_cli.inputs.adapters import find_embedding, find_lora
from invoke_cli.inputs.control_images import ControlFinder
from invoke_cli.inputs.embedded_metadata import embedded_metadata, init_facts
from invoke_cli.inputs.images import mask_from_web, open_init, recalled
from invoke_cli.inputs.mask_finder import MaskFinder
from invoke_cli.inputs.masks import Masked
from invoke_cli.inputs.outcrop import on_patch
from invoke_cli.inputs.references import is_recall
from invoke_cli.inputs.supplied import NO_INPUTS, InputFile, SuppliedInputs, point_facts, resume_facts
from invoke_cli.inputs.upscalers import find_postprocess_models
from invoke_cli.inputs.url import is_url
from invoke_cli.language.grammar.line import Generation
from invoke_cli.metadata.latents import LatentFile
from invoke_cli.models.control_models import Technique
from invoke_cli.output.folder import OutputFolder
from invoke_cli.output.names import check_template
from invoke_cli.planning.make_plan import make_plan
from invoke_cli.planning.plan import Plan
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.request import GenerationRequest, overlay


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A plan with what it is carried out on. `later` are the stages of a chain after this one; such a stage takes the
    latents of the one before or its picture, and draws its noise from `own_seed` or the next seed in the row. `point`
    are saved latents that it begins with, `until` the step to end after, `controls` the pictures that guide it.
    """

    plan: Plan
    model: Model
    init: OpenedImage | None = None
    masked: Masked | None = None
    mask_finder: MaskFinder | None = None
    later: tuple[Prepared, ...] = ()
    takes_latents: bool = False
    own_seed: int | None = None
    checkpoint: LatentFile | None = None
    until: int | None = None
    controls: tuple[OpenedImage, ...] = ()

    @property
    def last(self) -> Prepared:
        """The last stage of the chain, which is this one when there are no later ones."""
        return self.later[-1] if self.later else self

    @property
    def needs_no_model(self) -> bool:
        """Whether no network has a part in the result."""
        plans = [stage.plan for stage in (self, *self.later)]
        return all(plan.untouched and not plan.postprocessing.needs_engine for plan in plans)

    def starting_from(self, init: OpenedImage) -> Prepared:
        """The same on another init image of the same size."""
        masked = self.mask_finder.find(init) if self.mask_finder else None
        return replace(self, init=masked.init if masked else init, masked=masked)

    def on_patch(self, patch: Patch, picture: Image.Image) -> Prepared:
        """One pass of a picture that grows, on the picture as it is by now."""
        assert self.init is not None and self.masked is not None
        init = replace(self.init, image=picture)
        canvas = patch.geometry.canvas
        plan = replace(self.plan, geometry=patch.geometry, width=canvas.width, height=canvas.height, patches=())
        return replace(self, plan=plan, init=init, masked=on_patch(self.masked, patch, init))

    @cached_property
    def canvas(self) -> Image.Image | None:
        """The init image on its canvas."""
        if self.init is None or self.plan.geometry is None:
            return None
        return place_on_canvas(self.init.image, self.plan.geometry, self.plan.pad)

    @cached_property
    def mask(self) -> Image.Image | None:
        """The mask on the same canvas, in whole cells of the model's grid."""
        if self.masked is None or self.plan.geometry is None:
            return None
        return cover_cells(place_mask_on_canvas(self.masked.image, self.plan.geometry), self.plan.family.latent_scale)

    @cached_property
    def guides(self) -> tuple[Image.Image, ...]:
        """The control images as the control models are to see them: on the canvas, in the place of the init image."""
        plan, sized = self.plan, [Size(self.plan.width, self.plan.height)]
        if plan.geometry is not None:
            sized.append(plan.geometry.source)
        made: list[Image.Image] = []
        for use, opened in zip(plan.controls, self.controls, strict=True):
            if use.technique is Technique.IP_ADAPTER:
                made.append(opened.image)  # it is seen whole, wherever the init image lies
                continue
            image = scale_to_fill(opened.image, sized[-1])
            made.append(guide(place_on_canvas(image, plan.geometry, plan.pad) if plan.geometry else image, use.made))
        return tuple(made)

    @property
    def inputs(self) -> tuple[InputFile, ...]:
        """The files that the picture is made from."""
        masks = [stage.masked.opened for stage in (self, *self.later) if stage.masked]
        controls = [picture for stage in (self, *self.later) for picture in stage.controls]
        files: list[InputFile | None] = [self.checkpoint, self.init, *masks, *controls]
        there = {(picture.name, picture.sha256): picture for picture in files if picture is not None and picture.data}
        return tuple(there.values())

    def finished(self, made: Image.Image) -> Image.Image:
        """The result from a finished canvas: cut out, and put back where only a part was painted."""
        geometry = self.plan.geometry
        if geometry is None:
            return made
        part = crop_from_canvas(made, geometry)
        if self.masked is None or self.init is None or self.canvas is None:
            return part
        if geometry.window is not None:
            alpha = feather(self.masked.image.crop(geometry.window), self.plan.mask_blur)
            return composite(self.init.image, part, alpha, geometry.window)
        mask = crop_from_canvas(place_mask_on_canvas(self.masked.image, geometry), geometry)
        return composite(crop_from_canvas(self.canvas, geometry), part, feather(mask, self.plan.mask_blur))

    def untouched(self) -> Image.Image:
        """The result when nothing is changed."""
        assert self.init is not None and self.canvas is not None and self.plan.geometry is not None
        return self.init.image if self.plan.geometry.window else crop_from_canvas(self.canvas, self.plan.geometry)


def only_stage(generation: Generation) -> GenerationRequest:
    """The request of a line of one stage, for what cannot take a chain."""
    if len(generation.stages) > 1:
        later = generation.stages[1]
        span = next(iter(later.spans.values()), None)
        hint = "give it one stage; \\| is a bar that is text"
        raise LineError("a chain (stages joined by |) cannot stand here", hint=hint, span=span)
    return generation.stages[0].request


def without_file(image: Image.Image) -> OpenedImage:
    """A picture of a chain's own, which has no file."""
    return OpenedImage(name="", data=b"", image=image.convert("RGB"), sha256="")


def reference_folder(context: SessionContext, request: GenerationRequest) -> OutputFolder:
    """Return the output folder in which a request's image references are looked up."""
    named = request.outdir is None or names_a_file(request.outdir)
    return context.folder(None if named else request.outdir)


def prepare_stage(context: SessionContext, resolved: Resolved, supplied: SuppliedInputs = NO_INPUTS) -> Prepared:
    """Turn a resolved request into a plan and the images that it needs.

    `supplied` are images and latents that replace the files which the request names. An InvokeError names the field
    that cannot be honoured.
    """
    # 1. References: where they are looked up, and what recalls such as @last mean.
    folder = reference_folder(context, resolved.request)
    request = _with_recalls_found(context, resolved.request, folder)
    # 2. The init image, and the prompt in its metadata where the line has none.
    init = _open_init(context, request, folder, supplied)
    metadata = embedded_metadata(init) if init is not None and init.data else None
    if request.prompt is None and init is not None:
        request = replace(request, prompt=(metadata.prompt if metadata else None) or "")
    # 3. Seeds.
    request = replace(request, seeds=recalled_seeds(context, request))
    # 4. The mask, whose init image may be filled or extended.
    finder = _mask_finder(context, request, folder, _supplied_mask(context, request, init, supplied))
    masked = finder.find(init, stands_in=init is not None and not init.data) if finder else None
    init = masked.init if masked else init
    # 5. Values that only writing or resizing would reject otherwise.
    colour(request.pad or "black")
    check_template(request.name_format or "")
    # 6. The plan.
    controls = ControlFinder(context=context, model=resolved.model, folder=folder, given=supplied.controls)
    inputs = PlanInputs(
        request=request,
        model=resolved.model.spec.name,
        facts=resolved.model.facts,
        draw_seed=context.draw_seed,
        find_lora=partial(find_lora, context),
        find_embedding=partial(find_embedding, context),
        find_control=controls.find,
        init=point_facts(supplied) or init_facts(init, request.init_image, recalled=metadata is not None),
        resume=resume_facts(supplied),
        mask=masked.facts if masked else None,
        postprocess_models=find_postprocess_models(context, request, with_init=init is not None),
        sources=resolved.effective.sources,
    )
    plan = make_plan(inputs)
    plan = replace(plan, notices=(*plan.notices, *_missing_triggers(plan, resolved.model)))
    # 7. Later images of a chain or a folder use the mask that was opened here.
    if finder is not None and masked is not None and masked.opened is not None:
        finder = replace(finder, given=masked.opened)
    return Prepared(
        plan=plan, model=resolved.model, init=init, masked=masked, mask_finder=finder, checkpoint=supplied.checkpoint,
        controls=tuple(controls.opened),
    )  # fmt: skip


def _with_recalls_found(context: SessionContext, request: GenerationRequest, folder: OutputFolder) -> GenerationRequest:
    """Replace recalls by the files that they mean where the last image went to another folder than `folder`."""
    if context.latest in (None, folder):
        return request
    named = {"init_image": request.init_image, "init_mask": request.init_mask}
    found = {field: str(recalled(context, name, field)) for field, name in named.items() if name and is_recall(name)}
    return overlay(request, GenerationRequest.of(found))


def _open_init(
    context: SessionContext, request: GenerationRequest, folder: OutputFolder, supplied: SuppliedInputs
) -> OpenedImage | None:
    if supplied.init is not None or supplied.checkpoint is not None or request.init_image is None:
        return supplied.init
    return open_init(context, request.init_image, folder)


def _supplied_mask(
    context: SessionContext, request: GenerationRequest, init: OpenedImage | None, supplied: SuppliedInputs
) -> OpenedImage | None:
    """Return the mask that replaces the file behind `-M`: a supplied one, or one from the web."""
    if supplied.mask is not None or init is None or not is_url(request.init_mask or ""):
        return supplied.mask
    return mask_from_web(context, request.init_mask or "")


def _mask_finder(
    context: SessionContext, request: GenerationRequest, folder: OutputFolder, mask: OpenedImage | None
) -> MaskFinder | None:
    """Return what finds the mask on an image; None for work that has no mask."""
    if request.fix or request.latent_up or request.sr:
        return None
    return MaskFinder(context=context, request=request, folder=folder, given=mask)


def _missing_triggers(plan: Plan, model: Model) -> tuple[str, ...]:
    """Return a notice when the prompt has none of the model's trigger words."""
    words, prompt = model.spec.triggers, plan.prompt.positive.lower()
    if not words or any(word.lower() in prompt for word in words):
        return ()
    return (f"the prompt has no trigger word of {model.spec.name}: {' or '.join(words)}",)


def recalled_seeds(context: SessionContext, request: GenerationRequest) -> tuple[int, ...] | None:
    """Return the request's seeds with recalls looked up; InvokeError where there is no such image."""
    folder = context.latest or reference_folder(context, request)
    return None if request.seeds is None else tuple(_seed(seed, folder) for seed in request.seeds)


def _seed(seed: int, folder: OutputFolder) -> int:
    """Return a seed as it is; -1 is the seed of the last image, -2 of the one before."""
    if seed >= 0:
        return seed
    entry = folder.history.last(-seed)
    if entry is None:
        hint = "generate one first, or give a number"
        raise InvokeError(f"-S {seed}: there is no earlier image in {folder.path}", hint=hint, field="seeds")
    return entry.seed
