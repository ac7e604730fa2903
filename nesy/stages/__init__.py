"""The stages of a distillation, one file each; ``nesy/distill.py`` calls them in their order."""
