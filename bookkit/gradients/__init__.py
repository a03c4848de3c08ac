"""Every gradient of the book, derived again without MXNet's derivatives."""
