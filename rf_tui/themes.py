"""Themes of our own, beside those of the toolkit."""

from __future__ import annotations

from typing import Any, Final

HIGH_CONTRAST: Final[dict[str, Any]] = {
    "name": "high-contrast",
    "primary": "#ffff00",
    "secondary": "#00ffff",
    "accent": "#00ffff",
    "foreground": "#ffffff",
    "background": "#000000",
    "surface": "#000000",
    "panel": "#000000",
    "success": "#00ff00",
    "warning": "#ffff00",
    "error": "#ff8080",
    "dark": True,
    "variables": {
        "text-success": "#00ff00",
        "text-warning": "#ffff00",
        "text-error": "#ff8080",
        "text-accent": "#00ffff",
        "footer-key-foreground": "#ffff00",
        "footer-description-foreground": "#ffffff",
        "footer-background": "#000000",
    },
}
"""Every colour at least seven times as bright as what it stands on, or as dark (WCAG, AAA)."""
