"""Who calls: from a key and a token to an identity as AWS names it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from bakehouse import sessions
from bakehouse.keys import LOOK_EVERY_S, KeyPair, Keyring
from bakehouse.sessions import Session
from bakehouse.wire.types import AwsError, Caller

_INVALID = "The security token included in the request is invalid."
_EXPIRED = "The security token included in the request is expired"
ROLE_ID = "AROAXXXXXXXXXXXXXXXXX"
"""The id of every role, before a colon and the session's name in a caller's id."""
_REMEMBERED = 1024


class Callers:
    """Finds callers among the key pairs of a data folder and the sessions under them.

    Whoever has a long-term key plays the same role, in a session of the key's name:
    ``sagemaker.get_execution_role()`` takes the role's name out of the ARN and asks IAM for it.

    Args:
        keyring: the key pairs.
        account_id: the account that the server plays.
        role: the name of the role.
    """

    def __init__(self, keyring: Keyring, account_id: str, role: str) -> None:
        self.keyring, self.account_id, self.role = keyring, account_id, role
        self._pairs: Mapping[str, KeyPair] = {}
        self._callers: dict[str, Caller] = {}
        self._sessions: dict[str, tuple[Session, Caller]] = {}

    def find(self, access_key_id: str, token: str, now: datetime) -> Caller:
        """Who has a key.

        Raises:
            AwsError: "key", nobody; "token", the token is not the key's; "token-expired".
        """
        callers = self._known()
        if token:
            return self._of_session(access_key_id, token, now)
        if access_key_id not in callers:  # it may have been added in this moment
            callers = self._known(old_s=0.0)
        if access_key_id not in callers:
            raise AwsError("key", _INVALID, 403, {"AWSAccessKeyId": access_key_id})
        return callers[access_key_id]

    def own(self) -> Caller:
        """The caller with the server's own key."""
        return self._known()[self.keyring.own().access_key_id]

    def issue(self, root: Caller, session: Session) -> tuple[str, str]:
        """Secret and token of a session under a caller's long-term key.

        Raises:
            AwsError: "key", it was revoked in this moment.
        """
        pair = self.keyring.pairs().get(root.root_key_id)
        if pair is None:
            raise AwsError("key", _INVALID, 403, {"AWSAccessKeyId": root.root_key_id})
        token = sessions.token_of(session, pair)
        return sessions.secret_of(token, pair), token

    def _known(self, old_s: float = LOOK_EVERY_S) -> Mapping[str, Caller]:
        pairs = self.keyring.pairs(old_s=old_s)
        if pairs is not self._pairs:
            self._callers = {key: self._of_pair(pair) for key, pair in pairs.items()}
            self._pairs = pairs
            self._sessions.clear()
        return self._callers

    def _of_pair(self, pair: KeyPair) -> Caller:
        return Caller(
            pair.access_key_id,
            pair.secret_access_key,
            role_arn(self.account_id, self.role, pair.name),
            f"{ROLE_ID}:{pair.name}",
            pair.access_key_id,
            pair.services,
        )

    def _of_session(self, access_key_id: str, token: str, now: datetime) -> Caller:
        found = self._sessions.get(token) or self._opened(token)
        if found is None or found[0].access_key_id != access_key_id:
            raise AwsError("token", _INVALID, 403, {"Token-0": token})
        if found[0].has_expired(now):
            raise AwsError("token-expired", _EXPIRED, 403, {"Token-0": token})
        return found[1]

    def _opened(self, token: str) -> tuple[Session, Caller] | None:
        """The session of a token; those that were asked for lately are remembered."""
        opened = sessions.opened(token, self._pairs)
        if opened is None:
            return None
        if len(self._sessions) >= _REMEMBERED:
            self._sessions.clear()
        self._sessions[token] = found = opened[0], self._caller(*opened)
        return found

    def _caller(self, session: Session, secret: str) -> Caller:
        return Caller(
            session.access_key_id,
            secret,
            role_arn(session.account_id, session.role, session.name),
            f"{ROLE_ID}:{session.name}",
            session.root_key_id,
            self._pairs[session.root_key_id].services,
        )


def role_arn(account_id: str, role: str, session: str) -> str:
    """The ARN of someone who plays a role."""
    return f"arn:aws:sts::{account_id}:assumed-role/{role}/{session}"
