"""Requests of web pages of other origins: a bucket's rules, and the headers that they give."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bakehouse.services.s3.errors import invalid_request, malformed_xml
from bakehouse.wire.types import AwsError, Params

_METHODS = ("GET", "PUT", "HEAD", "POST", "DELETE")
_MOST_RULES = 100
_VARY = "Origin, Access-Control-Request-Headers, Access-Control-Request-Method"


def check_cors(configuration: Params) -> None:
    """Make sure that rules are ones that S3 takes; raises ``AwsError``."""
    rules = configuration["CORSRules"]
    if not 1 <= len(rules) <= _MOST_RULES:
        raise malformed_xml()
    for rule in rules:
        _check_rule(rule)


def _check_rule(rule: Params) -> None:
    for method in rule["AllowedMethods"]:
        if method not in _METHODS:
            text = "Found unsupported HTTP method in CORS config. Unsupported method is"
            raise invalid_request(f"{text} {method}")
    for name in ("AllowedOrigins", "AllowedHeaders"):
        for pattern in rule.get(name, ()):
            if pattern.count("*") > 1:
                text = f'{name[:-1]} "{pattern}" can not have more than one wildcard.'
                raise invalid_request(text)


def cors_headers(rules: list[dict[str, Any]], method: str, headers: Mapping[str, str]) -> Params:
    """The headers that let a page of another origin see an answer; none where no rule fits.

    ``headers`` are the request's, in lower case. A request that is no preflight may name the
    method that it stands for, as preflights do.
    """
    origin = headers.get("origin")
    meant = headers.get("access-control-request-method", method)
    if origin is None:
        return {}
    for rule in rules:
        if meant in rule["AllowedMethods"] and _fitting(rule["AllowedOrigins"], origin):
            return _headers_of(rule, origin)
    return {}


def preflight_headers(rules: list[dict[str, Any]], headers: Mapping[str, str]) -> Params:
    """The answer to the question whether a page may send what it means to send.

    Raises:
        AwsError: 400, it does not ask; 403, it may not.
    """
    origin, method = headers.get("origin"), headers.get("access-control-request-method")
    if origin is None or method is None:
        missing = "Origin" if origin is None else "Access-Control-Request-Method"
        text = f"Insufficient information. {missing} request header needed."
        raise AwsError("BadRequest", text, 400)
    wanted = _names_in(headers.get("access-control-request-headers", ""))
    for rule in rules:
        if method not in rule["AllowedMethods"] or not _fitting(rule["AllowedOrigins"], origin):
            continue
        allowed = [pattern.lower() for pattern in rule.get("AllowedHeaders", ())]
        if all(_fitting(allowed, name) for name in wanted):
            given = _headers_of(rule, origin)
            return given | ({"access-control-allow-headers": ", ".join(wanted)} if wanted else {})
    raise forbidden(method)


def forbidden(method: str) -> AwsError:
    """No rule of the bucket lets the page do this."""
    text = (
        "CORSResponse: This CORS request is not allowed. This is usually because the evaluation of "
        "Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers "
        "are not whitelisted by the resource's CORS spec."
    )
    return AwsError("AccessForbidden", text, 403, {"Method": method, "ResourceType": "OBJECT"})


def _headers_of(rule: dict[str, Any], origin: str) -> Params:
    pattern = _fitting(rule["AllowedOrigins"], origin)
    given = {
        "access-control-allow-origin": "*" if pattern == "*" else origin,
        "access-control-allow-methods": ", ".join(rule["AllowedMethods"]),
        "vary": _VARY,
    }
    if pattern != "*":
        given["access-control-allow-credentials"] = "true"
    if "ExposeHeaders" in rule:
        given["access-control-expose-headers"] = ", ".join(rule["ExposeHeaders"])
    if "MaxAgeSeconds" in rule:
        given["access-control-max-age"] = str(rule["MaxAgeSeconds"])
    return given


def _fitting(patterns: list[str], text: str) -> str | None:
    """The first pattern that a text fits, in which one star stands for anything."""
    for pattern in patterns:
        start, star, end = pattern.partition("*")
        is_long_enough = len(text) >= len(start) + len(end)
        if text == pattern or (
            star and is_long_enough and text.startswith(start) and text.endswith(end)
        ):
            return pattern
    return None


def _names_in(header: str) -> list[str]:
    return [name.strip().lower() for name in header.split(",") if name.strip()]
