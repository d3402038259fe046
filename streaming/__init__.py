"""AURA's app `streaming`; see docs/explanation/architecture.md."""
