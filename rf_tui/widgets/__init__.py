"""Widgets that paint what pure functions made."""
