"""Requests signed by botocore and sent as they are, whatever their body holds."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from bakehouse import keys
from support.server import ServerProcess


def send(
    server: ServerProcess,
    service: str,
    method: str,
    path: str,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    unsigned_headers: dict[str, str] | None = None,
) -> tuple[int, dict[str, str], bytes]:
    """Sign a request for a service and send it; return status, headers (lower case) and body."""
    pair = keys.load(server.data)
    request = AWSRequest(method, server.endpoint + path, dict(headers or {}), body)
    request.context["client_config"] = None
    credentials = Credentials(pair.access_key_id, pair.secret_access_key)
    sign = S3SigV4Auth if service == "s3" else SigV4Auth
    sign(credentials, service, "us-east-1").add_auth(request)
    connection = http.client.HTTPConnection(urlsplit(server.endpoint).netloc, timeout=30)
    try:
        sent = {**request.headers, **(unsigned_headers or {})}
        connection.request(method, path, body=body, headers=sent)
        response = connection.getresponse()
        told = {name.lower(): value for name, value in response.getheaders()}
        return response.status, told, response.read()
    finally:
        connection.close()
