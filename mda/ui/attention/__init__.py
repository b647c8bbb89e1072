"""One head's attention: on a prompt, a row or a random sequence, at any step."""
