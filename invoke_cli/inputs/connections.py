"""Connections for downloads: http and https only, and redirects that lead to no machine of the local network."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from functools import partial
from http.client import HTTPConnection, HTTPSConnection
from typing import Any
from urllib import request

from invoke_cli.errors import ImageError


def is_public(address: str) -> bool:
    """Return whether an IP address belongs to the internet rather than to this machine or its networks."""
    found = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(found, "ipv4_mapped", None)
    return (mapped or found).is_global


class RedirectGuard:
    """Checks the machines that a download connects to: after a public one, redirects lead to public ones only.

    The address is that of the connection itself, so that a name cannot change its meaning in between.
    """

    def __init__(self) -> None:
        self._began_public: bool | None = None

    def check(self, address: str) -> None:
        """Check the address of a connection that was just made. Raises ImageError for one that is not allowed."""
        public = is_public(address)
        if self._began_public is None:
            self._began_public = public
        elif self._began_public and not public:
            hint = "download it yourself and use the file"
            raise ImageError(f"the server redirects to {address}, which is not a public address", hint=hint)


class _HTTPHandler(request.HTTPHandler):
    def __init__(self, check: Callable[[str], None]) -> None:
        super().__init__()
        self._check = check

    def http_open(self, req: request.Request) -> Any:
        return self.do_open(_checked(HTTPConnection, self._check, req), req)


class _HTTPSHandler(request.HTTPSHandler):
    def __init__(self, check: Callable[[str], None]) -> None:
        super().__init__()
        self._check = check

    def https_open(self, req: request.Request) -> Any:
        return self.do_open(_checked(HTTPSConnection, self._check, req), req)


def _checked(kind: type[HTTPConnection], check: Callable[[str], None], req: request.Request) -> Any:
    """Return a maker of connections whose other end is checked before anything is sent; a proxy checks by itself."""
    if req.has_proxy() or getattr(req, "_tunnel_host", None):
        return kind

    class Checked(kind):  # type: ignore[valid-type,misc]  # one of two classes of the standard library
        def connect(self) -> None:
            super().connect()
            try:
                check(self.sock.getpeername()[0])
            except ImageError:
                self.close()
                raise

    return Checked


def opener(guard: RedirectGuard | None = None) -> request.OpenerDirector:
    """Return an opener for http and https only, including redirects, since it has no other handlers."""
    director = request.OpenerDirector()
    check = guard.check if guard is not None else _allow
    handlers = (
        request.ProxyHandler, partial(_HTTPHandler, check), partial(_HTTPSHandler, check),
        request.HTTPDefaultErrorHandler, request.HTTPErrorProcessor, request.HTTPRedirectHandler,
        request.UnknownHandler,
    )  # fmt: skip
    for handler in handlers:
        director.add_handler(handler())
    return director


def _allow(_address: str) -> None:
    """Accept any address."""
