"""Faults that are planted in copies of the notebooks, to see each one caught."""
