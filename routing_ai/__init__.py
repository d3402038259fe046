"""AURA's app `routing_ai`; see docs/explanation/architecture.md."""
