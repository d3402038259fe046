"""Prices, tiers and budgets as plain values; pure."""
