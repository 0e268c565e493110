"""The client of the mesh's controller for back ends: it applies models and watches their state."""
