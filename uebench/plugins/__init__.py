"""The contracts that plugins fulfil, and how they are found and named."""
