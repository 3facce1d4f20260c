"""Zircon grains in cathodoluminescence mosaics: segmentation, curation and CNN classification."""
