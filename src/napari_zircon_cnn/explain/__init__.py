"""What a network sees in a grain: its maps, what moved its answer, and whether that can be trusted."""
