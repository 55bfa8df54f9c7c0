"""Linux accounts at first login: the hub asks the root helper behind jupyterhub-account.socket."""

from __future__ import annotations

from typing import Any

from tornado import web

from installer.hub.helper import HelperUnreachable, ask
from installer.hub.pam_authenticator import SocketPAMAuthenticator

SOCKET = "/run/jupyterhub-account.sock"

SECONDS = 100
"""A little longer than the helper gives itself: it makes one account at a time."""


class AccountRefused(Exception):  # noqa: N818 - reads as what it is
    """There is no account of that name that may be used; the message is the helper's sentence."""


async def ensure(name: str) -> bool:
    """See that there is an account of that name, with a home, made by the helper now or at an earlier login.

    Returns whether it was made now. Raises AccountRefused, or HelperUnreachable where nobody could be asked.
    """
    reply = await ask(SOCKET, {"account": name}, seconds=SECONDS)
    if reply.get("ok") is not True:
        raise AccountRefused(str(reply.get("error", "")))
    return bool(reply.get("created"))


async def ensure_at_login(authenticator: Any, handler: object, authentication: dict[str, Any]) -> dict[str, Any]:  # noqa: ANN401 - JupyterHub's, untyped
    """The hub's post_auth_hook: whoever was let in gets an account. With PAM, everybody has one already."""
    name = str(authentication["name"])
    if isinstance(authenticator, SocketPAMAuthenticator):
        return authentication
    try:
        created = await ensure(name)
    except AccountRefused as refusal:
        authenticator.log.warning("Login of %.64r refused: %s", name, refusal)
        raise web.HTTPError(403, f"You can't have an account here: {refusal}.") from None
    except HelperUnreachable as error:
        authenticator.log.error(  # noqa: TRY400 - the cause is in the message
            "Accounts can't be made: %s. See: systemctl status jupyterhub-account.socket", error
        )
        raise web.HTTPError(503, "Accounts can't be made at the moment. Please tell the administrator.") from None
    if created:
        authenticator.log.info("Made the Linux account of %s", name)
    return authentication
