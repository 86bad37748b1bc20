"""How unit tests look for examples."""

import hypothesis

# an example that is slow on a busy machine is no fault
hypothesis.settings.register_profile("tests", deadline=None)
hypothesis.settings.load_profile("tests")
