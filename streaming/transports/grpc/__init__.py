"""gRPC: the service `aura.v1.Aura` (proto/aura/v1/aura.proto) over the same streams and sessions."""
