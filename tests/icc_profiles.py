"""Small colour profiles, built from the ICC specification: RGB with other primaries, grey with a gamma, CMYK."""

from __future__ import annotations

import itertools
import struct

# Red, green and blue of Adobe RGB (1998) in XYZ, adapted to D50.
_ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
_D50 = (0.9642, 1.0, 0.8249)


def _fixed(value: float) -> bytes:
    return struct.pack(">i", round(value * 65536))


def _xyz(values: tuple[float, ...]) -> bytes:
    return b"XYZ \0\0\0\0" + b"".join(map(_fixed, values))


def _gamma(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(value * 256)) + b"\0\0"


def _description(text: str) -> bytes:
    name = text.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(name)) + name + b"\0" * 78


def _profile(kind: bytes, space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = struct.pack(">I", len(tags)), b""
    start = 128 + 4 + 12 * len(tags)
    for name, data in tags.items():
        data += b"\0" * (-len(data) % 4)
        table += name + struct.pack(">II", start + len(body), len(data))
        body += data
    size = start + len(body)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, kind, space, pcs) + b"\0" * 12 + b"acsp"
    head += b"\0" * 28 + b"".join(map(_fixed, _D50))
    return head.ljust(128, b"\0") + table + body


def adobe_rgb() -> bytes:
    """RGB with Adobe's primaries and gamma 2.2."""
    tags = {b"desc": _description("wide"), b"wtpt": _xyz(_D50)}
    tags |= {name + b"XYZ": _xyz(values) for name, values in zip((b"r", b"g", b"b"), _ADOBE, strict=True)}
    return _profile(b"mntr", b"RGB ", b"XYZ ", tags | {name + b"TRC": _gamma(2.2) for name in (b"r", b"g", b"b")})


def grey(gamma: float) -> bytes:
    """Grey with this gamma."""
    return _profile(
        b"mntr", b"GRAY", b"XYZ ", {b"desc": _description("g"), b"wtpt": _xyz(_D50), b"kTRC": _gamma(gamma)}
    )


def cmyk() -> bytes:
    """CMYK in which each ink at full strength halves or removes the lightness, from a table with two steps."""
    grid = b""
    for inks in itertools.product((0, 1), repeat=4):
        lightness = 255 if not any(inks) else 128 if sum(inks) == 1 and not inks[3] else 0
        grid += bytes((lightness, 128, 128))
    table = b"mft1\0\0\0\0" + bytes((4, 3, 2, 0)) + b"".join(map(_fixed, (1, 0, 0, 0, 1, 0, 0, 0, 1)))
    ramp = bytes(range(256))
    tags = {b"desc": _description("inks"), b"wtpt": _xyz(_D50), b"A2B0": table + ramp * 4 + grid + ramp * 3}
    return _profile(b"prtr", b"CMYK", b"Lab ", tags)
