"""Open untrusted images as upright 8-bit RGB, or raise one clear error."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from invoke_cli.errors import ImageError
from invoke_cli.imaging.box_formats import is_jpeg_xl, is_reversible_jpeg, plugin_format
from invoke_cli.imaging.color_profiles import to_srgb
from invoke_cli.imaging.formats import (
    BROKEN,
    LABELS,
    MAX_PIXELS,
    announces_too_many_pixels,
    described_formats,
    open_data,
    readable_formats,
)
from invoke_cli.imaging.png_chunks import without_large_text
from invoke_cli.imaging.sizes import Size
from invoke_cli.input_files import IMAGE, PIPE_NAME, UnsuitableFile, has_no_name, read_input

_TEXT_SAMPLE, _LONGEST_CHARACTER = 1_000, 4
_RELOAD = "save or download it again"


@dataclass(frozen=True, kw_only=True, slots=True)
class OpenedImage:
    """An opened image.

    Attributes:
        name: The base name of the file.
        data: The bytes of the file.
        image: The upright RGB pixels.
        sha256: The hash of `data`.
        alpha: The alpha channel (mode L), if some pixels are not opaque.
        frames: The number of frames; only the first is read.
        remark: What was done to its colours, for a notice; empty if nothing was.
        source: The address that it was downloaded from, without secrets; empty for a file.
    """

    name: str
    data: bytes
    image: Image.Image
    sha256: str
    alpha: Image.Image | None = None
    frames: int = 1
    remark: str = ""
    source: str = ""

    @property
    def transparent(self) -> bool:
        """Whether some pixels are not opaque."""
        return self.alpha is not None

    @property
    def size(self) -> Size:
        """The size of the upright image."""
        return Size(*self.image.size)


def open_path(path: Path, check_stopped: Callable[[], None] = lambda: None) -> OpenedImage:
    """Open an image file; `check_stopped` raises to stop waiting for a pipe.

    Raises:
        ImageError: The file cannot be read, is too large, or is not a valid image.
    """
    return open_bytes(read_file(path, check_stopped), PIPE_NAME if has_no_name(path) else path.name)


def read_file(path: Path, check_stopped: Callable[[], None] = lambda: None) -> bytes:
    """Return the bytes of a file, or those that a pipe sends; `check_stopped` raises to stop waiting for a pipe.

    Raises:
        ImageError: It is missing, a folder, unreadable, or exceeds the limits of an image.
    """
    try:
        return read_input(path, IMAGE, check_stopped)
    except FileNotFoundError:
        raise ImageError(f"there is no image {path}", hint="check the name") from None
    except IsADirectoryError:
        raise ImageError(f"{path} is a folder, not an image", hint="pass one of the images in it") from None
    except UnsuitableFile as error:
        raise ImageError(f"{path} cannot be used: {error}", hint="save a smaller image to a file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImageError(f"{path} cannot be read: {reason}", hint="check its permissions") from None


def open_bytes(data: bytes, name: str) -> OpenedImage:
    """Open the image in `data`; errors call it `name`.

    Raises:
        ImageError: The data is empty, too large, or not a valid image.
    """
    if not data:
        raise ImageError(f"{name} is empty (0 bytes)", hint="save or send the image again")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a real problem raises an error, which is reported in one sentence
        try:
            return _open(data, name)
        except Image.DecompressionBombError:
            raise _too_large(name) from None
        except UnidentifiedImageError:
            raise _unidentified(data, name) from None
        except MemoryError:
            raise _too_large(name) from None
        except BROKEN as error:
            # The plug-in for JPEG XL tells how to build its library instead of what is wrong.
            reason = "" if is_jpeg_xl(data) else f": {_first_line(error)}"
            raise ImageError(f"{name} is damaged{reason}", hint=_RELOAD) from None


def _unidentified(data: bytes, name: str) -> ImageError:
    """Return the error for data that no reader accepts."""
    kind = plugin_format(data)
    if kind is None:
        hint = f"{described_formats()} are supported here"
        problem = "is text, not" if _is_text(data) else "is not"
        return ImageError(f"{name} {problem} an image of a known format", hint=hint)
    if kind not in readable_formats():
        hint = "pip install 'invoke-cli[formats]'"
        return ImageError(f"{name} is in the format {LABELS[kind]}, which needs a plug-in of Pillow", hint=hint)
    return ImageError(f"{name} is damaged", hint=_RELOAD)


def _is_text(data: bytes) -> bool:
    """Return whether data begins as text in UTF-8 does."""
    start = data[:_TEXT_SAMPLE]
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start < len(start) - _LONGEST_CHARACTER or len(data) <= _TEXT_SAMPLE:
            return False
        text = start[: error.start].decode("utf-8")
    return all(char.isprintable() or char in "\t\r\n\f\ufeff" for char in text)


def _open(data: bytes, name: str) -> OpenedImage:
    if announces_too_many_pixels(data):
        raise _too_large(name)
    with open_data(without_large_text(data), readable_formats()) as image:
        if image.width * image.height > MAX_PIXELS:
            raise _too_large(name, f" ({image.width}x{image.height})")
        frames = int(getattr(image, "n_frames", 1))
        image.load()
        upright, remark = to_srgb(_eight_bit(_upright(image, data)))
        rgb, alpha = to_rgb(upright)
    sha256 = hashlib.sha256(data).hexdigest()
    return OpenedImage(name=name, data=data, image=rgb, sha256=sha256, alpha=alpha, frames=frames, remark=remark)


def _upright(image: Image.Image, data: bytes) -> Image.Image:
    """Apply the EXIF orientation; a decoder of JPEG XL has applied the orientation of the file itself."""
    if is_jpeg_xl(data) and not is_reversible_jpeg(data):
        return image
    return ImageOps.exif_transpose(image)


def _too_large(name: str, size: str = "") -> ImageError:
    limit = f"the limit is {MAX_PIXELS / 1e6:.0f} megapixels; make it smaller first"
    return ImageError(f"{name} is too large{size}", hint=limit)


def _first_line(error: BaseException) -> str:
    text = str(error).strip().splitlines()
    return text[0][:120] if text else type(error).__name__


def to_rgb(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Convert an image to 8-bit RGB.

    Returns:
        The RGB image, with the colours under its transparency, and the alpha channel (mode L), or None if every pixel
        is opaque.
    """
    image = _eight_bit(image)
    has_alpha = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    if not has_alpha:
        return image.convert("RGB"), None
    rgba = image.convert("RGBA")
    alpha = rgba.getchannel("A")
    lowest = alpha.getextrema()[0]
    return rgba.convert("RGB"), alpha if isinstance(lowest, (int, float)) and lowest < 255 else None


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return the image, scaled if it has more than 8 bits; its colour profile is kept."""
    if image.mode not in ("I;16", "I;16B", "I;16L", "I;16N", "I", "F"):
        return image
    scaled = _scaled_to_8_bit(image)
    if "icc_profile" in image.info:
        scaled.info["icc_profile"] = image.info["icc_profile"]
    return scaled


def _scaled_to_8_bit(image: Image.Image) -> Image.Image:
    """Convert a grey image of more than 8 bits to mode L, by the 16-bit range, 0..1 for floats, or a larger maximum."""
    values = np.asarray(image).astype(np.float64)
    full_range = 65535.0 if image.mode != "F" else 1.0
    if image.mode in ("I", "F") and values.max(initial=0) > full_range:
        full_range = float(values.max())
    elif image.mode == "I" and values.max(initial=0) <= 255:
        full_range = 255.0
    return Image.fromarray(np.clip(values / full_range * 255 + 0.5, 0, 255).astype(np.uint8), mode="L")
