"""The user's own proxy, through which tunnels to other hosts go, where there is one."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from bakehouse.proxy.streams import CONNECT_S, Opened, Refused, Target, head_of, opened

_VARIABLES = ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Upstream:
    """A proxy that takes ``CONNECT``, and what it is to be shown."""

    target: Target
    authorization: str = ""


def upstream_of(surroundings: Mapping[str, str]) -> Upstream | None:
    """The proxy that the surroundings name for https, if it is one that is spoken to in plain."""
    url = next((surroundings[name] for name in _VARIABLES if surroundings.get(name)), "")
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        port = parts.port or 80
    except ValueError:
        return None
    if parts.scheme != "http" or not parts.hostname:
        return None
    if parts.username is None:
        return Upstream(Target(parts.hostname, port))
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Upstream(
        Target(parts.hostname, port), f"Basic {base64.b64encode(pair.encode()).decode()}"
    )


async def tunnel(target: Target, upstream: Upstream | None) -> Opened:
    """A connection to a target, through the user's own proxy where there is one.

    Raises:
        Refused: it cannot be reached, or that proxy refuses it.
    """
    if upstream is None:
        return await opened(target)
    reader, writer = await opened(upstream.target)
    host = f"[{target.host}]" if ":" in target.host else target.host
    shown = upstream.authorization
    lines = [f"CONNECT {host}:{target.port} HTTP/1.1", f"Host: {host}:{target.port}"]
    lines += [f"Proxy-Authorization: {shown}"] if shown else []
    writer.write("\r\n".join([*lines, "", ""]).encode())
    try:
        async with asyncio.timeout(CONNECT_S):
            status = (await head_of(reader))[0]
    except (OSError, EOFError, TimeoutError) as error:
        writer.close()
        raise Refused("502 Bad Gateway", "Your own proxy does not answer.") from error
    if status.split(" ")[1:2] != ["200"]:
        writer.close()
        raise Refused("502 Bad Gateway", f"Your own proxy refuses {host}: {status}.")
    return reader, writer
