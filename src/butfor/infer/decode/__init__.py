"""Ways of decoding: other attention, contrasted contexts, coupled counterfactual texts."""
