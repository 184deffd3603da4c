"""Enlarging a picture: smoothly, by a network or by diffusion; then the model draws detail, one tile at a time.

Memory grows with the pictures alone: the model never sees more than a tile.
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
    """The enlarging of one image, as its plan asks for it."""

    def __init__(self, context: SessionContext, prepared: Prepared, image: ImagePlan) -> None:
        self.context, self.prepared, self.image = context, prepared, image
        work = prepared.plan.postprocessing.enlarging
        assert work is not None
        self.work: Enlarging = work

    def enlarged(self, image: Image.Image, latents: object) -> Image.Image:
        """The picture enlarged; `latents` are those that it would be decoded from, for upscalers that take them."""
        if self.work.diffusion is not None:
            job = DiffusionJob(
                work=self.work.diffusion, seed=self.image.seed, image=image, latents=latents,
                trace=self.prepared.plan.trace,
            )  # fmt: skip
            return self.context.engine.upscale(job, self.context.hooks())
        large = self._resized(image)
        refining = self.work.refining
        return self._refined(large, refining) if refining is not None and refining.taken else large

    def _resized(self, image: Image.Image) -> Image.Image:
        size = self.prepared.plan.postprocessing.result_size(Size(*image.size))
        smooth = image.resize(size, Image.Resampling.LANCZOS)
        if self.work.network is None:
            return smooth
        job = NetworkJob(path=self.work.network.path, image=image)
        made = self.context.engine.apply_network(job, self.context.hooks())
        made = made.resize(size, Image.Resampling.LANCZOS)
        return made if self.work.share == 1 else Image.blend(smooth, made, self.work.share)

    # -- drawing detail ---------------------------------------------------------------------------------------------

    def _refined(self, large: Image.Image, refining: Refining) -> Image.Image:
        """The enlarged picture with the model's detail in it: each tile starts from the enlarged picture itself."""
        family = self.prepared.plan.family
        grid = Grid(multiple=family.multiple, smallest=family.smallest, native=refining.side)
        canvas = tiling_canvas(Size(*large.size), grid)
        tiles = layout_tiles(canvas, refining.side, refining.overlap, grid.multiple)
        chosen = list(self._chosen(tiles, refining))
        self.context.notice(
            f"drawing detail in {len(chosen)} tile{'s' if len(chosen) > 1 else ''} of {tiles[0].box.size}"
        )
        result = large.copy()
        for number, tile in enumerate(chosen):
            hooks = self._hooks(number, len(chosen), refining.taken)
            blend_tile(result, self._drawn(large, canvas, tile, hooks, number), tile, alone=bool(refining.tiles))
        return result

    def _chosen(self, tiles: tuple[PlacedTile, ...], refining: Refining) -> Iterator[PlacedTile]:
        """The tiles to work on; a number that no tile has is told."""
        if not refining.tiles:
            yield from tiles
            return
        beyond = [number for number in refining.tiles if number > len(tiles)]
        if beyond:
            self.context.notice(f"there are {len(tiles)} tiles: {', '.join(map(str, beyond))} is left out")
        yield from (tiles[number - 1] for number in refining.tiles if number <= len(tiles))

    def _drawn(self, large: Image.Image, canvas: Size, tile: PlacedTile, hooks: Hooks, number: int) -> Image.Image:
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
            tile=None if tile.box.size == canvas else Tile(canvas=canvas, left=tile.box.left, top=tile.box.top),
        )
        (result,) = self.context.engine.generate(job, hooks)
        return result.image

    def _hooks(self, number: int, count: int, taken: int) -> Hooks:
        """The session's hooks; the steps of all tiles are told as those of one run."""
        hooks = self.context.hooks()
        return replace(hooks, emit=_counting(hooks.emit, number * taken, count * taken))


def _counting(emit: Emit, before: int, total: int) -> Emit:
    def heard(event: Event) -> None:
        if isinstance(event, Step):
            event = replace(event, image=1, images=1, step=before + event.step, steps=total, preview=None)
        emit(event)

    return heard


def _tile_plan(plan: Plan, refining: Refining, size: Size, image: ImagePlan) -> Plan:
    """The plan of one tile: image to image at the refining's strength, and nothing kept of it."""
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
