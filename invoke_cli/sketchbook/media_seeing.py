"""Telling the media and the times of day apart by a few numbers that anybody can measure on a picture."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from invoke_cli.sketchbook.canvas import Array, floats

Matrix = NDArray[np.float64]


def pixels_of(picture: Image.Image) -> Array:
    """The picture as (H, W, 3) float32 in 0..255."""
    return floats(np.asarray(picture.convert("RGB")))


def time_of_day(pixels: Array) -> str:
    """ "night", "sunset" or "day", from the upper two fifths: dark, or more red than blue, or neither."""
    sky = pixels[: int(len(pixels) * 0.4)].reshape(-1, 3)
    red, green, blue = np.median(sky, axis=0)
    if 0.299 * red + 0.587 * green + 0.114 * blue < 72:
        return "night"
    low = pixels[int(len(pixels) * 0.25) : int(len(pixels) * 0.45)].reshape(-1, 3)
    red, _, blue = np.median(low, axis=0)
    return "sunset" if red - blue > 12 else "day"


def texture(pixels: Array) -> Matrix:
    """Numbers that differ between the media: light, colour, grain along and across, blocks, edges and rims."""
    luma = pixels @ np.array([0.299, 0.587, 0.114], dtype=np.float32)
    spread = pixels.max(axis=-1) - pixels.min(axis=-1)
    down, across = np.abs(np.diff(luma, axis=0)), np.abs(np.diff(luma, axis=1))
    fine = luma - ndimage.gaussian_filter(luma, 2.0)
    flat = ndimage.gaussian_filter(np.abs(fine), 3.0)
    rim = max(3, len(luma) // 40)
    edge = np.concatenate([luma[:rim].ravel(), luma[-rim:].ravel(), luma[:, :rim].ravel(), luma[:, -rim:].ravel()])
    bend = np.abs(luma[1:-1, 1:-1] * 4 - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:])
    step = len(luma) // 32
    on_grid = across[:, step - 1 :: step].mean() + down[step - 1 :: step].mean()
    block = on_grid / (across.mean() + down.mean() + 0.3)
    directed = np.abs(np.log((down.mean() + 0.3) / (across.mean() + 0.3)))
    figures = (
        *(luma.mean(), np.median(luma), np.percentile(luma, 95), luma.std(), spread.mean(), np.percentile(spread, 95)),
        *(np.log(np.percentile(flat, 20) + 0.05), np.log(np.median(flat) + 0.05), np.log(flat.mean() + 0.05)),
        *(block, directed, np.median(edge), edge.std(), np.log(np.median(bend) + 0.1), np.log(bend.mean() + 0.1)),
        *((edge > 240).mean(), (luma < 50).mean(), (spread < 14).mean(), (luma > 225).mean()),
        np.log(np.median(np.abs(luma - ndimage.gaussian_filter(luma, 12.0))) + 0.1),
    )
    return np.array(figures, dtype=np.float64)


@dataclass(frozen=True, kw_only=True)
class MediumJudge:
    """A quadratic discriminant over `texture`, one Gaussian per medium, fitted on true pictures."""

    media: tuple[str, ...]
    means: Matrix
    inverses: Matrix
    offsets: Matrix

    def judge(self, pixels: Array) -> str:
        """The medium whose Gaussian the picture's numbers fit best."""
        away = texture(pixels)[None] - self.means
        cost = np.einsum("mi,mij,mj->m", away, self.inverses, away) + self.offsets
        return self.media[int(np.argmin(cost))]


def fit_judge(pictures: dict[str, list[Array]]) -> MediumJudge:
    """Fit the judge on pictures of each medium; covariances are shrunk towards the common one."""
    rows = {medium: np.stack([texture(pixels) for pixels in given]) for medium, given in pictures.items()}
    centred = np.concatenate([values - values.mean(axis=0) for values in rows.values()])
    common = np.cov(centred, rowvar=False)
    ridge = np.diag(np.diag(common)) * 0.02
    spreads = [0.5 * np.cov(values, rowvar=False) + 0.5 * common + ridge for values in rows.values()]
    return MediumJudge(
        media=tuple(rows),
        means=np.stack([values.mean(axis=0) for values in rows.values()]),
        inverses=np.stack([np.linalg.inv(spread) for spread in spreads]),
        offsets=np.array([np.linalg.slogdet(spread)[1] for spread in spreads]),
    )
