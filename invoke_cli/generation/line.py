"""Drawing one line: what was prepared goes through the engine into files, and the user hears of each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import ImageResult
from invoke_cli.errors import OutOfMemory, OutputError
from invoke_cli.events import Planned
from invoke_cli.generation.chain import prepare_line
from invoke_cli.generation.execute import make_images
from invoke_cli.generation.input_glob import generate_each_input, init_files
from invoke_cli.generation.postprocess import without_last_postprocess
from invoke_cli.generation.prepare import Prepared
from invoke_cli.generation.save import Saver, for_originals, save_grid
from invoke_cli.generation.token_report import show_tokens
from invoke_cli.generation.wildcards import generate_alternatives
from invoke_cli.imaging.open_image import OpenedImage, open_bytes, open_path
from invoke_cli.imaging.sheets.sheets import difference
from invoke_cli.imaging.sizes import FitMode
from invoke_cli.inputs.supplied import SuppliedInputs
from invoke_cli.language.grammar.line import Stage
from invoke_cli.output.png import encode_png
from invoke_cli.output.writer import SavedImage, Target
from invoke_cli.planning.describe import plan_facts, plan_line, plan_table
from invoke_cli.planning.plan import ImagePlan, Plan
from invoke_cli.planning.recorded_request import said_controls
from invoke_cli.planning.tips import tip_for_result
from invoke_cli.request import GenerationRequest, overlay

REMEDIES = "reduce it with -W and -H or --fit, or ask for fewer images at once (--parallel 1)"


class ResumeFrom(Protocol):
    """Add to a line's stages what its first stage has from saved latents, where its `-I` names such."""

    def __call__(self, context: SessionContext, stages: Sequence[Stage]) -> tuple[Sequence[Stage], SuppliedInputs]: ...


def draw(context: SessionContext, stages: Sequence[Stage], resume: ResumeFrom) -> list[SavedImage]:
    """Draw a line's stages; returns its images, which are on disk. When it fails, the finished ones stay there."""
    reference = context.settings.resolve(stages[0].request).effective.request.init_image
    files = init_files(reference, context.folder())
    if files is None:
        return _draw_texts(context, stages, resume)
    return generate_each_input(context, stages, files, lambda each: _draw_texts(context, each, resume))


def _draw_texts(context: SessionContext, stages: Sequence[Stage], resume: ResumeFrom) -> list[SavedImage]:
    return generate_alternatives(context, stages, lambda each: LineRun(context, each, resume).run())


class LineRun:
    """One line on its way: its files in the order in which they were begun."""

    def __init__(self, context: SessionContext, stages: Sequence[Stage], resume: ResumeFrom) -> None:
        self.context = context
        self.stages = stages
        self.originals: Saver | None = None
        self.prepared = prepare_line(context, *resume(context, stages))
        context.last_stages = (self._meant(), *(stage.request for stage in stages[1:]))

    def run(self) -> list[SavedImage]:
        """Tell the plan and, unless this is a dry run, carry it out."""
        plan, dry = self.prepared.plan, bool(self.prepared.plan.request.dry_run)
        for stage in (self.prepared, *self.prepared.later):
            self._tell(stage.plan, dry=dry)
        if dry:
            return []
        self._check_memory()
        show_tokens(self.context, (self.prepared, *self.prepared.later))
        target = self._target()
        saver, self.originals = Saver(self.context, target), Saver(self.context, for_originals(target))
        try:
            self._draw(saver)
        finally:
            self.originals.collect(wait=True)
            saver.collect(wait=True)
            if plan.trace:
                self.context.hooks().trace(self.context.counters.summary())
        return sorted([*self.originals.saved, *saver.saved], key=lambda saved: saved.number or 0)

    def _meant(self) -> GenerationRequest:
        """The first stage as it was typed, with the seeds that were drawn and the images that its recalls meant."""
        plan, typed = self.prepared.plan, self.stages[0].request
        began_from = plan.resume or plan.init
        said = {
            "seeds": plan.request.seeds or (plan.images[0].seed,),
            "init_image": began_from.reference if began_from and typed.init_image is not None else None,
            "controls": said_controls(plan) if typed.controls is not None else None,
            "init_mask": plan.mask.reference if plan.mask and typed.init_mask is not None else None,
        }
        return overlay(typed, GenerationRequest.of({name: value for name, value in said.items() if value is not None}))

    def _target(self) -> Target:
        """Where the results go; OutputError for what has no place there."""
        output = self.prepared.plan.output
        target = self.context.target(output.outdir)
        beside = {"strip": output.strip, "save_intermediates": output.save_intermediates, "grid": output.grid,
                  "save_latents": output.save_latents, "save_all": output.save_all,
                  "save_original": self.prepared.last.plan.postprocessing.keep}  # fmt: skip
        wanted = next((name for name, value in beside.items() if value), None)
        if target.stdout is not None and wanted is not None:
            hint = "give -o a folder or a file's name"
            raise OutputError(f"--{wanted} has no place on standard output", hint=hint, field=wanted)
        if target.stdout is not None and len(self.prepared.plan.images) > 1:
            hint = "leave -n and lists of seeds out, or give -o a folder"
            raise OutputError("standard output takes one picture", hint=hint, field="num_images")
        if self.prepared.plan.untouched and output.strip:
            self.context.notice("nothing is denoised, so there is no strip")
        return target

    def _tell(self, plan: Plan, *, dry: bool) -> None:
        for text in plan.notices:
            self.context.notice(text)
        for tip in plan.tips:
            self.context.tip(tip)
        text = plan_table(plan) if dry else plan_line(plan)
        self.context.emit(Planned(plan=plan_facts(plan), text=text, dry_run=dry))

    # -- drawing ----------------------------------------------------------------------------------------------------

    def _draw(self, saver: Saver) -> None:
        """The images that start afresh, then those that start from one of these."""
        images = self.prepared.plan.images
        leaders = [place for place, image in enumerate(images) if image.follows is None]
        self._carry_out(saver, _with_images(self.prepared, [images[place] for place in leaders]))
        saver.collect(wait=True)
        for leader in dict.fromkeys(image.follows for image in images if image.follows is not None):
            followers = [replace(image, follows=None) for image in images if image.follows == leader]
            self._carry_out(saver, self._following(saver.saved[leaders.index(leader)], followers))
        saver.collect(wait=True)
        if self.prepared.plan.output.grid and len(saver.saved) > 1:
            save_grid(self.context, saver.target.folder, saver.saved, private=self.prepared.plan.output.private)

    def _following(self, source: SavedImage, followers: Sequence[ImagePlan]) -> Prepared:
        """The same line with an earlier result in the place of the init image, and the same part of it painted."""
        plan, masked = self.prepared.plan, self.prepared.masked
        init = _opened_again(source)
        changed = GenerationRequest(
            prompt=plan.request.prompt, init_image=str(source.path), seeds=(followers[0].seed,), num_images=1,
            variation_amount=0.0,
        )  # fmt: skip
        geometry = plan.geometry
        if geometry is not None and geometry.window is None and geometry.mode is not FitMode.PAD:
            same_size = GenerationRequest(width=plan.width, height=plan.height, crop=True, fit=False, stretch=False)
            changed = overlay(changed, same_size)
        typed = self.stages[0].request
        mask = masked.as_file(source.path.stem) if masked else None
        if masked is not None and mask is not None:
            changed = overlay(changed, GenerationRequest(init_mask=mask.name, strength=plan.strength))
            typed = replace(typed, text_mask=None, outcrop=None)
            if masked.bordered:
                typed = replace(typed, invert_mask=None, mask_grow=None, mask_polarity=None)
        first = replace(self.stages[0], request=overlay(typed, changed))
        given = SuppliedInputs(init=init, mask=mask, controls=self.prepared.controls)
        prepared = prepare_line(self.context, [first, *self.stages[1:]], given)
        return _with_images(prepared, followers)

    def _carry_out(self, saver: Saver, prepared: Prepared) -> None:
        for picture in () if prepared.plan.output.private else prepared.inputs:
            saver.target.folder.keep_input(picture.data, picture.sha256, picture.name)
        for result in make_images(self.context, prepared):
            self._give_result_tip(prepared, result)
            if result.before is not None and self.originals is not None:
                self.originals.save(
                    without_last_postprocess(prepared), replace(result, image=result.before, before=None)
                )
                self.originals.collect(wait=True)
            saver.save(prepared, replace(result, before=None))

    # -- what is told -----------------------------------------------------------------------------------------------

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
        """OutOfMemory before the work when one image cannot fit, rather than after it."""
        drawing = [stage for stage in (self.prepared, *self.prepared.later) if not stage.plan.untouched]
        if not drawing:
            return
        largest = max(drawing, key=lambda stage: stage.plan.width * stage.plan.height)
        plan = largest.plan
        needed = self.context.engine.estimate(plan, largest.model)
        free = self.context.engine.memory().free
        if needed > free:
            size = f"{plan.width}x{plan.height}"
            message = f"a picture of {size} needs about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free"
            raise OutOfMemory(message, hint=REMEDIES, field="width")


def _with_images(prepared: Prepared, images: Sequence[ImagePlan]) -> Prepared:
    return replace(prepared, plan=replace(prepared.plan, images=tuple(images)))


def _opened_again(source: SavedImage) -> OpenedImage:
    """A result as an init image; one that went to standard output has no file, but its pixels."""
    if source.number is not None:
        return open_path(source.path)
    return open_bytes(encode_png(source.image, {}), "first-result.png")
