"""Enlarge an image by resampling, a network or diffusion; then add detail with the model, one tile at a time.

Memory use grows only with the images: the model never processes more than a tile.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import DiffusionJob, Hooks, Job, NetworkJob, Tile
from invoke_cli.events import Emit, Event, Step
from invoke_cli.generation.prepare import Prepared
from invoke_cli.imaging.sizes import Grid, Size
from invoke_cli.imaging.tiles import PlacedTile, blend_tile, crop_tile, layout_tiles, tiling_canvas
from invoke_cli.planning.plan import ImagePlan, Plan, Steps, Task
from invoke_cli.planning.postprocess import Enlarging, Refining


class Enlarger:
    """Enlarges one image as its plan requests."""

    def __init__(self, context: SessionContext, prepared: Prepared, image: ImagePlan) -> None:
        self.context, self.prepared, self.image = context, prepared, image
        work = prepared.plan.postprocessing.enlarging
        assert work is not None
        self.work: Enlarging = work

    def enlarged(self, image: Image.Image, latents: object) -> Image.Image:
        """Return the enlarged image.

        Args:
            image: The decoded image.
            latents: The latents that it was decoded from, for upscalers that take latents; None if there are none.
        """
        if self.work.diffusion is not None:
            job = DiffusionJob(
                work=self.work.diffusion, seed=self.image.seed, image=image, latents=latents,
                trace=self.prepared.plan.trace, threads=self.prepared.threads,
            )  # fmt: skip
            return self.context.engine.upscale(job, self.context.hooks())
        large = self._enlarge(image)
        refining = self.work.refining
        return self._add_detail(large, refining) if refining is not None and refining.taken else large

    def _enlarge(self, image: Image.Image) -> Image.Image:
        size = self.prepared.plan.postprocessing.result_size(Size(*image.size))
        smooth = image.resize(size, Image.Resampling.LANCZOS)
        if self.work.network is None:
            return smooth
        job = NetworkJob(path=self.work.network.path, image=image, threads=self.prepared.threads)
        enlarged = self.context.engine.apply_network(job, self.context.hooks())
        enlarged = enlarged.resize(size, Image.Resampling.LANCZOS)
        return enlarged if self.work.share == 1 else Image.blend(smooth, enlarged, self.work.share)

    # -- adding detail ----------------------------------------------------------------------------------------------

    def _add_detail(self, large: Image.Image, refining: Refining) -> Image.Image:
        """Add detail with the model: each tile is image to image, starting from the enlarged image."""
        family = self.prepared.plan.family
        grid = Grid(multiple=family.multiple, smallest=family.smallest, native=refining.side)
        canvas = tiling_canvas(Size(*large.size), grid)
        tiles = layout_tiles(canvas, refining.side, refining.overlap, grid.multiple)
        chosen = list(self._chosen_tiles(tiles, refining))
        self.context.notice(
            f"adding detail in {len(chosen)} tile{'s' if len(chosen) > 1 else ''} of {tiles[0].box.size}"
        )
        result = large.copy()
        for number, tile in enumerate(chosen):
            hooks = self._hooks(number, len(chosen), refining.taken)
            blend_tile(
                result, self._generate_tile(large, canvas, tile, hooks, number), tile, alone=bool(refining.tiles)
            )
        return result

    def _chosen_tiles(self, tiles: tuple[PlacedTile, ...], refining: Refining) -> Iterator[PlacedTile]:
        """Yield the tiles to work on; report numbers that do not exist."""
        if not refining.tiles:
            yield from tiles
            return
        missing = [number for number in refining.tiles if number > len(tiles)]
        if missing:
            self.context.notice(f"there are only {len(tiles)} tiles: ignoring {', '.join(map(str, missing))}")
        yield from (tiles[number - 1] for number in refining.tiles if number <= len(tiles))

    def _generate_tile(
        self, large: Image.Image, canvas: Size, tile: PlacedTile, hooks: Hooks, number: int
    ) -> Image.Image:
        self.context.check_stopped()
        assert self.work.refining is not None
        job = Job(
            plan=_tile_plan(self.prepared.plan, self.work.refining, tile.box.size, self.image),
            model=self.prepared.model,
            images=(self.image,),
            init=crop_tile(large, tile.box),
            batch_size=1,
            first=number + 1,
            total=1,
            threads=self.prepared.threads,
            tile=None if tile.box.size == canvas else Tile(canvas=canvas, left=tile.box.left, top=tile.box.top),
        )
        (result,) = self.context.engine.generate(job, hooks)
        return result.image

    def _hooks(self, number: int, count: int, taken: int) -> Hooks:
        """Return the session's hooks, which report the steps of all tiles as one run."""
        hooks = self.context.hooks()
        return replace(hooks, emit=_count_steps(hooks.emit, number * taken, count * taken))


def _count_steps(emit: Emit, offset: int, total: int) -> Emit:
    def emit_counted(event: Event) -> None:
        if isinstance(event, Step):
            event = replace(event, image=1, images=1, step=offset + event.step, steps=total, preview=None)
        emit(event)

    return emit_counted


def _tile_plan(plan: Plan, refining: Refining, size: Size, image: ImagePlan) -> Plan:
    """Return the plan of one tile: image to image at the strength of the refinement, without extra outputs."""
    return replace(
        plan,
        task=Task.IMAGE_TO_IMAGE,
        prompt=refining.prompt,
        width=size.width,
        height=size.height,
        steps=Steps(asked=refining.scheduled, scheduled=refining.scheduled, taken=refining.taken),
        sampler=refining.sampler,
        strength=refining.strength,
        resume=None,
        controls=(),
        images=(image,),
        latent_effects=replace(plan.latent_effects, seamless="", h_symmetry_time_pct=0.0, v_symmetry_time_pct=0.0),
        output=replace(plan.output, strip=False, save_intermediates=0, save_latents=False, preview="off"),
    )
