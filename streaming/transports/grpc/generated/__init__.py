"""Made by `python -m streaming.transports.grpc.generate`; not edited by hand."""
