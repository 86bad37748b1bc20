"""The report as one HTML file that needs no network: what a person looks at, or sends to another."""
