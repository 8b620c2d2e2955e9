"""The OCI distribution protocol, the pulling half: transport, credentials, tokens, and blobs as streams."""
