"""Masks: images of mode L in the source's size. 255 is painted, 0 is kept.

Knows neither files nor models. Arrays are uint8, (height, width).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops, ImageOps

from invoke_cli.imaging.open_image import OpenedImage
from invoke_cli.imaging.sizes import Box, Size

Mask = NDArray[np.uint8]

_ERASED_SHARE = 0.99
_PAINTED = 128
_SMOOTH = 3.0


def from_alpha(alpha: Image.Image) -> Image.Image:
    """Return the mask that paints transparent pixels."""
    return ImageOps.invert(alpha)


def from_image(opened: OpenedImage, *, black: bool) -> Image.Image:
    """Return an image's mask: its transparency if it has any, otherwise its brightness; `black` paints dark pixels."""
    if opened.alpha is not None:
        return from_alpha(opened.alpha)
    grey = opened.image.convert("L")
    return ImageOps.invert(grey) if black else grey


def resize_mask(mask: Image.Image, size: Size, *, invert: bool, strict: bool) -> Image.Image:
    """Return the mask in the source's size, optionally inverted; `strict` as in `scale_mask`."""
    if strict:
        return scale_mask(ImageOps.invert(mask) if invert else mask, size, strict=True)
    mask = scale_mask(mask, size, strict=False)
    return ImageOps.invert(mask) if invert else mask


def scale_mask(mask: Image.Image, size: Size, *, strict: bool) -> Image.Image:
    """Scale a mask.

    Smoothing spreads the edge of the painted area by a pixel of the mask in both directions. With `strict`, it spreads
    inwards only: a pixel is kept if the pixel of the mask at its place is kept.
    """
    if mask.size == size:
        return mask
    smooth = mask.resize(size, Image.Resampling.BILINEAR)
    return ImageChops.darker(smooth, mask.resize(size, Image.Resampling.NEAREST)) if strict else smooth


def grow_mask(mask: Image.Image, grow: int) -> Image.Image:
    """Return the mask grown by `grow` pixels."""
    if not grow or mask.getbbox() is None:
        return mask
    from scipy import ndimage  # slow to import, and most images have no mask

    values = np.asarray(mask)
    near = ndimage.distance_transform_edt(values < _PAINTED) <= grow
    return Image.fromarray(np.where(near, np.uint8(255), values))


def painted_box(mask: Image.Image) -> Box | None:
    """Return the bounding box of the painted area; None if nothing is painted."""
    box = mask.getbbox()
    return Box(*box) if box else None


def painted_share(mask: Image.Image) -> float:
    """Return the painted share of the image, 0 to 1; half-painted pixels count half."""
    return float(np.asarray(mask, dtype=np.float32).mean() / 255)


def cover_cells(mask: Image.Image, cell: int) -> Image.Image:
    """Return the mask in whole latent cells: a cell of `cell` x `cell` pixels with any painted one is painted."""
    values = np.asarray(mask)
    height, width = (side // cell for side in values.shape)
    cells = values.reshape(height, cell, width, cell).max(axis=(1, 3))
    painted = np.where(cells > 0, np.uint8(255), np.uint8(0))
    return Image.fromarray(painted.repeat(cell, axis=0).repeat(cell, axis=1))


def feather(mask: Image.Image, blur: int) -> Mask:
    """Return each pixel's weight of the new image, 0 to 255: the mask, fading to 0 at its edge within `blur`.

    The fade is inside the mask, so that kept pixels do not change. An area too thin for it fades over half its own
    thickness. The image's border is not an edge.
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
    """Return whether the colours under full transparency are erased, i.e. almost all the same."""
    under = np.asarray(image)[np.asarray(alpha) == 0]
    if len(under) == 0:
        return False
    colours, counts = np.unique(under, axis=0, return_counts=True)
    return len(colours) == 1 or bool(counts.max() > _ERASED_SHARE * len(under))


def infill(image: Image.Image, mask: Image.Image) -> Image.Image:
    """Fill the painted area from its surroundings: the nearest kept colour, smoothed."""
    hole = np.asarray(mask) >= _PAINTED
    if not hole.any() or hole.all():
        return image
    from scipy import ndimage

    pixels = np.asarray(image)
    rows, columns = ndimage.distance_transform_edt(hole, return_distances=False, return_indices=True)
    filled = pixels[rows, columns]
    soft = ndimage.gaussian_filter(filled.astype(np.float32), sigma=(_SMOOTH, _SMOOTH, 0))
    return Image.fromarray(np.where(hole[..., None], soft.round().astype(np.uint8), pixels))
