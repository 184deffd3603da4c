"""What of a picture is painted, all switches taken together: masks, words and new borders."""

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
    """Finds the mask of a request on one picture after the other; `given` stands in for what `-M` names."""

    context: SessionContext
    request: GenerationRequest
    folder: OutputFolder
    given: OpenedImage | None = None

    def find(self, init: OpenedImage | None, *, stands_in: bool = False) -> Masked | None:
        """What is painted, None when all of it is. `stands_in` is for a picture of which only the size is known yet:
        nothing can be found in it by words, so all of it counts as found.
        """
        by_words = _all_of_it if stands_in else self._by_words
        masked = find_mask(self.request, init, MaskSources(folder=self.folder, by_words=by_words, given=self.given))
        if self.request.outcrop is None or init is None:
            return masked
        return with_borders(init, masked, self.request.outcrop)

    def _by_words(self, image: Image.Image, words: str) -> Image.Image:
        return text_mask(self.context, image, words)


def _all_of_it(image: Image.Image, _: str) -> Image.Image:
    return Image.new("L", image.size, 255)
