"""What is asked: suites, their datasets and where these come from."""
