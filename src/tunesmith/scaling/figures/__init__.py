"""Figures of scaling laws; each is a line in the registry, as the figures of studies are."""
