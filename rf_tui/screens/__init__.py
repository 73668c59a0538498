"""Screens beside the overview."""
