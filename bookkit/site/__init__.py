"""The website and the printed book: building, serving, measuring."""
