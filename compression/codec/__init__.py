"""The message codec: raw, template and Brotli payloads; pure bytes and text."""
