"""Check what new session defaults name, so that a mistake is reported when it is made and not by every later line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import expand_path, path_exists
from invoke_cli.errors import blame
from invoke_cli.generation.input_glob import init_files
from invoke_cli.inputs.adapters import find_lora
from invoke_cli.inputs.control_images import ControlFinder
from invoke_cli.inputs.images import STANDARD_INPUT, open_colours, open_control_image
from invoke_cli.inputs.references import is_recall, split_step
from invoke_cli.inputs.upscalers import find_postprocess_models
from invoke_cli.inputs.url import is_url
from invoke_cli.metadata.latents import SUFFIX
from invoke_cli.models.samplers import find_sampler
from invoke_cli.request import GenerationRequest

Check = Callable[[SessionContext, GenerationRequest], object]


def check_defaults(context: SessionContext, request: GenerationRequest) -> None:
    """Look up the models, samplers, files and images that a request names.

    Raises:
        InvokeError: One of them does not exist or cannot be used; its `field` names the switch.
    """
    context.settings.model(request.model)
    for field, check in _CHECKS.items():
        if getattr(request, field):
            with blame(field):
                check(context, request)


def _check_image(context: SessionContext, reference: str | None) -> None:
    """Open an image, unless it is known only when a line runs: an earlier result, a step, a URL."""
    if reference is None or reference == STANDARD_INPUT or is_url(reference) or reference.endswith(SUFFIX):
        return
    if is_recall(reference) or split_step(reference) is not None:
        return
    open_control_image(context, reference, context.folder())


def _check_init(context: SessionContext, request: GenerationRequest) -> None:
    if init_files(request.init_image, context.folder()) is None:
        _check_image(context, request.init_image)


def _check_controls(context: SessionContext, request: GenerationRequest) -> None:
    model = context.settings.model(request.model)
    for choice in request.controls or ():
        if not is_recall(choice.image):
            ControlFinder(context=context, model=model, folder=context.folder()).find(choice)


def _check_upscaler(context: SessionContext, request: GenerationRequest) -> None:
    enlarging = GenerationRequest(upscaler=request.upscaler, upscale=request.upscale or (2.0,))
    find_postprocess_models(context, enlarging, with_init=False)


def _check_outdir(context: SessionContext, request: GenerationRequest) -> None:
    """Check a file or folder that exists; another one is made when it is needed."""
    if request.outdir and path_exists(expand_path(request.outdir)):
        context.target(request.outdir)


_CHECKS: Mapping[str, Check] = {
    "scheduler": lambda _, request: find_sampler(request.scheduler or ""),
    "init_image": _check_init,
    "init_mask": lambda context, request: _check_image(context, request.init_mask),
    "loras": lambda context, request: [find_lora(context, choice) for choice in request.loras or ()],
    "controls": _check_controls,
    "upscaler": _check_upscaler,
    "match_colors": lambda context, request: open_colours(context, request.match_colors, context.folder()),
    "outdir": _check_outdir,
}
