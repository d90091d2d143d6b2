"""What maintainers run on a checkout. None of it is part of the package."""
