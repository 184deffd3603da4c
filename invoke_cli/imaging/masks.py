"""Masks: what is to be painted, as pictures of mode L in the source's size. 255 is painted, 0 is kept.

Knows neither files nor models. Arrays are uint8, height x width.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.imaging.sizes import Box, Size

Mask = NDArray[np.uint8]

_ERASED_SHARE = 0.99
_PAINTED = 128
_SMOOTH = 3.0


def from_alpha(alpha: Image.Image) -> Image.Image:
    """The mask that paints what is transparent."""
    return ImageOps.invert(alpha)


def from_image(opened: OpenedImage, *, black: bool) -> Image.Image:
    """The mask of a picture: its transparency if it has any, else its brightness; `black` paints the dark."""
    if opened.alpha is not None:
        return from_alpha(opened.alpha)
    grey = opened.image.convert("L")
    return ImageOps.invert(grey) if black else grey


def shaped(mask: Image.Image, size: Size, *, invert: bool, grow: int) -> Image.Image:
    """The mask in the source's size, inverted and grown by so many pixels."""
    if mask.size != size:
        mask = mask.resize(size, Image.Resampling.BILINEAR)
    if invert:
        mask = ImageOps.invert(mask)
    if not grow or mask.getbbox() is None:
        return mask
    from scipy import ndimage  # late: most pictures have no mask, and it takes a while

    values = np.asarray(mask)
    near = ndimage.distance_transform_edt(values < _PAINTED) <= grow
    return Image.fromarray(np.where(near, np.uint8(255), values))


def painted_box(mask: Image.Image) -> Box | None:
    """The smallest rectangle round all that is painted at all; None when nothing is."""
    box = mask.getbbox()
    return Box(*box) if box else None


def painted_share(mask: Image.Image) -> float:
    """How much of the picture is painted, 0 to 1; half-painted pixels count half."""
    return float(np.asarray(mask, dtype=np.float32).mean() / 255)


def for_model(mask: Image.Image, cell: int) -> Image.Image:
    """The mask as the model sees it: of every cell of `cell` x `cell` pixels that is painted in part, all of it."""
    values = np.asarray(mask)
    height, width = (side // cell for side in values.shape)
    cells = values.reshape(height, cell, width, cell).max(axis=(1, 3))
    painted = np.where(cells > 0, np.uint8(255), np.uint8(0))
    return Image.fromarray(painted.repeat(cell, axis=0).repeat(cell, axis=1))


def feathered(mask: Image.Image, blur: int) -> Mask:
    """How much of the new picture each pixel takes: the mask, fading to 0 towards its edge over `blur` pixels.

    The fading lies inside the mask, so that what is kept stays as it was; a part that is too thin for it fades over
    half its own thickness. The picture's border is no edge.
    """
    values = np.asarray(mask)
    if not blur or not values.any():
        return values
    from scipy import ndimage

    inside = values > 0
    if inside.all():
        return values
    depth = ndimage.distance_transform_edt(inside)
    parts, count = ndimage.label(inside)
    thickest = np.asarray(ndimage.maximum(depth, parts, index=np.arange(count + 1)))
    reach = np.minimum(blur + 1.0, np.maximum(1.0, thickest / 2))[parts]
    faded: Mask = np.round(values * np.clip(depth / reach, 0.0, 1.0)).astype(np.uint8)
    return faded


def is_erased(image: Image.Image, alpha: Image.Image) -> bool:
    """Whether the colours under full transparency are gone: nearly all of them the same."""
    under = np.asarray(image)[np.asarray(alpha) == 0]
    if len(under) == 0:
        return False
    colours, counts = np.unique(under, axis=0, return_counts=True)
    return len(colours) == 1 or bool(counts.max() > _ERASED_SHARE * len(under))


def infilled(image: Image.Image, mask: Image.Image) -> Image.Image:
    """The picture with what is painted filled from its surroundings: the nearest kept colour, softened."""
    hole = np.asarray(mask) >= _PAINTED
    if not hole.any() or hole.all():
        return image
    from scipy import ndimage

    pixels = np.asarray(image)
    rows, columns = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    filled = pixels[rows, columns]
    soft = ndimage.gaussian_filter(filled.astype(np.float32), sigma=(_SMOOTH, _SMOOTH, 0))
    return Image.fromarray(np.where(hole[..., None], soft.round().astype(np.uint8), pixels))
