"""Tasks that a model was fine-tuned for, where its training data are, and where they are not."""
