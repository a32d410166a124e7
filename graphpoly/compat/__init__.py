"""Other packages' functions on our operators: for code that calls them by name."""
