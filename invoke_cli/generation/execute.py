"""Execute plans: run the engine's jobs for images of a single stage and for images of a chain."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from invoke_cli.context.context import SessionContext
from invoke_cli.context.lanes import in_lanes
from invoke_cli.engine import TILING, ImageResult, Job
from invoke_cli.errors import EngineLost
from invoke_cli.events import Level
from invoke_cli.generation.job_frames import run_job
from invoke_cli.generation.postprocess import postprocess
from invoke_cli.generation.prepare import Prepared, without_file
from invoke_cli.metadata.codec import Batch, Provenance
from invoke_cli.planning.plan import ImagePlan
from invoke_cli.planning.seeds import next_seed


def generate_images(
    context: SessionContext, prepared: Prepared, recorded: Provenance | None = None
) -> Iterator[ImageResult]:
    """Generate the images of a plan that share its init image.

    Args:
        context: The session context.
        prepared: The first stage; its `later` stages follow.
        recorded: The recorded run to repeat, with its batch size and fallbacks.

    Yields:
        Each finished image.
    """
    plan = prepared.plan
    if prepared.later or plan.patches:
        yield from _run_chain(context, prepared, recorded)
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
        batch_size=recorded.batch.size if recorded else 0,
        tiled=recorded is not None and TILING in recorded.fallbacks,
        total=len(plan.images),
    )
    for part in _parts(job):
        results = run_job(context, prepared, part)
        for result in list(results) if plan.postprocessing.needs_engine else results:
            numbered_result = replace(result, index=result.index + part.first - 1)
            if job.until is not None:
                yield numbered_result
            else:
                yield postprocess(context, prepared, replace(numbered_result, image=prepared.finished(result.image)))


def _parts(job: Job) -> Iterator[Job]:
    """Split a job into batches if postprocessing needs the engine too, which runs one job at a time."""
    if not job.plan.postprocessing.needs_engine:
        yield job
        return
    size = job.batch_size or job.plan.parallel or 1
    for start in range(0, len(job.images), size):
        yield replace(job, images=job.images[start : start + size], first=start + 1, batch_size=size)


def job_of(context: SessionContext, prepared: Prepared, images: Sequence[ImagePlan]) -> Job:
    """Return the engine's job for images of one stage."""
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
        vae=context.hashes.of_vae(prepared.model) if keeps else "",
        threads=prepared.threads,
    )


def _run_chain(context: SessionContext, first: Prepared, recorded: Provenance | None = None) -> Iterator[ImageResult]:
    """Run all stages for each image of the first stage, one image after the other."""

    def task(index: int, image: ImagePlan, own: SessionContext) -> Callable[[], ImageResult]:
        run = _ChainRun(own, first, (index + 1, len(first.plan.images)), recorded)
        return lambda: replace(_repeated_if_lost(run, image), index=index)

    yield from in_lanes(context, [partial(task, *each) for each in enumerate(first.plan.images)])


def _repeated_if_lost(run: _ChainRun, image: ImagePlan) -> ImageResult:
    """Return the result of a chain; if a worker ends that held what the next stage starts from, run it once more."""
    try:
        return run.result(image)
    except EngineLost as error:
        if run.context.width == 1:
            raise
        text = f"{error.message}; the chain of this image is generated again"
        run.context.notice(text, Level.WARNING)
        return run.result(image)


class _ChainRun:
    """The run of one image through all stages; `position` is its number and the number of images."""

    def __init__(
        self, context: SessionContext, first: Prepared, position: tuple[int, int], recorded: Provenance | None
    ) -> None:
        self.context = context
        self.stages = (first, *first.later)
        self.position = position
        self.tiled = recorded is not None and TILING in recorded.fallbacks
        self.keeps_all = first.plan.output.save_all

    def result(self, image: ImagePlan) -> ImageResult:
        """Run all stages; return the last result, with those of the earlier stages."""
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
        if before is not None and (start is None or stage.matches_init):
            stage = stage.starting_from(without_file(before.image))
        if stage.plan.untouched:
            batch = Batch(seeds=(image.seed,))
            unchanged = ImageResult(image=stage.untouched(), plan=image, index=0, seconds=0.0, batch=batch)
            return postprocess(self.context, stage, unchanged, start)
        if stage.plan.patches:
            return postprocess(self.context, stage, self._outpaint(stage, image))
        job = self._job(stage, image, (number + 1, len(self.stages)), start)
        job = replace(job, decode=self._needs_decoding(number))
        (result,) = run_job(self.context, stage, job)
        if not job.decode or job.until is not None:
            return result
        return postprocess(self.context, stage, replace(result, image=stage.finished(result.image)))

    def _job(self, stage: Prepared, image: ImagePlan, position: tuple[int, int], start: object = None) -> Job:
        return replace(
            job_of(self.context, stage, (image,)),
            init=None if start is not None else stage.canvas,
            batch_size=1,
            tiled=self.tiled,
            first=self.position[0],
            total=self.position[1],
            stage=position[0],
            stages=position[1],
            start=start,
        )

    def _outpaint(self, stage: Prepared, image: ImagePlan) -> ImageResult:
        """Outpaint an image patch by patch, each with the next seed, as in the stages of a chain."""
        assert stage.init is not None
        canvas, patches = stage.init.image, stage.plan.patches
        results: list[ImageResult] = []
        for position, patch in enumerate(patches, start=1):
            self.context.check_stopped()
            if results:
                image = replace(image, seed=next_seed(image.seed))
            part = stage.on_patch(patch, canvas)
            job = self._job(part, image, (position, len(patches)))
            (result,) = run_job(self.context, part, job)
            canvas = part.finished(result.image)
            results.append(result)
        return replace(
            results[0],
            image=canvas,
            seconds=sum(result.seconds for result in results),
            frames=tuple(frame for result in results for frame in result.frames),
            latents=tuple(latents for result in results for latents in result.latents),
            fallbacks=tuple(dict.fromkeys(text for result in results for text in result.fallbacks)),
            state=None,
        )

    def _needs_decoding(self, number: int) -> bool:
        """Return whether a stage's result must be decoded: for the user, or for a stage that takes images only."""
        last = number == len(self.stages) - 1
        if last or self.keeps_all:
            return True
        following = self.stages[number + 1]
        return following.matches_init or not following.takes_latents
