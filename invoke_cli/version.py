"""The program's version, said once: the package, its metadata and every picture take it from here."""

from __future__ import annotations

__version__ = "0.1.0"
