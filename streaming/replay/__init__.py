"""Replay: what other processes need to serve a stream that is written elsewhere, and to take it over."""
