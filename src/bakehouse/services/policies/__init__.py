"""The policy language: what a document says, and whether it allows a call; for IAM and for S3."""
