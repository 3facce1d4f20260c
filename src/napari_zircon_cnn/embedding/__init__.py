"""Where grains lie among each other by what a network sees in them: its penultimate layer."""
