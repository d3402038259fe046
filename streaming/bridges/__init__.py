"""Bridges: streams in and out of message brokers, and the gateway that joins them to topics."""
