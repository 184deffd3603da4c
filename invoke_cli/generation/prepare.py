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
from invoke_cli.imaging.canvas import colour, filling, mask_onto_canvas, onto_canvas, out_of_canvas
from invoke_cli.imaging.control_images import guide
from invoke_cli.imaging.masks import feathered, for_model
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.imaging.paste import pasted
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
    point: LatentFile | None = None
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
        return onto_canvas(self.init.image, self.plan.geometry, self.plan.pad)

    @cached_property
    def mask(self) -> Image.Image | None:
        """The mask on the same canvas, in whole cells of the model's grid."""
        if self.masked is None or self.plan.geometry is None:
            return None
        return for_model(mask_onto_canvas(self.masked.image, self.plan.geometry), self.plan.family.latent_scale)

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
            image = filling(opened.image, sized[-1])
            made.append(guide(onto_canvas(image, plan.geometry, plan.pad) if plan.geometry else image, use.made))
        return tuple(made)

    @property
    def inputs(self) -> tuple[InputFile, ...]:
        """The files that the picture is made from."""
        masks = [stage.masked.opened for stage in (self, *self.later) if stage.masked]
        controls = [picture for stage in (self, *self.later) for picture in stage.controls]
        files: list[InputFile | None] = [self.point, self.init, *masks, *controls]
        there = {(picture.name, picture.sha256): picture for picture in files if picture is not None and picture.data}
        return tuple(there.values())

    def finished(self, made: Image.Image) -> Image.Image:
        """The result from a finished canvas: cut out, and put back where only a part was painted."""
        geometry = self.plan.geometry
        if geometry is None:
            return made
        part = out_of_canvas(made, geometry)
        if self.masked is None or self.init is None or self.canvas is None:
            return part
        if geometry.window is not None:
            alpha = feathered(self.masked.image.crop(geometry.window), self.plan.mask_blur)
            return pasted(self.init.image, part, alpha, geometry.window)
        mask = out_of_canvas(mask_onto_canvas(self.masked.image, geometry), geometry)
        return pasted(out_of_canvas(self.canvas, geometry), part, feathered(mask, self.plan.mask_blur))

    def untouched(self) -> Image.Image:
        """The result when nothing is changed."""
        assert self.init is not None and self.canvas is not None and self.plan.geometry is not None
        return self.init.image if self.plan.geometry.window else out_of_canvas(self.canvas, self.plan.geometry)


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


def folder_of(context: SessionContext, request: GenerationRequest) -> OutputFolder:
    """The folder whose books a request's references mean."""
    named = request.outdir is None or names_a_file(request.outdir)
    return context.folder(None if named else request.outdir)


def prepare_resolved(context: SessionContext, resolved: Resolved, given: SuppliedInputs = NO_INPUTS) -> Prepared:
    """The plan of a request whose layers are laid."""
    effective, sources = resolved.effective
    folder = folder_of(context, effective)
    if context.latest not in (None, folder):
        effective = _with_recalls_found(context, effective)
    init = given.init
    if init is None and effective.init_image is not None and given.point is None:
        init = open_init(context, effective.init_image, folder)
    metadata = embedded_metadata(init) if init is not None and init.data else None
    if effective.prompt is None and init is not None:
        effective = replace(effective, prompt=(metadata.prompt if metadata else None) or "")
    effective = replace(effective, seeds=recalled_seeds(context, effective))
    mask = given.mask
    if mask is None and init is not None and is_url(effective.init_mask or ""):
        mask = mask_from_web(context, effective.init_mask or "")
    fixing = effective.fix or effective.latent_up or effective.sr
    finder = None if fixing else MaskFinder(context=context, request=effective, folder=folder, given=mask)
    masked = finder.find(init, stands_in=init is not None and not init.data) if finder else None
    worked_on = masked.init if masked else init
    colour(effective.pad or "black")
    check_template(effective.name_format or "")
    guides = ControlFinder(context=context, model=resolved.model, folder=folder, given=given.controls)
    plan = make_plan(
        PlanInputs(
            request=effective,
            model=resolved.model.spec.name,
            facts=resolved.model.facts,
            draw_seed=context.draw_seed,
            find_lora=partial(find_lora, context),
            find_embedding=partial(find_embedding, context),
            find_control=guides.find,
            init=point_facts(given) or init_facts(worked_on, effective.init_image, recalled=metadata is not None),
            resume=resume_facts(given),
            mask=masked.facts if masked else None,
            helpers=find_postprocess_models(context, effective, with_init=init is not None),
            sources=sources,
        )
    )
    if finder is not None and masked is not None and masked.opened is not None:
        finder = replace(finder, given=masked.opened)
    plan = replace(plan, notices=(*plan.notices, *_missing_triggers(plan, resolved.model)))
    return Prepared(
        plan=plan, model=resolved.model, init=worked_on, masked=masked, mask_finder=finder, point=given.point,
        controls=tuple(guides.opened),
    )  # fmt: skip


def _with_recalls_found(context: SessionContext, request: GenerationRequest) -> GenerationRequest:
    """A request with the files that its recalls mean, which count in the folder that the last image went to."""
    named = {"init_image": request.init_image, "init_mask": request.init_mask}
    found = {field: str(recalled(context, name, field)) for field, name in named.items() if name and is_recall(name)}
    return overlay(request, GenerationRequest.of(found))


def _missing_triggers(plan: Plan, model: Model) -> tuple[str, ...]:
    """What there is to say when a prompt has none of the words that its model answers to."""
    words, prompt = model.spec.triggers, plan.prompt.positive.lower()
    if not words or any(word.lower() in prompt for word in words):
        return ()
    return (f"{model.spec.name} answers to {' or '.join(words)}, and the prompt has none of it",)


def recalled_seeds(context: SessionContext, request: GenerationRequest) -> tuple[int, ...] | None:
    """The seeds that a request says, its recalls looked up; InvokeError for one of an image that is not there."""
    folder = context.latest or folder_of(context, request)
    return None if request.seeds is None else tuple(_seed(seed, folder) for seed in request.seeds)


def _seed(seed: int, folder: OutputFolder) -> int:
    """A seed as it is; -1 is the last image's, -2 the one's before."""
    if seed >= 0:
        return seed
    entry = folder.history.last(-seed)
    if entry is None:
        hint = "draw one first, or give a number"
        raise InvokeError(f"-S {seed}: there is no earlier image in {folder.path}", hint=hint, field="seeds")
    return entry.seed
