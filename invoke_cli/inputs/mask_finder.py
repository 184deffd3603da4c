"""Find the mask of an image from all mask switches: a file, transparency, words (CLIPSeg), new borders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from invoke_cli.context.context import SessionContext
from invoke_cli.context.paths import MODELS, Paths
from invoke_cli.engine import SegmentationJob
from invoke_cli.errors import ModelError
from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.inputs.masks import Masked, MaskSources, find_mask
from invoke_cli.inputs.outcrop import with_borders
from invoke_cli.language.switches.mask_query import evaluate, parse_mask_query, phrases
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
        threads: The number of CPU threads of a recorded run; 0 for the current number.
        strict: Whether a resized mask paints no pixel outside it.
    """

    context: SessionContext
    request: GenerationRequest
    folder: OutputFolder
    supplied: OpenedImage | None = None
    threads: int = 0
    strict: bool = True

    def find(self, init: OpenedImage | None, *, stands_in: bool = False) -> Masked | None:
        """Return the mask for an init image; None if the whole image is painted.

        Args:
            init: The init image, or None.
            stands_in: Whether `init` is a blank image of the final size; a text mask then selects all of it.
        """
        by_words = _full_mask if stands_in else self._text_mask
        sources = MaskSources(
            folder=self.folder,
            by_words=by_words,
            supplied=self.supplied,
            strict=self.strict,
            check_stopped=self.context.check_stopped,
        )
        masked = find_mask(self.request, init, sources)
        if self.request.outcrop is None or init is None:
            return masked
        return with_borders(init, masked, self.request.outcrop)

    def _text_mask(self, image: Image.Image, words: str) -> Image.Image:
        return text_mask(self.context, image, words, self.threads)


def _full_mask(image: Image.Image, _: str) -> Image.Image:
    return Image.new("L", image.size, 255)


REPOSITORY = "CIDAS/clipseg-rd64-refined"
FOLDERS = ("clipseg", REPOSITORY.split("/")[1])


def text_mask(context: SessionContext, image: Image.Image, words: str, threads: int = 0) -> Image.Image:
    """Return the mask (mode L; 255 is painted) of the words in an image. Raises ModelError if CLIPSeg is missing."""
    query = parse_mask_query(words)
    named = phrases(query.tree)
    folder = clipseg_folder(context.settings.paths)
    heat = context.engine.segment(SegmentationJob(folder=folder, image=image, phrases=tuple(named), threads=threads))
    found = dict(zip(named, heat, strict=True))
    value = evaluate(query.tree, found.__getitem__, np.minimum, np.maximum, lambda one: np.float32(1) - one)
    return Image.fromarray(np.where(value > query.threshold, np.uint8(255), np.uint8(0)))


def clipseg_folder(paths: Paths) -> Path:
    """Return the folder of the CLIPSeg weights: in the user's models folder, else in the cache of Hugging Face."""
    folders = paths.data_folders(MODELS)
    for folder in (folder / name for folder in folders for name in FOLDERS):
        if (folder / "config.json").is_file():
            return folder
    from huggingface_hub import try_to_load_from_cache

    cached = try_to_load_from_cache(REPOSITORY, "config.json")
    if isinstance(cached, str):
        return Path(cached).parent
    hint = f"download them once: hf download {REPOSITORY} --local-dir {folders[0] / FOLDERS[0]}; or use a mask with -M"
    raise ModelError("the CLIPSeg weights for -tm are missing", hint=hint, field="text_mask")
