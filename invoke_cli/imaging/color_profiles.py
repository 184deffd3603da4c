"""Convert images with an embedded colour profile to sRGB, the colours of models. A profile of sRGB changes nothing."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageCms

MAX_PROFILE = 20_000_000

_BROKEN = (ImageCms.PyCMSError, OSError, ValueError, TypeError, SyntaxError, AttributeError)
_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}
_STEPS = 9  # of each channel, in the colours that tell a profile of sRGB from others
_SAME = 1  # grey levels


def to_srgb(image: Image.Image) -> tuple[Image.Image, str]:
    """Return the image in sRGB, as RGB with its alpha channel, and what was done; unchanged if nothing was."""
    profile = image.info.get("icc_profile")
    if not isinstance(profile, bytes) or not profile:
        return image, ""
    try:
        return _converted(image, profile)
    except _BROKEN:
        return image, "its colour profile is damaged or does not fit: colours are used as they are"


def _converted(image: Image.Image, data: bytes) -> tuple[Image.Image, str]:
    if len(data) > MAX_PROFILE:
        raise ValueError("too large")
    profile = ImageCms.ImageCmsProfile(io.BytesIO(data))
    mode = _fitting_mode(profile, image)
    transform = ImageCms.buildTransform(
        profile,
        ImageCms.createProfile("sRGB"),
        mode,
        "RGB",
        ImageCms.Intent.RELATIVE_COLORIMETRIC,
        ImageCms.Flags.BLACKPOINTCOMPENSATION,
    )
    if mode != "CMYK" and _changes_nothing(transform, mode):
        return image, ""
    alpha = _alpha(image)
    converted = ImageCms.applyTransform(image.convert("RGB").convert(mode) if mode != "CMYK" else image, transform)
    if converted is None:
        raise ValueError("no result")
    if alpha is not None:
        converted.putalpha(alpha)
    name = " ".join(ImageCms.getProfileDescription(profile).split())[:60] or "its own profile"
    return converted, f"colours converted from {name} to sRGB"


def _fitting_mode(profile: ImageCms.ImageCmsProfile, image: Image.Image) -> str:
    """Return the mode of the colours that a profile describes. Raises ValueError if the image has others."""
    mode = _MODES.get(profile.profile.xcolor_space.strip(), "")
    is_inks = image.mode == "CMYK"
    if not mode or (mode == "CMYK") != is_inks or (mode == "L" and _is_coloured(image)):
        raise ValueError("does not fit")
    return mode


def _is_coloured(image: Image.Image) -> bool:
    return image.mode not in ("L", "LA", "La", "1", "I", "F") and not image.mode.startswith("I;16")


def _changes_nothing(transform: ImageCms.ImageCmsTransform, mode: str) -> bool:
    """Return whether a transform leaves a grid of colours as they are."""
    levels = np.linspace(0, 255, _STEPS if mode == "RGB" else 256).astype(np.uint8)
    if mode == "L":
        before = Image.fromarray(levels[None, :])
    else:
        before = Image.fromarray(np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3))
    after = ImageCms.applyTransform(before, transform)
    if after is None:
        return False
    distance = np.abs(np.asarray(after).astype(int) - np.asarray(before.convert("RGB")).astype(int))
    return bool(distance.max() <= _SAME)


def _alpha(image: Image.Image) -> Image.Image | None:
    """Return the alpha channel of an image that has one, or a transparent colour."""
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return image.convert("RGBA").getchannel("A")
    return None
