"""The packages of pictures: fetched by name and version from the package registry, checked, and unpacked."""

from __future__ import annotations

import base64
import hashlib
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from urllib.request import urlopen

PUBLIC_REGISTRY = "https://registry.npmjs.org"
TIMEOUT_S = 300


@dataclass(frozen=True, kw_only=True)
class Package:
    """A package of the npm registry: its name, version, SHA-512 in base64, licence, and who made what is in it."""

    name: str
    version: str
    sha512: str
    licence: str
    authors: str

    @property
    def folder(self) -> str:
        """Return the name of the folder it is unpacked to."""
        return f"{self.name.lstrip('@').replace('/', '-')}-{self.version}"

    def url(self, registry: str) -> str:
        """Return the address of its tarball in a registry."""
        return f"{registry.rstrip('/')}/{self.name}/-/{self.name.rpartition('/')[2]}-{self.version}.tgz"


FLUENT_3D = Package(
    name="@lobehub/fluent-emoji-3d",
    version="1.1.0",
    sha512="Wlq2lVStTnr8BDpIJ0pEnTKO4LuDxxqTEhTvRtD1DLRF0me7ogeRQjKoehDHXuVJ2Qaecgl5wRBv60lUAG3h7g==",
    licence="MIT",
    authors="Fluent Emoji: Microsoft Corporation; the package: LobeHub",
)
FLUENT_FLAT = Package(
    name="@iconify-json/fluent-emoji-flat",
    version="1.2.6",
    sha512="RY47RgPb47fYUiyrA64sIOL0+UU02s29sXpNBbIQRBUlPlfNFTKUmZDERGuxDs/7yNGWqQYvuaSYM1M4fRXlUw==",
    licence="MIT",
    authors="Fluent Emoji: Microsoft Corporation; the package: Iconify",
)
NOTO = Package(
    name="@iconify-json/noto",
    version="1.2.9",
    sha512="DQiuXENbun41ch+XPSV55H9FaWKpHTyz46YIKtSaKYD4fIDDzL1tR6H4np/T38jfrTAeI3rcKF0mqHYeZVAuaw==",
    licence="Apache-2.0",
    authors="Noto Emoji: Google Inc.; the package: Iconify",
)
EMOJIBASE = Package(
    name="emojibase-data",
    version="17.0.0",
    sha512="Yvgb5AWoHViHV/gq1qr5ZAarcBip+B27/ZLRsUJkbgAEaLlZ/fof9g882LTpmEpyhBNEC0m2SEmItljHsTygjA==",
    licence="MIT",
    authors="Miles Johnson",
)
PACKAGES = (FLUENT_3D, FLUENT_FLAT, NOTO, EMOJIBASE)


class DamagedPackageError(Exception):
    """A tarball is not the one that is expected."""


def fetch(folder: Path) -> list[Path]:
    """Fetch the packages that a folder lacks. Return the folders of all."""
    folder.mkdir(parents=True, exist_ok=True)
    registry = configured_registry()
    for package in PACKAGES:
        if not (folder / package.folder).is_dir():
            with urlopen(package.url(registry), timeout=TIMEOUT_S) as answer:
                unpack(package, answer.read(), folder)
    return [folder / package.folder for package in PACKAGES]


def configured_registry() -> str:
    """Return the registry that npm is configured to use, or the public one."""
    npm = shutil.which("npm")
    if npm is None:
        return PUBLIC_REGISTRY
    asked = subprocess.run([npm, "config", "get", "registry"], capture_output=True, text=True, check=False)
    found = asked.stdout.strip()
    return found if found.startswith("http") else PUBLIC_REGISTRY


def unpack(package: Package, tarball: bytes, folder: Path) -> None:
    """Check a tarball and unpack it into its folder below `folder`."""
    found = base64.b64encode(hashlib.sha512(tarball).digest()).decode()
    if found != package.sha512:
        raise DamagedPackageError(f"{package.name} {package.version} has the SHA-512 {found}, not {package.sha512}")
    partial = folder / f"{package.folder}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    with tarfile.open(fileobj=BytesIO(tarball)) as archive:
        archive.extractall(partial, filter="data")
    partial.replace(folder / package.folder)
