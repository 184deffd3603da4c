"""Run one line: plan it, generate its images, save them, and report each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Protocol

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import names_a_file
from invoke_cli.engine import ImageResult, Tokens
from invoke_cli.engine.counters import Counters
from invoke_cli.errors import OutOfMemory, OutputError
from invoke_cli.events import STANDARD_OUTPUT, Planned, Tokenized
from invoke_cli.generation.alternatives import runs_of_variants
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.execute import generate_images
from invoke_cli.generation.input_glob import init_files, runs_of_inputs
from invoke_cli.generation.postprocess import without_last_postprocess
from invoke_cli.generation.prepare import Prepared
from invoke_cli.generation.prompt_words import unknown_words
from invoke_cli.generation.resolved_line import ResolvedLine, resolve_line
from invoke_cli.generation.run import PreparedRuns, Run
from invoke_cli.generation.save import Saver, check_only_image, originals_target, save_grid
from invoke_cli.generation.speedups import with_chosen_speedups
from invoke_cli.imaging.open_image import OpenedImage, open_bytes, open_path
from invoke_cli.imaging.sheets.grids import difference
from invoke_cli.imaging.sizes import FitMode
from invoke_cli.inputs.supplied import SuppliedInputs
from invoke_cli.language.grammar.line import Stage
from invoke_cli.output.files import check_space
from invoke_cli.output.numbering import Numbering
from invoke_cli.output.png import encode_png
from invoke_cli.output.writer import SavedImage, Target
from invoke_cli.planning.describe import plan_facts, plan_line
from invoke_cli.planning.disk_space import expected_bytes
from invoke_cli.planning.fitting_size import size_remedy
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.planning.plan_table import plan_table
from invoke_cli.planning.recorded_request import recorded_controls, recorded_mask
from invoke_cli.planning.tips import tip_for_result
from invoke_cli.request import GenerationRequest, overlay

REMEDIES = "reduce the size with -W and -H or --fit, or generate fewer images at once (--parallel 1)"


class ResumeFrom(Protocol):
    """Resolves the saved latents that the `-I` of a line refers to, if any."""

    def __call__(self, context: SessionContext, line: ResolvedLine) -> tuple[ResolvedLine, SuppliedInputs]: ...


def generate(context: SessionContext, stages: Sequence[Stage], resume: ResumeFrom) -> list[SavedImage]:
    """Generate the images of a line and write them.

    Args:
        context: The session.
        stages: The stages of the line, as parsed.
        resume: Looks up saved latents; the package `replay` provides it.

    Returns:
        The images, which are on disk. When the line fails, the finished ones stay there.
    """
    return prepare_runs(context, stages, resume).run()


def prepare_runs(context: SessionContext, stages: Sequence[Stage], resume: ResumeFrom) -> PreparedRuns:
    """Prepare the runs of a line, and reserve their numbers where the context numbers them in advance."""
    line = resolve_line(context, stages)
    if notice := unknown_words(context, line):
        context.notice(notice)

    def prepare(variant: ResolvedLine) -> Run:
        return LineRun(context, variant, resume)

    def runs_of(each: ResolvedLine) -> Iterator[Run]:
        return runs_of_variants(context, each, prepare)

    files = init_files(line.request.init_image, context.folder())
    runs = runs_of(line) if files is None else runs_of_inputs(context, line, files, runs_of)
    return PreparedRuns(context, runs)


class LineRun:
    """One line without alternatives and with one init image: plan it, run it, and save its images in order.

    Attributes:
        saved: The images that are on disk.
    """

    needs_earlier = False

    def __init__(self, context: SessionContext, line: ResolvedLine, resume: ResumeFrom) -> None:
        self.context = context
        self.line = line
        self.originals: Saver | None = None
        self.saved: Sequence[SavedImage] = ()
        self.finished = 0
        self._numbers: Iterator[int] = iter(())
        self.prepared = prepare_line(context, *resume(context, line))
        context.last_stages = (self._resolved_request(), *self._later_requests())

    def reserve(self, numbering: Numbering) -> None:
        """Reserve the numbers of the images, of those before postprocessing if they are kept, and of the grid."""
        plan, outdir = self.prepared.plan, self.prepared.plan.output.outdir
        if plan.request.dry_run or outdir == "-" or names_a_file(outdir or ""):
            return
        count = len(plan.images) * (2 if self.prepared.last.plan.postprocessing.keep else 1)
        has_grid = bool(plan.output.grid) and len(plan.images) > 1
        folder = self.context.folder(outdir)
        numbers = numbering.reserve(folder, count + has_grid)
        self.context.line_images.reserve(folder.path, numbers[:count])
        self._numbers = iter(numbers)

    def run(self, context: SessionContext) -> None:
        """Report the plan and, unless this is a dry run, execute it."""
        self.context = context
        context.check_stopped()
        plan, dry = self.prepared.plan, bool(self.prepared.plan.request.dry_run)
        if self.line.typed.save_all and not self.prepared.later:
            self.context.notice("--save_all has no effect: there is only one stage")
        for stage in (self.prepared, *self.prepared.later):
            self._report(stage.plan, dry=dry)
        show_tokens(self.context, (self.prepared, *self.prepared.later))
        if not dry:
            self._check_memory()
            self._run_plan(plan)

    def _run_plan(self, plan: Plan) -> None:
        target = self._target()
        if target.stdout is None:
            stages = [stage.plan for stage in (self.prepared, *self.prepared.later)]
            check_space(target.place, expected_bytes(stages))
        saver, self.originals = Saver(self.context, target), Saver(self.context, originals_target(target))
        try:
            self._generate(saver)
        finally:
            self.originals.collect(wait=True)
            saver.collect(wait=True)
            self.saved = sorted([*self.originals.saved, *saver.saved], key=lambda saved: saved.number or 0)
            if plan.trace:
                self.context.hooks().trace(self.context.counters.summary())

    def _resolved_request(self) -> GenerationRequest:
        """Return the first stage as typed, with its random seeds and references resolved."""
        plan, typed = self.prepared.plan, self.line.typed
        source = plan.resume or plan.init
        values = {
            "seeds": plan.request.seeds or (plan.images[0].seed,),
            "init_image": source.reference if source and typed.init_image is not None else None,
            "controls": recorded_controls(plan) if typed.controls is not None else None,
            "init_mask": plan.mask.reference if plan.mask and typed.init_mask is not None else None,
        }
        return overlay(
            typed, GenerationRequest.of({name: value for name, value in values.items() if value is not None})
        )

    def _later_requests(self) -> Iterator[GenerationRequest]:
        """Yield the later stages as typed; the passes of a list of strengths with the mask that they keep."""
        added = len(self.prepared.later) + 1 - len(self.line.stages)  # the first stage may have been split in two
        for stage, prepared in zip(self.line.stages[1:], self.prepared.later[added:], strict=True):
            kept = recorded_mask(prepared.plan, by_name=False) if stage.refines else GenerationRequest()
            yield overlay(stage.request, kept)

    def _target(self) -> Target:
        """Return the target of the results. Raises OutputError if it cannot take the requested extra files."""
        output = self.prepared.plan.output
        target = replace(self.context.target(output.outdir), numbers=self._numbers)
        extra_files = {"strip": output.strip, "save_intermediates": output.save_intermediates, "grid": output.grid,
                  "save_latents": output.save_latents, "save_all": output.save_all,
                  "save_original": self.prepared.last.plan.postprocessing.keep}  # fmt: skip
        extra = next((name for name, value in extra_files.items() if value), None)
        if target.stdout is not None and extra is not None:
            hint = "use -o with a folder or a file name"
            raise OutputError(f"--{extra} cannot write to standard output", hint=hint, field=extra)
        if target.file is not None or target.stdout is not None:
            check_only_image(output.outdir, len(self.prepared.plan.images))
        if self.prepared.plan.untouched and output.strip:
            self.context.notice("the image is returned unchanged: there are no steps for a strip")
        return target

    def _report(self, plan: Plan, *, dry: bool) -> None:
        for text in plan.notices:
            self.context.notice(text)
        for tip in plan.tips:
            self.context.tip(tip)
        text = plan_table(plan) if dry else plan_line(plan)
        self.context.emit(Planned(plan=plan_facts(plan), text=text, dry_run=dry))

    # -- generating ----------------------------------------------------------------------------------------------------

    def _generate(self, saver: Saver) -> None:
        """Generate the images that start from noise or the init image, then those that start from one of these."""
        images = self.prepared.plan.images
        leaders = [index for index, image in enumerate(images) if image.follows is None]
        self._execute(saver, _with_images(self.prepared, [images[index] for index in leaders]))
        saver.collect(wait=True)
        self._generate_followers(saver, leaders)
        saver.collect(wait=True)
        if self.prepared.plan.output.grid and len(saver.saved) > 1:
            save_grid(self.context, saver.target, saver.saved, private=self.prepared.plan.output.private)

    def _generate_followers(self, saver: Saver, leaders: Sequence[int]) -> None:
        """Generate the images that start from an earlier one; `leaders` are the indices of those saved so far."""
        images = self.prepared.plan.images
        followed = dict.fromkeys(image.follows for image in images if image.follows is not None)
        if followed and self._follows_enlarged_image():
            self.context.notice("the variations start from the enlarged first result and are not enlarged again")
        for leader in followed:
            followers = [replace(image, follows=None) for image in images if image.follows == leader]
            self._execute(saver, self._following(saver.saved[leaders.index(leader)], followers))

    def _follows_enlarged_image(self) -> bool:
        """Whether variations are painted into the first result, which has its size already after enlarging."""
        plan = self.prepared.plan
        is_pasted = plan.geometry is not None and plan.geometry.window is not None
        return is_pasted and plan.postprocessing.enlarging is not None

    def _following(self, source: SavedImage, followers: Sequence[ImagePlan]) -> Prepared:
        """Prepare the line with an earlier result as its init image and the same mask."""
        plan, masked = self.prepared.plan, self.prepared.masked
        init = _open_result(source)
        changed = GenerationRequest(
            prompt=plan.request.prompt, init_image=str(source.path), seeds=(followers[0].seed,), num_images=1,
            variation_amount=0.0,
        )  # fmt: skip
        geometry = plan.geometry
        if geometry is not None and geometry.window is None and geometry.mode is not FitMode.PAD:
            width, height = geometry.result
            fits = geometry.is_extended
            same_size = GenerationRequest(width=width, height=height, crop=not fits, fit=fits, stretch=False)
            changed = overlay(changed, same_size)
        typed = _without_enlarging(self.line.typed) if self._follows_enlarged_image() else self.line.typed
        mask = masked.as_file(source.path.stem) if masked else None
        if masked is not None and mask is not None:
            changed = overlay(changed, GenerationRequest(init_mask=mask.name, strength=plan.strength))
            typed = replace(typed, text_mask=None, outcrop=None)
            if masked.bordered:
                typed = replace(typed, invert_mask=None, mask_grow=None, mask_polarity=None)
        line = self.line.with_request(self.context, overlay(typed, changed))
        supplied = SuppliedInputs(init=init, mask=mask, controls=self.prepared.controls)
        prepared = prepare_line(self.context, line, supplied)
        return _with_images(prepared, followers)

    def _execute(self, saver: Saver, prepared: Prepared) -> None:
        prepared = with_chosen_speedups(self.context, prepared)
        is_kept = not prepared.plan.output.private and saver.target.file is None
        for file in prepared.inputs if is_kept else ():
            saver.target.folder.keep_input(file.data, file.sha256, file.name, file.source)
        before = replace(self.context.counters)
        for result in generate_images(self.context, prepared):
            before = self._trace_image(result, before)
            self._give_result_tip(prepared, result)
            if result.before is not None and self.originals is not None:
                self.originals.save(
                    without_last_postprocess(prepared), replace(result, image=result.before, before=None)
                )
                self.originals.collect(wait=True)
            saver.save(prepared, replace(result, before=None))

    def _trace_image(self, result: ImageResult, before: Counters) -> Counters:
        """Report the work for an image, or for the images of a batch with the first of them; return all counts."""
        counters, size = self.context.counters, len(result.batch.seeds)
        self.finished += 1
        is_only_one = len(self.prepared.plan.images) == 1 and before == Counters(emit=before.emit)
        if self.prepared.plan.trace and not is_only_one and (size < 2 or counters.decodes > before.decodes):
            name = f"images {self.finished} to {self.finished + size - 1}" if size > 1 else f"image {self.finished}"
            self.context.hooks().trace(counters.summary_since(before, name))
        return replace(counters)

    # -- reporting ---------------------------------------------------------------------------------------------------

    def _give_result_tip(self, prepared: Prepared, result: ImageResult) -> None:
        if (
            prepared.init is None
            or prepared.masked is not None
            or prepared.later
            or prepared.plan.postprocessing.wanted
        ):
            return
        tip = tip_for_result(prepared.plan, difference(prepared.untouched(), result.image))
        if tip is not None:
            self.context.tip(tip)

    def _check_memory(self) -> None:
        """Raise OutOfMemory before generation starts if a single image does not fit."""
        denoised = [stage for stage in (self.prepared, *self.prepared.later) if not stage.plan.untouched]
        if not denoised:
            return
        largest = max(denoised, key=lambda stage: stage.plan.width * stage.plan.height)
        plan = largest.plan
        needed = self.context.engine.estimate(plan, largest.model)
        free = self.context.engine.memory().free
        if needed > free:
            size = f"{plan.width}x{plan.height}"
            message = f"an image of {size} needs about {needed / 1e9:.1f} GB, but only {free / 1e9:.1f} GB are free"
            raise OutOfMemory(message, hint=size_remedy(plan, needed, free) + REMEDIES, field="width")


def _without_enlarging(typed: GenerationRequest) -> GenerationRequest:
    """Return a request that enlarges nothing, whatever the session's defaults are."""
    options = dict.fromkeys(("upscaler", "new_prompt", "embiggen_strength", "embiggen_tiles", "save_original"))
    return replace(typed, upscale=(), embiggen=(), **options)


def _with_images(prepared: Prepared, images: Sequence[ImagePlan]) -> Prepared:
    return replace(prepared, plan=replace(prepared.plan, images=tuple(images)))


def _open_result(source: SavedImage) -> OpenedImage:
    """Open a result as an init image; a result on standard output is encoded from its pixels."""
    if str(source.path) != STANDARD_OUTPUT:
        return open_path(source.path)
    return open_bytes(encode_png(source.image, {}), "first-result.png")


def show_tokens(context: SessionContext, stages: Sequence[Prepared]) -> None:
    """Report the tokens of all prompts if any stage requests it, loading the models for that."""
    if not any(stage.plan.request.log_tokenization for stage in stages):
        return
    for number, stage in enumerate(stages, start=1):
        suffix = f" of stage {number}" if len(stages) > 1 else ""
        for name, text in (("prompt", stage.plan.prompt.positive), ("negative", stage.plan.prompt.negative)):
            if text:
                tokens = context.engine.tokens(stage.model, text, context.hooks())
                context.emit(Tokenized(name=f"{name}{suffix}", windows=_windows(tokens), cut=tokens.cut))


def _windows(tokens: Tokens) -> tuple[tuple[str, ...], ...]:
    ends = list(accumulate(tokens.windows or (len(tokens.read),)))
    return tuple(tokens.read[start:end] for start, end in zip([0, *ends], ends, strict=False))
