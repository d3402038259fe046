"""AURA's app `audit`; see docs/explanation/architecture.md."""
