"""What is measured: set-up, build and checks against their bars, and how they grow with the number of chapters."""
