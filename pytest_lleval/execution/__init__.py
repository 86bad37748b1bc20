"""The engine of one worker: the pipeline of calls and the journal."""
