"""Requests to one endpoint, many at a time: addressed as the OpenAI client does, sent by aiohttp.

The client's own way, through httpx, costs three times the CPU time: 64 requests under way at a
tenth of a second each keep a core busy.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.request import getproxies, proxy_bypass

from nesy.errors import ModelError
from nesy.types import Failure


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server said, whatever the status; the names of headers may be in any case."""

    status: int
    headers: Mapping[str, str]
    content: bytes


class Connections:
    """The connections to where an ``AsyncOpenAI`` posts its chats, with its headers.

    ``timeout`` is in seconds, for each wait for the server. Proxies are those of the environment.
    """

    def __init__(self, client: Any, timeout: float) -> None:
        """Open nothing yet; needs a running event loop.

        Raises:
            ModelError: the environment names a proxy that is no HTTP one.
        """
        import aiohttp
        from yarl import URL

        headers = {**client.default_headers, **client.auth_headers}
        sent = {name: value for name, value in headers.items() if isinstance(value, str)}
        url = URL(str(client.base_url)) / "chat/completions"
        if url.user is not None:
            named = f"{url.user}:{url.password or ''}".encode()
            sent["Authorization"] = f"Basic {b64encode(named).decode()}"
        self._url = url.with_user(None).extend_query(client.default_query)
        self._proxy = proxy_of(self._url.scheme, self._url.host or "")
        self._timeout = timeout
        self._session = aiohttp.ClientSession(
            headers=sent,
            cookie_jar=aiohttp.DummyCookieJar(),
            # How many are under way is for the asker to say.
            connector=aiohttp.TCPConnector(limit=0, ssl=certificates()),
            timeout=aiohttp.ClientTimeout(sock_connect=timeout, sock_read=timeout),
        )

    async def post(self, body: bytes) -> Reply | Failure:
        """Send one body of JSON; where no whole reply comes, say which failure that is."""
        import aiohttp

        try:
            async with self._session.post(self._url, data=body, proxy=self._proxy) as reply:
                return Reply(reply.status, reply.headers, await reply.read())
        except TimeoutError:
            return Failure("timeout", f"no answer in {self._timeout:g} seconds", 1)
        except (aiohttp.ClientConnectorError, aiohttp.ClientHttpProxyError) as error:
            return Failure("no connection", _words(error), 1)
        except (aiohttp.ClientError, OSError) as error:
            return Failure("cut stream", _words(error), 1)

    async def close(self) -> None:
        """Close them; what is under way is cut."""
        await self._session.close()


def _words(error: Exception) -> str:
    """What happened, without the address: its query may hold a secret."""
    import aiohttp

    if isinstance(error, aiohttp.ClientConnectorError):
        return str(error.os_error)
    return error.message if isinstance(error, aiohttp.ClientResponseError) else str(error)


def proxy_of(scheme: str, host: str) -> str | None:
    """Return the proxy that the environment names for a host; ``NO_PROXY`` may hold networks.

    Raises:
        ModelError: it is no HTTP proxy.
    """
    named = getproxies()
    proxy = named.get(scheme) or named.get("all")
    if not proxy or proxy_bypass(host) or _within(host, named.get("no", "")):
        return None
    address = proxy if "://" in proxy else f"http://{proxy}"
    kind = address.partition(":")[0]
    if kind not in ("http", "https"):
        raise ModelError(f"the environment names a proxy of kind {kind}; only HTTP ones are used")
    return address


def _within(host: str, networks: str) -> bool:
    """Whether an address is in one of the networks, such as ``10.0.0.0/8``."""
    try:
        address = ip_address(host)
        return any(
            address in ip_network(one.strip(), strict=False)
            for one in networks.split(",")
            if "/" in one
        )
    except ValueError:  # a name, not an address
        return False


@cache
def certificates() -> Any:
    """What is trusted, by the environment's word too; it takes a tenth of a second to read."""
    import httpx2

    return httpx2.create_ssl_context()
