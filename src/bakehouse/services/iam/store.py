"""Roles and policies as they are kept: one document each, changed one after the other."""

from __future__ import annotations

import asyncio
import json
import secrets
import string
from collections.abc import Callable, Mapping
from typing import Any

from bakehouse import clock
from bakehouse.faults import AlreadyExists, NotFound
from bakehouse.services.iam import managed
from bakehouse.storage.records import (
    Delete,
    Document,
    Insert,
    KeyTaken,
    Put,
    Records,
    commit_async,
    every,
)
from bakehouse.wire.types import AwsError, Params

DEFAULT_ROLE = "AmazonSageMaker-ExecutionRole-local"
"""The role that every data folder has from the start."""
ROLE, POLICY = "iam/role", "iam/policy"
_ID_LETTERS = string.ascii_uppercase + "234567"
_LONGEST_DEFAULT_S = 3600
_DEFAULT_ATTACHED = {
    managed.FULL_ACCESS: "AdministratorAccess",
    managed.SAGEMAKER: "AmazonSageMakerFullAccess",
}
_TRUSTED = ("sagemaker.amazonaws.com", "lambda.amazonaws.com", "states.amazonaws.com")
_TRUST = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": list(_TRUSTED)},
                "Action": "sts:AssumeRole",
            }
        ],
    }
)


class Store:
    """IAM's documents in ``records``. Changes wait for each other, so that none is lost."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self._changing = asyncio.Lock()

    def role(self, name: str) -> Document:
        """A role's document; raises NotFound."""
        record = self.records.get(ROLE, name)
        if record is None:
            raise NotFound("role", name)
        return record.value

    def roles(self) -> list[Document]:
        """All roles, by name."""
        return [record.value for record in every(self.records, ROLE)]

    def policy(self, arn: str) -> Document:
        """A policy's document, one that AWS keeps among them; raises NotFound."""
        if managed.is_managed(arn):
            return _managed_policy(arn)
        record = self.records.get(POLICY, arn)
        if record is None:
            raise NotFound("policy", arn)
        return record.value

    def policies(self) -> list[Document]:
        """The account's own policies, by ARN."""
        return [record.value for record in every(self.records, POLICY)]

    def known_managed(self) -> list[Document]:
        """Those that AWS keeps, as far as they are known here."""
        return [_managed_policy(arn) for arn in managed.known()]

    def attachments(self, arn: str) -> int:
        """To how many roles a policy is attached."""
        return sum(arn in attached(role) for role in self.roles())

    async def insert(self, kind: str, key: str, document: Document, name: str) -> None:
        """Keep a new document; raises AlreadyExists with the kind and the name."""
        try:
            await commit_async(self.records, Insert(kind, key, document))
        except KeyTaken as taken:
            raise AlreadyExists(kind.removeprefix("iam/"), name) from taken

    async def change_role(self, name: str, change: Callable[[Document], Document]) -> None:
        """Replace a role's document by what ``change`` makes of it; raises NotFound."""
        async with self._changing:
            changed = change(self.role(name))
            await commit_async(self.records, Put(ROLE, name, changed))

    async def remove_role(self, name: str) -> None:
        """Remove a role that has no policies.

        Raises:
            NotFound: there is none.
            AwsError: DeleteConflict.
        """
        async with self._changing:
            role = self.role(name)
            if attached(role):
                text = "Cannot delete entity, must detach all policies first."
                raise AwsError("DeleteConflict", text, 409)
            if inline(role):
                text = "Cannot delete entity, must delete policies first."
                raise AwsError("DeleteConflict", text, 409)
            await commit_async(self.records, Delete(ROLE, name))

    async def remove_policy(self, arn: str) -> None:
        """Remove a policy that is attached nowhere.

        Raises:
            NotFound: there is none, or it is AWS's.
            AwsError: DeleteConflict.
        """
        async with self._changing:
            if self.records.get(POLICY, arn) is None:
                raise NotFound("policy", arn)
            if self.attachments(arn):
                text = "Cannot delete a policy attached to entities."
                raise AwsError("DeleteConflict", text, 409)
            await commit_async(self.records, Delete(POLICY, arn))

    async def attach(self, role: str, arn: str) -> None:
        """Attach a policy to a role; it is no error that it is already.

        Raises:
            NotFound: there is no such role.
            AwsError: NoSuchEntity, there is no such policy.
        """
        async with self._changing:
            found = self.role(role)
            try:
                policy = self.policy(arn)
            except NotFound as error:
                text = f"Policy {arn} does not exist or is not attachable."
                raise AwsError("NoSuchEntity", text, 404) from error
            changed = found | {"Attached": attached(found) | {arn: policy["PolicyName"]}}
            await commit_async(self.records, Put(ROLE, role, changed))


def attached(role: Mapping[str, Any]) -> dict[str, str]:
    """ARN → name of the policies that are attached to a role."""
    default = _DEFAULT_ATTACHED if role["RoleName"] == DEFAULT_ROLE else {}
    return dict(role.get("Attached", default))


def inline(role: Mapping[str, Any]) -> dict[str, str]:
    """Name → document of the policies that are in a role itself."""
    return dict(role.get("Inline", {}))


def longest_session_s(records: Records, name: str) -> int | None:
    """For how long a role may be assumed at most; None if IAM does not know it."""
    record = records.get(ROLE, name)
    return None if record is None else int(record.value["MaxSessionDuration"])


async def add_default_role(records: Records, account_id: str) -> None:
    """Make the role that a data folder starts with, unless it is there."""
    if records.get(ROLE, DEFAULT_ROLE) is None:
        wanted = {
            "RoleName": DEFAULT_ROLE,
            "Path": "/service-role/",
            "AssumeRolePolicyDocument": _TRUST,
        }
        role = new_role(account_id, wanted)
        await Store(records).insert(ROLE, DEFAULT_ROLE, role, DEFAULT_ROLE)


def new_role(account_id: str, params: Params) -> Document:
    """A role's document, from a request."""
    name, path = params["RoleName"], params.get("Path", "/")
    role = {
        "Path": path,
        "RoleName": name,
        "RoleId": new_id("AROA"),
        "Arn": f"arn:aws:iam::{account_id}:role{path}{name}",
        "CreateDate": now(),
        "AssumeRolePolicyDocument": params["AssumeRolePolicyDocument"],
        "MaxSessionDuration": params.get("MaxSessionDuration", _LONGEST_DEFAULT_S),
    }
    return role | {k: params[k] for k in ("Description", "Tags") if params.get(k)}


def new_id(prefix: str) -> str:
    """An id as IAM makes them: four letters that tell the kind, and seventeen others."""
    return prefix + "".join(secrets.choice(_ID_LETTERS) for _ in range(17))


def now() -> str:
    """The time, as documents keep it."""
    return clock.to_second(clock.now()).isoformat()


def _managed_policy(arn: str) -> Document:
    path, name = managed.path_and_name(arn)
    return {
        "PolicyName": name,
        "PolicyId": "ANPA" + (name.upper() + "X" * 17)[:17],
        "Arn": arn,
        "Path": path,
        "DefaultVersionId": "v1",
        "CreateDate": managed.CREATED,
        "UpdateDate": managed.CREATED,
        "Document": managed.document_of(arn),
    }
