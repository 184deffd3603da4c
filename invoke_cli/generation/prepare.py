"""Turn a request into everything that a run needs: defaults, references, images, the plan. Loads no weights."""

from __future__ import annotations

from collections.abc import Sequence
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
from invoke_cli.imaging.masks import Mask, cover_cells, feather
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.imaging.paste import composite
from invoke_cli.imaging.patches import Patch
from invoke_cli.imaging.sizes import Size
from invoke_cli.imaging.surroundings import Surroundings
from invoke_cli.inputs.adapters import find_embedding, find_lora, join_lora_names
from invoke_cli.inputs.control_images import ControlFinder, control_notices
from invoke_cli.inputs.images import find_recent_result, mask_from_web, open_colours, open_init
from invoke_cli.inputs.mask_finder import MaskFinder
from invoke_cli.inputs.masks import Masked
from invoke_cli.inputs.outcrop import on_patch
from invoke_cli.inputs.references import is_recall
from invoke_cli.inputs.supplied import (
    NO_INPUTS,
    InputFile,
    SuppliedInputs,
    checkpoint_facts,
    colour_file,
    embedded_metadata,
    init_facts,
    resume_facts,
)
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
from invoke_cli.version import STRICT_MASKS


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A plan with its inputs.

    Attributes:
        plan: The plan.
        model: The model.
        init: The init image.
        masked: The mask, with the init image that it applies to.
        mask_finder: Computes the mask for another init image.
        later: The later stages of the chain.
        takes_latents: Whether this stage starts from the latents of the previous stage, rather than from its image.
        own_seed: The seed of a later stage; None for the next seed after that of the previous stage.
        checkpoint: The saved latents to resume from.
        until: The number of steps after which to stop.
        controls: The control images.
        colours: The image whose colours are transferred; None for the init image.
        threads: The number of CPU threads of a recorded run; 0 for the current number.
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
    colours: OpenedImage | None = None
    threads: int = 0

    @property
    def matches_init(self) -> bool:
        """Whether the colours of the stage's own init image are transferred to the result."""
        return self.colours is None and self.plan.postprocessing.matching is not None

    @property
    def colour_reference(self) -> Image.Image:
        """The image whose colours are transferred; the init image is cut to the result."""
        if self.colours is None:
            return self.untouched()
        if self.plan.resume is None or self.plan.geometry is None or self.plan.postprocessing.names_colours:
            return self.colours.image
        return replace(self, init=self.colours, colours=None).untouched()

    @property
    def last(self) -> Prepared:
        """The last stage of the chain, which may be this one."""
        return self.later[-1] if self.later else self

    @property
    def needs_no_model(self) -> bool:
        """Whether the result is computed without any network."""
        plans = [stage.plan for stage in (self, *self.later)]
        return all(plan.untouched and not plan.postprocessing.needs_engine for plan in plans)

    def starting_from(self, init: OpenedImage) -> Prepared:
        """Return the same stage with another init image of the same size."""
        masked = self.mask_finder.find(init) if self.mask_finder else None
        return replace(self, init=masked.init if masked else init, masked=masked)

    def on_patch(self, patch: Patch, image: Image.Image) -> Prepared:
        """Return the stage for one pass of outpainting, on the current state of the image."""
        assert self.init is not None and self.masked is not None
        init = replace(self.init, image=image)
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
        """The mask on the same canvas, expanded to whole latent cells."""
        if self.masked is None or self.plan.geometry is None:
            return None
        return cover_cells(place_mask_on_canvas(self.masked.image, self.plan.geometry), self.plan.family.latent_scale)

    @cached_property
    def alpha(self) -> Mask | None:
        """The weight of the generated image at each pixel of the result, or of the window; None without a mask."""
        if self.masked is None or self.plan.geometry is None:
            return None
        mask, geometry = self.masked.image, self.plan.geometry
        if geometry.window is not None:
            mask = mask.crop(geometry.window)
        else:
            mask = place_mask_on_canvas(mask, geometry, strict=self.plan.has_strict_masks)
            mask = crop_from_canvas(mask, geometry)
        return feather(mask, self.plan.mask_blur)

    @cached_property
    def guides(self) -> tuple[Image.Image, ...]:
        """The control images as passed to the control models: on the canvas, aligned with the init image."""
        plan, sized = self.plan, [Size(self.plan.width, self.plan.height)]
        if plan.geometry is not None:
            sized.append(plan.geometry.source)
        guides: list[Image.Image] = []
        for use, opened in zip(plan.controls, self.controls, strict=True):
            if use.technique is Technique.IP_ADAPTER:
                guides.append(opened.image)  # used whole, regardless of the geometry of the init image
                continue
            image = scale_to_fill(opened.image, sized[-1])
            guides.append(guide(place_on_canvas(image, plan.geometry, plan.pad) if plan.geometry else image, use.made))
        return tuple(guides)

    @property
    def inputs(self) -> tuple[InputFile, ...]:
        """The files that the image is generated from, each once."""
        masks = [stage.masked.opened for stage in (self, *self.later) if stage.masked]
        controls = [control for stage in (self, *self.later) for control in stage.controls]
        colours = [stage.colours for stage in (self, *self.later)]
        files: list[InputFile | None] = [self.checkpoint, self.init, *masks, *controls, *colours]
        unique = {(file.name, file.sha256): file for file in files if file is not None and file.data}
        return tuple(unique.values())

    @property
    def surroundings(self) -> Surroundings | None:
        """The image that the stage paints into; None without a mask."""
        if self.alpha is None or self.init is None or self.canvas is None or self.plan.geometry is None:
            return None
        return Surroundings(base=self.untouched(), alpha=self.alpha, geometry=self.plan.geometry)

    def finished(self, canvas_image: Image.Image) -> Image.Image:
        """Return the result: the generated canvas, cropped and, with a mask, pasted into the init image."""
        geometry = self.plan.geometry
        if geometry is None:
            return canvas_image
        part = crop_from_canvas(canvas_image, geometry)
        if self.alpha is None or self.init is None or self.canvas is None:
            return part
        base = self.init.image if geometry.window is not None else crop_from_canvas(self.canvas, geometry)
        return composite(base, part, self.alpha, geometry.window, match=self.plan.mask_match)

    def untouched(self) -> Image.Image:
        """Return the result of a run that changes nothing."""
        assert self.init is not None and self.canvas is not None and self.plan.geometry is not None
        return self.init.image if self.plan.geometry.window else crop_from_canvas(self.canvas, self.plan.geometry)


def only_stage(generation: Generation) -> GenerationRequest:
    """Return the request of a line of one stage. Raises LineError for a chain."""
    if len(generation.stages) > 1:
        later = generation.stages[1]
        span = next(iter(later.spans.values()), None)
        hint = "use one stage; write \\| for a literal bar"
        raise LineError("a chain (stages joined by |) is not possible here", hint=hint, span=span)
    return generation.stages[0].request


def without_file(image: Image.Image) -> OpenedImage:
    """Wrap an intermediate image of a chain, which has no file."""
    return OpenedImage(name="", data=b"", image=image.convert("RGB"), sha256="")


def reference_folder(context: SessionContext, request: GenerationRequest) -> OutputFolder:
    """Return the output folder in which a request's image references are looked up."""
    named = request.outdir is None or names_a_file(request.outdir)
    return context.folder(None if named else request.outdir)


def prepare_stage(context: SessionContext, resolved: Resolved, supplied: SuppliedInputs = NO_INPUTS) -> Prepared:
    """Turn a resolved request into a plan and the images that it needs; `supplied` replaces the files that it names.

    Raises InvokeError if the request is not possible; `error.field` is the field that causes it.
    """
    # 1. References: resolve @last and the like if the last image is in another folder.
    folder = reference_folder(context, resolved.request)
    request = _resolve_recalls(context, resolved.request, folder)
    # 2. The init image, and the prompt in its metadata if the line has none.
    init = _open_init(context, request, folder, supplied)
    metadata = embedded_metadata(init) if init is not None and init.data else None
    request = _with_prompt(request, metadata) if init is not None else request
    # 3. Seeds, and the names of LoRAs.
    seeds, loras = resolve_seeds(context, request), join_lora_names(context, request.loras)
    request = replace(request, seeds=seeds, loras=loras)
    # 4. The mask, whose init image may be filled or extended.
    supplied = replace(supplied, mask=_supplied_mask(context, request, folder, supplied) if init else supplied.mask)
    finder = _mask_finder(context, request, folder, supplied)
    masked = finder.find(init, stands_in=init is not None and not init.data) if finder else None
    init = masked.init if masked else init
    # 5. Check values that would otherwise fail only when resizing or saving.
    _check_late_values(request)
    # 6. The plan.
    facts = checkpoint_facts(supplied, folder)
    facts = facts or init_facts(init, request.init_image, folder, has_metadata=metadata is not None)
    controls = ControlFinder(context=context, model=resolved.model, folder=folder, supplied=supplied.controls)
    named = supplied.colours or open_colours(context, request.match_colors, folder)
    inputs = PlanInputs(
        request=request,
        model=resolved.model.spec.name,
        facts=resolved.model.facts,
        random_seed=context.random_seed,
        find_lora=partial(find_lora, context),
        find_embedding=partial(find_embedding, context),
        find_control=controls.find,
        init=facts,
        resume=resume_facts(supplied, folder),
        mask=masked.facts if masked else None,
        postprocess_models=find_postprocess_models(context, request, with_init=init is not None),
        sources=resolved.effective.sources,
        colour_file=colour_file(named, request.match_colors, folder),
        has_colours=named is not None or init is not None,
        schema_version=supplied.schema_version,
    )
    plan = _with_notices(make_plan(inputs), resolved.model, controls.opened)
    return Prepared(
        plan=plan, model=resolved.model, init=init, masked=masked, mask_finder=_reusing(finder, masked),
        checkpoint=supplied.checkpoint, controls=tuple(controls.opened),
        colours=named if plan.postprocessing.matching else None, threads=supplied.threads,
    )  # fmt: skip


def _check_late_values(request: GenerationRequest) -> None:
    colour(request.pad or "black")
    check_template(request.name_format or "")


def _resolve_recalls(context: SessionContext, request: GenerationRequest, folder: OutputFolder) -> GenerationRequest:
    """Replace references to recent images (`@last`) by paths if the last image is in another folder than `folder`."""
    if context.latest in (None, folder):
        return request
    named = {"init_image": request.init_image, "init_mask": request.init_mask}
    found = {
        field: str(find_recent_result(context, name, field))
        for field, name in named.items()
        if name and is_recall(name)
    }
    return overlay(request, GenerationRequest.of(found))


def _open_init(
    context: SessionContext, request: GenerationRequest, folder: OutputFolder, supplied: SuppliedInputs
) -> OpenedImage | None:
    if supplied.init is not None or supplied.checkpoint is not None or request.init_image is None:
        return supplied.init
    return open_init(context, request.init_image, folder)


def _with_prompt(request: GenerationRequest, metadata: GenerationRequest | None) -> GenerationRequest:
    """Return a request with the prompt in the metadata of its init image if the line has none."""
    embedded = metadata.prompt if metadata else None
    return replace(request, prompt=embedded or "") if request.prompt is None else request


def _supplied_mask(
    context: SessionContext, request: GenerationRequest, folder: OutputFolder, supplied: SuppliedInputs
) -> OpenedImage | None:
    """Return the mask that replaces the file behind `-M`: a supplied one, or one from the web."""
    if supplied.mask is not None or not is_url(request.init_mask or ""):
        return supplied.mask
    return mask_from_web(context, request.init_mask or "", folder)


def _mask_finder(
    context: SessionContext, request: GenerationRequest, folder: OutputFolder, supplied: SuppliedInputs
) -> MaskFinder | None:
    """Return the finder of the mask; None for tasks without a mask."""
    if request.fix or request.latent_up or request.sr:
        return None
    return MaskFinder(
        context=context, request=request, folder=folder, supplied=supplied.mask, threads=supplied.threads,
        strict=supplied.schema_version >= STRICT_MASKS,
    )  # fmt: skip


def _reusing(finder: MaskFinder | None, masked: Masked | None) -> MaskFinder | None:
    """Let later images of a chain or a folder use the mask that was opened for the first one."""
    if finder is None or masked is None or masked.opened is None:
        return finder
    return replace(finder, supplied=masked.opened)


def _with_notices(plan: Plan, model: Model, controls: Sequence[OpenedImage]) -> Plan:
    """Add notices if control images are resized, or the prompt contains none of the model's trigger words."""
    notices = [*plan.notices, *control_notices(plan, controls)]
    words, prompt = model.spec.triggers, plan.prompt.positive.lower()
    if words and not any(word.lower() in prompt for word in words):
        notices.append(f"the prompt contains no trigger word of {model.spec.name}: {' or '.join(words)}")
    return replace(plan, notices=tuple(notices))


def resolve_seeds(context: SessionContext, request: GenerationRequest) -> tuple[int, ...] | None:
    """Return the seeds of a request with negative ones resolved. Raises InvokeError if there is no such image."""
    folder = context.latest or reference_folder(context, request)
    return None if request.seeds is None else tuple(_seed(seed, folder) for seed in request.seeds)


def _seed(seed: int, folder: OutputFolder) -> int:
    """Resolve a seed: -1 is the seed of the last image, -2 that of the one before."""
    if seed >= 0:
        return seed
    entry = folder.last(-seed)
    if entry is None:
        hint = "generate an image first, or use a number from 0"
        raise InvokeError(f"-S {seed}: {folder.path} has no such image", hint=hint, field="seeds")
    return entry.seed
