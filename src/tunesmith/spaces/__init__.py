"""Search spaces that come with the estimator: what people tune, in which ranges, and good first configurations."""
