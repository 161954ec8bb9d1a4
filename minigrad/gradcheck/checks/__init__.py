"""What is checked of a function and its backward pass; each check gives rows."""
