"""The steps of postprocessing in a plan. Each step describes and records itself.

`planning.postprocessors` decides which steps a line has, `generation.postprocess` applies them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from invoke_cli.imaging.sizes import Size
from invoke_cli.language.prompt.prompt import Prompt
from invoke_cli.models.samplers import Sampler
from invoke_cli.models.upscalers import Upscaler
from invoke_cli.request import GenerationRequest, PostprocessorChoice


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkFile:
    """A network in a single file, such as ESRGAN or GFPGAN; `reference` is its name as typed."""

    name: str
    reference: str
    path: Path
    sha256: str


@dataclass(frozen=True, kw_only=True, slots=True)
class PostprocessModels:
    """The models that postprocessing needs, found before the plan is made."""

    network: NetworkFile | None = None
    upscaler: Upscaler | None = None
    faces: NetworkFile | None = None


class PostprocessStep(Protocol):
    """One operation on a decoded image.

    Attributes:
        needs_engine: Whether it runs on the device.
        hashes: SHA-256 of each network that it uses, by the network's name.
    """

    @property
    def needs_engine(self) -> bool: ...

    @property
    def hashes(self) -> Mapping[str, str]: ...

    def describe(self) -> str:
        """Describe the operation in a few words."""

    def record(self, request: GenerationRequest, *, by_name: bool) -> Mapping[str, object]:
        """Return the request fields that reproduce the operation, with every value explicit.

        Args:
            request: The request that the plan was made from.
            by_name: Name files by their base names, as metadata does, instead of as typed.
        """

    def facts(self) -> Sequence[Mapping[str, object]]:
        """Return what was done, for the metadata: the tool, its model and its settings."""

    def result_size(self, size: Size) -> Size:
        """Return the size of the result for an image of this size."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourFile:
    """An image whose colours are transferred; `reference` is its name as typed."""

    name: str
    reference: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ColourMatching:
    """Gives the image the colours of another image.

    Attributes:
        mode: `histogram`, `lab` or `chroma`.
        file: The image; None for the init image.
    """

    mode: str
    file: ColourFile | None = None

    @property
    def needs_engine(self) -> bool:
        """Whether it runs on the device."""
        return False

    @property
    def hashes(self) -> Mapping[str, str]:
        """No network takes part."""
        return {}

    def describe(self) -> str:
        """Describe the operation in a few words."""
        return f"colours matched ({self.mode})" + (f" to {self.file.name}" if self.file else "")

    def record(self, request: GenerationRequest, *, by_name: bool) -> Mapping[str, object]:  # noqa: ARG002
        """Return the request fields that reproduce the operation."""
        if self.file is None:
            return {"match_colors": self.mode}
        return {"match_colors": f"{self.mode}:{self.file.name if by_name else self.file.reference}"}

    def facts(self) -> Sequence[Mapping[str, object]]:
        """Return what was done, for the metadata."""
        named = {"image": self.file.name} if self.file else {}
        return ({"tool": "match_colors", "method": self.mode, **named},)

    def result_size(self, size: Size) -> Size:
        """Return the size unchanged."""
        return size


@dataclass(frozen=True, kw_only=True, slots=True)
class Faces:
    """Face restoration, blended in with `strength`; `fidelity` only applies to codeformer."""

    tool: str
    strength: float
    fidelity: float
    network: NetworkFile

    @property
    def needs_engine(self) -> bool:
        """Whether it runs on the device."""
        return True

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of the network, by its name."""
        return {self.network.name: self.network.sha256}

    def describe(self) -> str:
        """Describe the operation in a few words."""
        return f"face restored by {self.tool} at {self.strength:g}"

    def record(self, request: GenerationRequest, *, by_name: bool) -> Mapping[str, object]:  # noqa: ARG002
        """Return the request fields that reproduce the operation."""
        fidelity = self.fidelity if self.tool == "codeformer" else None
        return {"facetool_strength": self.strength, "facetool": self.tool, "codeformer_fidelity": fidelity}

    def facts(self) -> Sequence[Mapping[str, object]]:
        """Return what was done, for the metadata."""
        fidelity = {"fidelity": self.fidelity} if self.tool == "codeformer" else {}
        return ({"tool": self.tool, "strength": self.strength, **fidelity, "network": self.network.name},)

    def result_size(self, size: Size) -> Size:
        """Return the size unchanged."""
        return size


@dataclass(frozen=True, kw_only=True, slots=True)
class Refining:
    """Image to image over the enlarged image, in overlapping tiles.

    Attributes:
        strength: The strength.
        scheduled: The length of the schedule, in steps.
        taken: The number of steps to run.
        side: The side of a tile, in pixels.
        overlap: The overlap of neighbouring tiles, in pixels.
        tiles: The tiles to refine, counted from 1; empty for all.
    """

    strength: float
    scheduled: int
    taken: int
    sampler: Sampler
    prompt: Prompt
    side: int
    overlap: int
    tiles: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Diffusion:
    """Upscaling with a diffusion upscaler: its prompt, steps and guidance."""

    upscaler: Upscaler
    prompt: Prompt
    steps: int
    guidance_scale: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Enlarging:
    """Upscaling by `factor` with resampling, a network (blended in by `share`) or diffusion, and optional refining."""

    factor: float
    network: NetworkFile | None = None
    share: float = 1.0
    diffusion: Diffusion | None = None
    refining: Refining | None = None

    @property
    def needs_engine(self) -> bool:
        """Whether it runs on the device."""
        return True

    @property
    def hashes(self) -> Mapping[str, str]:
        """SHA-256 of the network or the diffusion upscaler, by its name."""
        hashes = {self.network.name: self.network.sha256} if self.network else {}
        return hashes | ({self.diffusion.upscaler.name: self.diffusion.upscaler.sha256} if self.diffusion else {})

    def describe(self) -> str:
        """Describe the operation in a few words."""
        by = ""
        if self.diffusion:
            by = f" by {self.diffusion.upscaler.name}, {self.diffusion.steps} steps"
        elif self.network:
            by = f" by {self.network.name} at {self.share:g}"
        if self.refining:
            by += f", detail added at strength {self.refining.strength:g}"
        return f"enlarged {self.factor:g} times{by}"

    def record(self, request: GenerationRequest, *, by_name: bool) -> Mapping[str, object]:
        """Return the request fields that reproduce the operation."""
        values: dict[str, object] = {
            "latent_up": request.latent_up, "sr": request.sr, "new_prompt": request.new_prompt,
        }  # fmt: skip
        model = self.diffusion.upscaler if self.diffusion else self.network
        if model:
            values["upscaler"] = model.name if by_name else model.reference
        if request.embiggen:
            assert self.refining is not None
            values["embiggen"] = (self.factor, self.share, self.refining.overlap / self.refining.side)
            values["embiggen_strength"] = self.refining.strength
            values["embiggen_tiles"] = self.refining.tiles or None
        elif request.upscale:
            second = self.refining.strength if self.refining else self.share
            values["upscale"] = (self.factor,) if self.diffusion else (self.factor, second)
        return values

    def facts(self) -> Sequence[Mapping[str, object]]:
        """Return what was done, for the metadata."""
        facts: dict[str, object] = {"tool": "upscale", "factor": self.factor, **self._method()}
        if self.refining:
            detail = {"strength": self.refining.strength, "steps": self.refining.taken}
            facts["detail"] = detail | ({"tiles": list(self.refining.tiles)} if self.refining.tiles else {})
        return (facts,)

    def _method(self) -> Mapping[str, object]:
        if self.diffusion:
            upscaler, steps = self.diffusion.upscaler, self.diffusion.steps
            return {"kind": upscaler.kind.pipeline, "upscaler": upscaler.name, "steps": steps}
        if self.network:
            return {"kind": "network", "upscaler": self.network.name, "blend": self.share}
        return {"kind": "resampling", "upscaler": "Lanczos"}

    def result_size(self, size: Size) -> Size:
        """Return the enlarged size."""
        return Size(round(size.width * self.factor), round(size.height * self.factor))


@dataclass(frozen=True, kw_only=True, slots=True)
class PluginSteps:
    """The postprocessors of plug-ins, in the order of the line."""

    choices: tuple[PostprocessorChoice, ...]

    @property
    def needs_engine(self) -> bool:
        """Whether it runs on the device."""
        return False

    @property
    def hashes(self) -> Mapping[str, str]:
        """No network of ours takes part."""
        return {}

    def describe(self) -> str:
        """Describe the operation in a few words."""
        return ", ".join(f"{name} {argument}".strip() for name, argument in self.choices)

    def record(self, request: GenerationRequest, *, by_name: bool) -> Mapping[str, object]:  # noqa: ARG002
        """Return the request fields that reproduce the operation."""
        return {"postprocessors": self.choices}

    def facts(self) -> Sequence[Mapping[str, object]]:
        """Return what was done, for the metadata."""
        return tuple({"tool": name, "argument": argument} for name, argument in self.choices)

    def result_size(self, size: Size) -> Size:
        """Return the size unchanged: a plug-in must keep it."""
        return size


@dataclass(frozen=True, kw_only=True, slots=True)
class Postprocessing:
    """All steps in order of execution; `keep` also saves the image before them."""

    steps: tuple[PostprocessStep, ...] = ()
    keep: bool = False

    @property
    def wanted(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.steps)

    @property
    def needs_engine(self) -> bool:
        """Whether any step runs on the device."""
        return any(step.needs_engine for step in self.steps)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each network used, by its name."""
        return {name: sha256 for step in self.steps for name, sha256 in step.hashes.items()}

    @property
    def enlarging(self) -> Enlarging | None:
        """The step that enlarges, if there is one."""
        return next((step for step in self.steps if isinstance(step, Enlarging)), None)

    @property
    def model_steps(self) -> int:
        """The denoising steps that enlarging runs for an image, or for each of its tiles."""
        step = self.enlarging
        if step is None:
            return 0
        return (step.diffusion.steps if step.diffusion else 0) + (step.refining.taken if step.refining else 0)

    @property
    def matching(self) -> ColourMatching | None:
        """The step that transfers colours, if there is one."""
        return next((step for step in self.steps if isinstance(step, ColourMatching)), None)

    @property
    def names_colours(self) -> bool:
        """Whether colours are transferred from an image that the line names for it."""
        return self.matching is not None and self.matching.file is not None

    def result_size(self, size: Size) -> Size:
        """Return the size of the result for an image of this size."""
        for step in self.steps:
            size = step.result_size(size)
        return size

    def facts(self) -> list[dict[str, object]]:
        """Return what each step did, for the metadata."""
        return [dict(facts) for step in self.steps for facts in step.facts()]

    def clauses(self) -> list[str]:
        """Describe each step in words."""
        return [step.describe() for step in self.steps]

    def record(self, request: GenerationRequest, *, by_name: bool) -> GenerationRequest:
        """Return the switches that reproduce the postprocessing, with every value explicit."""
        values: dict[str, object] = {}
        for step in self.steps:
            values |= step.record(request, by_name=by_name)
        values["fix"] = (request.fix and not (request.latent_up or request.sr)) or None
        return GenerationRequest.of({name: value for name, value in values.items() if value is not None})
