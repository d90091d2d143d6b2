"""What commands share: options, output, the terminal, and the computing of plans."""
