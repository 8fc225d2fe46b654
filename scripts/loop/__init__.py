"""The test loop: which tests run in which build, when, and what is said of them."""
