"""A pipeline made of common mistakes, of the same folder shape: what every attack must succeed against."""
