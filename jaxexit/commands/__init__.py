"""The commands: each parses its words, calls the library, and prints."""
