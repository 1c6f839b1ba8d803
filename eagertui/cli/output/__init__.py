"""What the verbs print: tables on stdout, narration on stderr."""
