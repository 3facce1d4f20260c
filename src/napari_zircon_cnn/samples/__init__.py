"""Mounts to try the plugin on: a synthetic one with known truth, and the Quellaveco mosaics."""
