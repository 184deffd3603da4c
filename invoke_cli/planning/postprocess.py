"""The plan of postprocessing: colour matching, face restoration and upscaling, and its description."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from invoke_cli.imaging.sizes import Size
from invoke_cli.language.prompt.prompt import Prompt
from invoke_cli.models.samplers import Sampler
from invoke_cli.models.upscalers import Upscaler
from invoke_cli.request import GenerationRequest


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Faces:
    """Face restoration, blended in with `strength`; `fidelity` only applies to codeformer."""

    tool: str
    strength: float
    fidelity: float
    network: NetworkFile


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Postprocessing:
    """All postprocessing, in order of execution; empty or None is off. `keep` also saves the image before it."""

    match_colors: str = ""
    faces: Faces | None = None
    enlarging: Enlarging | None = None
    keep: bool = False

    @property
    def wanted(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.match_colors or self.faces or self.enlarging)

    @property
    def needs_engine(self) -> bool:
        """Whether any of it runs in the engine."""
        return bool(self.faces or self.enlarging)

    @property
    def hashes(self) -> dict[str, str]:
        """The SHA-256 of each network used, by its name."""
        files = [self.faces.network if self.faces else None, self.enlarging.network if self.enlarging else None]
        found = {file.name: file.sha256 for file in files if file}
        if self.enlarging and self.enlarging.diffusion:
            found[self.enlarging.diffusion.upscaler.name] = self.enlarging.diffusion.upscaler.sha256
        return found

    def result_size(self, size: Size) -> Size:
        """Return the size of the result for an image of this size."""
        factor = self.enlarging.factor if self.enlarging else 1.0
        return Size(round(size.width * factor), round(size.height * factor))

    def clauses(self) -> list[str]:
        """Describe each operation in words."""
        clauses = [f"colours matched ({self.match_colors})"] if self.match_colors else []
        if self.faces:
            clauses.append(f"face restored by {self.faces.tool} at {self.faces.strength:g}")
        if self.enlarging:
            clauses.append(_enlarging_clause(self.enlarging))
        return clauses


def _enlarging_clause(work: Enlarging) -> str:
    by = ""
    if work.diffusion:
        by = f" by {work.diffusion.upscaler.name}, {work.diffusion.steps} steps"
    elif work.network:
        by = f" by {work.network.name} at {work.share:g}"
    if work.refining:
        by += f", detail added at strength {work.refining.strength:g}"
    return f"enlarged {work.factor:g} times{by}"


def recorded_postprocessing(
    request: GenerationRequest, postprocessing: Postprocessing, *, by_name: bool
) -> GenerationRequest:
    """Return the switches that reproduce the postprocessing, with every value explicit."""
    switches: dict[str, object] = {"match_colors": postprocessing.match_colors or None}
    if postprocessing.faces:
        fidelity = postprocessing.faces.fidelity if postprocessing.faces.tool == "codeformer" else None
        switches |= {"facetool_strength": postprocessing.faces.strength, "facetool": postprocessing.faces.tool}
        switches["codeformer_fidelity"] = fidelity
    if postprocessing.enlarging:
        switches |= _recorded_enlarging(request, postprocessing.enlarging, by_name=by_name)
    switches["fix"] = (request.fix and not (request.latent_up or request.sr)) or None
    return GenerationRequest.of({name: value for name, value in switches.items() if value is not None})


def _recorded_enlarging(request: GenerationRequest, work: Enlarging, *, by_name: bool) -> dict[str, object]:
    refining = work.refining
    switches: dict[str, object] = {"latent_up": request.latent_up, "sr": request.sr, "new_prompt": request.new_prompt}
    if work.network:
        switches["upscaler"] = work.network.name if by_name else work.network.reference
    elif work.diffusion:
        switches["upscaler"] = work.diffusion.upscaler.name
    if request.embiggen:
        assert refining is not None
        overlap = refining.overlap / refining.side
        switches["embiggen"] = (work.factor, work.share, overlap)
        switches["embiggen_strength"] = refining.strength
        switches["embiggen_tiles"] = refining.tiles or None
    elif request.upscale:
        second = refining.strength if refining else work.share
        switches["upscale"] = (work.factor,) if work.diffusion else (work.factor, second)
    return switches
