"""The kinds of value that `web` has: where nginx listens, and whom it believes, behind another proxy."""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, WithJsonSchema

from installer.config.kinds import Kind, Unfit, each_once, items, some_text

_ADDRESS = r"(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|\[[0-9A-Fa-f:.]+\])"
_PORT = "[1-9][0-9]{0,4}"
_LISTEN = f"({_ADDRESS}):({_PORT})"


def listen(value: object) -> str:
    """Read an address of this machine, and a port."""
    text = some_text(value)
    parts = re.fullmatch(_LISTEN, text)
    if parts is None:
        raise Unfit("not an address and a port", f"127.0.0.1:{text}" if re.fullmatch(_PORT, text) else None)
    try:
        ipaddress.ip_address(parts[1].strip("[]"))
    except ValueError:
        raise Unfit("not an address") from None
    if int(parts[2]) > 65535:  # noqa: PLR2004 - the highest there is
        raise Unfit("a port that there isn't")
    return text


Listen = Annotated[
    str,
    Kind(
        "an address and a port such as 127.0.0.1:8080",
        "An IPv4 address, or an IPv6 address in brackets, a colon, and a port. `0.0.0.0` and `[::]` are all addresses "
        "of this machine.",
    ),
    BeforeValidator(listen),
    WithJsonSchema({"type": "string", "pattern": f"^{_LISTEN}$"}),
]
"""Where something listens."""


def network(value: object) -> str:
    """Read an address, or a network, in its usual form."""
    text = some_text(value)
    try:
        return str(ipaddress.ip_address(text) if "/" not in text else ipaddress.ip_network(text))
    except ValueError:
        try:
            meant = str(ipaddress.ip_network(text, strict=False))
        except ValueError:
            meant = None
        raise Unfit("not an address or a network", meant) from None


_NETWORK = Kind(
    "an address or a network such as 192.0.2.7 or 10.0.0.0/8",
    "An IP address, or a network by its first address and `/`.",
)
_NETWORK_SCHEMA = {
    "type": "string",
    "pattern": "^([0-9]{1,3}(\\.[0-9]{1,3}){3}|[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*)(/[0-9]{1,3})?$",
}
Networks = Annotated[
    tuple[Annotated[str, _NETWORK, BeforeValidator(network), WithJsonSchema(_NETWORK_SCHEMA)], ...],
    Kind(
        "a list of addresses such as [192.0.2.7]",
        "IP addresses and networks, each once, in brackets or one a line after `- `.",
        _NETWORK,
    ),
    BeforeValidator(items(lambda text: re.match("[0-9A-Fa-f:.]+", text))),
    AfterValidator(each_once),
    WithJsonSchema({"type": "array", "items": _NETWORK_SCHEMA, "uniqueItems": True}),
]
"""Several addresses or networks."""
