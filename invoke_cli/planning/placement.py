"""Where a picture is worked on: the canvas, and how an init image gets there. With what there is to say about it."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_cli.errors import PlanError
from invoke_cli.imaging.inpaint_window import window_geometry
from invoke_cli.imaging.patches import Patch, border_patches
from invoke_cli.imaging.sizes import Box, FitMode, Geometry, Grid, Size, as_it_is, aspects_differ, fit, free_size
from invoke_cli.planning.plan import MaskFacts
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.request import GenerationRequest

_MODES = {"fit": FitMode.FIT, "pad": FitMode.PAD, "crop": FitMode.CROP, "stretch": FitMode.STRETCH}


def free_canvas(inputs: PlanInputs, notices: list[str]) -> Size:
    """The canvas of a picture without an init image."""
    asked = (inputs.request.width or 0, inputs.request.height or 0)
    canvas = free_size(*asked, inputs.grid)
    _tell_rounding(asked, canvas, inputs.grid, notices)
    return canvas


def _tell_rounding(asked: tuple[int, int], canvas: Size, grid: Grid, notices: list[str]) -> None:
    for name, wanted, given in zip(("width", "height"), asked, canvas, strict=True):
        if wanted and wanted != given:
            reason = f"a multiple of {grid.multiple}" if wanted > grid.smallest else f"at least {grid.smallest}"
            notices.append(f"{name} {wanted} becomes {given}, {reason}")


def patches_for(inputs: PlanInputs, notices: list[str]) -> tuple[Patch, ...]:
    """The passes in which the borders of `-c` are painted; none without it."""
    borders = inputs.request.outcrop
    if borders is None or inputs.init is None or inputs.mask is None:
        return ()
    for name in (*_MODES, "width", "height"):
        if getattr(inputs.request, name) and inputs.sources.get(name) == "line":
            hint = f"leave --{name} out, or change the size in a stage before: -I a.png --{name} … -f 0 | -c top 64"
            raise PlanError("-c keeps the picture's own size and adds to it", hint=hint, field=name)
    whole = inputs.init.size
    patches = border_patches(whole, borders, inputs.grid, inputs.mask.hole)
    largest = max((patch.geometry.canvas for patch in patches), key=lambda size: size.width * size.height)
    passes = f"{len(patches)} passes, at most {largest}" if len(patches) > 1 else "one pass"
    notices.append(f"the picture grows to {whole}, in {passes}")
    return patches


def geometry_for(inputs: PlanInputs, patches: Sequence[Patch], notices: list[str]) -> Geometry | None:
    """How the init image gets onto the canvas, with what there is to say about it."""
    if inputs.init is None:
        return None
    if inputs.fixing:
        return as_it_is(inputs.init.size)
    if inputs.mask is not None:
        if inputs.request.text_mask and inputs.init.chained and not inputs.mask.name:
            notices.append("what -tm names will be looked for in the picture of the stage before")
        else:
            _tell_mask(inputs.mask, notices)
        if patches:
            return patches[0].geometry
        if not _asks_for_size(inputs.request):
            return window_geometry(inputs.init.size, inputs.mask.box or Box(0, 0, *inputs.init.size), inputs.grid)
    request, grid, source = inputs.request, inputs.grid, inputs.init.size
    width, height = request.width or 0, request.height or 0
    mode = _fit_mode(request)
    if mode is FitMode.AUTO and width and height and aspects_differ(source, Size(width, height)):
        mode = FitMode.FIT
        ways = "--crop, --pad or --stretch"
        notices.append(
            f"the init image ({source}) has another shape than {width}x{height}: --fit is used; or say {ways}"
        )
    geometry = fit(source, width, height, mode, grid)
    if mode is not FitMode.FIT:
        _tell_rounding((width, height), geometry.canvas, grid, notices)
    _tell_scaling(inputs, geometry, notices)
    return geometry


def _asks_for_size(request: GenerationRequest) -> bool:
    return bool(request.width or request.height or any(getattr(request, name) for name in _MODES))


def _tell_mask(mask: MaskFacts, notices: list[str]) -> None:
    notices.extend(mask.notices)
    if mask.box is None:
        notices.append("the mask paints nothing: the picture stays as it is (--invert_mask turns it round)")
    else:
        notices.append(f"painting {max(mask.share, 0.01):.0%} of the image")


def _fit_mode(request: GenerationRequest) -> FitMode:
    asked = [name for name in _MODES if getattr(request, name)]
    if len(asked) > 1:
        names = " and ".join(f"--{name}" for name in asked)
        raise PlanError(f"{names} exclude each other", hint="keep one of them", field=asked[-1])
    return _MODES[asked[0]] if asked else FitMode.AUTO


def _tell_scaling(inputs: PlanInputs, geometry: Geometry, notices: list[str]) -> None:
    assert inputs.init is not None
    source, result = inputs.init.size, geometry.result
    free = not (inputs.request.width or inputs.request.height)
    if source != result and free and geometry.mode is FitMode.AUTO:
        verb = "enlarged" if geometry.scale > 1 else "reduced"
        notices.append(
            f"the init image ({source}) is {verb} to {result}, the size this model draws; -W and -H change it"
        )
    if inputs.init.frames > 1:
        notices.append(f"the init image has {inputs.init.frames} frames: the first is used")
