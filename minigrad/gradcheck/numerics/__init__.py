"""What is differentiated and how: a problem, its numerical derivatives, the rows that say what came of it."""
