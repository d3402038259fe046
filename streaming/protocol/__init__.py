"""The session protocol aura.v1, sans-I/O: bytes in, events out."""
