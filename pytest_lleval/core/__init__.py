"""The words of the domain: records, contracts, settings, errors."""
