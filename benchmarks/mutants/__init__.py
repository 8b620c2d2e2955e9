"""Small mistakes, made on purpose in the code: whether the tests of its room notice them."""
