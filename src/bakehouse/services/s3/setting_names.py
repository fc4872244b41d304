"""The names of a bucket's settings: under which its configurations are kept.

``storage.buckets.VERSIONING`` and ``notifications.bucket_rules.SETTING_NAME`` are two more.
"""

from __future__ import annotations

ACL = "acl"
CORS = "cors"
ENCRYPTION = "encryption"
LIFECYCLE = "lifecycle"
OBJECT_LOCK = "object-lock"
OWNERSHIP = "ownership"
POLICY = "policy"
PUBLIC_ACCESS_BLOCK = "public-access-block"
TAGGING = "tagging"
