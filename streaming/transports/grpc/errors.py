"""What goes wrong with gRPC as a whole, for those who look out for it and need not load its library."""


class Unbound(Exception):
    """The address cannot be listened on."""
