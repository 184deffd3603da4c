"""What is kept and shown of a run while it goes on: pictures of the latents, the latents themselves, live previews."""

from __future__ import annotations

import json

from PIL import Image
from safetensors.torch import save

from invoke_cli.engine.denoising import Snapshot
from invoke_cli.engine.preview import to_picture
from invoke_cli.events import Preview
from invoke_cli.models.registry import Matrix
from invoke_cli.planning.plan import Plan


class Recorder:
    """Collects, for each image of a batch, what its plan wants kept; `count` images, latents mapped by `factors`."""

    def __init__(self, plan: Plan, count: int, factors: Matrix) -> None:
        self._plan = plan
        self._factors = factors
        self._frames: list[list[Image.Image]] = [[] for _ in range(count)]
        self._latents: list[list[bytes]] = [[] for _ in range(count)]
        self._noise: list[float] = []

    def add(self, snapshot: Snapshot) -> None:
        """Keep what is wanted of this step. The one before any step begins anew, after a failed attempt too."""
        if snapshot.step == 0:
            self._frames = [[] for _ in self._frames]
            self._latents = [[] for _ in self._latents]
            self._noise = []
        self._noise.append(snapshot.noise)
        output = self._plan.output
        for index in range(len(self._frames)):
            if output.strip or output.save_intermediates:
                self._frames[index].append(to_picture(snapshot.visible[index], self._factors))
            if output.save_latents:
                self._latents[index].append(self._serialised(snapshot, index))

    def frames(self, index: int) -> tuple[Image.Image, ...]:
        """Image `index`'s frames, the one before any step first."""
        return tuple(self._frames[index])

    @property
    def noise(self) -> tuple[float, ...]:
        """How much noise was in the latents of each frame."""
        return tuple(self._noise)

    def latents(self, index: int) -> tuple[bytes, ...]:
        """Image `index`'s latents as safetensors files."""
        return tuple(self._latents[index])

    def preview(self, snapshot: Snapshot) -> Preview | None:
        """The first image's live preview, if one is wanted."""
        if self._plan.output.preview == "off":
            return None
        picture = to_picture(snapshot.visible[0], self._factors)
        return Preview(width=picture.width, height=picture.height, rgb=picture.tobytes())

    def _serialised(self, snapshot: Snapshot, index: int) -> bytes:
        about = {
            "model": self._plan.model,
            "family": self._plan.family.name,
            "sampler": self._plan.sampler.name,
            "step": str(snapshot.step),
            "steps": str(self._plan.steps.taken),
            "timestep": str(snapshot.timestep),
            "plan": json.dumps({"width": self._plan.width, "height": self._plan.height}),
        }
        tensor = snapshot.latents[index : index + 1].detach().to("cpu").contiguous()
        return bytes(save({"latents": tensor}, metadata=about))
