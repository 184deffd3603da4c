"""Decide the canvas of an image, and how the init image is placed on it."""

from __future__ import annotations

from collections.abc import Sequence

from invoke_cli.errors import PlanError
from invoke_cli.imaging.inpaint_window import window_geometry
from invoke_cli.imaging.patches import Patch, border_patches
from invoke_cli.imaging.sizes import (
    Box,
    FitMode,
    Geometry,
    Grid,
    Size,
    fit,
    fit_cropping,
    free_size,
    unchanged_geometry,
)
from invoke_cli.planning.plan import InitFacts, MaskFacts
from invoke_cli.planning.plan_inputs import PlanInputs
from invoke_cli.request import Borders, GenerationRequest
from invoke_cli.version import PADDED_STRIPS

_MODES = {"fit": FitMode.FIT, "pad": FitMode.PAD, "crop": FitMode.CROP, "stretch": FitMode.STRETCH}


def free_canvas(inputs: PlanInputs, notices: list[str]) -> Size:
    """Return the canvas of an image without an init image; append notices on rounding."""
    requested = (inputs.request.width or 0, inputs.request.height or 0)
    canvas = free_size(*requested, inputs.grid)
    _note_rounding(requested, canvas, inputs.grid, notices)
    return canvas


def _note_rounding(requested: tuple[int, int], canvas: Size, grid: Grid, notices: list[str]) -> None:
    for name, requested_side, actual in zip(("width", "height"), requested, canvas, strict=True):
        if requested_side and requested_side != actual:
            reason = f"a multiple of {grid.multiple}" if requested_side > grid.smallest else f"at least {grid.smallest}"
            notices.append(f"{name} {requested_side} is changed to {actual}, {reason}")


def patches_for(inputs: PlanInputs, notices: list[str]) -> tuple[Patch, ...]:
    """Return the passes that paint the borders of `-c`; empty without it."""
    borders = inputs.request.outcrop
    if borders is None or inputs.init is None or inputs.mask is None:
        return ()
    for name in _MODES:
        if getattr(inputs.request, name) and inputs.sources.get(name) == "line":
            hint = f"remove --{name}, or change the size in an earlier stage: -I a.png --{name} -f 0 | -c top 64"
            message = f"--{name} cannot be combined with -c, which extends the image at its own size"
            raise PlanError(message, hint=hint, field=name)
    whole = inputs.init.size
    _note_size_beside_borders(inputs, borders, whole, notices)
    patches = border_patches(whole, borders, inputs.grid, inputs.mask.hole)
    largest = max((patch.geometry.canvas for patch in patches), key=lambda size: size.width * size.height)
    passes = f"{len(patches)} passes, at most {largest}" if len(patches) > 1 else "one pass"
    notices.append(f"extending the image to {whole}, in {passes}")
    return patches


def _note_size_beside_borders(inputs: PlanInputs, borders: Borders, whole: Size, notices: list[str]) -> None:
    """Note that the line's size has no effect beside `-c`, unless it is the image's, as in logs of InvokeAI 2.x."""
    own = {"width": whole.width - borders.left - borders.right, "height": whole.height - borders.top - borders.bottom}
    request, sources = inputs.request, inputs.sources
    typed = [name for name in own if sources.get(name) == "line" and getattr(request, name) not in (own[name], 0, None)]
    if typed:
        notices.append("-W and -H have no effect with -c: the image keeps its own size and is extended")


def geometry_for(inputs: PlanInputs, patches: Sequence[Patch], notices: list[str]) -> Geometry | None:
    """Return the placement of the init image on the canvas, or None without one; append notices about it."""
    if inputs.init is None:
        return None
    if inputs.is_postprocess_only:
        return unchanged_geometry(inputs.init.size)
    if inputs.mask is not None:
        _note_masked(inputs.init, inputs.mask, inputs.request, notices)
        if patches:
            return patches[0].geometry
        if not _sets_size(inputs.request):
            return window_geometry(inputs.init.size, inputs.mask.box or Box(0, 0, *inputs.init.size), inputs.grid)
    return _fitted_geometry(inputs, inputs.init.size, notices)


def _note_masked(init: InitFacts, mask: MaskFacts, request: GenerationRequest, notices: list[str]) -> None:
    if request.text_mask and init.chained and not mask.name:
        notices.append("-tm will search the image of the previous stage")
    else:
        _note_mask(mask, notices)


def _fitted_geometry(inputs: PlanInputs, source: Size, notices: list[str]) -> Geometry:
    """Return the placement of the whole init image of size `source`; append notices about it."""
    request, grid = inputs.request, inputs.grid
    width, height = request.width or 0, request.height or 0
    geometry = _geometry(inputs, source, _fit_mode(request))
    if geometry.mode is FitMode.FIT and not request.fit:
        _note_fit(inputs, geometry, notices)
    elif geometry.mode is not FitMode.FIT and not geometry.is_extended:
        _note_rounding((width, height), geometry.canvas, grid, notices)
    _note_scaling(inputs, geometry, notices)
    if geometry.is_extended:
        notices.append(
            f"the init image is padded from {geometry.scaled} to {geometry.canvas}, since the model needs at least "
            f"{grid.smallest} pixels per side; the margin is cropped off the result"
        )
    return geometry


def _note_fit(inputs: PlanInputs, geometry: Geometry, notices: list[str]) -> None:
    """Note that an init image is fitted, unless it is a previous result that fits into the size of the chain."""
    assert inputs.init is not None
    source, request = inputs.init.size, inputs.request
    if inputs.init.chained and geometry.result == source:
        return
    aspect = f"the aspect of the init image ({source}) differs from {request.width}x{request.height}"
    notices.append(f"{aspect}: using --fit; see --crop, --pad and --stretch")


def _geometry(inputs: PlanInputs, source: Size, mode: FitMode) -> Geometry:
    width, height = inputs.request.width or 0, inputs.request.height or 0
    if mode is FitMode.FIT and inputs.schema_version < PADDED_STRIPS:
        return fit_cropping(source, width, height, inputs.grid)
    return fit(source, width, height, mode, inputs.grid)


def _sets_size(request: GenerationRequest) -> bool:
    return bool(request.width or request.height or any(getattr(request, name) for name in _MODES))


def _note_mask(mask: MaskFacts, notices: list[str]) -> None:
    notices.extend(mask.notices)
    if mask.box is None:
        notices.append("the mask is empty: the image stays unchanged (--invert_mask inverts the mask)")
    else:
        notices.append(f"painting {max(mask.share, 0.01):.0%} of the image")


def _fit_mode(request: GenerationRequest) -> FitMode:
    requested = [name for name in _MODES if getattr(request, name)]
    if len(requested) > 1:
        names = " and ".join(f"--{name}" for name in requested)
        raise PlanError(f"{names} cannot be combined", hint="keep one of them", field=requested[-1])
    return _MODES[requested[0]] if requested else FitMode.AUTO


def _note_scaling(inputs: PlanInputs, geometry: Geometry, notices: list[str]) -> None:
    assert inputs.init is not None
    source, result = inputs.init.size, geometry.result
    free = not (inputs.request.width or inputs.request.height)
    if source != result and free and geometry.mode is FitMode.AUTO:
        verb = "enlarged" if geometry.scale > 1 else "reduced"
        notices.append(
            f"the init image ({source}) is {verb} to {result}, the native size of the model; -W and -H change it"
        )
    if inputs.init.frames > 1:
        notices.append(f"the init image has {inputs.init.frames} frames: using the first")
