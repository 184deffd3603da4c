"""Carrying plans out: the engine's jobs for an image of one stage, and for one that goes through a chain of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import TILING, ImageResult, Job
from invoke_cli.generation.postprocess import postprocess
from invoke_cli.generation.prepare import Prepared, without_file
from invoke_cli.metadata.codec import Batch, Provenance
from invoke_cli.planning.plan import ImagePlan
from invoke_cli.planning.seeds import next_seed


def make_images(context: SessionContext, prepared: Prepared, made: Provenance | None = None) -> Iterator[ImageResult]:
    """The images of a plan that share its init image, as they are finished; `made` replays how they once were made."""
    plan = prepared.plan
    if prepared.later or plan.patches:
        yield from _through_chain(context, prepared, made)
        return
    if plan.untouched:
        untouched = prepared.untouched()
        for index, image in enumerate(plan.images):
            batch = Batch(seeds=(image.seed,))
            result = ImageResult(image=untouched, plan=image, index=index, seconds=0.0, batch=batch)
            yield postprocess(context, prepared, result)
        return
    job = replace(
        job_of(context, prepared, plan.images),
        batch_size=made.batch.size if made else 0,
        tiled=made is not None and TILING in made.fallbacks,
        total=len(plan.images),
    )
    for part in _parts(job):
        results = context.engine.generate(part, context.hooks())
        for result in list(results) if plan.postprocessing.needs_engine else results:
            placed = replace(result, index=result.index + part.first - 1)
            if job.until is not None:
                yield placed
            else:
                yield postprocess(context, prepared, replace(placed, image=prepared.finished(result.image)))


def _parts(job: Job) -> Iterator[Job]:
    """The job batch by batch where the engine works on the finished pictures too: it does one thing at a time."""
    if not job.plan.postprocessing.needs_engine:
        yield job
        return
    size = job.batch_size or job.plan.parallel or 1
    for start in range(0, len(job.images), size):
        yield replace(job, images=job.images[start : start + size], first=start + 1, batch_size=size)


def job_of(context: SessionContext, prepared: Prepared, images: Sequence[ImagePlan]) -> Job:
    """The engine's job for images of one stage."""
    keeps = prepared.until is not None or prepared.plan.output.save_latents
    return Job(
        plan=prepared.plan,
        model=prepared.model,
        images=tuple(images),
        init=prepared.canvas,
        mask=prepared.mask,
        guides=prepared.guides,
        checkpoint=prepared.checkpoint,
        until=prepared.until,
        vae=context.vae_hash(prepared.model) if keeps else "",
    )


def _through_chain(context: SessionContext, first: Prepared, made: Provenance | None = None) -> Iterator[ImageResult]:
    """Each of the first stage's images, taken through all stages before the next one begins."""
    for index, image in enumerate(first.plan.images):
        run = _ChainRun(context, first, (index + 1, len(first.plan.images)), made)
        yield replace(run.result(image), index=index)


class _ChainRun:
    """One image on its way through the stages."""

    def __init__(
        self, context: SessionContext, first: Prepared, place: tuple[int, int], made: Provenance | None
    ) -> None:
        self.context = context
        self.stages = (first, *first.later)
        self.place = place
        self.tiled = made is not None and TILING in made.fallbacks
        self.keeps_all = first.plan.output.save_all

    def result(self, image: ImagePlan) -> ImageResult:
        results: list[ImageResult] = []
        for number in range(len(self.stages)):
            if number:
                own_seed = self.stages[number].own_seed
                seed = next_seed(results[-1].plan.seed) if own_seed is None else own_seed
                image = replace(self.stages[number].plan.images[0], seed=seed)
            self.context.check_stopped()
            results.append(self._stage(number, image, results[-1] if results else None))
        return replace(
            results[-1],
            earlier=tuple(results[:-1]),
            seconds=sum(result.seconds for result in results),
            fallbacks=tuple(dict.fromkeys(text for result in results for text in result.fallbacks)),
        )

    def _stage(self, number: int, image: ImagePlan, before: ImageResult | None) -> ImageResult:
        stage = self.stages[number]
        start = before.state if before is not None and stage.takes_latents else None
        if before is not None and start is None:
            stage = stage.starting_from(without_file(before.image))
        if stage.plan.untouched:
            batch = Batch(seeds=(image.seed,))
            given = ImageResult(image=stage.untouched(), plan=image, index=0, seconds=0.0, batch=batch)
            return postprocess(self.context, stage, given, start)
        if stage.plan.patches:
            return postprocess(self.context, stage, self._grown(stage, image))
        job = self._job(stage, image, (number + 1, len(self.stages)), start)
        job = replace(job, decode=self._is_seen(number))
        (result,) = self.context.engine.generate(job, self.context.hooks())
        if not job.decode or job.until is not None:
            return result
        return postprocess(self.context, stage, replace(result, image=stage.finished(result.image)))

    def _job(self, stage: Prepared, image: ImagePlan, place: tuple[int, int], start: object = None) -> Job:
        return replace(
            job_of(self.context, stage, (image,)),
            init=None if start is not None else stage.canvas,
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
            self.context.check_stopped()
            if results:
                image = replace(image, seed=next_seed(image.seed))
            part = stage.on_patch(patch, picture)
            job = self._job(part, image, (place, len(patches)))
            (result,) = self.context.engine.generate(job, self.context.hooks())
            picture = part.finished(result.image)
            results.append(result)
        return replace(
            results[0],
            image=picture,
            seconds=sum(result.seconds for result in results),
            frames=tuple(frame for result in results for frame in result.frames),
            latents=tuple(latents for result in results for latents in result.latents),
            fallbacks=tuple(dict.fromkeys(text for result in results for text in result.fallbacks)),
            state=None,
        )

    def _is_seen(self, number: int) -> bool:
        """Whether anybody looks at the picture of a stage: the user, or a next stage that cannot take its latents."""
        last = number == len(self.stages) - 1
        return last or self.keeps_all or not self.stages[number + 1].takes_latents
