"""Addresses of the web without what gives access to them, and secrets in other texts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit, urlunsplit

# Names of parameters that give access: keys, tokens and the parts of signed addresses.
_SECRET = re.compile(
    r"token|secret|pass(?:word|wd|code)|(?:^|[_-])pass$|pwd|auth(?!or)|cred|session|jwt|hmac|ticket|policy|expires|^x-(?:amz|goog|ms)-"
    r"|(?:^|[_-]|api|access|private|subscription)key(?:$|[_-])|(?:^|[_-])sig(?:$|n|_)|^(?:s[evpr]|s[kt]|code|hash)$",
    re.IGNORECASE,
)
_MAX_PUBLIC_VALUE = 64
_ADDRESS = re.compile(r"https?://[^\s\"'<>|]+", re.IGNORECASE)
_USER = re.compile(r"//([^/?#]*)@")
_PARAMETER = re.compile(r"[?&]([^=&#]+)=([^&#]+)")
_FRAGMENT = re.compile(r"#(.+)")
# Tokens of Hugging Face, GitHub, OpenAI and Replicate, as they are written.
_TOKEN = re.compile(r"\b(?:hf_|gh[pousr]_|sk-|r8_)(?=[A-Za-z_-]*\d)[A-Za-z0-9_-]{16,}")


def public_address(url: str) -> str:
    """Return a URL as it may be recorded: without user name, password, secret parameters and fragment."""
    parts = urlsplit(url)
    pairs = [pair for pair in parts.query.split("&") if pair and not _is_secret(*pair.partition("=")[::2])]
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path, "&".join(pairs), ""))


def mask_secrets(text: str) -> str:
    """Return a text with an asterisk for each character of a password, secret parameter or token in it.

    Positions in the text stay the same.
    """
    if "://" not in text and "_" not in text and "-" not in text:
        return text
    for start, end in list(_secret_spans(text)):
        text = text[:start] + "*" * (end - start) + text[end:]
    return text


def _secret_spans(text: str) -> Iterator[tuple[int, int]]:
    for address in _ADDRESS.finditer(text):
        for user in _USER.finditer(address[0]):
            yield address.start() + user.start(1), address.start() + user.end(1)
        for fragment in _FRAGMENT.finditer(address[0]):
            yield address.start() + fragment.start(1), address.end()
        for parameter in _PARAMETER.finditer(address[0]):
            if _is_secret(parameter[1], parameter[2]):
                yield address.start() + parameter.start(2), address.start() + parameter.end(2)
    for token in _TOKEN.finditer(text):
        yield token.span()


def _is_secret(name: str, value: str) -> bool:
    return bool(_SECRET.search(unquote(name))) or len(value) > _MAX_PUBLIC_VALUE
