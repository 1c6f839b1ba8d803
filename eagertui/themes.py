"""The app's own colours, dark and light; every meaning is also a glyph or a word."""

from __future__ import annotations

from textual.theme import Theme

DARK = Theme(
    name="eager-dark",
    dark=True,
    primary="#6cb6ff",
    secondary="#a3afbe",
    accent="#f0b45a",
    success="#7cc88f",
    warning="#e3b341",
    error="#ff8f87",
    foreground="#d7dde6",
    background="#11161d",
    surface="#161c25",
    panel="#1e2631",
    variables={
        "border-blurred": "#3a4656",
        "footer-key-foreground": "#f0b45a",
        "block-cursor-background": "#2b3d54",
        "block-cursor-foreground": "#f2f5f9",
        "block-cursor-blurred-background": "#222c39",
        "block-cursor-text-style": "bold",
    },
)
LIGHT = Theme(
    name="eager-light",
    dark=False,
    primary="#0a5cad",
    secondary="#4d5866",
    accent="#8a4600",
    success="#1a6b32",
    warning="#7a5200",
    error="#b3201a",
    foreground="#1d232b",
    background="#fbfbf9",
    surface="#f4f4f0",
    panel="#e7e7e1",
    variables={
        "border-blurred": "#b9bec6",
        "footer-key-foreground": "#8a4600",
        "block-cursor-background": "#cfe0f3",
        "block-cursor-foreground": "#10161d",
        "block-cursor-blurred-background": "#e5e9ee",
        "block-cursor-text-style": "bold",
    },
)
TERMINAL = Theme(
    name="terminal",
    ansi=True,
    dark=True,
    primary="ansi_blue",
    secondary="ansi_cyan",
    accent="ansi_yellow",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    variables={
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border-blurred": "ansi_bright_black",
        "footer-key-foreground": "ansi_yellow",
        "block-cursor-background": "ansi_blue",
        "block-cursor-foreground": "ansi_bright_white",
        "block-cursor-blurred-background": "ansi_bright_black",
        "block-cursor-text-style": "bold",
        "scrollbar": "ansi_bright_black",
        "scrollbar-background": "ansi_default",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_black",
    },
)
"""The terminal's own sixteen colours on its own background."""

THEMES = (DARK, LIGHT, TERMINAL)
