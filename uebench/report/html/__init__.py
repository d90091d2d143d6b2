"""The HTML page of records."""
