"""The variables of a client's process: those that it gets, those it loses, and why.

The promise is that nothing in it reaches AWS with the user's own keys by accident. So every
``AWS_…`` variable of the surroundings goes, but a few that only say how a client behaves, and the
files with profiles are replaced by ones that hold the same names and this server's keys.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bakehouse import keys

STARTUP = Path(__file__).parent / "startup"
"""The folder on ``PYTHONPATH`` whose ``sitecustomize`` Python imports when it starts."""

KEPT = frozenset(
    {
        "AWS_CLI_AUTO_PROMPT",
        "AWS_CLI_FILE_ENCODING",
        "AWS_CLI_HISTORY_FILE",
        "AWS_CLI_S3_MV_VALIDATE_SAME_S3_PATHS",
        "AWS_DATA_PATH",
        "AWS_DEFAULT_OUTPUT",
        "AWS_MAX_ATTEMPTS",
        "AWS_PAGER",
        "AWS_REQUEST_CHECKSUM_CALCULATION",
        "AWS_RESPONSE_CHECKSUM_VALIDATION",
        "AWS_RETRY_MODE",
    }
)
"""Variables of AWS that stay as the user set them: none leads anywhere or holds a secret."""

FAST_POLLS_ID = "bakehouse-fast-polls"
"""Stands in the User-Agent (``app/…``) of clients that ask often, so that none has to be held."""

_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_LOCAL = ("127.0.0.1", "localhost")
AWS_DOMAINS = ("amazonaws.com", "amazonaws.com.cn", "api.aws")
"""The domains below which AWS answers."""

BUNDLE_VARIABLES = (
    "AWS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NODE_EXTRA_CA_CERTS",
    "REQUESTS_CA_BUNDLE",
    "SSL_CERT_FILE",
)
"""Where boto3, curl, node, requests and OpenSSL's users look for a file of authorities."""


@dataclass(frozen=True, slots=True)
class ProxyAddress:
    """A proxy that leads AWS's hosts to the server, and the file of authorities to trust."""

    url: str
    bundle: Path


@dataclass(frozen=True, slots=True)
class Client:
    """What a client's process is to be like.

    Args:
        endpoint: the server's URL.
        pair: the keys that sign its requests.
        region: its region, where the code names none.
        files: the folder of :func:`bakehouse.client_side.files.write`.
        shim: Python processes get the start-up shim.
        fast_polls: the shim also shortens the pauses of the SageMaker SDKs.
        proxy: where requests to AWS's own host names go, if they are to be caught.
    """

    endpoint: str
    pair: keys.KeyPair
    region: str
    files: Path
    shim: bool = True
    fast_polls: bool = True
    proxy: ProxyAddress | None = None


def variables(client: Client, surroundings: Mapping[str, str]) -> dict[str, str]:
    """What to set, in the order in which to show it.

    Args:
        client: what the process is to be like.
        surroundings: the variables that are there, of which paths and proxies are continued.
    """
    return {
        **keys.client_environment(client.endpoint, client.pair, client.region),
        "AWS_CONFIG_FILE": str(client.files / "aws-config"),
        "AWS_SHARED_CREDENTIALS_FILE": str(client.files / "aws-credentials"),
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(client.files / "sagemaker.yaml"),
        **_proxies(client, surroundings),
        **_shim(client, surroundings),
    }


def conflicting(surroundings: Mapping[str, str], wanted: Mapping[str, str]) -> list[str]:
    """The names of the variables that could lead a client elsewhere, to be removed."""
    names = (name for name in surroundings if name.startswith("AWS_"))
    return sorted(name for name in names if name not in KEPT and name not in wanted)


def applied(surroundings: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    """The surroundings with what is wanted and without what conflicts."""
    gone = set(conflicting(surroundings, wanted))
    return {**{k: v for k, v in surroundings.items() if k not in gone}, **wanted}


def is_of_aws(host: str) -> bool:
    """Whether a host name is one of AWS's; it is given in lower case."""
    return any(host == domain or host.endswith(f".{domain}") for domain in AWS_DOMAINS)


def _shim(client: Client, surroundings: Mapping[str, str]) -> dict[str, str]:
    if not client.shim:
        return {}
    before = surroundings.get("PYTHONPATH", "").split(os.pathsep)
    others = [entry for entry in before if entry and entry != str(STARTUP)]
    found = {
        "PYTHONPATH": os.pathsep.join([str(STARTUP), *others]),
        "BAKEHOUSE_SHIM": "1",
        "BAKEHOUSE_FAST_POLLS": "1" if client.fast_polls else "0",
    }
    return found | ({"AWS_SDK_UA_APP_ID": FAST_POLLS_ID} if client.fast_polls else {})


def _proxies(client: Client, surroundings: Mapping[str, str]) -> dict[str, str]:
    """The proxy's variables, and that the server itself is reached without any proxy."""
    set_already = any(surroundings.get(n) or surroundings.get(n.upper()) for n in _PROXIES)
    if client.proxy is None and not set_already:
        return {}
    direct = ",".join([*_LOCAL, *_others_reached_directly(surroundings)])
    found = {"NO_PROXY": direct, "no_proxy": direct}
    if client.proxy is None:
        return found
    authorities = dict.fromkeys(BUNDLE_VARIABLES, str(client.proxy.bundle))
    ways = {"HTTPS_PROXY": client.proxy.url, "https_proxy": client.proxy.url}
    return {**ways, **found, "NODE_USE_ENV_PROXY": "1", **authorities}


def _others_reached_directly(surroundings: Mapping[str, str]) -> list[str]:
    """What the user's own ``NO_PROXY`` names, without this machine, AWS and everything."""
    named = surroundings.get("no_proxy") or surroundings.get("NO_PROXY") or ""
    entries = (entry.strip() for entry in named.split(","))
    return [e for e in entries if e and e != "*" and e not in _LOCAL and not _leads_to_aws(e)]


def _leads_to_aws(entry: str) -> bool:
    return is_of_aws(entry.lower().partition(":")[0].lstrip("*."))
