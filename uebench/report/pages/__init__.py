"""Pages of text and tables, which ``formats`` renders."""
