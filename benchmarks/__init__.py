"""Benchmarks: `python -m benchmarks.NAME`, or `./aura bench NAME`. Each prints a table with what it is compared with."""
