"""What the text says is checked like an output: its numbers, its formulas, what is said of a figure."""
