"""Chains on their way: the stages of a line prepared together, and one image taken through all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from PIL import Image

from invoke_cli.engine import TILING, ImageResult, Job
from invoke_cli.errors import InvokeError, PlanError
from invoke_cli.imaging.opening import OpenedImage
from invoke_cli.imaging.sizes import Size
from invoke_cli.language.line import Stage
from invoke_cli.metadata.codec import Batch, Made
from invoke_cli.planning.chain import linked, sized
from invoke_cli.planning.plan import ImagePlan, Task
from invoke_cli.planning.seeds import next_seed
from invoke_cli.workshop.finishing import finished
from invoke_cli.workshop.preparing import Prepared, prepare_resolved
from invoke_cli.workshop.settings import Resolved
from invoke_cli.workshop.workshop import Workshop


def prepare_line(
    workshop: Workshop, stages: Sequence[Stage], init: OpenedImage | None = None, mask: OpenedImage | None = None
) -> Prepared:
    """The plans of a line's stages; `init` and `mask` stand in for what the first names. An error of a later stage says
    which one it is.
    """
    _refuse_list_without_init(stages)
    requests = linked(stages)
    first = prepare_resolved(workshop, workshop.settings.resolve(requests[0]), init, mask)
    later: list[Prepared] = []
    for number, request in enumerate(requests[1:], start=1):
        before = (later or [first])[-1]
        try:
            resolved = workshop.settings.resolve(sized(request, *before.plan.result_size))
            later.append(_later(workshop, resolved, before))
        except InvokeError as error:
            error.stage = number
            raise
    if any(stage.plan.after.keep for stage in (first, *later)[:-1]):
        workshop.notice("--save_original is for the last stage; --save_all keeps the pictures of the others")
    return replace(first, later=tuple(later))


def prepare_recorded(
    workshop: Workshop, first: Prepared, later: Sequence[tuple[Resolved, OpenedImage | None]]
) -> Prepared:
    """The plans of a recorded chain: its first stage is prepared, the later ones say everything, and their masks."""
    prepared: list[Prepared] = []
    for resolved, mask in later:
        prepared.append(_later(workshop, resolved, (prepared or [first])[-1], mask))
    return replace(first, later=tuple(prepared))


def _refuse_list_without_init(stages: Sequence[Stage]) -> None:
    spans = [stage.spans.get("strength") for stage in stages[:2]]
    if len(spans) == 2 and spans[0] is not None and spans[0] == spans[1] and stages[0].request.init_image is None:
        raise PlanError("a list of strengths and no init image", hint="name one with -I", field="strength")


def _later(workshop: Workshop, resolved: Resolved, before: Prepared, mask: OpenedImage | None = None) -> Prepared:
    """A stage that starts from the result of the one before, whose size is all that is known of it."""
    said = resolved.effective.request.seeds
    request = replace(resolved.effective.request, seeds=said or (next_seed(before.plan.images[0].seed),))
    effective = resolved.effective._replace(request=request)
    stand_in = _opened(Image.new("RGB", before.plan.result_size))
    prepared = prepare_resolved(workshop, replace(resolved, effective=effective), stand_in, mask)
    handed_over = _takes_latents(workshop, before, prepared)
    if not handed_over and _encodes(prepared):
        notice = "between these stages the picture is decoded and encoded once"
        prepared = replace(prepared, plan=replace(prepared.plan, notices=(*prepared.plan.notices, notice)))
    return replace(prepared, takes_latents=handed_over, own_seed=said[0] if said else None)


def _takes_latents(workshop: Workshop, before: Prepared, after: Prepared) -> bool:
    """Whether a stage can start from the latents of the one before: same canvas, same autoencoder, no masks."""
    if before.plan.after.wanted:
        return False
    if after.plan.task is Task.FIX:
        return _upscaler_takes_latents(workshop, before, after)
    plain = before.masked is None and after.masked is None
    plain = plain and not before.plan.untouched and not after.plan.untouched
    fits = after.plan.geometry is not None and after.plan.geometry.untouched
    whole = before.plan.result_size == Size(before.plan.width, before.plan.height)
    return plain and fits and whole and workshop.vae_hash(before.model) == workshop.vae_hash(after.model)


def _encodes(prepared: Prepared) -> bool:
    """Whether a stage encodes the picture that it gets."""
    enlarging = prepared.plan.after.enlarging
    if prepared.plan.task is not Task.FIX or enlarging is None:
        return True
    return enlarging.diffusion is not None and enlarging.diffusion.upscaler.kind.takes_latents


def _upscaler_takes_latents(workshop: Workshop, before: Prepared, after: Prepared) -> bool:
    """Whether an upscaler that works on latents can take those of the stage before."""
    work = after.plan.after.enlarging.diffusion if after.plan.after.enlarging else None
    if work is None or not work.upscaler.kind.takes_latents or before.plan.untouched or before.masked is not None:
        return False
    canvas, multiple = Size(before.plan.width, before.plan.height), work.upscaler.kind.multiple
    whole = before.plan.result_size == canvas and not (canvas.width % multiple or canvas.height % multiple)
    return whole and workshop.vae_hash(before.model) == work.upscaler.vae


def through_chain(workshop: Workshop, first: Prepared, made: Made | None = None) -> Iterator[ImageResult]:
    """Each of the first stage's images, taken through all stages before the next one begins."""
    for index, image in enumerate(first.plan.images):
        run = _ChainRun(workshop, first, (index + 1, len(first.plan.images)), made)
        yield replace(run.result(image), index=index)


class _ChainRun:
    """One image on its way through the stages."""

    def __init__(self, workshop: Workshop, first: Prepared, place: tuple[int, int], made: Made | None) -> None:
        self.workshop = workshop
        self.stages = (first, *first.later)
        self.place = place
        self.tiled = made is not None and TILING in made.concessions
        self.keeps_all = first.plan.output.save_all

    def result(self, image: ImagePlan) -> ImageResult:
        results: list[ImageResult] = []
        for number in range(len(self.stages)):
            if number:
                own_seed = self.stages[number].own_seed
                seed = next_seed(results[-1].plan.seed) if own_seed is None else own_seed
                image = replace(self.stages[number].plan.images[0], seed=seed)
            self.workshop.check_stopped()
            results.append(self._stage(number, image, results[-1] if results else None))
        return replace(
            results[-1],
            earlier=tuple(results[:-1]),
            seconds=sum(result.seconds for result in results),
            concessions=tuple(dict.fromkeys(text for result in results for text in result.concessions)),
        )

    def _stage(self, number: int, image: ImagePlan, before: ImageResult | None) -> ImageResult:
        stage = self.stages[number]
        start = before.state if before is not None and stage.takes_latents else None
        if before is not None and start is None:
            stage = stage.starting_from(_opened(before.image))
        if stage.plan.untouched:
            batch = Batch(seeds=(image.seed,))
            given = ImageResult(image=stage.untouched(), plan=image, index=0, seconds=0.0, batch=batch)
            return finished(self.workshop, stage, given, start)
        if stage.plan.patches:
            return finished(self.workshop, stage, self._grown(stage, image))
        job = self._job(stage, image, (number + 1, len(self.stages)), start)
        job = replace(job, decode=self._is_seen(number))
        (result,) = self.workshop.engine.generate(job, self.workshop.hooks())
        if not job.decode:
            return result
        return finished(self.workshop, stage, replace(result, image=stage.finished(result.image)))

    def _job(self, stage: Prepared, image: ImagePlan, place: tuple[int, int], start: object = None) -> Job:
        return Job(
            plan=stage.plan,
            model=stage.model,
            images=(image,),
            init=None if start is not None else stage.canvas,
            mask=stage.mask,
            batch_size=1,
            tiled=self.tiled,
            first=self.place[0],
            total=self.place[1],
            stage=place[0],
            stages=place[1],
            start=start,
        )

    def _grown(self, stage: Prepared, image: ImagePlan) -> ImageResult:
        """A picture that grows: patch after patch, each with the next seed in the row, as stages of a chain have."""
        assert stage.init is not None
        picture, patches = stage.init.image, stage.plan.patches
        results: list[ImageResult] = []
        for place, patch in enumerate(patches, start=1):
            self.workshop.check_stopped()
            if results:
                image = replace(image, seed=next_seed(image.seed))
            part = stage.on_patch(patch, picture)
            job = self._job(part, image, (place, len(patches)))
            (result,) = self.workshop.engine.generate(job, self.workshop.hooks())
            picture = part.finished(result.image)
            results.append(result)
        return replace(
            results[0],
            image=picture,
            seconds=sum(result.seconds for result in results),
            frames=tuple(frame for result in results for frame in result.frames),
            latents=tuple(latents for result in results for latents in result.latents),
            concessions=tuple(dict.fromkeys(text for result in results for text in result.concessions)),
            state=None,
        )

    def _is_seen(self, number: int) -> bool:
        """Whether anybody looks at the picture of a stage: the user, or a next stage that cannot take its latents."""
        last = number == len(self.stages) - 1
        return last or self.keeps_all or not self.stages[number + 1].takes_latents


def _opened(image: Image.Image) -> OpenedImage:
    """A picture of a chain's own, which has no file."""
    return OpenedImage(name="", data=b"", image=image, sha256="")
