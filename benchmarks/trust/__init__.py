"""What the checks of cameras catch: sound data x harms, with and without labels."""
