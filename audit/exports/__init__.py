"""Exports of the record: JSON Lines, CSV and PDF, each in a bundle with its proofs, its signature and its verifier."""
