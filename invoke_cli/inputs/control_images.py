"""Open the images of `--control`, and find for each the control model that fits the line's model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import Model
from invoke_cli.errors import ModelError, PlanError
from invoke_cli.imaging.control_images import PREPROCESSORS
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.imaging.sizes import Size
from invoke_cli.inputs.images import open_control_image
from invoke_cli.inputs.references import is_recall, stable_reference
from invoke_cli.language.grammar.names import nearest
from invoke_cli.models.control_models import (
    KINDS,
    UNION_MODES,
    ControlFacts,
    Technique,
    kind_in_name,
    read_control,
)
from invoke_cli.models.registry import ModelSpec
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.plan import ControlUse, Plan
from invoke_cli.request import ControlChoice


@dataclass(kw_only=True)
class ControlFinder:
    """Finds the control images of one stage.

    Attributes:
        context: The session context.
        model: The model of the stage.
        folder: The output folder to look up references in.
        supplied: Images that replace the ones in the line.
        opened: The images found so far, in the order of the line.
    """

    context: SessionContext
    model: Model
    folder: OutputFolder
    supplied: Sequence[OpenedImage] = ()
    opened: list[OpenedImage] = field(default_factory=list)

    def find(self, choice: ControlChoice) -> ControlUse:
        """Find the control model and the image of a choice. Raises InvokeError if either is missing or does not fit."""
        facts, by_kind = self._find_model(choice.kind)
        image = self._open_image(choice.image)
        self.opened.append(image)
        kind = choice.kind.lower()
        return ControlUse(
            requested_kind=choice.kind,
            weight=choice.weight,
            name=image.name,
            reference=image.source or stable_reference(choice.image, image.name, self.folder),
            image_sha256=image.sha256,
            made=kind if by_kind and kind in PREPROCESSORS else "",
            model=facts.name,
            technique=facts.technique,
            path=str(facts.path),
            encoder=str(facts.encoder or ""),
            sha256=control_hash(self.context, facts),
            mode=_mode(facts, kind) if facts.technique is Technique.CONTROLNET_UNION else 0,
        )

    def _open_image(self, reference: str) -> OpenedImage:
        if len(self.opened) < len(self.supplied):
            return self.supplied[len(self.opened)]
        latest = self.context.latest if is_recall(reference) else None
        return open_control_image(self.context, reference, latest or self.folder)

    # -- the control model ------------------------------------------------------------------------------------------

    def _find_model(self, name: str) -> tuple[ControlFacts, bool]:
        """Return the fitting control model of a kind, or the one of this name; and whether it was found by its kind."""
        specs = [spec for spec in self.context.settings.registry.models.values() if spec.control]
        of_kind = [spec for spec in specs if name.lower() in spec.control]
        if not of_kind:
            return self._check_fit(self._find_by_name(name, specs)), False
        found = sorted((read_control_entry(self.context, spec) for spec in of_kind), key=lambda facts: facts.modes)
        fitting = [facts for facts in found if facts.fits(self.model.facts)]
        return self._check_fit((fitting or found)[0]), True

    def _find_by_name(self, name: str, specs: Sequence[ModelSpec]) -> ControlFacts:
        spec = next((spec for spec in specs if spec.name == name), None)
        if spec is not None:
            return read_control_entry(self.context, spec)
        available_kinds = list(dict.fromkeys(_kinds(specs)))
        if name.lower() not in KINDS:
            raise _unknown_control(name, available_kinds, [spec.name for spec in specs])
        label = self.model.facts.family.label
        hint = f"import one for {label}: !import_model FOLDER control={name}"
        available = f"; available kinds: {', '.join(available_kinds)}" if available_kinds else ""
        raise PlanError(f"no control model for {name}", hint=hint + available, field="controls")

    def _check_fit(self, facts: ControlFacts) -> ControlFacts:
        """Return the control model. Raises ModelError if it does not fit the model of the line."""
        family = self.model.facts.family
        if facts.technique is Technique.CONTROLNET_UNION and not family.united:
            message = f"{facts.name} is a ControlNet Union, which diffusers does not support with {family.label} models"
            raise ModelError(message, hint="import an ordinary ControlNet (!import_model)", field="controls")
        if facts.fits(self.model.facts):
            return facts
        made_for = facts.made_for if facts.text_width != self.model.facts.text_width else facts.made_for_channels
        message = (
            f"the control model {facts.name} does not fit {self.model.spec.name} ({family.label}): it is for {made_for}"
        )
        hint = "import one that fits (!import_model), or choose another model with -m"
        raise ModelError(message, hint=hint, field="controls")


def control_notices(plan: Plan, opened: Sequence[OpenedImage]) -> Iterator[str]:
    """Yield a notice for each control image that does not have the size of the init image or the result."""
    target = plan.geometry.source if plan.geometry is not None else Size(plan.width, plan.height)
    for use, image in zip(plan.controls, opened, strict=True):
        if use.technique is Technique.IP_ADAPTER or image.size == target:
            continue
        is_cropped = image.size.width * target.height != image.size.height * target.width
        change = "resized and cropped to" if is_cropped else "resized to"
        yield f"the control image {use.name} ({image.size}) is {change} {target}"


def _mode(facts: ControlFacts, kind: str) -> int:
    """Return the mode of a ControlNet Union for a kind of control image. Raises PlanError if it has none."""
    if kind in facts.kinds:
        return UNION_MODES[kind]
    message = f"{facts.name} is a ControlNet Union; write the kind of the control image instead of {kind}"
    raise PlanError(message, hint=f"one of {', '.join(facts.kinds)}, as in --control canny:IMAGE", field="controls")


def _unknown_control(name: str, available_kinds: Sequence[str], names: Sequence[str]) -> PlanError:
    """Return the error for a name that is neither a kind of control image nor a control model."""
    kinds = list(dict.fromkeys([*KINDS, *available_kinds]))
    closest = kind_in_name(name) or nearest(name.lower(), [*kinds, *names])
    suggestion = f"did you mean {closest}? " if closest else ""
    available = (
        f"available: {', '.join([*available_kinds, *names])}"
        if names
        else "no control model is available yet: !import_model FOLDER"
    )
    hint = f"{suggestion}kinds: {', '.join(kinds)}; {available}"
    return PlanError(f"no such kind of control image or control model: {name}", hint=hint, field="controls")


def read_control_entry(context: SessionContext, spec: ModelSpec) -> ControlFacts:
    """Read the control model of an entry. Raises ModelError if there is none."""
    folder = context.settings.paths.model_folder
    return read_control(folder(spec.path), spec.name, folder(spec.base) if spec.base else None)


def control_hash(context: SessionContext, facts: ControlFacts) -> str:
    """Return the SHA-256 of the file of a control model; of several files, that of their hashes."""
    hashes = [context.hashes.of_file(path) for path in facts.weights]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _kinds(specs: Sequence[ModelSpec]) -> Iterator[str]:
    for spec in specs:
        yield from spec.control
