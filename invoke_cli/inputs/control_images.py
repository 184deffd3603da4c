"""Control images: what `--control` names, opened, and the control model for it that fits the line's model."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from invoke_cli.context.context import SessionContext
from invoke_cli.engine import Model
from invoke_cli.errors import ModelError, PlanError
from invoke_cli.imaging.control_images import PREPROCESSORS
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.inputs.images import open_control_image
from invoke_cli.inputs.references import is_recall, stable_reference
from invoke_cli.language.grammar.names import nearest
from invoke_cli.models.control_models import KINDS, ControlFacts, kind_in_name, read_control
from invoke_cli.models.registry import ModelSpec
from invoke_cli.output.folder import OutputFolder
from invoke_cli.planning.plan import ControlUse
from invoke_cli.request import ControlChoice


@dataclass(kw_only=True)
class ControlFinder:
    """Finds the control images of one stage, whose references mean `folder`; `given` stand in for the pictures. What it
    found is in `opened`, in the order of the line.
    """

    context: SessionContext
    model: Model
    folder: OutputFolder
    given: Sequence[OpenedImage] = ()
    opened: list[OpenedImage] = field(default_factory=list)

    def find(self, choice: ControlChoice) -> ControlUse:
        """The control model and the picture of a choice; InvokeError when either is not there or does not fit."""
        facts, by_kind = self._model_for(choice.kind)
        picture = self._picture(choice.image)
        self.opened.append(picture)
        kind = choice.kind.lower()
        return ControlUse(
            requested_kind=choice.kind,
            weight=choice.weight,
            name=picture.name,
            reference=stable_reference(choice.image, picture.name),
            image_sha256=picture.sha256,
            made=kind if by_kind and kind in PREPROCESSORS else "",
            model=facts.name,
            technique=facts.technique,
            path=str(facts.path),
            encoder=str(facts.encoder or ""),
            sha256=control_hash(self.context, facts),
        )

    def _picture(self, reference: str) -> OpenedImage:
        if len(self.opened) < len(self.given):
            return self.given[len(self.opened)]
        latest = self.context.latest if is_recall(reference) else None
        return open_control_image(self.context, reference, latest or self.folder)

    # -- the control model ------------------------------------------------------------------------------------------

    def _model_for(self, said: str) -> tuple[ControlFacts, bool]:
        """The control model of this kind that fits, or the one of this name; and whether it was found by its kind."""
        specs = [spec for spec in self.context.settings.registry.models.values() if spec.control]
        of_kind = [spec for spec in specs if said.lower() in spec.control]
        if not of_kind:
            return self._fitting(self._named(said, specs)), False
        found = [control_of(self.context, spec) for spec in of_kind]
        fitting = [facts for facts in found if facts.fits(self.model.facts)]
        return self._fitting((fitting or found)[0]), True

    def _named(self, name: str, specs: Sequence[ModelSpec]) -> ControlFacts:
        spec = next((spec for spec in specs if spec.name == name), None)
        if spec is not None:
            return control_of(self.context, spec)
        entered = list(dict.fromkeys(_spelt(specs)))
        if name.lower() not in KINDS:
            raise _unknown(name, entered, [spec.name for spec in specs])
        label = self.model.facts.family.label
        hint = f"!import_model FOLDER control={name} enters one for {label}"
        there = f"; there are {', '.join(entered)}" if entered else ""
        raise PlanError(f"there is no control model for {name}", hint=hint + there, field="controls")

    def _fitting(self, facts: ControlFacts) -> ControlFacts:
        """The control model; ModelError when it does not fit the line's model."""
        if facts.fits(self.model.facts):
            return facts
        family = self.model.facts.family
        message = (
            f"the control model {facts.name} does not fit {self.model.spec.name} ({family.label}): it was made for "
            f"{facts.made_for}"
        )
        hint = "import one that was made for it (!import_model), or choose another model with -m"
        raise ModelError(message, hint=hint, field="controls")


def _unknown(said: str, entered: Sequence[str], names: Sequence[str]) -> PlanError:
    """The error for what is neither a kind of control images nor a control model's name."""
    kinds = list(dict.fromkeys([*KINDS, *entered]))
    near = kind_in_name(said) or nearest(said.lower(), [*kinds, *names])
    suggestion = f"did you mean {near}? " if near else ""
    have = f"entered here: {', '.join([*entered, *names])}" if names else "none is entered yet: !import_model FOLDER"
    hint = f"{suggestion}The kinds are {', '.join(kinds)}; {have}"
    return PlanError(f"{said} is no kind of control image, and no control model", hint=hint, field="controls")


def control_of(context: SessionContext, spec: ModelSpec) -> ControlFacts:
    """The control model of an entry; ModelError when there is none."""
    folder = context.settings.paths.model_folder
    return read_control(folder(spec.path), spec.name, folder(spec.base) if spec.base else None)


def control_hash(context: SessionContext, facts: ControlFacts) -> str:
    """SHA-256 of a control model's file; of several files, of their hashes."""
    hashes = [context.file_hash(path) for path in facts.weights]
    return hashes[0] if len(hashes) == 1 else hashlib.sha256("".join(hashes).encode()).hexdigest()


def _spelt(specs: Sequence[ModelSpec]) -> Iterator[str]:
    for spec in specs:
        yield from spec.control
