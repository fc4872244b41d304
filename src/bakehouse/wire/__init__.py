"""The AWS protocols, driven by botocore's service models: bytes and headers in, plain dicts out.

No module here names a service. A service's quirk is a row in that service's own table.
"""
