"""How results are shown and kept: a document, and its forms as JSON, HTML, JUnit XML and a table in the terminal."""
