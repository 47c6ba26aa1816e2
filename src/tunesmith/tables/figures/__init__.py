"""Figures of what `tunesmith.tune` returned; each is a line in the registry, as the figures of studies are."""
