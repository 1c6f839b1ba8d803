"""Screens that lie over a place: help, questions, choices, tables."""
