"""The paper's tables and figures anew, beside what it published."""
