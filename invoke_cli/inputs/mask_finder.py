"""Combine all switches that select the painted area: masks, text masks and new borders."""

from __future__ import annotations

from dataclasses import dataclass

from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.inputs.masks import Masked, MaskSources, find_mask
from invoke_cli.inputs.outcrop import with_borders
from invoke_cli.inputs.text_masks import text_mask
from invoke_cli.output.folder import OutputFolder
from invoke_cli.request import GenerationRequest


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskFinder:
    """Finds the mask of a request for any number of init images.

    Attributes:
        context: The session context.
        request: The request.
        folder: The output folder to look up references in.
        supplied: An image that replaces the one that `-M` names.
    """

    context: SessionContext
    request: GenerationRequest
    folder: OutputFolder
    supplied: OpenedImage | None = None

    def find(self, init: OpenedImage | None, *, stands_in: bool = False) -> Masked | None:
        """Return the mask for an init image; None if the whole image is painted.

        Args:
            init: The init image, or None.
            stands_in: Whether `init` is a blank image of the final size; a text mask then selects all of it.
        """
        by_words = _full_mask if stands_in else self._text_mask
        masked = find_mask(
            self.request, init, MaskSources(folder=self.folder, by_words=by_words, supplied=self.supplied)
        )
        if self.request.outcrop is None or init is None:
            return masked
        return with_borders(init, masked, self.request.outcrop)

    def _text_mask(self, image: Image.Image, words: str) -> Image.Image:
        return text_mask(self.context, image, words)


def _full_mask(image: Image.Image, _: str) -> Image.Image:
    return Image.new("L", image.size, 255)
