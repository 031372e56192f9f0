"""Forms: the shape of what people type. Rules about seats are not here."""
