"""A finding as one HTML file: gathered from the store, told in sentences and figures, with its data inside."""
