"""The version of the program, and of the metadata that it writes. Declared here only."""

from __future__ import annotations

__version__ = "0.2.0"

# Raise it when the same line gives other pixels or other metadata, and let `!verify` keep the older rules:
# 1: written by 0.1, without the key. 2: written since 0.2, with the key `schema_version`.
SCHEMA_VERSION = 2
