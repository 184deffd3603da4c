"""Classify the medium and the time of day of an image by a few analytic features."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from training.rendering.canvas import Array, floats

Matrix = NDArray[np.float64]
SHRINKING, RIDGE = 0.75, 0.03


def pixels_of(image: Image.Image) -> Array:
    """Convert the image to (H, W, 3) float32 in 0..255."""
    return floats(np.asarray(image.convert("RGB")))


def time_of_day(pixels: Array) -> str:
    """Return "night" for a dark sky, "sunset" for one more red than blue, high and low together, else "day".

    The thresholds are the centres of the margins of 600 true landscapes: 47 to 78 of light, -24 to 21 of red minus
    blue.
    """
    light = _median(pixels, 0.0, 0.4) @ np.array([0.299, 0.587, 0.114])
    if light < 62:
        return "night"
    warmth = sum(float(red - blue) for red, _, blue in (_median(pixels, 0.0, 0.15), _median(pixels, 0.25, 0.45)))
    return "sunset" if warmth > 0 else "day"


def _median(pixels: Array, upper: float, lower: float) -> Matrix:
    """Return the median colour of a band, with its ends as fractions of the height."""
    band = pixels[int(len(pixels) * upper) : max(1, int(len(pixels) * lower))].reshape(-1, 3)
    median: Matrix = np.median(band, axis=0)
    return median


def texture(pixels: Array) -> Matrix:
    """Return features that differ between the media: light, colour, grain along and across, blocks, edges, corners and
    borders.

    Detail below a hundredth of the side is left out, since it does not survive the autoencoder.
    """
    side = min(pixels.shape[:2])
    soft = floats(ndimage.gaussian_filter(pixels, (side / 170, side / 170, 0)))
    luma = soft @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    spread = soft.max(axis=-1) - soft.min(axis=-1)
    down, across = (float(np.abs(np.diff(luma, axis=axis)).mean()) for axis in (0, 1))
    grain = np.abs(luma - ndimage.gaussian_filter(luma, side / 50))
    flat, bright = ndimage.gaussian_filter(grain, side / 40), luma >= np.percentile(luma, 96)
    rim = max(2, side // 40)
    edge = np.concatenate([luma[:rim].ravel(), luma[-rim:].ravel(), luma[:, :rim].ravel(), luma[:, -rim:].ravel()])
    figures = (
        *(luma.mean(), np.median(luma), np.percentile(luma, 95), luma.std(), spread.mean(), np.percentile(spread, 95)),
        *(np.log(np.percentile(flat, part) + 0.05) for part in (20, 50, 80)),
        *(np.log(grain.mean() + 0.05), np.log(np.percentile(grain, 97) + 0.05)),
        *(np.log(grain[bright].mean() + 0.05), np.median(spread[bright]), np.median(edge), edge.std()),
        *(abs(np.log((down + 0.2) / (across + 0.2))), *_within_blocks(soft), _fall(soft.max(axis=-1))),
        *((edge > 240).mean(), (luma < 50).mean(), (spread < 14).mean(), (luma > 225).mean()),
        np.log(np.median(np.abs(luma - ndimage.gaussian_filter(luma, side / 20))) + 0.1),
    )
    return np.array(figures, dtype=np.float64)


def _within_blocks(pixels: Array) -> tuple[float, float]:
    """Return the variation in the most uneven tenth and fiftieth of the blocks of pixel art, without their borders."""
    block = max(4, min(pixels.shape[:2]) // 16)
    rows, columns = (extent // block for extent in pixels.shape[:2])
    inner = slice(block // 6, block - block // 6)
    blocks = pixels[: rows * block, : columns * block].reshape(rows, block, columns, block, 3)[:, inner, :, inner]
    uneven = blocks.std(axis=(1, 3)).max(axis=-1)
    return tuple(float(np.log(np.percentile(uneven, part) + 0.5)) for part in (90, 98))  # type: ignore[return-value]


def _fall(light: Array) -> float:
    """Return how much darker the corners are than the centres of the upper and lower border, as a logarithm."""
    reach, half = max(2, len(light) // 14), light.shape[1] // 2
    corners = [light[row, column] for row in _ends(reach) for column in _ends(reach)]
    middles = [light[row, half - reach // 2 : half + reach // 2] for row in _ends(reach)]
    dark, bright = (float(np.mean([np.median(part) for part in parts])) for parts in (corners, middles))
    return float(np.log((dark + 2) / (bright + 2)))


def _ends(reach: int) -> tuple[slice, slice]:
    return slice(0, reach), slice(-reach, None)


@dataclass(frozen=True, kw_only=True)
class MediumClassifier:
    """Quadratic discriminant analysis over `texture`, fitted on true images.

    There is one Gaussian for each group of images, which all show one of `media`.
    """

    media: tuple[str, ...]
    means: Matrix
    inverses: Matrix
    offsets: Matrix

    def classify(self, pixels: Array) -> str:
        """Return the medium of the Gaussian with the highest likelihood for the image."""
        away = texture(pixels)[None] - self.means
        cost = np.einsum("mi,mij,mj->m", away, self.inverses, away) + self.offsets
        return self.media[int(np.argmin(cost))]


def fit_classifier(groups: Sequence[tuple[str, Sequence[Array]]]) -> MediumClassifier:
    """Fit the classifier on groups of images of one medium each; covariances are shrunk towards the common one."""
    rows = [np.stack([texture(pixels) for pixels in given]) for _, given in groups]
    common = np.cov(np.concatenate([values - values.mean(axis=0) for values in rows]), rowvar=False)
    ridge = np.diag(np.diag(common)) * RIDGE
    spreads = [(1 - SHRINKING) * np.cov(values, rowvar=False) + SHRINKING * common + ridge for values in rows]
    return MediumClassifier(
        media=tuple(medium for medium, _ in groups),
        means=np.stack([values.mean(axis=0) for values in rows]),
        inverses=np.stack([np.linalg.inv(spread) for spread in spreads]),
        offsets=np.array([np.linalg.slogdet(spread)[1] for spread in spreads]),
    )
