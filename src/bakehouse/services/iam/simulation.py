"""SimulatePrincipalPolicy: would a role be allowed to do this?"""

from __future__ import annotations

import re
from itertools import product

from bakehouse.services.iam.paging import page
from bakehouse.services.iam.store import Store, attached, inline
from bakehouse.services.policies.documents import Statement, identity_statements
from bakehouse.services.policies.evaluation import Context, Decision, decide
from bakehouse.wire.types import AwsError, Call, Params

_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/(?:.*/)?([\w+=,.@-]{1,64})", re.ASCII)
_MOST = 10_000
_NOT_BUILT = (
    "PermissionsBoundaryPolicyInputList",
    "ResourceHandlingOption",
    "ResourcePolicy",
)


async def simulate_principal_policy(store: Store, call: Call, params: Params) -> Params:
    """Evaluate a role's policies, and those of the request, for each action on each resource."""
    for member in _NOT_BUILT:
        if params.get(member):
            text = f"bakehouse does not simulate with {member}."
            raise AwsError("NotImplemented", text, 501)
    statements = _statements(store, params)
    context = {
        entry["ContextKeyName"].lower(): tuple(entry.get("ContextKeyValues", ()))
        for entry in params.get("ContextEntries", [])
    }
    pairs = list(product(params["ActionNames"], params.get("ResourceArns") or ["*"]))
    if len(pairs) > _MOST:
        text = f"{len(pairs)} pairs of action and resource are more than {_MOST}."
        raise AwsError("InvalidInput", text, 400)
    numbered = list(enumerate(pairs))
    return page(
        numbered,
        params,
        "EvaluationResults",
        lambda one: f"{one[0]:06d}",
        lambda one: _evaluated(statements, one[1], context),
    )


def _statements(store: Store, params: Params) -> list[tuple[str, Statement]]:
    """The statements of a role's policies, each with its policy's name."""
    arn = params["PolicySourceArn"]
    found = _ROLE.fullmatch(arn)
    if found is None:
        text = f"Invalid Entity Arn: {arn} does not clearly define entity type and name."
        raise AwsError("InvalidInput", text, 400)
    role = store.role(found[1])
    documents = [(name, document) for name, document in inline(role).items()]
    documents += [(name, store.policy(arn)["Document"]) for arn, name in attached(role).items()]
    given = enumerate(params.get("PolicyInputList", []), 1)
    documents += [(f"PolicyInputList.{number}", document) for number, document in given]
    return [(name, one) for name, text in documents for one in identity_statements(text)]


def _evaluated(
    statements: list[tuple[str, Statement]], pair: tuple[str, str], context: Context
) -> Params:
    action, resource = pair
    return _decision_to_response(action, resource, decide(statements, action, resource, context))


def _decision_to_response(action: str, resource: str, decision: Decision) -> Params:
    return {
        "EvalActionName": action,
        "EvalResourceName": resource,
        "EvalDecision": decision.verdict,
        "MatchedStatements": [
            {"SourcePolicyId": source, "SourcePolicyType": "IAM Policy"}
            for source in decision.sources
        ],
        "MissingContextValues": list(decision.missing),
    }
