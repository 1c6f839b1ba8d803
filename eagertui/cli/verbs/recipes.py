"""The verb `recipes`: what there is to start from, and what each one needs."""

from __future__ import annotations

import argparse
import json

from eagertui.cli.verb import Verb


def recipes(args: argparse.Namespace) -> int:
    """List the recipes."""
    from dataclasses import asdict

    from core.recipes import recipe_cards

    cards = recipe_cards()
    if args.json:
        print(json.dumps({"recipes": [asdict(card) for card in cards]}))
        return 0
    for number, card in enumerate(cards):
        print(("\n" if number else "") + f"{card.name}: {card.what}")
        for key in ("size", "needs", "download", "figures"):
            print(f"  {key:<9} {getattr(card, key)}")
    return 0


VERB = Verb("recipes", "list the recipes: what each one is, its size and needs", recipes, project=False, order=15)
