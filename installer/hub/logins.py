"""What somebody is logged in by ends at once: when they are kept out, or get a password from an administrator.

JupyterHub ends a login where its owner logs out, and a token where its owner deletes it; an administrator could but
have the person forgotten, with all that the hub has of them.
"""

from __future__ import annotations

from typing import Any

from jupyterhub import orm
from jupyterhub.apihandlers.base import APIHandler
from jupyterhub.scopes import needs_scope
from tornado import web

PATH = r"api/users/([^/]+)/logins"

_OF_SERVERS = {"access:servers", "users:activity"}
"""What the token of a server is good for, and none that is kept is good for more."""


class LoginsHandler(APIHandler):  # type: ignore[misc]
    """Asked by `installer user`; whoever may have somebody forgotten may do this, too."""

    @needs_scope("delete:users")  # type: ignore[untyped-decorator]
    def delete(self, user_name: str) -> None:
        """End them."""
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404)
        end_logins(self.db, user.orm_user, user.spawners.values())
        self.log.info("The logins of %s have ended, and so have the tokens", user.name)
        self.set_status(204)


def end_visits(session: Any, user: orm.User) -> None:  # noqa: ANN401 - SQLAlchemy's
    """Make every cookie that somebody has of this hub worthless, and what their browsers have of their servers."""
    user.cookie_id = orm.new_token()
    for token in session.query(orm.APIToken).filter_by(user_id=user.id):
        if token.session_id:
            session.delete(token)
    for code in session.query(orm.OAuthCode).filter_by(user_id=user.id):
        session.delete(code)
    session.commit()


def end_logins(session: Any, user: orm.User, spawners: Any) -> None:  # noqa: ANN401 - JupyterHub's, untyped
    """End all visits, and all tokens that programs have. Servers that run keep the one of theirs, and go on."""
    end_visits(session, user)
    kept = {id_of_token(session, user, spawner) for spawner in spawners if spawner.active}
    for token in session.query(orm.APIToken).filter_by(user_id=user.id):
        if token.id not in kept:
            session.delete(token)
    session.commit()


def id_of_token(session: Any, user: orm.User, spawner: Any) -> int | None:  # noqa: ANN401 - SQLAlchemy's, JupyterHub's
    """Which token is that of a server; None where none is known to be."""
    if spawner.api_token:
        known = orm.APIToken.find(session, spawner.api_token)
        return known.id if known else None
    # A hub that was started later doesn't know it; it was made just before it was noted that the server starts.
    own = f"access:servers!server={user.name}/{spawner.name}"
    found = [
        token
        for token in session.query(orm.APIToken).filter_by(user_id=user.id)
        if token.created <= spawner.orm_spawner.started
        and own in token.scopes
        and {scope.partition("!")[0] for scope in token.scopes} <= _OF_SERVERS
    ]
    return max(found, key=lambda token: token.id).id if found else None


def with_logins(handlers: list[Any], prefix: str) -> list[Any]:
    """The hub's table of handlers, with this one in front: what is at the end of it answers all that is left."""
    return [(f"{prefix}{PATH}", LoginsHandler), *handlers]
