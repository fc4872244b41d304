"""The variables of a client's process: what it gets, what it loses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bakehouse.client_side.environment import (
    STARTUP,
    Client,
    ProxyAddress,
    applied,
    conflicting,
    variables,
)
from bakehouse.keys import KeyPair

CLIENT = Client("http://127.0.0.1:4566", KeyPair("AKID", "secret"), "eu-west-1", Path("/data/c"))
PROXIED = replace(CLIENT, proxy=ProxyAddress("http://u:t@127.0.0.1:1", Path("/data/all.pem")))


def test_address_keys_and_both_regions_are_set() -> None:
    """botocore reads one variable for the region, other SDKs the other."""
    found = variables(CLIENT, {})
    assert found["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4566"
    assert (found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"]) == ("AKID", "secret")
    assert found["AWS_DEFAULT_REGION"] == found["AWS_REGION"] == "eu-west-1"
    assert found["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"
    assert found["SAGEMAKER_USER_CONFIG_OVERRIDE"] == "/data/c/sagemaker.yaml"


@pytest.mark.parametrize(
    "name",
    [
        "AWS_CA_BUNDLE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_DEFAULT_PROFILE",
        "AWS_ENDPOINT_URL_S3",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "AWS_PROFILE",
        "AWS_ROLE_ARN",
        "AWS_SECURITY_TOKEN",
        "AWS_SESSION_TOKEN",
        "AWS_USE_FIPS_ENDPOINT",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_OF_TOMORROW",
    ],
)
def test_what_could_lead_to_aws_is_removed(name: str) -> None:
    """Every variable of AWS goes that is not known to be harmless, also one that is not known."""
    wanted = variables(CLIENT, {name: "x"})
    assert conflicting({name: "x"}, wanted) == [name]
    assert name not in applied({name: "x"}, wanted)


def test_own_values_replace_those_of_the_surroundings() -> None:
    """The user's real keys and files are not in the process."""
    before = {
        "AWS_ACCESS_KEY_ID": "real",
        "AWS_SECRET_ACCESS_KEY": "real",
        "AWS_CONFIG_FILE": "real",
        "AWS_SHARED_CREDENTIALS_FILE": "real",
    }
    assert "real" not in applied(before, variables(CLIENT, before)).values()


def test_what_leads_nowhere_stays() -> None:
    """The pager and the number of attempts are the user's, like everything that is not AWS's."""
    before = {"AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "7", "PATH": "/bin"}
    assert applied(before, variables(CLIENT, before)).items() >= before.items()


def test_the_shim_comes_first_on_pythons_path_and_only_once() -> None:
    """A command within a command does not make the path longer; the user's entries stay."""
    once = variables(CLIENT, {"PYTHONPATH": "/mine:/yours"})
    again = variables(CLIENT, once)
    assert once["PYTHONPATH"] == again["PYTHONPATH"] == f"{STARTUP}:/mine:/yours"


def test_an_empty_path_is_not_the_current_folder() -> None:
    """An empty entry would let Python import from wherever the command runs."""
    assert variables(CLIENT, {"PYTHONPATH": ""})["PYTHONPATH"] == str(STARTUP)


def test_the_shim_and_the_short_pauses_can_be_left_out() -> None:
    """Without the shim nothing of Python's is set; without short pauses clients do not say so."""
    bare = variables(replace(CLIENT, shim=False), {})
    assert not [name for name in bare if name.startswith(("PYTHON", "BAKEHOUSE", "AWS_SDK"))]
    slow = variables(replace(CLIENT, fast_polls=False), {})
    assert slow["BAKEHOUSE_FAST_POLLS"] == "0"
    assert "AWS_SDK_UA_APP_ID" not in slow


def test_a_proxy_of_the_users_is_not_asked_for_this_machine() -> None:
    """With a proxy in the surroundings the server is named as one to be reached directly."""
    found = variables(CLIENT, {"http_proxy": "http://corp:3128", "NO_PROXY": "corp,127.0.0.1"})
    assert found["NO_PROXY"] == found["no_proxy"] == "127.0.0.1,localhost,corp"
    assert "NO_PROXY" not in variables(CLIENT, {})


def test_our_proxy_is_asked_for_every_host_of_aws() -> None:
    """An exception for AWS or for everything would lead past it."""
    before = {"no_proxy": "*,.amazonaws.com, s3.amazonaws.com:443,corp,notamazonaws.com"}
    found = variables(PROXIED, before)
    assert found["HTTPS_PROXY"] == found["https_proxy"] == "http://u:t@127.0.0.1:1"
    assert found["NO_PROXY"] == "127.0.0.1,localhost,corp,notamazonaws.com"


def test_programs_behind_our_proxy_trust_its_bundle() -> None:
    """boto3, requests, OpenSSL's users, curl and node each have a variable for it."""
    found = variables(PROXIED, {"AWS_CA_BUNDLE": "/real", "SSL_CERT_FILE": "/real"})
    assert [name for name, value in found.items() if value == "/data/all.pem"] == [
        "AWS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "NODE_EXTRA_CA_CERTS",
        "REQUESTS_CA_BUNDLE",
        "SSL_CERT_FILE",
    ]
