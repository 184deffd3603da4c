"""The version of the program, and of the metadata that it writes. Declared here only."""

from __future__ import annotations

__version__ = "0.2.0"

# Raise it when the same line gives other pixels or other metadata, and let `!verify` keep the older rules:
# 1: written by 0.1, without the key.
# 2: written by 0.2, with the key `schema_version`.
# 3 to 5: see the rules below.
SCHEMA_VERSION = 5

# The first versions of these rules; an older image is verified without them.
RECORDED_MATCHING = 3  # `mask_match` is recorded
RECORDED_METHODS = 3  # upscalers, LoRAs of the prompt and the way of inpainting are recorded
STRICT_MASKS = 3  # resized masks paint no pixel outside them
PADDED_STRIPS = 3  # init images of extreme aspects are padded, not cropped
KEYS_OF_2X = 4  # the keys and the `Dream` line are those that InvokeAI 2.3.5 wrote, with ours beside them
TWO_PASSES = 5  # `hires_fix` is true for an image that was generated in two passes
